"""Many tasks on a real server: each once, whatever happens."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from annotator.hints import HEADER
from annotator.label_studio import LabelStudio
from annotator.ledger import open_ledger
from annotator.push import push
from annotator.server import LOG, Started
from tests.annotator.conversations import annotate, keys_on_server
from tests.annotator.made_tasks import question, run_with_questions

pytestmark = [pytest.mark.labelstudio, pytest.mark.slow]


def test_watch_pulls_when_the_server_calls_and_leaves_no_hook_and_shows_no_token(
    started: Started, real: LabelStudio, tmp_path: Path
):
    run = run_with_questions(tmp_path / "watched", [question(0)])
    (pushed,) = push(run, real, url=started.server.url)
    left_behind = real.add_hook(
        pushed.project, url="http://127.0.0.1:9/", headers={HEADER: "of a watch that was killed"}
    )
    token = started.credentials.token
    environment = {**os.environ, "GRISTMILL_REVIEW_URL": started.server.url, "GRISTMILL_REVIEW_TOKEN": token}
    command = [Path(sys.executable).with_name("gristmill"), "review", "watch", run, "--every", "3600"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as watch:
        assert watch.stdout is not None
        said = [watch.stdout.readline()]
        assert re.fullmatch(r"pulling when the server calls http://127\.0\.0\.1:\d+/, and every 3600 s; .*\n", said[0])
        (hook,) = real.hooks(pushed.project, header=HEADER)
        assert hook != left_behind
        annotate(real, open_ledger(run, "document").known[str(question(0)["review_key"])], "keep")
        said.append(watch.stdout.readline())
        processes = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        watch.send_signal(signal.SIGINT)
        said.append(watch.stdout.read())
    assert said[1] == "document: 1 answers, 0 skipped, 0 taken back\n"
    assert watch.returncode == 130
    assert real.hooks(pushed.project, header=HEADER) == []
    written = [
        path.read_text(errors="replace") for path in (*run.rglob("*"), Path(started.server.data, LOG)) if path.is_file()
    ]
    assert not [text for text in (*said, processes, *written) if token in text]


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
