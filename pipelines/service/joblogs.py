"""The end of a job's log, in bounded memory and harmless to show."""

import os
from pathlib import Path

from curation.text.safe import visible
from pipelines.service.processes import LOG

MAX_BYTES = 256 << 10
MAX_LINES = 2000
LINE_CHARS = 4000


def tail(folder: Path, *, lines: int) -> list[str]:
    """Returns the last lines of a job's log, control characters escaped; `MAX_LINES` of `MAX_BYTES` at most."""
    try:
        with (folder / LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - MAX_BYTES, 0))
            content = file.read(MAX_BYTES)
    except FileNotFoundError:
        return []
    found = content.decode("utf-8", "replace").split("\n")
    found = found[1:] if size > MAX_BYTES else found  # the first one is cut
    found = found[:-1] if found and not found[-1] else found
    return [visible(line, limit=LINE_CHARS) for line in found[-min(lines, MAX_LINES) :]]
