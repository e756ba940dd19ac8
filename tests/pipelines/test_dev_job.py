"""`pipelines/jobs/dev.yaml` over all of the test corpora: every source and many languages survive, and the laws hold."""

from pathlib import Path

import pytest

import gristmill
from pipelines.rundir import Run
from pipelines.spec_file import load_spec
from pipelines.verify import verify_run

MIN_LANGUAGES = 30
JOBS = Path("pipelines/jobs")
BESIDE_THE_CHECKOUT = "../../../shared/corpora"


@pytest.fixture(scope="module")
def run(repository: Path, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The finished run of dev.yaml, with the corpora where the tests find them."""
    folder = tmp_path_factory.mktemp("dev")
    spec = (repository / JOBS / "dev.yaml").read_text()
    assert BESIDE_THE_CHECKOUT in spec, "dev.yaml should name the corpora beside the checkout"
    spec = spec.replace(BESIDE_THE_CHECKOUT, str(corpora.parent))
    spec = spec.replace("quickstart/tokenizer.json", str(repository / JOBS / "quickstart" / "tokenizer.json"))
    (folder / "dev.yaml").write_text(spec)
    return gristmill.run(folder / "dev.yaml", output=str(folder / "run"))


@pytest.mark.slow
def test_every_source_has_survivors(run: Run, repository: Path):
    sources = set(load_spec(repository / JOBS / "dev.yaml").inputs)
    kept = run.connect().sql("SELECT DISTINCT source FROM decisions WHERE state = 'kept'").fetchall()
    assert sources - {source for (source,) in kept} == set()


@pytest.mark.slow
def test_at_least_thirty_languages_have_survivors(run: Run):
    languages = run.connect().sql('SELECT "signal.language", count(*) FROM documents GROUP BY 1').fetchall()
    known = {language for language, count in languages if language is not None and count >= 2}
    assert len(known) >= MIN_LANGUAGES, f"only {len(known)} languages: {sorted(known)}"


@pytest.mark.slow
def test_the_three_laws_hold_and_every_file_is_as_the_manifest_says(run: Run):
    assert verify_run(run.store.uri) == []


@pytest.mark.slow
def test_short_texts_are_judged_by_gates_of_their_own(run: Run):
    relation = run.connect().sql(
        "SELECT count(*) FILTER (state = 'kept'), count(*) FROM decisions JOIN measured USING (doc_id, source) "
        "WHERE length(text) < 300 AND source IN ('sentences', 'fortunes', 'posts', 'news')"
    )
    [(kept, total)] = relation.fetchall()
    assert total > 50_000, f"expected the short texts of the corpora, found {total}"
    assert kept > total / 2, f"only {kept} of {total} short texts survive"
