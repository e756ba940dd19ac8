"""Where each record of a WARC or ARC file begins and ends, in the decompressed stream, damage included.

FastWARC (the peer that the tests compare with) stops at a missing Content-Length, a wrong one, LF line ends and a
broken gzip member, and counts offsets of compressed files in compressed bytes. Here every byte of the
decompressed stream is in exactly one frame. WARC: ISO 28500:2017 section 4; ARC: Burner and Kahle 1996.

What ends a record is Content-Length, if blank lines and then another record or the end follow there (or blank
lines and junk, when no record opens inside the block). If not, the length is wrong and the record reaches to the
next line that opens one: a dead letter, since what it holds is not sure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.inputs.members import Damage, Piece
from pipelines.inputs.record_headers import MAX_HEADER_BYTES, Arc, Grammar, Warc

_LOOKAHEAD_BYTES = 1 << 13  # blank lines and the line that opens the next record
_SCAN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One record, or bytes that are none.

    Attributes:
        offset: of its first byte in the decompressed stream.
        length: bytes up to the next frame, blank lines after the record included.
        header: header fields by lower-case name (first value counts); empty where none could be read.
        block: the record's block; empty where `problem` is set.
        problem: dead-letter reason, or None for a whole record.
        detail: what was expected and found.
    """

    offset: int
    length: int
    header: dict[str, str] = field(default_factory=dict)
    block: bytes = b""
    problem: str | None = None
    detail: str = ""


class _Window:
    """The part of a segment that is in memory; `position` is the stream offset of its first byte."""

    def __init__(self, events: Iterator[Piece | Damage]) -> None:
        self._events = events
        self.data = bytearray()
        self.position = 0
        self.member_start = 0  # stream offset of the newest compressed member
        self.members: list[int] = []  # stream offsets of members that start in `data`
        self.ended = False  # no more bytes in this segment
        self.finished = False  # nor in the file
        self.damage: Damage | None = None
        self.damage_reported = False

    def fill(self, size: int) -> bool:
        """Reads until `size` bytes are in memory; tells whether they are."""
        while len(self.data) < size and not self.ended:
            event = next(self._events, None)
            if isinstance(event, Piece):
                if event.starts_member:
                    self.member_start = self.position + len(self.data)
                    self.members.append(self.member_start)
                self.data += event.data
            else:
                self.ended, self.damage, self.finished = True, event, event is None
        return len(self.data) >= size

    def drop(self, size: int) -> None:
        del self.data[:size]
        self.position += size
        self.members = [member for member in self.members if member >= self.position]

    def next_segment(self) -> None:
        self.ended, self.damage, self.damage_reported = False, None, False

    def record_at_member(self, grammar: Grammar, first: int, last: int) -> int:
        """Returns the first index in `[first, last)` where a compressed member opens with a record, or -1."""
        for member in self.members:
            index = member - self.position
            if first <= index < last and grammar.starts(self.data, index):
                return index
        return -1

    def blame(self, otherwise: str) -> str:
        """Returns the reason why the segment ended: its damage, now reported, or `otherwise`."""
        if self.damage is None:
            return otherwise
        self.damage_reported = True
        return self.damage.reason


def frames_of(events: Iterator[Piece | Damage], *, max_bytes: int) -> Iterator[Frame]:
    """Yields frames that tile the decompressed stream from 0 on; records above `max_bytes` are streamed past."""
    window = _Window(events)
    window.fill(_LOOKAHEAD_BYTES)
    grammar: Grammar = Arc() if window.data.startswith(b"filedesc:") else Warc()
    while True:
        while window.fill(1):
            yield _frame(window, grammar, max_bytes)
        if window.damage is not None and not window.damage_reported:
            yield Frame(offset=window.position, length=0, problem=window.damage.reason, detail=window.damage.detail)
        if window.finished:
            return
        window.next_segment()


def _frame(window: _Window, grammar: Grammar, max_bytes: int) -> Frame:
    """Takes the frame at the window's start."""
    window.fill(MAX_HEADER_BYTES)
    if not grammar.starts(window.data, 0):
        return _no_record(window, grammar)
    parsed = grammar.header(window.data)
    if parsed is None:
        problem = window.blame("truncated") if window.ended else "header_too_long"
        return _skip(window, grammar, 1, problem=problem, detail="no blank line ends the header")
    size, header = parsed
    length = header.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        detail = f"Content-Length: expected a number of bytes, found {length[:40]!r}"
        return _skip(window, grammar, size, problem="bad_content_length", detail=detail, header=header)
    if size + int(length[:20]) > max_bytes:
        return _stream_past(window, grammar, size + int(length[:20]), header)
    return _whole_record(window, grammar, (size, size + int(length)), header)


