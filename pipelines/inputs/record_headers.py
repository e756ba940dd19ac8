"""How records of WARC and ARC files open, and what their headers say.

WARC: ISO 28500:2017, sections 4 and 5. ARC: Burner and Kahle 1996, versions 1 and 2; its header line is given
WARC names so that one reader serves both.
"""

import re
from datetime import UTC, datetime
from typing import Protocol

MAX_HEADER_BYTES = 1 << 16


class Grammar(Protocol):
    """How records of one format open."""

    name: str
    separator: bytes  # what ends every sound record and is rare inside; empty where there is no such thing

    def starts(self, data: bytearray, position: int) -> bool:
        """Tells whether a record opens at `position` of `data`."""
        ...

    def find(self, data: bytearray, position: int) -> int:
        """Returns where the next record opens at or after `position`, or -1."""
        ...

    def header(self, data: bytearray) -> tuple[int, dict[str, str]] | None:
        """Returns the header's size in bytes and fields, or None while it is not all there."""
        ...


class Warc:
    """WARC 0.17 to 1.1, CRLF or LF."""

    name = "WARC"
    separator = b"\r\n\r\n"
    _start = re.compile(rb"WARC/\d{1,2}\.\d{1,3}[ \t]*\r?\n")
    _next = re.compile(rb"(?<=\n)WARC/\d{1,2}\.\d{1,3}[ \t]*\r?\n[A-Za-z][A-Za-z0-9-]{0,60}:")
    _end = re.compile(rb"\n\r?\n")

    def starts(self, data: bytearray, position: int) -> bool:
        """See `Grammar`."""
        return self._start.match(data, position) is not None

    def find(self, data: bytearray, position: int) -> int:
        """See `Grammar`."""
        match = self._next.search(data, position)
        return match.start() if match else -1

    def header(self, data: bytearray) -> tuple[int, dict[str, str]] | None:
        """See `Grammar`. Folded lines are joined; bytes that are not UTF-8 become U+FFFD."""
        end = self._end.search(data, 0, MAX_HEADER_BYTES)
        if end is None:
            return None
        return end.end(), header_fields(bytes(data[: end.start()]).partition(b"\n")[2])


class Arc:
    """ARC version 1 and 2: one line opens a record, its fields are given WARC names."""

    name = "ARC"
    separator = b""
    _line = (
        rb"[A-Za-z][A-Za-z0-9+.\-]{0,30}:[^\r\n]{0,4000} [0-9A-Fa-f.:]{3,45} (?:\d{14}|\d{12}|\d{8}) "
        rb"[^\r\n]{0,2000}\b\d+[ \t]*\r?\n"
    )
    _start = re.compile(_line)
    _next = re.compile(rb"(?<=\n)" + _line)

    def starts(self, data: bytearray, position: int) -> bool:
        """See `Grammar`."""
        return self._start.match(data, position) is not None

    def find(self, data: bytearray, position: int) -> int:
        """See `Grammar`."""
        match = self._next.search(data, position)
        return match.start() if match else -1

    def header(self, data: bytearray) -> tuple[int, dict[str, str]] | None:
        """See `Grammar`. URLs may hold spaces, so fields are counted from the right."""
        match = self._start.match(data)
        if match is None:
            return None
        url, address, date, media_type, length = _arc_fields(match.group().decode("utf-8", "replace").split())
        fields = {"warc-type": "response", "warc-target-uri": url, "warc-ip-address": address, "content-length": length}
        fields["content-type"] = "application/http; msgtype=response"
        if url.startswith("filedesc:"):
            fields["warc-type"] = "warcinfo"
        elif not url.startswith("http"):
            fields["content-type"], fields["warc-type"] = media_type, "resource"
        return match.end(), {**fields, "warc-date": date, "arc-content-type": media_type}


def _arc_fields(words: list[str]) -> tuple[str, str, str, str, str]:
    for width in (5, 10):  # version 1, then version 2
        if len(words) >= width and re.fullmatch(r"\d{8}|\d{12}|\d{14}", words[-width + 2]):
            url = " ".join(words[: len(words) - width + 1])
            return url, words[-width + 1], _arc_date(words[-width + 2]), words[-width + 3], words[-1]
    return words[0], "", "", "", words[-1]


def _arc_date(digits: str) -> str:
    try:
        return datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return ""


def header_fields(lines: bytes) -> dict[str, str]:
    """Returns `name: value` lines by lower-case name; the first of a repeated name counts, except that HTTP lists join.

    Lines that begin with space or tab continue the one before; lines without a colon are left out.
    """
    fields: dict[str, str] = {}
    name = ""
    for line in lines.decode("utf-8", "replace").split("\n"):
        if line[:1] in (" ", "\t") and name:
            fields[name] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower() if colon else ""
        if name in fields and name in _LISTS:
            fields[name] += ", " + value.strip()
        elif name:
            fields.setdefault(name, value.strip())
    return fields


_LISTS = frozenset({"x-robots-tag", "content-encoding", "transfer-encoding", "content-language"})
