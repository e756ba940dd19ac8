"""Progress on a terminal and elsewhere, with a clock that the test moves."""

import io

import pytest

from pipelines.progress import LineProgress, duration, silent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return Clock()


def test_elsewhere_a_stage_is_one_plain_line_when_it_ends(clock):
    stream = io.StringIO()
    progress = LineProgress(stream, clock)
    progress.start("measure", 40_000_000, "bytes")
    for clock.now, done in ((1.0, 0), (2.0, 20_000_000), (4.0, 40_000_000)):
        progress.update(done)
    progress.finish("3 parts")
    assert stream.getvalue() == "measure    3 parts in 4.0 s, 10.0 MB/s\n"


def test_elsewhere_a_long_stage_says_every_half_minute_how_far_it_is(clock):
    stream = io.StringIO()
    progress = LineProgress(stream, clock)
    progress.start("measure", 100_000_000, "bytes")
    for clock.now in range(0, 100):
        progress.update(1_000_000 * int(clock.now))
    lines = stream.getvalue().splitlines()
    assert lines == [
        "measure     30%  1.0 MB/s  1 min 10 s left",
        "measure     60%  1.0 MB/s  40.0 s left",
        "measure     90%  1.0 MB/s  10.0 s left",
    ]


def test_on_a_terminal_one_line_is_refreshed_and_the_last_stays(clock):
    stream = Terminal()
    progress = LineProgress(stream, clock)
    progress.start("judge", 10, "parts")
    for clock.now, done in ((0.5, 0), (2.0, 5)):
        progress.update(done)
    progress.finish("10 parts")
    first, start, begun, going, last = stream.getvalue().split("\r\x1b[2K")
    assert (first, start) == ("", "judge      ...")
    assert begun == "judge        0%  0.0 parts/s  ..."
    assert going == "judge       50%  2.5 parts/s  2.0 s left"
    assert last == "judge      10 parts in 2.0 s\n"


def test_what_an_earlier_attempt_did_counts_as_done_but_not_as_speed(clock):
    stream = Terminal()
    progress = LineProgress(stream, clock)
    progress.start("measure", 100_000_000, "bytes")
    for clock.now, done in ((0.0, 80_000_000), (10.0, 90_000_000)):
        progress.update(done)
    assert stream.getvalue().endswith("measure     90%  1.0 MB/s  10.0 s left")
    progress.finish("4 parts")
    assert stream.getvalue().endswith("4 parts in 10.0 s, 2.0 MB/s\n")


def test_a_line_is_cut_at_the_width_of_the_terminal(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    progress = LineProgress(stream, clock)
    progress.start("measure", 100, "bytes")
    progress.update(50)
    assert len(stream.getvalue().rsplit("\x1b[2K", 1)[1]) == 19


def test_a_dumb_terminal_gets_plain_lines(clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    progress = LineProgress(stream, clock)
    progress.start("link", 1, "parts")
    progress.update(1)
    progress.finish("no links")
    assert stream.getvalue() == "link       no links in 0.0 s\n"


def test_an_empty_stage_is_done(clock):
    stream = Terminal()
    progress = LineProgress(stream, clock)
    progress.start("judge", 0, "parts")
    progress.update(0)
    progress.finish("0 parts")
    assert "100%" in stream.getvalue()


def test_silence_says_nothing(capfd):
    progress = silent()
    progress.start("judge", 1, "parts")
    progress.update(1)
    progress.finish("done")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (3599.9, "1 h 0 min")],
)
def test_durations_are_told_in_two_units_at_most(seconds, text):
    assert duration(seconds) == text
