"""Copies of an export in the layouts that other trainers read: token lists, NumPy, Megatron, MosaicML streaming.

Each keeps the training order. The formats are written by their definitions (Megatron-LM `indexed_dataset.py`, MosaicML
streaming `format/mds`), with none of these packages installed; tests read them back with the packages themselves.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.curriculum.shard_schema import MASK, mask_of
from curation.errors import GristmillError, SpecError
from pipelines.exported import Exported, lengths_of, tokens_of

MEGATRON_HEADER, MEGATRON_VERSION = b"MMIDIDX\x00\x00", 1
MEGATRON_CODES = {"uint16": 8, "int32": 4}
MDS_VERSION = 2
MDS_SHARD_BYTES = 1 << 26

Tokens = NDArray[np.unsignedinteger]


def write_layout(exported: Exported, layout: str, target: Path) -> int:
    """Writes a copy of an export into the new folder `target`; returns its rows, or documents for `megatron`.

    Raises:
        SpecError: no such layout, or `target` exists.
        GristmillError: it cannot be written.
    """
    if layout not in LAYOUTS:
        raise SpecError(f"--layout: expected one of {', '.join(LAYOUTS)}, found {layout!r}")
    if target.exists():
        raise SpecError(f"{target}: exists already; choose another name with -o")
    temporary = target.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        temporary.mkdir(parents=True)
        count = LAYOUTS[layout](exported, temporary)
        temporary.rename(target)
    except OSError as error:
        raise GristmillError(f"{target}: cannot write: {error.strerror or error}; free space or rights") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return count


def _list(exported: Exported, folder: Path) -> int:
    """Parquet with `input_ids` as lists of int32 (padding left out) and the other columns, by shard file."""
    for number, name in enumerate(exported.files):
        with exported.store.open(name) as file:
            parquet = pq.ParquetFile(file)
            writer = None
            for group in range(parquet.num_row_groups):
                table = _with_lists(parquet.read_row_group(group), exported)
                writer = writer or pq.ParquetWriter(
                    folder / f"part-{number:05d}.parquet", table.schema, compression="zstd"
                )
                writer.write_table(table)
            if writer:
                writer.close()
    return exported.num_rows


def _with_lists(table: pa.Table, exported: Exported) -> pa.Table:
    tokens_RC, valid_R = tokens_of(table, exported), table["n_valid"].to_numpy()
    is_valid_RC = np.arange(tokens_RC.shape[1]) < valid_R[:, None]
    offsets = pa.array(np.concatenate(([0], np.cumsum(valid_R))), pa.int32())
    lists = pa.ListArray.from_arrays(offsets, pa.array(tokens_RC[is_valid_RC].astype(np.int32)))
    others = table.drop_columns(["tokens"]).replace_schema_metadata(None)
    if exported.mask:
        masks = pa.ListArray.from_arrays(offsets, pa.array(mask_of(table)[is_valid_RC]))
        others = others.drop_columns([MASK]).append_column(MASK, masks)
    return others.add_column(0, "input_ids", lists)


def _npy(exported: Exported, folder: Path) -> int:
    """`tokens.npy` (R, T + 1), `n_valid.npy` (R,); of pieces of documents `doc_lens.npy` (P,), `pieces.npy` (R1,).

    And `loss_mask.npy` (R, T + 1), where the export has one.
    """
    shape = (exported.num_rows, exported.row_tokens)
    masks = [np.zeros((0, exported.row_tokens), np.uint8)]
    valid, lens, pieces = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], [np.zeros(1, np.int64)]
    with (folder / "tokens.npy").open("xb") as file:
        header = {"descr": exported.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for table in exported.groups(["tokens", "n_valid", "doc_lens", *exported.mask]):
            file.write(tokens_of(table, exported).tobytes())
            if exported.mask:
                masks.append(mask_of(table))
            length_P, counts_R = lengths_of(table)
            valid.append(table["n_valid"].to_numpy())
            lens.append(length_P)
            pieces.append(counts_R)
    np.save(folder / "n_valid.npy", np.concatenate(valid))
    np.save(folder / "doc_lens.npy", np.concatenate(lens))
    np.save(folder / "pieces.npy", np.cumsum(np.concatenate(pieces)))
    if exported.mask:
        np.save(folder / "loss_mask.npy", np.concatenate(masks))
    return exported.num_rows


def documents_of(exported: Exported) -> Iterator[tuple[Tokens, NDArray[np.int64], NDArray[np.bool_]]]:
    """Yields per row group the tokens of its pieces without repeated ones, their lengths, and which continue one."""
    for table in exported.groups(["tokens", "n_valid", "doc_lens", "continued"]):
        tokens_RC, valid_R = tokens_of(table, exported), table["n_valid"].to_numpy()
        again_R = table["continued"].to_numpy()
        length_P, counts_R = lengths_of(table)
        goes_on_P = np.zeros(length_P.size, dtype=bool)
        goes_on_P[(np.cumsum(counts_R) - counts_R)[again_R]] = True
        place_C = np.arange(tokens_RC.shape[1])
        is_new_RC = (place_C < valid_R[:, None]) & (place_C >= again_R[:, None])
        yield tokens_RC[is_new_RC], length_P - goes_on_P, goes_on_P


def _megatron(exported: Exported, folder: Path) -> int:
    """`shards.bin` and `shards.idx`: one sequence per document, EOS last; uint16, or int32 for larger vocabularies."""
    if exported.mask:
        raise SpecError(
            "--layout megatron: expected documents that are learnt whole, found a loss_mask; use list or npy"
        )
    dtype = "uint16" if exported.dtype.itemsize == np.dtype(np.uint16).itemsize else "int32"
    lengths = [np.zeros(0, np.int64)]
    starts = [np.zeros(0, bool)]
    with (folder / "shards.bin").open("xb") as file:
        for tokens, length_P, goes_on_P in documents_of(exported):
            file.write(tokens.astype(np.dtype(dtype).newbyteorder("<")).tobytes())
            lengths.append(length_P)
            starts.append(~goes_on_P)
    document_P = np.cumsum(np.concatenate(starts)) - 1
    length_D = np.bincount(document_P, weights=np.concatenate(lengths)).astype(np.int64)
    with (folder / "shards.idx").open("xb") as file:
        _write_index(file, length_D, dtype)
    return length_D.size


def _write_index(file: BinaryIO, length_D: NDArray[np.int64], dtype: str) -> None:
    count = length_D.size
    file.write(MEGATRON_HEADER + MEGATRON_VERSION.to_bytes(8, "little") + bytes([MEGATRON_CODES[dtype]]))
    file.write(count.to_bytes(8, "little") + (count + 1).to_bytes(8, "little"))
    file.write(length_D.astype("<i4").tobytes())
    file.write(((np.cumsum(length_D) - length_D) * np.dtype(dtype).itemsize).astype("<i8").tobytes())
    file.write(np.arange(count + 1, dtype="<i8").tobytes())


def _mds(exported: Exported, folder: Path) -> int:
    """MDS shards: `tokens` (ndarray of T + 1), `doc_lens` (int32 as bytes) and `n_valid` per row, and `loss_mask`."""
    encoding = f"ndarray:{exported.dtype.name}:{exported.row_tokens}"
    columns = {"doc_lens": "bytes", "n_valid": "int", "tokens": encoding}
    sizes = [None, 8, exported.row_tokens * exported.dtype.itemsize]
    if exported.mask:
        columns[MASK], sizes = f"ndarray:uint8:{exported.row_tokens}", [*sizes, exported.row_tokens]
    shards: list[dict[str, object]] = []
    samples: list[bytes] = []
    for table in exported.groups(["tokens", "n_valid", "doc_lens", *exported.mask]):
        tokens_RC = tokens_of(table, exported)
        masks = [row.tobytes() for row in mask_of(table)] if exported.mask else [b""] * table.num_rows
        length_P, counts_R = lengths_of(table)
        for row, lens in enumerate(np.split(length_P.astype("<i4"), np.cumsum(counts_R)[:-1])):
            head = np.array([lens.nbytes], dtype="<u4").tobytes() + lens.tobytes()
            samples.append(
                head + int(table["n_valid"][row].as_py()).to_bytes(8, "little") + tokens_RC[row].tobytes() + masks[row]
            )
            if len(samples) * len(samples[-1]) >= MDS_SHARD_BYTES:
                shards.append(_mds_shard(folder, samples, columns, sizes, len(shards)))
                samples = []
    if samples:
        shards.append(_mds_shard(folder, samples, columns, sizes, len(shards)))
    index = {"version": MDS_VERSION, "shards": shards}
    (folder / "index.json").write_text(json.dumps(index, sort_keys=True))
    return exported.num_rows


def _mds_shard(
    folder: Path, samples: list[bytes], columns: dict[str, str], sizes: list[int | None], number: int
) -> dict[str, object]:
    name = f"shard.{number:05d}.mds"
    config = {
        "version": MDS_VERSION,
        "format": "mds",
        "compression": None,
        "hashes": [],
        "size_limit": MDS_SHARD_BYTES,
        "column_names": list(columns),
        "column_encodings": list(columns.values()),
        "column_sizes": sizes,
    }
    header = json.dumps(config, sort_keys=True).encode()
    offsets = np.cumsum([0, *map(len, samples)]) + 4 + 4 * (len(samples) + 1) + len(header)
    content = [np.array([len(samples)], dtype="<u4").tobytes(), offsets.astype("<u4").tobytes(), header, *samples]
    with (folder / name).open("xb") as file:
        file.writelines(content)
        file.flush()
        os.fsync(file.fileno())
    raw = {"basename": name, "bytes": int(offsets[-1]), "hashes": {}}
    return config | {"samples": len(samples), "raw_data": raw, "zip_data": None}


LAYOUTS: dict[str, Callable[[Exported, Path], int]] = {
    "list": _list,
    "npy": _npy,
    "megatron": _megatron,
    "mds": _mds,
}
"""Writers by the name of the layout."""
