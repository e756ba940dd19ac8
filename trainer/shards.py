"""Opens an export and reads its rows by memory map, with NumPy and Arrow alone.

`trainer.loader.CurriculumDataset` makes steps of them for a training loop.

The token ids of a row group lie side by side in its file, so a row is a slice of the map: no decoding, no workers,
and a resumed run starts at any row at once. What each file says of itself is checked when it is first touched.
"""

import bisect
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.curriculum.shard_schema import MASK, mask_of, shard_schema
from curation.errors import VerifyError
from trainer.batch import Batch
from trainer.manifest import Manifest, read_manifest
from trainer.open_file import NO_ROWS, MappedRows, OpenFile

PIECE_COLUMNS = ["n_valid", "continued", "doc_lens", "doc_ids", "doc_sources"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a document in a row; lengths in tokens, EOS included."""

    doc_id: bytes
    source: str
    length: int
    continued: bool


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
    def files(self) -> tuple[OpenFile, ...]:
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
        try:
            if np.minimum.reduce(rows, initial=0) < 0:
                raise IndexError("a negative row")
            return self._files[0].gathered(rows) if len(self._files) == 1 else self._gathered_of_files(rows)
        except IndexError as error:
            lowest, highest = int(rows.min()), int(rows.max())
            raise IndexError(f"expected rows within [0, {len(self)}), found some from {lowest} to {highest}") from error

    def _gathered_of_files(self, rows: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
        file_R = np.searchsorted(self._file_starts, rows, side="right") - 1
        out = np.empty((rows.size, self.manifest.sequence_length + 1), dtype=self.manifest.dtype)
        for number in np.unique(file_R):
            chosen = np.flatnonzero(file_R == number)
            out[chosen] = self._files[number].gathered(rows[chosen] - self._file_starts[number])
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

    def spans(self, start: int, stop: int) -> list[tuple[OpenFile, int, int]]:
        """Returns the files that hold rows [start, stop), each with which of them it holds."""
        spans = []
        while start < stop:
            file = self._files[bisect.bisect_right(self._file_starts, start) - 1]
            end = min(stop, file.file.row_start + file.file.rows)
            spans.append((file, start, end))
            start = end
        return spans


def _pieces(is_continued: bool, ids: list[bytes], sources: list[str], lengths: list[int]) -> list[Piece]:
    return [
        Piece(doc_id=doc_id, source=source, length=length, continued=is_continued and number == 0)
        for number, (doc_id, source, length) in enumerate(zip(ids, sources, lengths, strict=True))
    ]


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
