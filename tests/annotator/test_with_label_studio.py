"""Against a real server: questions once whatever happens, answers with changes, deletions and skips."""

import json
from pathlib import Path

import pytest

from annotator.label_studio import LabelStudio
from annotator.ledger import open_ledger, project_of
from annotator.pull import answers_of, pull
from annotator.push import push
from annotator.server import Started
from annotator.transport import Request
from tests.annotator.made_tasks import question, run_with_questions

pytestmark = [pytest.mark.labelstudio, pytest.mark.slow]


class Killed(BaseException):
    """Stands for the end of the process at a point of the push."""


def keys_on_server(server: LabelStudio, run: Path) -> list[str]:
    """The review key of every task in the project of a run, with repetitions."""
    found = project_of(run, "document")
    assert found is not None
    path = "/api/tasks"
    asked = (("project", str(found.project)), ("page_size", "5000"), ("fields", "task_only"), ("include", "id,data"))
    answer = json.loads(server.transport.send(Request(method="GET", path=path, query=asked)).body)
    return [task["data"]["review_key"] for task in answer["tasks"]]


def annotate(server: LabelStudio, task: int, decision: str | None, **more: object) -> int:
    """Answers a task as the API lets anybody do; None skips it."""
    choice = {"from_name": "decision", "to_name": "text", "type": "choices", "value": {"choices": [decision]}}
    body = {"result": [choice] if decision else [], "was_cancelled": decision is None, **more}
    path = f"/api/tasks/{task}/annotations/"
    answer = server.transport.send(Request(method="POST", path=path, body=json.dumps(body).encode()))
    assert answer.status == 201, answer.body
    return int(json.loads(answer.body)["id"])


def change(server: LabelStudio, annotation: int, decision: str) -> None:
    choice = {"from_name": "decision", "to_name": "text", "type": "choices", "value": {"choices": [decision]}}
    body = json.dumps({"result": [choice]}).encode()
    path = f"/api/annotations/{annotation}/"
    assert server.transport.send(Request(method="PATCH", path=path, body=body)).status == 200


def test_a_thousand_tasks_are_pushed_once_and_again_pushes_none(started: Started, real: LabelStudio, tmp_path: Path):
    run = run_with_questions(tmp_path / "thousand", [question(number) for number in range(1000)])
    first = push(run, real, url=started.server.url)
    again = push(run, real, url=started.server.url)
    assert (first[0].num_new, again[0].num_new) == (1000, 0)
    keys = keys_on_server(real, run)
    assert len(keys) == len(set(keys)) == 1000


@pytest.mark.parametrize("point", ["after_intent", "after_import"])
def test_a_push_that_is_killed_in_the_middle_and_done_again_leaves_none_twice_and_none_missing(
    point: str, started: Started, real: LabelStudio, tmp_path: Path
):
    run = run_with_questions(tmp_path / point, [question(number) for number in range(700)])
    times = 0

    def killed_at_the_second(name: str) -> None:
        nonlocal times
        times += name == point
        if times == 2:
            raise Killed

    with pytest.raises(Killed):
        push(run, real, url=started.server.url, reached=killed_at_the_second)
    assert len(open_ledger(run, "document").unsure) == 200, "the second batch was intended and not confirmed"
    push(run, real, url=started.server.url)
    keys = keys_on_server(real, run)
    assert len(keys) == len(set(keys)) == 700


def test_a_push_whose_ledger_was_lost_finds_its_tasks_on_the_server(
    started: Started, real: LabelStudio, tmp_path: Path
):
    run = run_with_questions(tmp_path / "lost", [question(number) for number in range(30)])
    push(run, real, url=started.server.url)
    for path in (run / "ledger" / "review").glob("*.json*"):
        path.unlink()
    assert push(run, real, url=started.server.url)[0].num_new == 0
    assert len(keys_on_server(real, run)) == 30


def test_answers_changes_skips_and_deletions_are_pulled_once_each(started: Started, real: LabelStudio, tmp_path: Path):
    run = run_with_questions(tmp_path / "answers", [question(number) for number in range(12)])
    push(run, real, url=started.server.url)
    tasks = open_ledger(run, "document").known
    by_number = [tasks[str(question(number)["review_key"])] for number in range(12)]
    first = [annotate(real, by_number[number], "keep" if number % 2 else "drop", lead_time=4.5) for number in range(6)]
    annotate(real, by_number[6], None)
    assert counts(pull(run, real, url=started.server.url)) == (6, 1, 0)
    assert counts(pull(run, real, url=started.server.url)) == (0, 0, 0), "the overlap brings nothing twice"
    change(real, first[0], "edit")
    assert real.transport.send(Request(method="DELETE", path=f"/api/annotations/{first[1]}/")).status == 204
    assert counts(pull(run, real, url=started.server.url)) == (1, 0, 1)
    rows = answers_of(run).to_pylist()
    assert [row["decision"] for row in rows if row["annotation_id"] == first[0]] == ["drop", "edit"]
    assert [row["event"] for row in rows if row["annotation_id"] == first[1]] == ["answered", "deleted"]
    assert rows[0]["prediction_changed"] is True, "the rules said keep, the reviewer drop"
    assert rows[0]["lead_time_seconds"] == 4.5
    assert rows[0]["reviewer"] == started.credentials.email
    assert sorted(path.name for path in (run / "people").iterdir()) == ["part-000000.parquet", "part-000001.parquet"]


def counts(found: list) -> tuple[int, int, int]:
    return found[0].num_answered, found[0].num_skipped, found[0].num_deleted


def test_people_are_asked_in_order_of_priority(started: Started, real: LabelStudio, tmp_path: Path):
    rows = [question(number, priority=9 - number) for number in range(10)]
    run = run_with_questions(tmp_path / "order", rows)
    push(run, real, url=started.server.url)
    found = project_of(run, "document")
    assert found is not None
    answer = real.transport.send(Request(method="GET", path=f"/api/projects/{found.project}/next"))
    assert json.loads(answer.body)["data"]["review_key"] == rows[9]["review_key"]
