r"""Edits that every text gets: control characters out, Unicode composed (NFC).

An Edit replaces `text`, keeps `doc_id` and appends to `edits` what it did, so that per document and edit bytes in
= bytes out + removed bytes. Positions are byte ranges in the text before this edit.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.schema import EDIT
from curation.step import require

MAX_EDITS = 100
"""Records per document and edit; from the 100th on one record covers the rest of the changed range."""

EDITS = pa.field("edits", pa.list_(EDIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One replaced range of a text: `[start, end)` in characters, and what stands there now."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCharacters:
    r"""Removes C0 and C1 control characters, DEL and NUL, except `\n` and `\t`; `\r\n`, `\r` and NEL become `\n`.

    Each run is one edit of rule `control_characters`. ESC goes with them, so escape sequences are harmless
    (their letters stay). Bidi controls and zero-width characters are text in some scripts and stay.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return _require_text(schema)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts; a batch of clean texts is returned as it is."""
        return _edited(batch, "control_characters", _has_controls(batch.column("text")), _control_changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nfc:
    """Composes Unicode to NFC (Unicode Standard Annex 15), one edit of rule `nfc` per changed range."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return _require_text(schema)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts; a batch of ASCII texts is returned as it is."""
        return _edited(batch, "nfc", _may_decompose(batch.column("text")), _nfc_changes)


_CONTROL = re.compile("(?:\r\n|[\x00-\x08\x0b-\x1f\x7f-\x9f])+")
_LINE_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85]")
_OTHER_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_IS_CONTROL_BYTE = np.zeros(256, np.bool_)
_IS_CONTROL_BYTE[[*range(0x09), *range(0x0B, 0x20), 0x7F]] = True
# ASCII characters begin a new composition and are never its second part (UAX 15, section 9), so a piece that
# starts with one normalises alone. Below U+0300 (bytes CC 80) every text is in NFC.
_NFC_PIECE = re.compile("[\x00-\x7f]?[^\x00-\x7f]+")
_FIRST_COMBINING_BYTE = 0xCC


def _require_text(schema: pa.Schema) -> pa.Schema:
    return require(require(schema, "text", pa.string()), "edits", pa.list_(EDIT))


def _control_changes(text: str) -> Iterator[Change]:
    for match in _CONTROL.finditer(text):
        kept = _OTHER_CONTROL.sub("", _LINE_BREAK.sub("\n", match.group()))
        yield Change(start=match.start(), end=match.end(), text=kept)


def _nfc_changes(text: str) -> Iterator[Change]:
    if unicodedata.is_normalized("NFC", text):
        return
    for match in _NFC_PIECE.finditer(text):
        old = match.group()
        new = unicodedata.normalize("NFC", old)
        if new != old:
            yield _trimmed(match.start(), old, new)


def _trimmed(start: int, old: str, new: str) -> Change:
    """Returns the change from `old` to `new` without their common prefix and suffix."""
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    tail = next((i for i in range(shorter - head) if old[-1 - i] != new[-1 - i]), shorter - head)
    return Change(start=start + head, end=start + len(old) - tail, text=new[head : len(new) - tail])


def _edited(
    batch: pa.RecordBatch, rule: str, suspects: np.ndarray, changes_of: Callable[[str], Iterable[Change]]
) -> pa.RecordBatch:
    """Returns `batch` with the changes of its suspect rows (indices) made and recorded."""
    texts: list[str] = []
    records: list[list[dict[str, object]]] = []
    changed: list[int] = []
    column, edits = batch.column("text"), batch.column("edits")
    for row in suspects.tolist():
        before = column[row].as_py()
        changes = list(changes_of(before))
        if changes:
            changed.append(row)
            texts.append(_applied(before, changes))
            records.append([*(edits[row].as_py() or []), *_records(before, changes, rule)])
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


def _applied(text: str, changes: list[Change]) -> str:
    parts, position = [], 0
    for change in changes:
        parts += (text[position : change.start], change.text)
        position = change.end
    return "".join([*parts, text[position:]])


def _records(text: str, changes: list[Change], rule: str) -> list[dict[str, object]]:
    """Returns the EDIT records of `changes`; beyond `MAX_EDITS` the last one covers the rest, replacement null."""
    spans: list[tuple[int, int, str | None]] = []  # byte ranges
    position = size = 0
    for change in changes:
        size += len(text[position : change.start].encode())
        width = len(text[change.start : change.end].encode())
        spans.append((size, size + width, change.text))
        position, size = change.end, size + width
    records = [
        _record(rule, start, end, end - start - len(new.encode()), new) for start, end, new in spans if new is not None
    ]
    if len(records) <= MAX_EDITS:
        return records
    rest = records[MAX_EDITS - 1 :]
    removed = sum(int(str(record["removed_bytes"])) for record in rest)
    covering = _record(rule, spans[MAX_EDITS - 1][0], spans[-1][1], removed, None)
    return [*records[: MAX_EDITS - 1], covering]


def _record(rule: str, start: int, end: int, removed: int, replacement: str | None) -> dict[str, object]:
    return {"rule": rule, "start": start, "end": end, "removed_bytes": removed, "replacement": replacement}


def _has_controls(text: pa.Array) -> np.ndarray:
    """Returns the rows of `text` (string) with a byte of C0, DEL, or a C1 pair (C2 80..9F)."""
    values, offsets_N1 = _buffers(text)
    found = _IS_CONTROL_BYTE[values]
    found[:-1] |= (values[:-1] == 0xC2) & (values[1:] < 0xA0)  # noqa: PLR2004 - C1 in UTF-8
    return _rows_of(text, found, offsets_N1)


def _may_decompose(text: pa.Array) -> np.ndarray:
    """Returns the rows of `text` (string) with a character from U+0300 on."""
    values, offsets_N1 = _buffers(text)
    return _rows_of(text, values >= _FIRST_COMBINING_BYTE, offsets_N1)


def _buffers(text: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns the UTF-8 bytes of a string array's rows and offsets into them from 0; both are views or small."""
    _, offsets, data = text.buffers()
    if len(text) == 0 or data is None:
        return np.zeros(0, np.uint8), np.zeros(len(text) + 1, np.int64)
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]


def _rows_of(text: pa.Array, found: np.ndarray, offsets_N1: np.ndarray) -> np.ndarray:
    positions = np.flatnonzero(found)
    rows = np.unique(np.searchsorted(offsets_N1, positions, side="right") - 1)
    if text.null_count and rows.size:
        rows = rows[pc.is_valid(text).to_numpy(zero_copy_only=False)[rows]]  # bytes under a null are garbage
    return rows
