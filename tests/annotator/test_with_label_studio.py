"""Many tasks on a real server: each once, whatever happens."""

from pathlib import Path

import pytest

from annotator.hints import HEADER, listening
from annotator.label_studio import LabelStudio
from annotator.ledger import open_ledger
from annotator.pull import pull
from annotator.push import push
from annotator.server import LOG, Started
from annotator.watching import hooked
from tests.annotator.conversations import annotate, keys_on_server
from tests.annotator.made_tasks import question, run_with_questions

pytestmark = [pytest.mark.labelstudio, pytest.mark.slow]


def test_an_answer_is_hinted_at_and_the_hook_goes_with_the_watch(started: Started, real: LabelStudio, tmp_path: Path):
    run = run_with_questions(tmp_path / "watched", [question(0)])
    (pushed,) = push(run, real, url=started.server.url)
    with listening() as hints:
        left_behind = real.add_hook(pushed.project, url=hints.url, headers={HEADER: "of a watch that was killed"})
        with hooked(run, real, hints, url=hints.url) as is_hooked:
            assert is_hooked
            (hook,) = real.hooks(pushed.project, header=HEADER)
            assert hook != left_behind
            annotate(real, open_ledger(run, "document").known[str(question(0)["review_key"])], "keep")
            assert hints.wait(30), "the server called"
            assert pull(run, real, url=started.server.url)[0].num_answered == 1
        assert real.hooks(pushed.project, header=HEADER) == []
    assert hints.secret not in Path(started.server.data, LOG).read_text()


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
