"""Writes the shard files of one stage: rows gathered by memory map, one row group in memory at a time.

The token column of each row group is one plain page (see `curation.curriculum.shard_schema`); what was
written is read back from the footer and the page headers, and a file with another layout is not published.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.curriculum.order import Stage
from curation.curriculum.packing import Packing, Pieces
from curation.curriculum.shard_schema import MASK, mask_of, row_bytes, shard_schema
from curation.curriculum.token_page import LayoutError, token_page
from curation.errors import GristmillError
from curation.text.conversation import LEARNT
from pipelines.token_store import TokenStore

GROUP_BYTES = 256 << 20
"""Token bytes of a row group at most: a page must stay below 2 GiB and is held in memory while written."""

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How rows become files; `rows_per_group` is lowered where a row group would exceed GROUP_BYTES."""

    sequence_length: int
    dtype: str
    tokenizer_sha256: str
    eos_id: int
    rows_per_group: int
    rows_per_file: int
    has_mask: bool = False

    @property
    def group_rows(self) -> int:
        """Rows per row group, by the limit in bytes too."""
        return max(min(self.rows_per_group, GROUP_BYTES // row_bytes(self.sequence_length, self.dtype)), 1)

    @property
    def schema(self) -> pa.Schema:
        """Schema of the files."""
        return shard_schema(
            sequence_length=self.sequence_length,
            dtype=self.dtype,
            tokenizer_sha256=self.tokenizer_sha256,
            has_mask=self.has_mask,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRows:
    """One stage to write: its packing, the document of each emission, and where its rows start in the export.

    `difficulty_N` and `quality_N` float64: percentiles of the token store's documents, NaN where unknown.
    """

    stage: Stage
    packing: Packing
    document_E: NDArray[np.int64]
    difficulty_N: NDArray[np.float64]
    quality_N: NDArray[np.float64]
    first_row: int

    @property
    def name(self) -> str:
        """Name of the stage."""
        return self.stage.name


def write_stage(
    tokens: TokenStore, stage: StageRows, layout: Layout, *, root: Path, folder: str
) -> list[dict[str, object]]:
    """Writes `root/folder/part-*.parquet`; returns the manifest's entry of each file.

    Raises:
        GristmillError: a file cannot be written, or Arrow wrote another layout than asked for.
    """
    (root / folder).mkdir(parents=True, exist_ok=True)
    entries = []
    for number, start in enumerate(range(0, stage.packing.num_rows, layout.rows_per_file)):
        stop = min(start + layout.rows_per_file, stage.packing.num_rows)
        name = f"{folder}/part-{number:05d}.parquet"
        entries.append(_write_file(tokens, stage, layout, path=root / name, rows=(start, stop)) | {"path": name})
    return entries


def _write_file(
    tokens: TokenStore, stage: StageRows, layout: Layout, *, path: Path, rows: tuple[int, int]
) -> dict[str, object]:
    crcs, num_targets = [], 0
    with path.open("xb") as file:
        with pq.ParquetWriter(pa.PythonFile(file, mode="w"), layout.schema, **_options(layout)) as writer:
            for start in range(*rows, layout.group_rows):
                group, crc = _row_group(tokens, stage, layout, start, min(start + layout.group_rows, rows[1]))
                writer.write_table(group, row_group_size=group.num_rows)
                crcs.append(crc)
                num_targets += _num_targets(group) if layout.has_mask else 0
        file.flush()
        os.fsync(file.fileno())
    return {
        "row_start": stage.first_row + rows[0],
        "rows": rows[1] - rows[0],
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "row_groups": list(_row_groups(path, layout, crcs, stage.first_row + rows[0])),
    } | ({"targets": num_targets} if layout.has_mask else {})


def _options(layout: Layout) -> dict[str, object]:
    """Returns the writer's options; nested columns go by the path of their leaf."""
    packed = ["row", "n_valid", "continued", "stage", "difficulty", "quality", *([MASK] if layout.has_mask else ())]
    packed += [f"{name}.list.element" for name in ("doc_lens", "doc_ids", "doc_sources")]
    return {
        "compression": {"tokens": "NONE", **dict.fromkeys(packed, "zstd")},
        "compression_level": dict.fromkeys(packed, 3),
        "use_dictionary": ["stage", "doc_sources.list.element"],
        "write_statistics": ["row", "n_valid", "stage", "difficulty", "quality"],
        "data_page_version": "1.0",
        "data_page_size": 1 << 30,
        "max_rows_per_page": layout.group_rows,
        "write_page_checksum": True,
    }


def _row_group(tokens: TokenStore, stage: StageRows, layout: Layout, start: int, stop: int) -> tuple[pa.Table, int]:
    """Returns the table of rows [start, stop) and the CRC-32 of their token bytes."""
    packing = stage.packing
    pieces = packing.pieces(start, stop)
    tokens_RC = _gather(tokens, stage, layout, pieces)
    document_P = stage.document_E[pieces.emission_P]
    offsets = pa.array(np.concatenate(([0], np.cumsum(pieces.counts_R))), pa.int32())
    lists = (
        pa.array(pieces.length_P, pa.int32()),
        tokens.ids.take(pa.array(document_P)),
        pa.array(tokens.sources, pa.string()).take(pa.array(tokens.source_N[document_P])),
    )
    schema = layout.schema
    num_rows = stop - start
    numbers = np.arange(stage.first_row + start, stage.first_row + stop)
    columns = [
        pa.FixedSizeBinaryArray.from_buffers(schema.field("tokens").type, num_rows, [None, pa.py_buffer(tokens_RC)]),
        pa.array(numbers),
        pa.array(packing.valid(start, stop), pa.int32()),
        pa.array(packing.continued(start, stop)),
        *(
            pa.ListArray.from_arrays(offsets, values, type=schema.field(name).type)
            for name, values in zip(("doc_lens", "doc_ids", "doc_sources"), lists, strict=True)
        ),
        pa.array([stage.name] * num_rows, pa.string()),
        _mean_by_tokens(stage.difficulty_N[document_P], pieces),
        _mean_by_tokens(stage.quality_N[document_P], pieces),
    ]
    if layout.has_mask:
        mask_RC = _gather_mask(tokens, stage, pieces)
        columns.append(
            pa.FixedSizeBinaryArray.from_buffers(schema.field(MASK).type, num_rows, [None, pa.py_buffer(mask_RC)])
        )
    return pa.Table.from_arrays(columns, schema=schema), zlib.crc32(tokens_RC.data)


def _gather(tokens: TokenStore, stage: StageRows, layout: Layout, pieces: Pieces) -> NDArray[np.unsignedinteger]:
    """Returns the rows of `pieces` as (R, T + 1) little-endian ids, padded with EOS."""
    shape = (pieces.counts_R.size, stage.packing.row_tokens)
    rows = np.full(shape, layout.eos_id, dtype=np.dtype(layout.dtype).newbyteorder("<"))
    document_P = stage.document_E[pieces.emission_P]
    length_P = np.minimum(pieces.length_P, tokens.num_tokens_N[document_P] - pieces.begin_P)  # EOS is there already
    stream = rows.reshape(-1)
    columns = (document_P.tolist(), pieces.begin_P.tolist(), _places(stage, pieces).tolist(), length_P.tolist())
    for document, begin, place, length in zip(*columns, strict=True):
        if length:
            tokens.copy_tokens(document, begin, stream[place : place + length])
    return rows


def _gather_mask(tokens: TokenStore, stage: StageRows, pieces: Pieces) -> NDArray[np.uint8]:
    """Returns (R, T + 1): what each token of the rows is for, 0 for padding."""
    mask = np.zeros((pieces.counts_R.size, stage.packing.row_tokens), dtype=np.uint8)
    stream = mask.reshape(-1)
    document_P = stage.document_E[pieces.emission_P]
    columns = (document_P.tolist(), pieces.begin_P.tolist(), _places(stage, pieces).tolist(), pieces.length_P.tolist())
    for document, begin, place, length in zip(*columns, strict=True):
        tokens.copy_mask(document, begin, stream[place : place + length])
    return mask


def _places(stage: StageRows, pieces: Pieces) -> NDArray[np.int64]:
    """Returns (P,): where each piece begins, counted over the positions of all rows."""
    first_P = np.repeat(np.cumsum(pieces.counts_R) - pieces.counts_R, pieces.counts_R)
    starts_P = np.cumsum(pieces.length_P) - pieces.length_P
    row_P = np.repeat(np.arange(pieces.counts_R.size), pieces.counts_R)
    place_P: NDArray[np.int64] = starts_P - starts_P[first_P] + row_P * stage.packing.row_tokens
    return place_P


def _num_targets(group: pa.Table) -> int:
    """Returns how many tokens of a row group are predicted and to be learnt: not the first of a piece."""
    mask_RC = mask_of(group)
    lens = group["doc_lens"].combine_chunks()
    is_first_RC = np.zeros_like(mask_RC, dtype=bool)
    for row, lengths in enumerate(lens.to_pylist()):
        is_first_RC[row, np.cumsum([0, *lengths[:-1]])] = True
    return int(((mask_RC == LEARNT) & ~is_first_RC).sum())


def _mean_by_tokens(value_P: NDArray[np.float64], pieces: Pieces) -> pa.Array:
    """Returns float32 (R,): the mean of the known values of each row by tokens, null where none is known."""
    known = ~np.isnan(value_P)
    row_P = np.repeat(np.arange(pieces.counts_R.size), pieces.counts_R)
    weight = np.where(known, pieces.length_P, 0).astype(np.float64)
    total = np.bincount(row_P, weights=weight, minlength=pieces.counts_R.size)
    summed = np.bincount(row_P, weights=weight * np.where(known, value_P, 0), minlength=pieces.counts_R.size)
    mean = np.divide(summed, total, out=np.zeros_like(summed), where=total > 0).astype(np.float32)
    return pa.array(mean, mask=total == 0)


def _row_groups(path: Path, layout: Layout, crcs: list[int], first_row: int) -> Iterator[dict[str, object]]:
    """Yields the manifest's entry of each row group, after proving where its tokens lie."""
    width = row_bytes(layout.sequence_length, layout.dtype)
    with path.open("rb") as file, pq.ParquetFile(path) as parquet:

        def read_at(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        for number, crc in enumerate(crcs):
            group = parquet.metadata.row_group(number)
            try:
                offset, declared = token_page(group, read_at, width=width)
            except LayoutError as error:
                raise GristmillError(
                    f"{path}: row group {number}: {error}; report this with the pyarrow version"
                ) from None
            if declared != crc:
                raise GristmillError(
                    f"{path}: row group {number}: expected CRC {crc}, found {declared} in the page header"
                )
            yield {"row_start": first_row, "rows": group.num_rows, "tokens_offset": offset, "tokens_crc32": crc}
            first_row += group.num_rows


def sha256_of(path: Path) -> str:
    """Returns the sha256 (hex) of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
