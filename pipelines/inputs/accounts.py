"""The ledger of bytes of one work unit: which extents became documents, were skipped, or are dead letters.

The extents of all units of a file tile `[0, total)` of its decompressed stream (Parquet: of its rows). An extent
of length 0 reports on the file at that place (a wrong checksum, say) and takes no part in the tiling.
Adjacent extents of one kind are merged as they come, so that 64 MiB of blank lines are one row.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from curation.schema import ACCOUNT, DEAD_LETTER

MAX_DEAD_LETTERS = 10_000
"""Dead letters of one unit listed one by one; beyond, adjacent ones of one reason share a row."""
MAX_DETAIL_CHARS = 200


@dataclass(slots=True)
class _Extent:
    path: str
    kind: str
    reason: str | None
    offset: int
    length: int
    count: int


@dataclass(slots=True)
class _DeadLetter:
    path: str
    offset: int
    length: int
    reason: str
    detail: str
    num_more: int = 0


@dataclass(slots=True, kw_only=True)
class Accounts:
    """Collects what became of each byte of one unit; `source` is the input's name in the spec."""

    source: str
    _extents: list[_Extent] = field(default_factory=list)
    _dead: list[_DeadLetter] = field(default_factory=list)
    _ends: dict[str, int] = field(default_factory=dict)

    def documents(self, path: str, offsets: ArrayLike, lengths: ArrayLike) -> None:
        """Records documents: byte extents (int64), ascending; Parquet: row numbers and ones."""
        offset_N, length_N = np.asarray(offsets, dtype=np.int64), np.asarray(lengths, dtype=np.int64)
        if not offset_N.size:
            return
        end_N = offset_N + length_N
        first_R = np.concatenate(([0], np.flatnonzero(offset_N[1:] != end_N[:-1]) + 1))
        last_R = np.append(first_R[1:], offset_N.size) - 1
        for first, last in zip(first_R.tolist(), last_R.tolist(), strict=True):
            offset = int(offset_N[first])
            self._add(_Extent(path, "document", None, offset, int(end_N[last]) - offset, last - first + 1))

    def skipped(self, path: str, offset: int, length: int, reason: str, *, count: int = 1) -> None:
        """Records `count` records that were passed over on purpose; `reason` is counted and grouped by."""
        self._add(_Extent(path, "skipped", reason, offset, length, count))

    def dead_letter(self, path: str, offset: int, length: int, reason: str, detail: str = "") -> None:
        """Records one record that cannot become a document; length 0 reports on the file."""
        self._add(_Extent(path, "dead_letter", reason, offset, length, 1))
        last = self._dead[-1] if len(self._dead) >= MAX_DEAD_LETTERS else None
        if last and (last.path, last.reason, last.offset + last.length) == (path, reason, offset):
            last.length, last.num_more = last.length + length, last.num_more + 1
            return
        # A lone surrogate (from a file name, say) cannot be stored as UTF-8.
        shown = detail[:MAX_DETAIL_CHARS].encode("utf-8", "backslashreplace").decode()
        self._dead.append(_DeadLetter(path, offset, length, reason, shown))

    def end(self, path: str, total: int) -> None:
        """Records that `path` has `total` decompressed bytes (Parquet: rows)."""
        self._ends[path] = total

    def accounts_table(self) -> pa.Table:
        """Returns the extents as ACCOUNT, by path (in order of first mention), then offset."""
        rows = [*_merged(self._extents), *(_Extent(path, "end", None, end, 0, 0) for path, end in self._ends.items())]
        rank = {path: index for index, path in enumerate(dict.fromkeys(row.path for row in rows))}
        rows.sort(key=lambda row: (rank[row.path], row.kind == "end", row.offset, row.length))
        columns = ([getattr(row, name) for row in rows] for name in ACCOUNT.names[1:])
        return _table(ACCOUNT, self.source, len(rows), columns)

    def dead_letter_table(self) -> pa.Table:
        """Returns the dead letters as DEAD_LETTER, by path (in order of first mention), then offset."""
        rank = {path: index for index, path in enumerate(dict.fromkeys(row.path for row in self._dead))}
        rows = sorted(self._dead, key=lambda row: (rank[row.path], row.offset, row.length))
        for row in rows:
            if row.num_more:
                row.detail, row.num_more = f"{row.detail} (and {row.num_more} more that follow it)", 0
        columns = ([getattr(row, name) for row in rows] for name in DEAD_LETTER.names[1:])
        return _table(DEAD_LETTER, self.source, len(rows), columns)

    def _add(self, extent: _Extent) -> None:
        if not (self._extents and _joined(self._extents[-1], extent)):
            self._extents.append(extent)


def _joined(last: _Extent, extent: _Extent) -> bool:
    """Extends `last` by `extent` where they are adjacent and alike; tells whether it did."""
    alike = (last.path, last.kind, last.reason) == (extent.path, extent.kind, extent.reason)
    if not alike or last.offset + last.length != extent.offset or not last.length or not extent.length:
        return False
    last.length += extent.length
    last.count += extent.count
    return True


def _merged(extents: list[_Extent]) -> list[_Extent]:
    """Returns the extents with adjacent ones joined wherever they were recorded; order is left to the caller."""
    rank = {path: index for index, path in enumerate(dict.fromkeys(extent.path for extent in extents))}
    merged: list[_Extent] = []
    for extent in sorted(extents, key=lambda item: (item.length == 0, rank[item.path], item.offset)):
        copy = _Extent(extent.path, extent.kind, extent.reason, extent.offset, extent.length, extent.count)
        if not (merged and _joined(merged[-1], copy)):
            merged.append(copy)
    return merged


def _table(schema: pa.Schema, source: str, num_rows: int, columns: Iterable[list[object]]) -> pa.Table:
    values = [[source] * num_rows, *columns]
    arrays = [pa.array(column, type=item.type) for column, item in zip(values, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
