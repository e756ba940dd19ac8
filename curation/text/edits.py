r"""Edits that every text gets: control characters out, Unicode composed (NFC).

An Edit replaces `text`, keeps `doc_id` and appends to `edits` what it did, so that per document and edit bytes in
= bytes out + removed bytes. Positions are byte ranges in the text before this edit.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.schema import EDIT
from curation.step import require

MAX_EDITS = 100
"""Records per document and edit. Where there would be more, the last covers the rest of the text, replacement null."""

EDITS = pa.field("edits", pa.list_(EDIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One replaced range of a text: `[start, end)` in characters, and what stands there now."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCharacters:
    r"""Removes C0 and C1 control characters, DEL and NUL, except `\n` and `\t`.

    What breaks a line or page becomes `\n`: `\r\n`, `\r`, VT, FF and NEL (Unicode Standard, section 5.8).

    Each run is one edit `control_characters`. ESC goes with them, so escape sequences are harmless (their letters
    stay). Bidi controls and zero-width characters are text in some scripts and stay.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return require_text(schema)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts; a batch of clean texts is returned as it is."""
        return edited(batch, _Controls(), _has_controls(batch.column("text")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Nfc:
    """Composes Unicode to NFC (Unicode Standard Annex 15), one edit of rule `nfc` per changed range."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return require_text(schema)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts; a batch of ASCII texts is returned as it is."""
        return edited(batch, _Composition(), _may_decompose(batch.column("text")))


_CONTROL = re.compile("(?:\r\n|[\x00-\x08\x0b-\x1f\x7f-\x9f])+")
_LINE_BREAK = re.compile("[\r\x0b\x0c\x85]")
_OTHER_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
# ASCII characters begin a new composition and are never its second part (UAX 15, section 9), so a piece that
# starts with one normalises alone. Below U+0300 (bytes CC 80) every text is in NFC.
_NFC_PIECE = re.compile("[\x00-\x7f]?[^\x00-\x7f]+")
_FIRST_COMBINING_BYTE = 0xCC


def require_text(schema: pa.Schema) -> pa.Schema:
    """Returns `schema` if it has texts and edits."""
    return require(require(schema, "text", pa.string()), "edits", pa.list_(EDIT))


class TextRule(Protocol):
    """What an edit does to one text: as a whole, and change by change (in order, apart from one another)."""

    name: str

    def result(self, text: str) -> str:
        """Returns the edited text."""
        ...

    def changes(self, text: str) -> Iterator[Change]:
        """Yields what the edit changes, in characters of `text`."""
        ...


class _Controls:
    name = "control_characters"

    def result(self, text: str) -> str:
        return _OTHER_CONTROL.sub("", _LINE_BREAK.sub("\n", text.replace("\r\n", "\n")))

    def changes(self, text: str) -> Iterator[Change]:
        for match in _CONTROL.finditer(text):
            yield Change(start=match.start(), end=match.end(), text=self.result(match.group()))


class _Composition:
    name = "nfc"

    def result(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)

    def changes(self, text: str) -> Iterator[Change]:
        for match in _NFC_PIECE.finditer(text):
            old = match.group()
            new = unicodedata.normalize("NFC", old)
            if new != old:
                yield trimmed(match.start(), old, new)


def trimmed(start: int, old: str, new: str) -> Change:
    """Returns the change from `old` to `new` without their common prefix and suffix."""
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    tail = next((i for i in range(shorter - head) if old[-1 - i] != new[-1 - i]), shorter - head)
    return Change(start=start + head, end=start + len(old) - tail, text=new[head : len(new) - tail])


def edited(batch: pa.RecordBatch, rule: TextRule, suspects: list[int]) -> pa.RecordBatch:
    """Returns `batch` with the changes of its suspect rows made and recorded."""
    texts: list[str] = []
    records: list[list[dict[str, object]]] = []
    changed: list[int] = []
    column, edits = batch.column("text"), batch.column("edits")
    for row in suspects:
        before = column[row].as_py()
        after = rule.result(before)
        if after != before:
            changed.append(row)
            texts.append(after)
            records.append([*(edits[row].as_py() or []), *_records(before, after, rule)])
    if not changed:
        return batch
    return _with_rows(batch, changed, {"text": pa.array(texts, pa.string()), "edits": pa.array(records, EDITS.type)})


def _with_rows(batch: pa.RecordBatch, rows: list[int], columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """Returns `batch` with the values of `columns` at `rows`."""
    indices = np.arange(batch.num_rows)
    indices[rows] = batch.num_rows + np.arange(len(rows))
    for name, values in columns.items():
        position = batch.schema.get_field_index(name)
        merged = pa.concat_arrays([batch.column(position), values]).take(pa.array(indices))
        batch = batch.set_column(position, batch.schema.field(position), merged)
    return batch


def _records(before: str, after: str, rule: TextRule) -> list[dict[str, object]]:
    """Returns the EDIT records of what `rule` changed, with byte ranges in `before`."""
    changes = list(islice(rule.changes(before), MAX_EDITS + 1))
    single = changes if len(changes) <= MAX_EDITS else changes[: MAX_EDITS - 1]
    records: list[dict[str, object]] = []
    position = size = removed = 0
    for change in single:
        size += len(before[position : change.start].encode())
        width = len(before[change.start : change.end].encode())
        cut = width - len(change.text.encode())
        records.append(_record(rule.name, (size, size + width), cut, change.text))
        position, size, removed = change.end, size + width, removed + cut
    if single is not changes:
        start = size + len(before[position : changes[len(single)].start].encode())
        total = len(before.encode())
        records.append(_record(rule.name, (start, total), total - len(after.encode()) - removed, None))
    return records


def _record(rule: str, span: tuple[int, int], removed: int, replacement: str | None) -> dict[str, object]:
    return {"rule": rule, "start": span[0], "end": span[1], "removed_bytes": removed, "replacement": replacement}


def _has_controls(text: pa.Array) -> list[int]:
    """Returns the rows of `text` (string) with a byte of C0, DEL, or a C1 pair (C2 80..9F)."""
    values, offsets_N1 = _buffers(text)
    found = (values < ord(" ")) & (values != ord("\n")) & (values != ord("\t"))
    found |= values == 0x7F  # noqa: PLR2004 - DEL
    c1_lead = values[:-1] == 0xC2  # noqa: PLR2004
    if c1_lead.any():
        found[:-1] |= c1_lead & (values[1:] < 0xA0)  # noqa: PLR2004
    return _rows_of(text, found, offsets_N1)


def _may_decompose(text: pa.Array) -> list[int]:
    """Returns the rows of `text` (string) with a character from U+0300 on."""
    values, offsets_N1 = _buffers(text)
    return _rows_of(text, values >= _FIRST_COMBINING_BYTE, offsets_N1)


def _buffers(text: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns the UTF-8 bytes of a string array's rows (a view) and int64 offsets (N+1) into them."""
    _, offsets, data = text.buffers()
    if len(text) == 0 or data is None:
        return np.zeros(0, np.uint8), np.zeros(len(text) + 1, np.int64)
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]


def _rows_of(text: pa.Array, found: NDArray[np.bool_], offsets_N1: NDArray[np.int64]) -> list[int]:
    """Returns the rows with a byte that is `found`; bytes under a null are garbage and do not count."""
    if not found.any():
        return []
    bounds = offsets_N1.tolist()
    valid = pc.is_valid(text).to_pylist() if text.null_count else [True] * len(text)
    return [row for row in range(len(text)) if valid[row] and found[bounds[row] : bounds[row + 1]].any()]
