"""The token store of a run as arrays: one row per kept document, and its ids by memory map.

Columns are held for all documents (about 60 bytes each); token ids stay on disk. An object store is copied into a local
scratch folder first, since a memory map needs a local file.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.curriculum.keys import id_words
from curation.errors import GristmillError, SpecError, VerifyError
from curation.text.conversation import LEARNT
from pipelines.parts import read_part
from pipelines.spec import COUNTED_SCORES
from pipelines.store import Store

Int64Array = NDArray[np.int64]

COLUMNS = ["doc_id", "source", "split", "num_tokens", "compression_ratio"]
COMPRESSION, LENGTH = COUNTED_SCORES
UNKNOWN_LANGUAGE = -1


@dataclass(frozen=True)
class TokenStore:
    """N documents in input order. `source_N` and `language_N` index `sources`, `languages` (-1: unknown).

    `part_N` indexes `files`; `offset_N` counts tokens from the start of that file. `masks` are the parts', a byte per
    token and one per EOS (None: all is to be learnt); `first_N` is the first document of each part. `score_SN`
    holds the compression ratio, the length and the signals that were asked for, by name: float64, NaN where unknown.
    """

    ids: pa.Array
    sources: tuple[str, ...]
    languages: tuple[str, ...]
    source_N: Int64Array
    language_N: Int64Array
    is_validation_N: NDArray[np.bool_]
    is_synthetic_N: NDArray[np.bool_]
    num_tokens_N: Int64Array
    score_SN: Mapping[str, NDArray[np.float64]]
    part_N: NDArray[np.int32]
    offset_N: Int64Array
    dtype: str
    files: tuple[Path, ...] = field(repr=False)
    masks: tuple[Path | None, ...] = field(repr=False, default=())
    first_N: Int64Array = field(repr=False, default_factory=lambda: np.zeros(0, np.int64))

    @cached_property
    def _maps(self) -> dict[Path, NDArray[np.unsignedinteger]]:
        return {}

    @property
    def has_mask(self) -> bool:
        """Whether some tokens are read only."""
        return any(self.masks)

    def copy_tokens(self, document: int, start: int, out: NDArray[np.unsignedinteger]) -> None:
        """Fills `out` with the ids of `document` from its token `start` on."""
        begin = int(self.offset_N[document]) + start
        tokens = self._map(self.files[self.part_N[document]], self.dtype)
        out[:] = tokens[begin : begin + out.size]

    def copy_mask(self, document: int, start: int, out: NDArray[np.uint8]) -> None:
        """Fills `out` with what the tokens of `document` are for, from token `start` on; EOS is the last."""
        path = self.masks[self.part_N[document]]
        if path is None:
            out[:] = LEARNT
            return
        begin = int(self.offset_N[document] + document - self.first_N[self.part_N[document]]) + start
        out[:] = self._map(path, "uint8")[begin : begin + out.size]

    def _map(self, path: Path, dtype: str) -> NDArray[np.unsignedinteger]:
        if path not in self._maps:
            if len(self._maps) >= MAX_MAPS:
                self._maps.pop(next(iter(self._maps)))
            self._maps[path] = np.memmap(path, dtype=np.dtype(dtype).newbyteorder("<"), mode="r")
        return self._maps[path]


MAX_MAPS = 256
"""Files mapped at a time: a process may hold about 65,000 maps, and address space is not free."""


def load_token_store(
    store: Store, parts: Sequence[str], *, dtype: str, scratch: Path, signals: Sequence[str] = ()
) -> TokenStore:
    """Returns the token store of `parts`, in this order.

    Args:
        store: the run directory.
        parts: part names without folder and suffix.
        dtype: `uint16` or `uint32`, the type of the ids in the `.bin` files.
        scratch: an empty local folder, used when the store is not local.
        signals: names of numeric signals to read beside.

    Raises:
        VerifyError: a `.bin` file has another size than its table says, or a part's documents are others.
        GristmillError: a doc_id occurs twice.
        SpecError: a part lacks a signal, or it is no number.
    """
    tables = [_read(store, part, signals) for part in parts]
    table = pa.concat_tables(tables) if tables else _empty(signals)
    files = tuple(_local(store, f"tokens/{part}.bin", scratch) for part in parts)
    num_tokens = table["num_tokens"].to_numpy()
    rows_of_part = [part.num_rows for part in tables]
    ends = np.cumsum(num_tokens)
    part_starts = np.concatenate(([0], np.cumsum(rows_of_part))).astype(np.int64)
    before = np.concatenate(([0], ends))[part_starts]
    for number, path in enumerate(files):
        _check_size(path, int(before[number + 1] - before[number]) * np.dtype(dtype).itemsize)
    masked = set(store.names("tokens", ".mask"))
    masks = tuple(_local(store, name, scratch) if (name := f"tokens/{part}.mask") in masked else None for part in parts)
    for number, mask in enumerate(masks):
        if mask is not None:
            _check_size(mask, int(before[number + 1] - before[number]) + rows_of_part[number])
    part_N = np.repeat(np.arange(len(parts), dtype=np.int32), rows_of_part)
    ids = table["doc_id"].combine_chunks()
    _check_unique(ids)
    sources, source_N = _codes(table["source"])
    languages, language_N = _codes(table["language"])
    return TokenStore(
        ids=ids,
        sources=sources,
        languages=languages,
        source_N=source_N,
        language_N=language_N,
        is_validation_N=np.array(pa.compute.equal(table["split"], "validation").to_numpy(), dtype=bool),
        is_synthetic_N=np.array(table["generator"].is_valid().to_numpy(), dtype=bool),
        num_tokens_N=num_tokens,
        score_SN={
            COMPRESSION: table["compression_ratio"].to_numpy(),
            LENGTH: num_tokens.astype(np.float64),
            **{name: table[f"signal.{name}"].to_numpy() for name in signals},
        },
        part_N=part_N,
        offset_N=ends - num_tokens - before[part_N] if len(parts) else np.zeros(0, dtype=np.int64),
        dtype=dtype,
        files=files,
        masks=masks,
        first_N=part_starts,
    )


def _empty(signals: Sequence[str]) -> pa.Table:
    types = (pa.binary(16), pa.string(), pa.string(), pa.int64(), pa.float64(), pa.string(), pa.string())
    columns = dict(zip([*COLUMNS, "language", "generator"], types, strict=True)) | {
        f"signal.{name}": pa.float64() for name in signals
    }
    return pa.table({name: pa.array([], kind) for name, kind in columns.items()})


def _read(store: Store, part: str, signals: Sequence[str]) -> pa.Table:
    """Returns the columns of a part, with signals, `language` and `generator` (where they are) from its documents."""
    table = read_part(store, f"tokens/{part}.parquet", COLUMNS)
    name = f"documents/{part}.parquet"
    with store.open(name) as file:
        schema = pq.read_schema(file)
    wanted = [f"signal.{signal}" for signal in signals]
    for column in wanted:
        if column not in schema.names or not pa.types.is_floating(schema.field(column).type):
            raise SpecError(f"shards: expected {column} in {name} as a number, found none; add its signal to the spec")
    known = [column for column in ("signal.language", "generator") if column in schema.names]
    documents = read_part(store, name, ["doc_id", *known, *wanted])
    if not documents["doc_id"].equals(table["doc_id"]):
        raise VerifyError(f"tokens/{part}.parquet: expected the documents of {name}, found others; tokenize again")
    for column in ("signal.language", "generator"):
        values = documents[column] if column in known else pa.nulls(table.num_rows, pa.string())
        table = table.append_column(column.removeprefix("signal."), values)
    for column in wanted:
        table = table.append_column(column, documents[column].cast(pa.float64()))
    return table


def _local(store: Store, name: str, scratch: Path) -> Path:
    if store.is_local:
        return store.local_path(name)
    path = scratch / name.rsplit("/", 1)[-1]
    with store.open(name) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return path


def _check_size(path: Path, expected: int) -> None:
    found = path.stat().st_size
    if found != expected:
        raise VerifyError(f"{path}: expected {expected} bytes of token ids, found {found}; tokenize again")


def _check_unique(ids: pa.Array) -> None:
    words = id_words(ids)
    order = np.lexsort((words[:, 1], words[:, 0]))
    twice = np.flatnonzero((words[order[1:]] == words[order[:-1]]).all(axis=1))
    if twice.size:
        again = ids[int(order[twice[0]])].as_py().hex()
        raise GristmillError(f"doc_id {again} occurs twice in the token store; remove the run directory and run again")


def _codes(column: pa.ChunkedArray) -> tuple[tuple[str, ...], Int64Array]:
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(UNKNOWN_LANGUAGE).to_numpy(zero_copy_only=False).astype(np.int64)
    return tuple(encoded.dictionary.to_pylist()), codes
