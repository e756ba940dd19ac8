"""Questions for people: a run writes them, each with why, how probable it was, and the text."""

import pytest

from curation.schema import REVIEW_TASKS
from pipelines.manifest import read_manifest
from pipelines.rundir import Run, open_run
from pipelines.verify import verify_run
from tests.reviewed_runs import run_notes


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[dict[str, object]]]:
    """A run of 120 notes: 20 too short, 20 nearly long enough, a borderline pair, and its questions."""
    run = open_run(run_notes(tmp_path_factory.mktemp("asking")))
    table = run.dataset("tasks").to_table()
    assert table.schema == REVIEW_TASKS
    return run, table.to_pylist()


def of_route(tasks: list[dict[str, object]], route: str) -> list[dict[str, object]]:
    return [task for task in tasks if task["route"] == route]


def test_documents_in_doubt_are_asked_about_with_what_made_the_doubt(asked):
    _, tasks = asked
    doubt = of_route(tasks, "doubt")
    assert {task["state"] for task in doubt} == {"review"}
    assert any(str(task["reason"]).startswith("quality/num_words: ") for task in doubt)
    assert {task["prediction"] for task in doubt} == {None}, "the rules do not know"
    assert {task["inclusion_probability"] for task in doubt} == {1.0}


def test_a_borderline_pair_is_one_question_with_both_texts(asked):
    _, tasks = asked
    (pair,) = [task for task in tasks if task["kind"] == "pair"]
    assert "dedup/near_borderline" in str(pair["reason"])
    assert pair["other_id"] is not None
    assert pair["text"] != pair["other_text"]


def test_random_kept_and_dropped_documents_are_asked_about_blind_and_flagged_in_their_decisions(asked):
    run, tasks = asked
    audits = [task for task in tasks if task["route"] != "doubt"]
    assert {task["route"] for task in audits} == {"audit_kept", "audit_dropped"}
    assert all(task["is_blind"] for task in audits)
    assert all(0 < float(str(task["inclusion_probability"])) <= 1 for task in audits)
    flagged = run.sql("SELECT doc_id FROM decisions WHERE audit").fetchall()
    assert {row[0] for row in flagged} == {task["doc_id"] for task in audits}
    dropped = of_route(tasks, "audit_dropped")
    num_dropped = run.sql("SELECT count(*) FROM decisions WHERE decided_by = 'quality/num_words' AND state = 'dropped'")
    assert {task["inclusion_probability"] for task in dropped} == {len(dropped) / num_dropped.fetchall()[0][0]}


def test_no_key_comes_twice_and_the_order_is_the_priority(asked):
    _, tasks = asked
    assert len({task["review_key"] for task in tasks}) == len(tasks)
    assert [task["priority"] for task in tasks] == list(range(len(tasks)))


def test_the_run_with_its_questions_verifies(asked):
    run, _ = asked
    assert "tasks/tasks.parquet" in (read_manifest(run.store) or pytest.fail("no manifest")).files
    assert verify_run(run.store.uri) == []
