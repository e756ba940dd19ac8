"""Many tasks on a real server: each once, whatever happens."""

from pathlib import Path

import pytest

from annotator.label_studio import LabelStudio
from annotator.ledger import open_ledger
from annotator.push import push
from annotator.server import Started
from tests.annotator.conversations import keys_on_server
from tests.annotator.made_tasks import question, run_with_questions

pytestmark = [pytest.mark.labelstudio, pytest.mark.slow]


class Killed(BaseException):
    """Stands for the end of the process at a point of the push."""


def test_a_thousand_tasks_are_pushed_once_and_again_pushes_none(started: Started, real: LabelStudio, tmp_path: Path):
    run = run_with_questions(tmp_path / "thousand", [question(number) for number in range(1000)])
    (first,) = push(run, real, url=started.server.url)
    (done,) = push(run, real, url=started.server.url)
    assert (first.num_new, done.num_new) == (1000, 0)
    keys = keys_on_server(real, done.project)
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
    (done,) = push(run, real, url=started.server.url)
    keys = keys_on_server(real, done.project)
    assert len(keys) == len(set(keys)) == 700
