"""Documents that a person sends to review: what becomes of them in the run, and over HTTP with a review command."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from annotator.push import questions_of
from curation.errors import InputError, RunLocked, SpecError
from pipelines.learning.answered import answered, queue_states
from pipelines.lock import run_lock
from pipelines.progress import silent
from pipelines.resuming import resume_run
from pipelines.rundir import open_run
from pipelines.sending import REASON, Sent, ids_of, send_to_review
from pipelines.service.reviewing import Reviewing
from pipelines.service.service import Service
from pipelines.service.tables import Job
from pipelines.verify import verify_run
from tests.pipelines.service.services import finished_job
from tests.reviewed_runs import SPEC, answer, run_notes, write_answers

SAYS = "import sys; print('3 of 3 document tasks are new' if sys.argv[1] == 'push' else sys.exit('error: no server'))"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that may ask about 12 documents."""
    return run_notes(tmp_path_factory.mktemp("notes"), spec=SPEC.replace("budget: 40", "budget: 12"))


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """The run of the test alone."""
    return shutil.copytree(made, tmp_path / "run")


@pytest.fixture
def asking(client: TestClient, service: Service, path: Path) -> tuple[TestClient, Job]:
    """A client of a service whose reviews go to a command that says what it did, and a job with the run."""
    service = replace(service, reviewing=Reviewing(command=(sys.executable, "-c", SAYS)))
    client.app.state.service = service  # type: ignore[attr-defined]
    return client, finished_job(service, path)


def unasked(path: Path, state: str, count: int) -> list[bytes]:
    query = f"SELECT doc_id FROM decisions WHERE state = '{state}' AND doc_id NOT IN (SELECT doc_id FROM tasks)"
    return [row[0] for row in open_run(path).sql(f"{query} ORDER BY 1 LIMIT {count}").fetchall()]


def send(path: Path, ids: list[bytes]) -> Sent:
    run = open_run(path)
    return send_to_review(run, ids, decided=run)


def test_a_document_that_is_sent_becomes_a_question_with_its_state_and_reason_and_the_run_still_verifies(path: Path):
    ids = unasked(path, "dropped", 3)
    assert send(path, ids) == Sent(num_new=3, num_asked_before=0)
    rows = pq.read_table(path / "sent").to_pylist()
    assert [row["doc_id"] for row in rows] == ids
    assert {(row["route"], row["reason"], row["state"], row["prediction"], row["num_reviewers"]) for row in rows} == {
        ("sent", REASON, "dropped", "drop", 1)
    }
    assert min(row["priority"] for row in rows) > max(
        row["priority"] for row in pq.read_table(path / "tasks").to_pylist()
    )
    assert {row["doc_id"] for row in questions_of(path).to_table().to_pylist()} >= set(ids)
    assert verify_run(str(path)) == []


def test_a_document_is_asked_about_once_however_often_it_is_sent(path: Path):
    (own,) = unasked(path, "dropped", 1)
    asked = next(row["doc_id"] for row in pq.read_table(path / "tasks").to_pylist() if row["kind"] == "document")
    assert send(path, [own, own, asked]) == Sent(num_new=1, num_asked_before=1)
    assert send(path, [own]) == Sent(num_new=0, num_asked_before=1)
    keys = questions_of(path).to_table()["review_key"].to_pylist()
    assert len(keys) == len(set(keys))


def test_more_than_the_budget_a_foreign_document_and_a_locked_run_are_refused(path: Path):
    ids = unasked(path, "kept", 13)
    with pytest.raises(
        SpecError, match=r"^review.budget: expected at most 12 documents sent by people, found 13; send"
    ):
        send(path, ids)
    with pytest.raises(InputError, match=rf"^document {'00' * 16}: expected one of .* with its text, found none"):
        send(path, [bytes(16)])
    with pytest.raises(InputError, match=r"^expected ids of 32 hex digits, found others$"):
        ids_of(["zz"])
    with run_lock(open_run(path).store), pytest.raises(RunLocked):
        send(path, ids[:1])
    assert not (path / "sent").exists()


def test_what_people_accept_of_the_documents_that_were_sent_is_kept_in_the_next_round(path: Path):
    (doc_id,) = unasked(path, "dropped", 1)
    send(path, [doc_id])
    (question,) = pq.read_table(path / "sent").to_pylist()
    write_answers(path, [answer(question, "keep")])
    (state,) = [item for item in queue_states(answered(open_run(path))) if item.route == "sent"]
    assert (state.num_questions, state.num_answered) == (1, 1)
    result = resume_run(str(path), progress=silent())
    found = open_run(result.run.uri).sql(
        f"SELECT state, decided_by FROM decisions WHERE hex(doc_id) = '{doc_id.hex().upper()}'"
    )
    assert found.fetchall() == [("kept", "people/keep")]


def test_the_first_ten_of_a_list_are_sent_from_its_page_and_put_into_label_studio(
    asking: tuple[TestClient, Job], path: Path
):
    client, job = asking
    rule = {"rule": "quality/num_words", "state": "dropped"}
    assert "Send the first ten" in client.get(f"/jobs/{job.id}/documents", params=rule).text
    shown = client.post(f"/jobs/{job.id}/review/send", params=rule, data={"what": "first"}).text
    asked_before = 10 - pq.read_table(path / "sent").num_rows
    assert f"{10 - asked_before} documents sent to people." in shown
    assert "3 of 3 document tasks are new" in shown
    assert "Sent by people" in shown
    assert client.get(f"/api/jobs/{job.id}/review").json()["questions"]["sent"] == 10 - asked_before


def test_a_review_server_that_fails_is_told_on_the_page_and_in_the_answer(asking: tuple[TestClient, Job], path: Path):
    client, job = asking
    answered = client.post(f"/api/jobs/{job.id}/review/pull").json()
    assert (answered["worked"], answered["message"]) == (False, "error: no server")
    assert "Fetching answers failed: <bdi>error: no server" in client.get(f"/jobs/{job.id}/review").text
    nothing = client.post(f"/jobs/{job.id}/review/send", data={"what": "selected"})
    assert (nothing.status_code, "expected documents that were chosen" in nothing.text) == (422, True)
    ids = [item.hex() for item in unasked(path, "kept", 2)]
    assert client.post(f"/api/jobs/{job.id}/review/send", json={"documents": ids}).json()["num_new"] == 2


def test_only_the_scope_review_may_send(asking: tuple[TestClient, Job], service: Service):
    client, job = asking
    token = service.tokens.make("reader", ("read",))
    headers = {"Authorization": f"Bearer {token}"}
    refused = client.post(f"/api/jobs/{job.id}/review/send", json={"documents": ["00" * 16]}, headers=headers)
    assert (refused.status_code, "scope review" in refused.json()["detail"]) == (403, True)
    assert "Send the first ten" not in client.get(f"/jobs/{job.id}/documents", headers=headers).text
    assert [entry.status for entry in service.audit.page()] == [403]
