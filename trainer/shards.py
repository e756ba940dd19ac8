"""Opens an export and reads its rows by memory map, with NumPy and Arrow alone.

`trainer.loader.CurriculumDataset` makes steps of them for a training loop.

The token ids of a row group lie side by side in its file, so a row is a slice of the map: no decoding, no workers,
and a resumed run starts at any row at once. What each file says of itself is checked when it is first touched.
"""

import bisect
import functools
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.curriculum.shard_schema import MASK, shard_schema
from curation.curriculum.token_page import LayoutError, token_page
from curation.errors import VerifyError
from trainer.batch import Batch
from trainer.manifest import Manifest, ShardFile, read_manifest

PIECE_COLUMNS = ["n_valid", "continued", "doc_lens", "doc_ids", "doc_sources"]
CACHED_GROUPS = 4


class SlowLayoutWarning(UserWarning):
    """A shard's tokens are not laid out for memory maps: it was rewritten by another tool, and reads slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a document in a row; lengths in tokens, EOS included."""

    doc_id: bytes
    source: str
    length: int
    continued: bool


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


NO_ROWS = MappedRows(start=0, stop=0, tokens_R=np.zeros(0, "V1"), dtype=np.dtype(np.uint8))


class Shards:
    """An opened export; `manifest` says what is in it. Safe to share between threads that only read."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest = manifest
        self._files = [OpenFile(root, file, manifest) for file in manifest.files]
        self._file_starts = [file.row_start for file in manifest.files]
        self._last_group = NO_ROWS

    def __len__(self) -> int:
        return self.manifest.rows

    @property
    def files(self) -> tuple["OpenFile", ...]:
        """The shard files in training order."""
        return tuple(self._files)

    def tokens(self, start: int, stop: int) -> NDArray[np.unsignedinteger]:
        """Returns a copy of rows [start, stop) as (R, T + 1) token ids.

        Raises:
            IndexError: not rows of this export.
            VerifyError: a file is not what the manifest says.
        """
        self._check_range(start, stop)
        if start < stop and (group := self._group_of(start)).stop >= stop:
            return group.copied(start, stop)
        out = np.empty((stop - start, self.manifest.sequence_length + 1), dtype=self.manifest.dtype)
        for file, low, high in self.spans(start, stop):
            file.copy_rows(low, high, out[low - start : high - start])
        return out

    def _group_of(self, row: int) -> MappedRows:
        """Returns the row group that holds `row`; rows are mostly asked for in order, so the last one is kept."""
        last = self._last_group
        if not last.start <= row < last.stop:
            ((file, _, _),) = self.spans(row, row + 1)
            last = self._last_group = file.group_at(row)
        return last

    def gather(self, rows: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
        """Returns a copy of any rows, in the order given, as (R, T + 1) token ids; raises as `tokens`."""
        if rows.size:
            self._check_range(int(rows.min()), int(rows.max()) + 1)
        if len(self._files) == 1:
            return self._files[0].gathered(rows)
        file_R = np.searchsorted(self._file_starts, rows, side="right") - 1
        out = np.empty((rows.size, self.manifest.sequence_length + 1), dtype=self.manifest.dtype)
        for number in np.unique(file_R):
            chosen = np.flatnonzero(file_R == number)
            out[chosen] = self._files[number].gathered(rows[chosen])
        return out

    def rows(self, start: int, stop: int) -> Batch:
        """Returns rows [start, stop) with the lengths of their documents; raises as `tokens`."""
        tokens = self.tokens(start, stop)
        names = ["n_valid", "continued", "doc_lens", "doc_sources", *([MASK] if self.manifest.has_mask else ())]
        columns = self.columns(start, stop, names)
        lens = columns["doc_lens"].combine_chunks()
        pieces = np.concatenate(([0], np.cumsum(lens.value_lengths().to_numpy(zero_copy_only=False))))
        return Batch(
            first_row=start,
            tokens_RC=tokens,
            n_valid_R=columns["n_valid"].to_numpy().astype(np.int64),
            continued_R=columns["continued"].to_numpy(),
            doc_lens_P=lens.flatten().to_numpy().astype(np.int64),
            pieces_R1=pieces.astype(np.int64),
            source_P=self._source_codes(columns["doc_sources"].combine_chunks().flatten()),
            mask_RC=mask_of(columns) if self.manifest.has_mask else None,
        )

    @functools.cached_property
    def sources(self) -> tuple[str, ...]:
        """The sources that `Batch.source_P` indexes, sorted."""
        return self.manifest.sources

    def _source_codes(self, names: pa.Array) -> NDArray[np.int64]:
        codes = pc.index_in(names, value_set=pa.array(self.sources, pa.string()))
        return np.asarray(codes.fill_null(-1), dtype=np.int64)

    def columns(self, start: int, stop: int, names: list[str]) -> pa.Table:
        """Returns columns other than `tokens` of rows [start, stop); raises as `tokens`."""
        self._check_range(start, stop)
        schema = self.schema
        empty = pa.schema([schema.field(name) for name in names]).empty_table()
        return pa.concat_tables(
            [empty, *(file.columns(low, high, names) for file, low, high in self.spans(start, stop))]
        )

    def documents(self, row: int) -> list[Piece]:
        """Returns the pieces of documents in `row`, in order; raises as `tokens`."""
        return self.documents_of(row, row + 1)[0]

    def documents_of(self, start: int, stop: int) -> list[list[Piece]]:
        """Returns the pieces of documents in each of rows [start, stop); raises as `tokens`."""
        table = self.columns(start, stop, PIECE_COLUMNS)
        columns = [table[name].to_pylist() for name in ("continued", "doc_ids", "doc_sources", "doc_lens")]
        return [_pieces(*row) for row in zip(*columns, strict=True)]

    @property
    def schema(self) -> pa.Schema:
        """The schema that every file must have."""
        manifest = self.manifest
        return shard_schema(
            sequence_length=manifest.sequence_length,
            dtype=manifest.dtype,
            tokenizer_sha256=manifest.tokenizer_sha256,
            has_mask=manifest.has_mask,
        )

    def num_targets(self, start: int, stop: int) -> int:
        """Returns how many labels of rows [start, stop) count; raises as `tokens`."""
        if self.manifest.has_mask:
            return self.rows(start, stop).num_targets
        columns = self.columns(start, stop, ["n_valid", "doc_lens"])
        return int(columns["n_valid"].to_numpy().sum()) - int(
            pc.sum(pc.list_value_length(columns["doc_lens"])).as_py() or 0
        )

    def verify(self) -> None:
        """Reads everything and compares it with the manifest; see `trainer.verification`.

        Raises:
            VerifyError: the first difference.
        """
        from trainer.verification import verify_shards  # noqa: PLC0415  it needs this module

        verify_shards(self)

    def _check_range(self, start: int, stop: int) -> None:
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"expected rows within [0, {len(self)}), found [{start}, {stop})")

    def spans(self, start: int, stop: int) -> "list[tuple[OpenFile, int, int]]":
        """Returns the files that hold rows [start, stop), each with which of them it holds."""
        spans = []
        while start < stop:
            file = self._files[bisect.bisect_right(self._file_starts, start) - 1]
            end = min(stop, file.file.row_start + file.file.rows)
            spans.append((file, start, end))
            start = end
        return spans


def mask_of(table: pa.Table) -> NDArray[np.uint8]:
    """Returns (R, T + 1): the column `loss_mask`."""
    array = table[MASK].combine_chunks()
    width = array.type.byte_width
    data = np.frombuffer(array.buffers()[1] or b"", dtype=np.uint8)
    return data[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


def _pieces(is_continued: bool, ids: list[bytes], sources: list[str], lengths: list[int]) -> list[Piece]:
    return [
        Piece(doc_id=doc_id, source=source, length=length, continued=is_continued and number == 0)
        for number, (doc_id, source, length) in enumerate(zip(ids, sources, lengths, strict=True))
    ]


class OpenFile:
    """A shard file, checked when first read: schema, metadata, row groups, and where the tokens lie."""

    def __init__(self, root: Path, file: ShardFile, manifest: Manifest) -> None:
        self.file = file
        self.path = checked_path(root, file.path, num_bytes=file.bytes)
        self.has_mask = manifest.has_mask
        self._manifest = manifest
        self._group_starts = [group.row_start for group in file.row_groups]
        self._width = manifest.row_bytes
        self._dtype = np.dtype(manifest.dtype).newbyteorder("<")

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
        """Returns rows of this file as (R, T + 1), in the order given: one copy by NumPy where there is a map."""
        width, dtype = self._width, self._dtype
        if self.token_map is None:
            tokens = np.empty((rows.size, width // dtype.itemsize), dtype=self._manifest.dtype)
            for place, row in enumerate(rows.tolist()):
                self.copy_rows(row, row + 1, tokens[place : place + 1])
            return tokens
        starts, origins = self._group_places
        offset_R = origins[np.searchsorted(starts, rows, side="right") - 1] + rows * width
        copied: NDArray[np.unsignedinteger] = self._at_any_byte[offset_R].view(dtype).reshape(rows.size, -1)
        return copied

    @functools.cached_property
    def _at_any_byte(self) -> NDArray[np.void]:
        """Returns what a row would be from each byte of the file on: NumPy copies single items fastest."""
        width = self._width
        assert self.token_map is not None, "asked for with a map only"
        return np.ndarray((self.token_map.size - width + 1,), f"V{width}", self.token_map, strides=(1,))

    @functools.cached_property
    def _group_places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns the first row of each row group, and where row 0 would begin were all groups before it alike."""
        groups = self.file.row_groups
        origins = [group.tokens_offset - group.row_start * self._width for group in groups]
        return np.array([group.row_start for group in groups]), np.array(origins)

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


def open_shards(path: Path | str, *, sha256: str | None = None) -> Shards:
    """Opens the export in folder `path`; its validation split is the export in `path/validation`.

    Args:
        path: the folder that holds `manifest.json`, or the file `latest` beside it that names one.
        sha256: digest that the manifest must have, where it is known from elsewhere.

    Raises:
        VerifyError: no export, one with another digest, or a file that is missing, of another size, or outside.
    """
    root = Path(path)
    if root.is_file():
        root = root.parent / root.read_text("utf-8", "replace").strip()
    manifest = read_manifest(root)
    if sha256 is not None and manifest.sha256 != sha256:
        raise VerifyError(f"{root}: expected the manifest with sha256 {sha256}, found {manifest.sha256}")
    return Shards(root, manifest)


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
