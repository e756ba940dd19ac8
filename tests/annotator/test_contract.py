"""One suite for the real server and for the recorded one: what we ask, what comes back, what goes wrong."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from annotator.interface import interface_of
from annotator.label_studio import LabelStudio
from annotator.ledger import forget_project, open_ledger, project_of
from annotator.pull import Pulled, answers_of, pull
from annotator.push import Pushed, push
from annotator.transport import Http, Transport, Unanswered
from curation.errors import GristmillError, InputError
from curation.identity import secure_hash
from tests.annotator.conversations import (
    annotate,
    change,
    change_interface,
    delete_project,
    keys_on_server,
    mark,
    next_key,
    overlap,
    take_back,
)
from tests.annotator.made_tasks import question, run_with_questions
from tests.annotator.recordings import Breaking, Recorder, Replay

URL = "http://review.invalid"
REAL = pytest.param("real", marks=[pytest.mark.labelstudio, pytest.mark.slow])


@dataclass(slots=True, kw_only=True)
class Review:
    """A run with questions and a server, whose answers `spoil` may spoil."""

    run: Path
    server: LabelStudio
    waited: list[float] = field(default_factory=list)

    def push(self) -> Pushed:
        return push(self.run, self.server, url=URL)[0]

    def pull(self) -> Pulled:
        return pull(self.run, self.server, url=URL)[0]

    def pulled(self) -> tuple[int, int, int]:
        found = self.pull()
        return found.num_answered, found.num_skipped, found.num_deleted

    @property
    def project(self) -> int:
        found = project_of(self.run, "document")
        assert found is not None
        return found.project

    def task(self, number: int) -> int:
        return open_ledger(self.run, "document").known[str(question(number)["review_key"])]

    def spoiled(self, method: str, path: str, *plan: str | int) -> Breaking:
        """Spoils answers from now on."""
        breaking = Breaking(self.server.transport, method, path, list(plan))
        self.server = LabelStudio(transport=breaking, wait=self.waited.append)
        return breaking


@pytest.fixture(params=["recorded", REAL])
def asking(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[int], Review]]:
    """Makes the review of a run that asks so many questions."""
    name = re.sub(r"\[(?:real|recorded)-?(.*)\]$", r"-\1", request.node.name.removeprefix("test_")).strip("-")
    started = request.getfixturevalue("started") if request.param == "real" else None
    token = started.credentials.token if started else ""
    inner: Transport = Recorder(Http(url=started.server.url, token=token)) if started else Replay.of(name)

    def made(num_questions: int) -> Review:
        run = run_with_questions(
            tmp_path / secure_hash(name.encode()).hex()[:12], [question(number) for number in range(num_questions)]
        )
        waited: list[float] = []
        return Review(run=run, server=LabelStudio(transport=inner, wait=waited.append), waited=waited)

    yield made
    if isinstance(inner, Recorder) and os.environ.get("GRISTMILL_RECORD"):
        assert token not in str(inner.exchanges)
        inner.save(name)
    if isinstance(inner, Replay):
        assert not inner.exchanges, "the real server was asked more"


def test_a_second_push_makes_nothing(asking: Callable[[int], Review]):
    review = asking(5)
    assert (review.push().num_new, review.push().num_new) == (5, 0)
    assert sorted(keys_on_server(review.server, review.project)) == sorted(
        str(question(number)["review_key"]) for number in range(5)
    )


def test_people_are_asked_in_order_of_priority(asking: Callable[[int], Review]):
    review = asking(3)
    review.push()
    assert next_key(review.server, review.project) == question(0)["review_key"]


def test_several_people_may_answer_the_questions_that_ask_for_it_and_no_others(asking: Callable[[int], Review]):
    review = asking(3)
    shutil.rmtree(review.run)
    run_with_questions(review.run, [question(number, num_reviewers=2 if number == 1 else 1) for number in range(3)])
    spoiled = review.spoiled("PATCH", "/", "down")
    review.push()
    review.push()
    assert [overlap(review.server, review.task(number)) for number in range(3)] == [1, 2, 1]
    assert spoiled.hits == 2, "once in vain, once; a second push knows it"


def test_a_push_without_its_ledger_finds_its_tasks_on_the_server(asking: Callable[[int], Review]):
    review = asking(4)
    review.push()
    for path in (review.run / "people" / "ledger").glob("*.json*"):
        path.unlink()
    assert review.push().num_new == 0
    assert len(keys_on_server(review.server, review.project)) == 4


def test_answers_changes_skips_and_deletions_come_once_each(asking: Callable[[int], Review]):
    review = asking(6)
    review.push()
    first = [annotate(review.server, review.task(number), "drop", lead_time=4.5) for number in range(3)]
    annotate(review.server, review.task(3), None)
    assert review.pulled() == (3, 1, 0)
    assert review.pulled() == (0, 0, 0), "what lies in the overlap is known"
    change(review.server, first[0], "edit")
    take_back(review.server, first[1])
    assert review.pulled() == (1, 0, 1)
    rows = answers_of(review.run).to_pylist()
    assert [row["decision"] for row in rows if row["annotation_id"] == first[0]] == ["drop", "edit"]
    assert [row["event"] for row in rows if row["annotation_id"] == first[1]] == ["answered", "deleted"]
    assert [row["event"] for row in rows if row["task_id"] == review.task(3)] == ["skipped"]
    assert rows[0]["prediction_changed"] is True, "the rules said keep, the reviewer drop"
    assert rows[0]["lead_time_seconds"] == 4.5
    assert rows[0]["config_version"] == interface_of("document").version
    assert rows[0]["text_hash"] == question(0)["text_hash"]
    names = sorted(path.name for path in (review.run / "people").glob("*.parquet"))
    assert names == ["part-000000.parquet", "part-000001.parquet"], "files are added, none is changed"


@pytest.mark.parametrize("utf16", [False, True], ids=["characters", "utf16"])
def test_what_is_marked_beside_a_mask_is_found_in_the_document(utf16: bool, asking: Callable[[int], Review]):
    review = asking(1)
    shutil.rmtree(review.run)
    text = "🎉🎉 Write to ada@byron-mill.org or to Ben Miller about 🎉 the mill."
    run_with_questions(review.run, [question(0, text=text)])
    review.push()
    shown = "🎉🎉 Write to <EMAIL> or to Ben Miller about 🎉 the mill."
    mark(review.server, review.task(0), shown, "Ben Miller", label="PERSON", utf16=utf16)
    review.pull()
    (row,) = answers_of(review.run).to_pylist()
    ((span),) = row["spans"]
    assert (text[span["start"] : span["end"]], span["label"]) == ("Ben Miller", "PERSON")


@pytest.mark.parametrize("what", ["lost", "down", 500, 503, 409])
def test_an_import_whose_fate_is_unknown_is_looked_up_before_it_is_sent_again(
    what: str | int, asking: Callable[[int], Review]
):
    review = asking(3)
    spoiled = review.spoiled("POST", "/import", what)
    assert review.push().num_new == 3
    keys = keys_on_server(review.server, review.project)
    assert len(keys) == len(set(keys)) == 3
    assert spoiled.hits == (1 if what == "lost" else 2), "what the server did is not asked for again"
    assert review.waited == [0.5]


def test_a_project_whose_answer_was_lost_is_not_made_twice(asking: Callable[[int], Review]):
    review = asking(1)
    spoiled = review.spoiled("POST", "/api/projects", "lost")
    review.push()
    assert spoiled.hits == 1


def test_a_server_that_stays_down_is_an_error_and_the_next_push_goes_on(asking: Callable[[int], Review]):
    review = asking(2)
    review.spoiled("POST", "/import", *["down"] * 6)
    with pytest.raises(Unanswered, match=r"^nothing listens there$"):
        review.push()
    assert review.waited == [0.5, 1.0, 2.0, 4.0, 8.0], "later and later, then it gives up"
    assert review.push().num_new == 2
    assert len(keys_on_server(review.server, review.project)) == 2


def test_a_pull_that_breaks_off_loses_nothing(asking: Callable[[int], Review]):
    review = asking(2)
    review.push()
    annotate(review.server, review.task(0), "keep")
    review.spoiled("GET", "/api/tasks", 502, "lost", "down", 429)
    assert review.pulled() == (1, 0, 0)
    assert review.waited == [0.5, 1.0, 2.0, 4.0]


def test_a_refused_token_is_said_at_once(asking: Callable[[int], Review]):
    review = asking(1)
    review.push()
    review.spoiled("GET", "/api/users/", 401)
    message = (
        "GET /api/users/: the review server refuses the token (401); gristmill review status shows which server "
        "this is, GRISTMILL_REVIEW_TOKEN gives another token"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        review.pull()
    assert review.waited == []


def test_a_deleted_project_is_said_and_answers_stay(asking: Callable[[int], Review]):
    review = asking(2)
    review.push()
    annotate(review.server, review.task(0), "keep")
    review.pull()
    delete_project(review.server, review.project)
    message = (
        f"GET /api/projects/{review.project}: the review server has no such thing (404); was the project deleted there? "
        "gristmill review push --new-project makes another one, and answers that were pulled stay"
    )
    for act in (review.push, review.pull):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            act()
    forget_project(review.run, "document")
    assert review.push().num_new == 2
    assert answers_of(review.run).num_rows == 1


def test_an_interface_that_was_changed_on_the_server_is_noticed_and_noted(asking: Callable[[int], Review]):
    review = asking(2)
    review.push()
    changed = interface_of("document").xml.replace('value="toxic" hotkey="x"', 'value="harmful" hotkey="x"')
    change_interface(review.server, review.project, changed)
    annotate(review.server, review.task(0), "keep")
    assert review.pull().config_changed
    assert review.push().config_changed
    (row,) = answers_of(review.run).to_pylist()
    assert row["config_version"] != interface_of("document").version


def test_another_server_than_that_of_the_tasks_is_refused(asking: Callable[[int], Review]):
    review = asking(1)
    review.push()
    other = "http://other.invalid"
    message = f"{review.run}: its tasks are on {URL}, this is {other}; start that server or give its URL"
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        push(review.run, review.server, url=other)
    with pytest.raises(GristmillError, match=f"^{re.escape(message)}$"):
        pull(review.run, review.server, url=other)
