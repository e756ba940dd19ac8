"""Trafilatura (Barbaresi 2021, "Trafilatura: A Web Scraping Library") in a process of its own, used again page by page.

It takes about ten times the CPU of our own reader, and what a hostile page does to it (loops, memory, a crash of
libxml2) must end nothing but that page. So it runs in a child with limits; a page on which a used child ends is tried
once in a fresh one, and what becomes of a page depends on that page alone. Each thread has children of its own.
"""

import json
import select
import signal
import subprocess
import sys
import threading
import weakref
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Literal

from curation.errors import BadRecord, SpecError

Focus = Literal["default", "fast", "precision"]
CHILD = Path(__file__).with_name("trafilatura_child.py")
ANSWER_BYTES = 9
_THREAD = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """What one page may use."""

    memory_bytes: int = 2 << 30
    """Address space of the child, its code included."""
    cpu_seconds: int = 20
    """CPU of one page, rounded up by less than two seconds."""
    wall_seconds: int = 300
    """A safety net for a child that waits for ever; nothing but a stopped machine should come to it."""


LIMITS = ChildLimits()
DEFAULT_GATE_BELOW = 0.65
"""Sends 1.7 % of the article benchmark's pages, by models that had not seen them (docs/extraction.md)."""


@cache
def trafilatura_version() -> str:
    """Returns the version installed.

    Raises:
        SpecError: there is none.
    """
    try:
        return version("trafilatura")
    except PackageNotFoundError:
        raise SpecError(
            "extractor or gate trafilatura needs the package, which is not installed: "
            "pip install 'gristmill[trafilatura]'"
        ) from None


def trafilatura_text(
    html: str, *, focus: Focus, comments: bool = False, everything: bool = False, limits: ChildLimits = LIMITS
) -> str | None:
    """Returns the text of a page, or None where trafilatura finds none.

    Args:
        html: the page.
        focus: `fast` leaves out its fallbacks, `precision` prefers less text.
        comments: readers' comments too.
        everything: all text in place of the main content; `focus` says nothing then.
        limits: of the child.

    Raises:
        BadRecord: `trafilatura_failed` (it raised), `trafilatura_too_long` (CPU), `trafilatura_ended` (a signal).
    """
    settings = {
        "all": everything,
        "fast": focus == "fast",
        "favor_precision": focus == "precision",
        "include_comments": comments,
    }
    page = html.encode(errors="replace")
    child = _child(json.dumps({"settings": settings, **asdict(limits)}), limits)
    if child.has_answered:
        try:
            return child.text(page)
        except BadRecord:
            child = _child(child.arguments, limits)
    return child.text(page)


def _child(arguments: str, limits: ChildLimits) -> "_Child":
    """Returns this thread's child of these arguments; a new one where there is none that lives."""
    children: dict[str, _Child] = _THREAD.__dict__.setdefault("children", {})
    if arguments not in children or children[arguments].is_over:
        children[arguments] = _Child(arguments, limits)
    return children[arguments]


class _Child:
    """One child and its pipes; ended when nobody holds it."""

    def __init__(self, arguments: str, limits: ChildLimits) -> None:
        self.arguments = arguments
        self.has_answered = self.is_over = False
        self._limits = limits
        self._process = subprocess.Popen(  # noqa: S603 - this Python and a file of ours
            [sys.executable, "-P", str(CHILD), arguments],  # -P: modules beside the file would hide others
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONHASHSEED": "0"},  # the order of sets; and nothing that a page should learn
        )
        self._end = weakref.finalize(self, _end, self._process)

    def text(self, page: bytes) -> str | None:
        """Returns the answer; after a `BadRecord` the child is over."""
        answer = self._answer(page)
        if answer is None:
            self.is_over = True
            self._end()
            raise _why(self._process.returncode, self._limits)
        self.has_answered = True
        kind, content = answer
        if kind == b"F":
            self.is_over = True
            self._end()
            raise BadRecord("trafilatura_failed", content.decode())
        return content.decode() if kind == b"T" else None

    def _answer(self, page: bytes) -> tuple[bytes, bytes] | None:
        """Returns kind and content of the answer; None: the child ended, or was silent for too long."""
        requests, answers = self._pipes()
        try:
            requests.write(len(page).to_bytes(8, "little") + page)
            requests.flush()
        except BrokenPipeError:
            return None
        waiting = select.poll()
        waiting.register(answers, select.POLLIN)
        if not waiting.poll(1000 * self._limits.wall_seconds):
            self._process.kill()
            return None
        head = answers.read(ANSWER_BYTES)
        size = int.from_bytes(head[1:], "little")
        content = answers.read(size)
        return (head[:1], content) if len(head) == ANSWER_BYTES and len(content) == size else None

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("a child is started with both pipes")
        return self._process.stdin, self._process.stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a child: at the end of its input, or by force."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _why(returncode: int, limits: ChildLimits) -> BadRecord:
    if returncode == -signal.SIGXCPU:
        return BadRecord("trafilatura_too_long", f"above {limits.cpu_seconds} CPU seconds")
    return BadRecord("trafilatura_ended", f"exit status {returncode}")
