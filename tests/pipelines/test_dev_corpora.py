"""The job over all of the test corpora: the laws hold, and no source or language is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.rundir import open_run
from pipelines.verify import verify_run

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "pipelines" / "jobs" / "dev.yaml"
RELATIVE = "../../../shared/corpora/dev"
MIN_LANGUAGES = 30

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def run(tmp_path_factory, corpora):
    folder = tmp_path_factory.mktemp("dev")
    text = SPEC.read_text()
    assert RELATIVE in text
    tokenizer = ROOT / "pipelines" / "jobs" / "quickstart" / "tokenizer.json"
    spec = folder / "dev.yaml"
    spec.write_text(text.replace(RELATIVE, str(corpora)).replace("quickstart/tokenizer.json", str(tokenizer)))
    program = "import sys; from pipelines.command.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "run", str(spec), "-o", str(folder / "run"), "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "run", json.loads(done.stdout)["counts"]


def test_the_three_laws_hold_and_every_file_is_as_the_manifest_says(run):
    assert verify_run(str(run[0])) == []
    counts = run[1]
    assert counts["read"] == counts["kept"] + counts["dropped"] + counts["review"]


def test_every_source_and_many_languages_have_survivors(run):
    with open_run(run[0]).connect() as connection:
        lost = connection.sql(
            "SELECT source FROM decisions GROUP BY source HAVING count(*) FILTER (state = 'kept') = 0 ORDER BY source"
        ).fetchall()
        query = 'SELECT "signal.language" AS language, count(*) FROM documents WHERE language IS NOT NULL GROUP BY 1'
        languages = dict(connection.sql(query).fetchall())
    assert lost == []
    assert len(languages) >= MIN_LANGUAGES
    assert {"en", "de", "fr", "es", "ru", "zh", "ja", "ar", "th", "hi"} <= set(languages)


def test_every_dropped_document_names_a_failed_rule(run):
    with open_run(run[0]).connect() as connection:
        query = "SELECT count(*) FROM decisions WHERE state = 'dropped' AND (decided_by IS NULL OR len(failed) = 0)"
        assert connection.sql(query).fetchall() == [(0,)]


def test_a_removed_duplicate_names_a_survivor_that_stays(run):
    with open_run(run[0]).connect() as connection:
        query = """
            SELECT count(*), count(*) FILTER (s.state = 'kept'), min(d.link_jaccard) FROM decisions d
            LEFT JOIN decisions s ON d.survivor_id = s.doc_id WHERE d.decided_by IN ('dedup/exact_text', 'dedup/near')"""
        removed, with_survivor, least = connection.sql(query).fetchall()[0]
    assert removed > 1000
    assert with_survivor == removed
    assert least >= 0.7
