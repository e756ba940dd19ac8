"""The process that trafilatura runs in: a page comes in on standard input, its text goes out on standard output.

Run as a file, under limits that it sets for itself: a page that loops or eats memory ends this process and no other.
It imports nothing of ours. A request is its length (8 bytes, little endian) and HTML in UTF-8; an answer is one byte
(`TEXT`, `NOTHING` or `FAILED`), a length and that many bytes: the text, or the name of the exception.
"""

import json
import logging
import resource
import sys
from collections.abc import Callable
from typing import BinaryIO

import trafilatura

TEXT, NOTHING, FAILED = b"T", b"N", b"F"
LENGTH_BYTES = 8
LONG_CHARS = 1 << 20


def extractor(settings: dict[str, bool]) -> Callable[[str], str | None]:
    """Returns what makes text of a page; texts seen before are not remembered (`deduplicate`)."""
    if settings["all"]:
        return lambda html: trafilatura.html2txt(html) or None
    return lambda html: trafilatura.extract(
        html,
        deduplicate=False,
        fast=settings["fast"],
        favor_precision=settings["favor_precision"],
        include_comments=settings["include_comments"],
    )


def allow_cpu(seconds: int) -> None:
    """Lets the process be ended when it has used so many further CPU seconds, about."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, resource.RLIM_INFINITY))


def serve(requests: BinaryIO, answers: BinaryIO, extract: Callable[[str], str | None], cpu_seconds: int) -> None:
    """Answers requests until there are no more."""
    while header := requests.read(LENGTH_BYTES):
        html = requests.read(int.from_bytes(header, "little")).decode()
        allow_cpu(cpu_seconds)
        try:
            text = extract(html)
            if text is None and len(html) > LONG_CHARS and trafilatura.load_html(html) is None:
                raise MemoryError  # lxml has no tree of it and logs why; nothing is raised
            kind, content = (NOTHING, b"") if text is None else (TEXT, text.encode(errors="replace"))
        except Exception as error:  # whatever a page does to the library is an answer
            kind, content = FAILED, type(error).__name__.encode()
        answers.write(kind + len(content).to_bytes(LENGTH_BYTES, "little") + content)
        answers.flush()


def main() -> None:
    """Serves with the settings and limits of the command line: JSON."""
    given = json.loads(sys.argv[1])
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (given["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer, extractor(given["settings"]), given["cpu_seconds"])


if __name__ == "__main__":
    main()
