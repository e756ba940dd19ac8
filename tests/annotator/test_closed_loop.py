"""The whole loop: a run asks, a real Label Studio shows, people answer, the run is decided anew."""

import json
from pathlib import Path

import pytest

from annotator.label_studio import LabelStudio
from annotator.ledger import open_ledger, project_of
from annotator.pull import answers_of, pull
from annotator.push import push
from annotator.server import Started
from annotator.transport import Request
from pipelines.progress import silent
from pipelines.resuming import resume_run
from pipelines.rundir import open_run
from tests.annotator.browsing import ReviewerPage
from tests.annotator.conversations import annotate, change, take_back
from tests.reviewed_runs import exported, in_doubt, run_notes_to_shards

pytestmark = [pytest.mark.labelstudio, pytest.mark.slow]


@pytest.fixture(scope="module")
def asked(started: Started, real: LabelStudio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose questions are on the server."""
    run = run_notes_to_shards(tmp_path_factory.mktemp("loop"))
    push(run, real, url=started.server.url)
    return run


def second_reviewer(server: LabelStudio) -> int:
    body = json.dumps({"email": "ben@example.org", "username": "ben", "password": "not used anywhere"}).encode()
    answer = server.transport.send(Request(method="POST", path="/api/users/", body=body))
    assert answer.status == 201, answer.body
    return int(json.loads(answer.body)["id"])


def test_the_new_export_holds_exactly_what_two_reviewers_accepted(asked: Path, started: Started, real: LabelStudio):
    server, before = real, exported(open_run(asked))
    ben = second_reviewer(server)
    known, doubt = open_ledger(asked, "document").known, in_doubt(asked)
    tasks = [known[str(row["review_key"])] for row in doubt]
    annotate(server, tasks[0], "keep")
    annotate(server, tasks[1], "keep", completed_by=ben)
    changed = annotate(server, tasks[2], "keep")
    taken_back = annotate(server, tasks[3], "keep", completed_by=ben)
    annotate(server, tasks[4], None)
    annotate(server, tasks[5], "drop")
    annotate(server, tasks[6], "keep")
    annotate(server, tasks[6], "drop", completed_by=ben)
    pull(asked, server, url=started.server.url)
    change(server, changed, "drop")
    take_back(server, taken_back)
    pull(asked, server, url=started.server.url)
    assert {row["reviewer"] for row in answers_of(asked).to_pylist()} == {started.credentials.email, "ben@example.org"}
    result = resume_run(str(asked), progress=silent())
    accepted = {doubt[0]["doc_id"], doubt[1]["doc_id"]}
    assert exported(open_run(result.run.uri)) - before == accepted
    assert before < exported(open_run(result.run.uri))
    written = [path for path in asked.rglob("*") if path.is_file()]
    assert not [path for path in written if started.credentials.token.encode() in path.read_bytes()]


@pytest.mark.browser
def test_a_reviewer_decides_with_the_keyboard_alone(
    asked: Path, started: Started, real: LabelStudio, reviewer_page: ReviewerPage
):
    found = project_of(asked, "document")
    assert found is not None
    pull(asked, real, url=started.server.url)
    num_before = answers_of(asked).num_rows
    reviewer_page.open_queue(found.project)
    reviewer_page.press("1")
    reviewer_page.submit()

    def is_answered(_: object) -> bool:
        return pull(asked, real, url=started.server.url)[0].num_answered > 0

    reviewer_page.wait(is_answered)
    row = answers_of(asked).to_pylist()[num_before]
    assert (row["decision"], row["reviewer"]) == ("keep", started.credentials.email)
    assert row["lead_time_seconds"] > 0
