"""`gristmill resume` with answers: what people say stands above the gates, and the export grows by what they accept."""

import json
import shutil
from pathlib import Path

import pytest

from curation.identity import hash_bytes
from gristmill import open_shards
from pipelines.job import RunResult
from pipelines.manifest import read_manifest
from pipelines.parts import read_part
from pipelines.progress import silent
from pipelines.resuming import resume_run
from pipelines.rundir import Run, open_run
from pipelines.verify import verify_run
from tests.reviewed_runs import answer, exported, in_doubt, note, questions, run_notes_to_shards, write_answers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_notes_to_shards(tmp_path_factory.mktemp("rounds"))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, beside its tokenizer."""
    shutil.copytree(finished.parent, tmp_path / "job")
    return tmp_path / "job" / "run"


def resumed(run: Path) -> tuple[RunResult, Run]:
    result = resume_run(str(run), progress=silent())
    return result, open_run(result.run.uri)


def kept(run: Run) -> set[bytes]:
    return {row[0] for row in run.sql("SELECT doc_id FROM decisions WHERE state = 'kept'").fetchall()}


def state_of(run: Run, doc_id: object) -> tuple[str, str | None]:
    rows = run.decisions.to_table().to_pylist()
    (row,) = [row for row in rows if row["doc_id"] == doc_id]
    return row["state"], row["decided_by"]


def test_accepted_documents_become_a_further_stage_and_old_rows_keep_their_numbers(run: Path):
    first, *others = in_doubt(run)
    write_answers(run, [answer(first, "keep"), answer(others[0], "keep"), answer(others[1], "drop")])
    before = open_run(run)
    result, after = resumed(run)
    assert exported(after) - exported(before) == {first["doc_id"], others[0]["doc_id"]}
    assert exported(before) < exported(after)
    assert exported(after) == kept(after)
    old, new = open_shards(run), open_shards(result.run.uri)
    assert (new.tokens(0, len(old)) == old.tokens(0, len(old))).all()
    export = json.loads(after.store.read(f"exports/{after.latest_export}/manifest.json"))
    assert [stage["name"] for stage in export["stages"]] == ["random", "accepted-1"]
    assert export["parent"] == before.latest_export
    manifest = read_manifest(after.store)
    assert manifest is not None
    assert manifest.content["parent"] == open_run(run).manifest()["fingerprint"]
    assert state_of(after, others[1]["doc_id"]) == ("dropped", "people/drop")
    assert verify_run(after.store.uri) == []
    assert verify_run(str(run)) == [], "the run that was answered about is as it was"


def test_old_rows_stay_where_easy_documents_come_first_and_a_weight_leaves_some_out(tmp_path: Path):
    run = run_notes_to_shards(tmp_path, order="warmup", weight=0.5)
    before = open_run(run)
    assert exported(before) < kept(before)
    write_answers(run, [answer(question, "keep") for question in in_doubt(run)])
    after = resumed(run)[1]
    old, new = open_shards(run), open_shards(after.store.uri)
    assert (new.tokens(0, len(old)) == old.tokens(0, len(old))).all()
    assert len(new) > len(old)
    rows, rows_after = (read_part(at.store, f"exports/{at.latest_export}/order.parquet") for at in (before, after))
    assert rows_after.slice(0, rows.num_rows).equals(rows), "a difficulty is among other documents"
    export = json.loads(after.store.read(f"exports/{after.latest_export}/manifest.json"))
    assert [stage["name"] for stage in export["stages"]] == ["warmup", "random", "accepted-1"]


def test_nothing_is_measured_again(run: Path):
    write_answers(run, [answer(in_doubt(run)[0], "keep")])
    _, after = resumed(run)
    for folder in ("measured", "signatures"):
        for path in Path(after.store.uri, folder).iterdir():
            assert path.is_symlink()
            assert path.resolve().parent == (run / folder).resolve()


def test_answers_seen_before_make_no_new_round_and_more_answers_go_on_from_the_last_export(run: Path):
    first, second, *_ = in_doubt(run)
    write_answers(run, [answer(first, "keep")])
    one, _ = resumed(run)
    again, _ = resumed(run)
    assert (again.run.uri, again.reused) == (one.run.uri, True)
    write_answers(run, [answer(second, "keep")])
    two, after = resumed(run)
    assert two.run.uri != one.run.uri
    old, new = open_shards(one.run.uri), open_shards(two.run.uri)
    assert (new.tokens(0, len(old)) == old.tokens(0, len(old))).all(), "the rows of both earlier exports come first"
    assert exported(after) == kept(after)


def test_a_kept_document_that_people_drop_is_in_no_row_of_the_new_export(run: Path):
    audited = next(row for row in questions(run) if row["route"] == "audit_kept")
    write_answers(run, [answer(audited, "drop")])
    _, after = resumed(run)
    assert state_of(after, audited["doc_id"]) == ("dropped", "people/drop")
    assert audited["doc_id"] not in exported(after)
    assert exported(after) == kept(after)


def test_a_dropped_document_that_people_keep_is_kept(run: Path):
    audited = next(row for row in questions(run) if row["route"] == "audit_dropped")
    write_answers(run, [answer(audited, "keep")])
    _, after = resumed(run)
    assert state_of(after, audited["doc_id"]) == ("kept", "people/keep")


def test_rewrites_and_corrections_are_children_that_pass_the_same_gates_and_replace_their_parents(run: Path):
    good, bad, *others = in_doubt(run)
    audited = next(row for row in questions(run) if row["route"] == "audit_kept")
    text = note(500) + " and more than fifty words " + note(501)
    marks = [{"label": "PERSON", "start": 0, "end": 5}, {"label": "REMOVE", "start": 9, "end": 20}]
    write_answers(
        run,
        [
            answer(good, "edit", rewrite=text),
            answer(bad, "edit", rewrite="too few words"),
            answer(audited, "edit", spans=marks),
            answer(others[0], "keep", spans=[{"label": "REMOVE", "start": 0, "end": 100}]),
        ],
    )
    _, after = resumed(run)
    parents = {row["parent_id"]: row for row in after.measured.to_table().to_pylist() if row["parent_id"]}
    edited, before = parents[audited["doc_id"]], str(audited["text"])
    assert edited["text"] == f"<PERSON>{before[5:9]}{before[20:]}"
    assert [edit["rule"] for edit in edited["edits"]] == ["people/person", "people/remove"]
    removed = sum(edit["removed_bytes"] for edit in edited["edits"])
    assert len(before.encode()) == len(edited["text"].encode()) + removed
    assert state_of(after, audited["doc_id"]) == ("dropped", "people/edit")
    assert state_of(after, edited["doc_id"])[0] == "kept"
    assert state_of(after, parents[others[0]["doc_id"]]["doc_id"]) == ("dropped", "quality/num_words"), "gates hold"
    assert exported(after) == kept(after), "no row holds the text as it was"
    assert parents[good["doc_id"]]["text"] == text
    assert state_of(after, parents[good["doc_id"]]["doc_id"])[0] == "kept"
    assert state_of(after, good["doc_id"]) == ("dropped", "people/rewrite")
    assert state_of(after, parents[bad["doc_id"]]["doc_id"]) == ("dropped", "quality/num_words")
    assert verify_run(after.store.uri) == []


@pytest.mark.parametrize(
    ("verdict", "states"),
    [
        ("keep_a", ("kept", "dropped")),
        ("keep_b", ("dropped", "kept")),
        ("keep_both", ("kept", "kept")),
        ("drop_both", ("dropped", "dropped")),
        ("unsure", ("review", "kept")),
    ],
)
def test_a_verdict_on_a_pair_stands_above_the_link(verdict: str, states: tuple[str, str], run: Path):
    pair = next(row for row in questions(run) if row["kind"] == "pair")
    write_answers(run, [answer(pair, verdict)])
    _, after = resumed(run)
    assert (state_of(after, pair["doc_id"])[0], state_of(after, pair["other_id"])[0]) == states


def test_a_skip_or_an_answer_taken_back_decides_nothing(run: Path):
    first, second, *_ = in_doubt(run)
    write_answers(run, [answer(first, "keep"), answer(second, "keep")])
    write_answers(run, [answer(first, "keep", event="deleted"), answer(second, "keep", event="skipped")])
    _, after = resumed(run)
    assert state_of(after, first["doc_id"])[0] == "review"
    assert state_of(after, second["doc_id"])[0] == "review"


def test_reviewers_who_disagree_leave_the_document_in_review(run: Path):
    first = in_doubt(run)[0]
    other = {"reviewer": "ben@example.org", "annotation_id": 9999}
    write_answers(run, [answer(first, "keep"), answer(first, "drop", **other)])
    _, after = resumed(run)
    assert state_of(after, first["doc_id"])[0] == "review"


@pytest.mark.parametrize(("rule", "state"), [("keep", "kept"), ("drop", "dropped"), ("hold", "review")])
def test_what_nobody_decided_follows_the_rule_of_the_spec_and_is_named_so(rule: str, state: str, run: Path):
    spec = run / "spec.yaml"
    spec.write_text(spec.read_text().replace("unanswered: hold", f"unanswered: {rule}"))
    first, second, *_ = in_doubt(run)
    write_answers(run, [answer(first, "drop")])
    _, after = resumed(run)
    found = state_of(after, second["doc_id"])
    assert found[0] == state
    assert (found[1] == "people/unanswered") == (rule != "hold")


def test_an_answer_about_another_text_counts_nothing(run: Path):
    first, second, *_ = in_doubt(run)
    write_answers(run, [answer(first, "keep", text_hash=hash_bytes(b"another text")), answer(second, "drop")])
    _, after = resumed(run)
    assert state_of(after, first["doc_id"])[0] == "review"