def _whole_record(window: _Window, grammar: Grammar, block: tuple[int, int], header: dict[str, str]) -> Frame:
    size, end = block
    window.fill(end + _LOOKAHEAD_BYTES)
    after = _after_blank_lines(window, end) if len(window.data) >= end else -1
    at_end = after == len(window.data)
    if (
        after < 0
        or not (at_end or _ends_well(window, grammar, block, after))
        or window.record_at_member(grammar, 1, end) > 0
    ):
        return _wrong_length(window, grammar, size, end - size, header)
    offset, content = window.position, bytes(window.data[size:end])
    damage = window.damage if at_end else None
    in_damaged_member = window.position + after > window.member_start
    window.drop(after)
    if damage is not None and in_damaged_member and not damage.at_border:
        return Frame(offset=offset, length=after, header=header, problem=window.blame(""), detail=damage.detail)
    return Frame(offset=offset, length=after, header=header, block=content)


def _ends_well(window: _Window, grammar: Grammar, block: tuple[int, int], after: int) -> bool:
    """Tells whether a record follows the block, or, where junk does, the separator and no sign of a lying length."""
    size, end = block
    if grammar.starts(window.data, after):
        return True
    return (
        bool(grammar.separator)
        and window.data.startswith(grammar.separator, end)
        and not 0 <= grammar.find(window.data, size) < end
    )


def _wrong_length(window: _Window, grammar: Grammar, size: int, length: int, header: dict[str, str]) -> Frame:
    detail = f"Content-Length says {length}"
    found = grammar.find(window.data, size) >= 0 or window.record_at_member(grammar, 1, len(window.data)) > 0
    if found or len(window.data) >= size + length:
        problem = "wrong_content_length"
    else:
        problem = window.blame("truncated")
        detail = window.damage.detail if window.damage is not None else f"{detail}, found {len(window.data) - size}"
    return _skip(window, grammar, size, problem=problem, detail=detail, header=header)


def _no_record(window: _Window, grammar: Grammar) -> Frame:
    head = bytes(window.data[:40])
    frame = _skip(window, grammar, 1, problem="no_record", detail=f"expected a {grammar.name} record, found {head!r}")
    if frame.length <= len(head) and not head[: frame.length].strip(b"\r\n"):
        return Frame(offset=frame.offset, length=frame.length, problem="blank_lines")
    return frame


def _skip(
    window: _Window, grammar: Grammar, start: int, *, problem: str, detail: str, header: dict[str, str] | None = None
) -> Frame:
    """Takes all up to the next record that opens at or after `start`, or to the end of the segment."""
    offset, skipped = window.position, 0
    while True:
        window.fill(start + _SCAN_BYTES)
        at = grammar.find(window.data, start)
        member = window.record_at_member(grammar, start, len(window.data) if at < 0 else at)
        at = member if member >= 0 else at
        taken = at if at >= 0 else len(window.data) if window.ended else len(window.data) - _LOOKAHEAD_BYTES
        window.drop(taken)
        skipped += taken
        if at >= 0 or window.ended:
            if at < 0:
                window.blame("")
            return Frame(offset=offset, length=skipped, header=header or {}, problem=problem, detail=detail)
        start = 1


def _stream_past(window: _Window, grammar: Grammar, size: int, header: dict[str, str]) -> Frame:
    """Takes a record too large to hold, without holding it; a member that opens with a record ends it early."""
    offset, remaining = window.position, size
    detail = f"a record of {size} bytes"
    while remaining > 0:
        window.fill(_SCAN_BYTES)
        member = window.record_at_member(grammar, 1, min(len(window.data), remaining))
        taken = member if member > 0 else min(len(window.data), remaining)
        window.drop(taken)
        remaining -= taken
        if member > 0:
            return _problem(window, offset, header, ("wrong_content_length", detail))
        if window.ended and not window.data and remaining:
            return _problem(window, offset, header, (window.blame("truncated"), detail))
    window.drop(_after_blank_lines(window, 0))
    return _problem(window, offset, header, ("record_too_long", detail))


def _problem(window: _Window, offset: int, header: dict[str, str], what: tuple[str, str]) -> Frame:
    return Frame(offset=offset, length=window.position - offset, header=header, problem=what[0], detail=what[1])


def _after_blank_lines(window: _Window, position: int) -> int:
    """Returns the index after the CR and LF at `position`; the line that follows is in memory then."""
    start = position
    while True:
        window.fill(position + _LOOKAHEAD_BYTES)
        while position < len(window.data) and window.data[position] in b"\r\n" and position - start < MAX_HEADER_BYTES:
            position += 1
        if position < len(window.data) or window.ended:
            window.fill(position + _LOOKAHEAD_BYTES)
            return position
