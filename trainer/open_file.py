"""One shard file, read by memory map: where its tokens lie, proved when it is first touched, and its other columns."""

import bisect
import functools
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.curriculum.shard_schema import shard_schema
from curation.curriculum.token_page import LayoutError, token_page
from curation.errors import VerifyError
from trainer.manifest import Manifest, ShardFile

CACHED_GROUPS = 4


class SlowLayoutWarning(UserWarning):
    """A shard's tokens are not laid out for memory maps: it was rewritten by another tool, and reads slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRows:
    """Rows [start, stop) of a row group: `tokens_R` has an item of raw bytes for each, read as `dtype`."""

    start: int
    stop: int
    tokens_R: NDArray[np.void]
    dtype: np.dtype[np.unsignedinteger]

    def copied(self, start: int, stop: int) -> NDArray[np.unsignedinteger]:
        """Returns a copy of rows [start, stop) of these, at least one, as (R, T + 1) token ids."""
        rows = self.tokens_R[start - self.start : stop - self.start].copy().view(self.dtype)
        return rows.reshape(stop - start, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """`at_byte` is what a row would be from each byte of a file on; `offset_R` where each row begins.

    NumPy copies single items fastest, so a row is one item of raw bytes.
    """

    at_byte: NDArray[np.void]
    offset_R: NDArray[np.int64]


NO_ROWS = MappedRows(start=0, stop=0, tokens_R=np.zeros(0, "V1"), dtype=np.dtype(np.uint8))


class OpenFile:
    """A shard file, checked when first read: schema, metadata, row groups, and where the tokens lie."""

    def __init__(self, root: Path, file: ShardFile, manifest: Manifest) -> None:
        self.file = file
        self.path = checked_path(root, file.path, num_bytes=file.bytes)
        self.has_mask = manifest.has_mask
        self._manifest = manifest
        self._group_starts = [group.row_start for group in file.row_groups]
        self._width = manifest.row_bytes
        self._row_dtype = np.dtype((np.dtype(manifest.dtype).newbyteorder("<"), (manifest.sequence_length + 1,)))

    @functools.cached_property
    def _parquet(self) -> pq.ParquetFile:
        manifest = self._manifest
        expected = shard_schema(
            sequence_length=manifest.sequence_length,
            dtype=manifest.dtype,
            tokenizer_sha256=manifest.tokenizer_sha256,
            has_mask=manifest.has_mask,
        )
        try:
            parquet = pq.ParquetFile(self.path, page_checksum_verification=True, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise VerifyError(f"{self.path}: expected a Parquet file, found {error}") from error
        found = parquet.schema_arrow
        wanted = {key: value for key, value in expected.metadata.items() if key != b"gristmill.format_version"}
        metadata = found.metadata or {}
        if not found.equals(expected) or any(metadata.get(key) != value for key, value in wanted.items()):
            raise VerifyError(
                f"{self.path}: expected the schema and metadata of this export, found {found.to_string()[:600]}"
            )
        rows = [parquet.metadata.row_group(index).num_rows for index in range(parquet.metadata.num_row_groups)]
        listed = [group.rows for group in self.file.row_groups]
        if rows != listed:
            raise VerifyError(f"{self.path}: expected row groups of {listed[:8]} rows, found {rows[:8]}")
        return parquet

    @functools.cached_property
    def token_map(self) -> NDArray[np.uint8] | None:
        """The file as bytes, if the tokens of all its row groups are one plain page each; else None, with a warning."""
        mapped = np.asarray(np.memmap(self.path, dtype=np.uint8, mode="r"))  # slices of a memmap itself are slow
        metadata = self._parquet.metadata
        for index, group in enumerate(self.file.row_groups):
            try:
                offset, _ = token_page(
                    metadata.row_group(index),
                    lambda at, length: mapped[at : at + length].tobytes(),
                    width=self._width,
                )
            except LayoutError as error:
                warnings.warn(f"{self.path}: read through pyarrow, slowly: {error}", SlowLayoutWarning, stacklevel=2)
                return None
            if offset != group.tokens_offset:
                raise VerifyError(
                    f"{self.path}: row group {index}: expected tokens at {group.tokens_offset}, found {offset}"
                )
        return mapped

    def token_bytes(self, group: int) -> NDArray[np.uint8]:
        """Returns the token bytes of a row group: a view of the map, or a copy when there is none."""
        entry = self.file.row_groups[group]
        if self.token_map is not None:
            size = entry.rows * self._width
            return self.token_map[entry.tokens_offset : entry.tokens_offset + size]
        return self._decoded(group)

    @functools.lru_cache(maxsize=CACHED_GROUPS)  # noqa: B019  lives as long as the export is open
    def _decoded(self, group: int) -> NDArray[np.uint8]:
        array = self.group_columns(group, ("tokens",))["tokens"].combine_chunks()
        start = array.offset * self._width
        data = np.frombuffer(array.buffers()[1], dtype=np.uint8)
        return data[start : start + len(array) * self._width]

    @functools.lru_cache(maxsize=CACHED_GROUPS)  # noqa: B019
    def group_columns(self, group: int, names: tuple[str, ...]) -> pa.Table:
        """Returns columns of one row group.

        Raises:
            VerifyError: its pages do not decode, or have another checksum.
        """
        try:
            return self._parquet.read_row_group(group, columns=list(names), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise VerifyError(f"{self.path}: row group {group}: {error}; restore the file from its source") from error

    def copy_rows(self, start: int, stop: int, out: NDArray[np.unsignedinteger]) -> None:
        """Fills `out` (R, T + 1) with rows [start, stop) of this file; the map may be unaligned, `out` is not."""
        width = self._width
        target = out.reshape(-1).view(np.uint8)
        for group, low, high in self.groups(start, stop):
            first = self.file.row_groups[group].row_start
            data = self.token_bytes(group)
            target[(low - start) * width : (high - start) * width] = data[
                (low - first) * width : (high - first) * width
            ]
        if sys.byteorder == "big":
            out.byteswap(inplace=True)

    def group_at(self, row: int) -> MappedRows:
        """Returns the row group that holds `row` of this file, as it lies in the map; no rows where there is none."""
        ((number, _, _),) = self.groups(row, row + 1)
        group = self.file.row_groups[number]
        if self.token_map is None or sys.byteorder == "big":
            return NO_ROWS
        rows = np.ndarray((group.rows,), f"V{self._width}", self.token_map, group.tokens_offset)
        return MappedRows(
            start=group.row_start,
            stop=group.row_start + group.rows,
            tokens_R=rows,
            dtype=np.dtype(self._manifest.dtype),
        )

    def gathered(self, rows: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
        """Returns rows, counted from the file's first, as (R, T + 1) in the order given: one copy where there is a map.

        Steps between two copies are few: after each, what they need is out of the processor's caches.

        Raises:
            IndexError: rows beyond the end, as NumPy says it; negative ones are the caller's to look for.
        """
        places = self._places
        if places is not None:
            copied: NDArray[np.unsignedinteger] = places.at_byte[places.offset_R[rows]].view(self._row_dtype)
            return copied
        tokens = np.empty((rows.size, self._manifest.sequence_length + 1), dtype=self._manifest.dtype)
        for place, row in enumerate(
            np.arange(self.file.row_start, self.file.row_start + self.file.rows)[rows].tolist()
        ):
            self.copy_rows(row, row + 1, tokens[place : place + 1])
        return tokens

    @functools.cached_property
    def _places(self) -> Places | None:
        """Returns where each row lies in the map: 8 bytes a row, since a look-up is quicker than a search."""
        width, mapped = self._width, self.token_map
        if mapped is None:
            return None
        groups = [np.arange(group.rows) * width + group.tokens_offset for group in self.file.row_groups]
        at_byte = np.ndarray((mapped.size - width + 1,), f"V{width}", mapped, strides=(1,))
        return Places(at_byte=at_byte, offset_R=np.concatenate(groups))

    def columns(self, start: int, stop: int, names: list[str]) -> pa.Table:
        """Returns columns of rows [start, stop) of this file."""
        tables = []
        for group, low, high in self.groups(start, stop):
            first = self.file.row_groups[group].row_start
            tables.append(self.group_columns(group, tuple(names)).slice(low - first, high - low))
        return pa.concat_tables(tables)

    def groups(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """Returns the row groups that hold rows [start, stop) of this file, each with which of them it holds."""
        spans = []
        while start < stop:
            index = bisect.bisect_right(self._group_starts, start) - 1
            end = min(stop, self._group_starts[index] + self.file.row_groups[index].rows)
            spans.append((index, start, end))
            start = end
        return spans


def checked_path(root: Path, name: str, *, num_bytes: int | None = None) -> Path:
    """Returns the path of a listed file.

    Raises:
        VerifyError: it is missing, no plain file, outside the folder (by a link), or of another size.
    """
    path = root / name
    resolved = path.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise VerifyError(f"{path}: expected a file inside the folder, found a link out of it; copy the file there")
    if not resolved.is_file():
        raise VerifyError(f"{path}: expected a file, found none; the export is incomplete")
    size = resolved.stat().st_size
    if num_bytes is not None and size != num_bytes:
        raise VerifyError(f"{path}: expected {num_bytes} bytes, found {size}; restore the file from its source")
    return path
