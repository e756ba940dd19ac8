"""The quickstart's sample shows what it should: languages, copies, broken files, each gate at work."""

import json
from pathlib import Path

import pytest

import gristmill
from pipelines.command.main import main
from pipelines.rundir import Run
from pipelines.training_text import train_on_run

MIN_LANGUAGES = 10


@pytest.fixture(scope="module")
def run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The finished run of quickstart.yaml."""
    output = tmp_path_factory.mktemp("quickstart") / "run"
    return gristmill.run(repository / "pipelines" / "jobs" / "quickstart.yaml", output=str(output))


def rows(run: Run, query: str) -> list[tuple[object, ...]]:
    return run.connect().sql(query).fetchall()


@pytest.mark.slow
def test_every_source_has_survivors_and_every_gate_drops_something(run: Run):
    kept = {source for (source,) in rows(run, "SELECT DISTINCT source FROM decisions WHERE state = 'kept'")}
    assert kept == {"books", "law", "rights", "questions", "code", "web", "sentences", "broken"}
    gates = rows(run, "SELECT DISTINCT split_part(decided_by, '/', 1) FROM decisions WHERE state = 'dropped'")
    assert {gate for (gate,) in gates} >= {
        "substance",
        "language",
        "quality",
        "repetition",
        "answers",
        "short",
        "dedup",
    }


@pytest.mark.slow
def test_ten_languages_survive_in_texts_of_some_length(run: Run):
    found = rows(run, 'SELECT DISTINCT "signal.language" FROM documents WHERE length(text) > 1000')
    assert len(found) >= MIN_LANGUAGES, found


@pytest.mark.slow
def test_the_planted_copies_are_found_and_name_their_survivor(run: Run):
    exact = rows(
        run,
        "SELECT count(*) FROM decisions d JOIN measured m USING (doc_id) JOIN measured s ON s.doc_id = d.survivor_id "
        "WHERE d.decided_by = 'dedup/exact_text' AND (m.url LIKE '%.m.wiki.example/%' OR s.url LIKE '%.m.wiki.example/%')",
    )
    assert exact == [(12,)], "twelve pages have an equal copy under a mobile URL"
    near = rows(
        run,
        "SELECT count(*) FROM decisions d JOIN measured m USING (doc_id) JOIN measured s ON s.doc_id = d.survivor_id "
        "WHERE d.decided_by = 'dedup/near' AND (m.url LIKE '%mirror.example%' OR s.url LIKE '%mirror.example%') "
        "AND d.link_jaccard BETWEEN 0.7 AND 1",
    )
    assert near == [(6,)], "six pages have a copy with a paragraph cut"


@pytest.mark.slow
def test_editions_of_one_book_leave_one(run: Run):
    editions = rows(run, "SELECT count(*) FROM documents WHERE source = 'books' AND path LIKE 'alice%'")
    assert editions == [(1,)]


@pytest.mark.slow
def test_broken_files_become_dead_letters_with_reasons_and_the_rest_goes_on(run: Run):
    letters = rows(run, "SELECT path, reason FROM dead_letter")
    assert {source for (source,) in rows(run, "SELECT DISTINCT source FROM dead_letter")} == {"broken"}
    found = {str(path): str(reason) for path, reason in letters}
    assert found["bad.parquet"] == "bad_parquet"
    assert found["truncated.jsonl.gz"] == "truncated"
    assert found["deep_nesting.jsonl"] == "too_deep"
    assert found["binary.bin.txt"] == "binary"


@pytest.mark.slow
def test_documents_near_a_threshold_wait_for_people(run: Run):
    reasons = rows(run, "SELECT DISTINCT unnest(review_reasons) FROM decisions WHERE state = 'review'")
    assert any("language_score" in str(reason) for (reason,) in reasons), reasons


@pytest.mark.slow
def test_the_shards_hold_both_stages_and_a_held_out_split(run: Run):
    shards = gristmill.open_shards(run.store.uri)
    shards.verify()
    stages = set(shards.columns(0, len(shards), ["stage"])["stage"].to_pylist())
    assert stages == {"warmup", "random"}
    assert rows(run, "SELECT count(*) > 0 FROM decisions WHERE split = 'validation'") == [(True,)]


@pytest.mark.slow
def test_a_step_is_traced_to_its_documents_and_a_document_back_to_its_steps(
    run: Run, capfd: pytest.CaptureFixture[str]
):
    batch = ["--global-batch", "2"]
    assert main(["trace", run.store.uri, "--step", "1", *batch, "--json"]) == 0
    pieces = json.loads(capfd.readouterr().out)
    assert {piece["row"] for piece in pieces} == {2, 3}
    assert main(["trace", run.store.uri, "--doc", pieces[0]["doc_id"], *batch, "--json"]) == 0
    assert pieces[0] | {"step": 1} in json.loads(capfd.readouterr().out)
    assert main(["trace", run.store.uri, "--step", "1", *batch]) == 0
    assert capfd.readouterr().out.startswith("row  stage   doc_id")
    assert main(["trace", run.store.uri, "--doc", "nobody", *batch]) == 2
    assert capfd.readouterr().err.endswith(f"expected a document of {run.store.uri}, found none called 'nobody'\n")


@pytest.mark.slow
def test_training_rows_are_copied_for_other_trainers(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    target = str(tmp_path / "copy")
    assert main(["export", run.store.uri, "--layout", "npy", "-o", target, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"folder": target, "rows": len(gristmill.open_shards(run.store.uri))}
    assert main(["export", run.store.uri, "--layout", "npy", "--force"]) == 2


@pytest.mark.slow
def test_the_committed_tokenizer_is_what_its_command_makes(repository: Path, tmp_path: Path):
    spec = repository / "pipelines" / "jobs" / "quickstart.yaml"
    gristmill.run(spec, output=str(tmp_path / "sample"), settings=["shards=null"])
    train_on_run(str(tmp_path / "sample"), tmp_path / "tokenizer.json", vocab_size=8192, max_bytes=16 << 20)
    committed = spec.parent / "quickstart" / "tokenizer.json"
    same = (tmp_path / "tokenizer.json").read_bytes() == committed.read_bytes()
    assert same, "see quickstart/LICENCES.md for the command"
