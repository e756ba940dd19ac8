"""The output of `gristmill dedup`: the input's own records, in their order, with a verdict and a cluster beside each.

One file, or a folder that mirrors the inputs' files. A JSON record keeps its bytes and gets keys appended; a Parquet
row keeps its columns and types. A record without text has been compared with nothing: its verdict is null.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard
from numpy.typing import NDArray

from curation.errors import InputError
from pipelines.inputs.json_lines import parse_line
from pipelines.inputs.originals import Records, records_of, schema_of, unified
from pipelines.inputs.units import Piece
from pipelines.measuring import Job
from pipelines.parts import read_part
from pipelines.store import HashingFile, Store

ADDED = pa.schema(
    [pa.field("verdict", pa.string()), pa.field("cluster_id", pa.string()), pa.field("cluster_size", pa.int64())]
)
ROWS_PER_GROUP = 1 << 16
BYTES_PER_GROUP = 64 << 20
LEVEL, GZIP_LEVEL = 3, 6
_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)

Codec = Literal["parquet", "none", "gzip", "zstd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file to write: its name in the output folder and the pieces it is made of, each with the run's part."""

    name: str
    codec: Codec
    pieces: tuple[tuple[str, Piece], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where and how outputs are written; `prefix` goes before the names of added columns."""

    store: Store
    only_kept: bool
    prefix: str

    @property
    def added(self) -> pa.Schema:
        """The columns that are added."""
        return pa.schema([item.with_name(f"{self.prefix}{item.name}") for item in ADDED])


def write_outputs(job: Job, output: Output, files: tuple[OutputFile, ...]) -> None:
    """Writes files that share the parts of one work unit, or one file of many (idempotent).

    Raises:
        InputError: an input has a column of an added name, or values that the output cannot hold.
    """
    verdicts = _Verdicts(job.store)
    for file in files:
        if output.store.exists(file.name):
            continue
        with output.store.publish(file.name) as sink:
            if file.codec == "parquet":
                _write_parquet(job, output, file, verdicts, sink)
            else:
                _write_jsonl(job, output, file, verdicts, sink)


def _write_parquet(job: Job, output: Output, file: OutputFile, verdicts: "_Verdicts", sink: HashingFile) -> None:
    own = _schema(job, file)
    for name in output.added.names:
        if name in own.names:
            raise _taken(file.name, name)
    schema = pa.schema([*own, *output.added])
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd", compression_level=LEVEL) as writer:
        batches = (
            pa.RecordBatch.from_arrays([*records.rows(own, path).columns, *added.columns], schema=schema)
            for path, records, added in _judged(job, file, verdicts)
        )
        for group in _groups(_kept(batch, output) for batch in batches):
            writer.write_table(group, row_group_size=group.num_rows)


def _schema(job: Job, file: OutputFile) -> pa.Schema:
    inputs = {piece.file.path: piece.file for _, piece in file.pieces}
    given = next(iter(job.spec.inputs.values()))
    schemas = [schema_of(Piece(file=found), given, job.spec.limits) for found in inputs.values()]
    return schemas[0] if len(schemas) == 1 else unified(schemas, file.name)


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yields tables of at least ROWS_PER_GROUP rows or BYTES_PER_GROUP, but for the last one."""
    pending: list[pa.RecordBatch] = []
    rows = num_bytes = 0
    for batch in batches:
        pending.append(batch)
        rows, num_bytes = rows + batch.num_rows, num_bytes + batch.nbytes
        if rows >= ROWS_PER_GROUP or num_bytes >= BYTES_PER_GROUP:
            yield pa.Table.from_batches(pending).combine_chunks()
            pending, rows, num_bytes = [], 0, 0
    if rows:
        yield pa.Table.from_batches(pending).combine_chunks()


def _kept(batch: pa.RecordBatch, output: Output) -> pa.RecordBatch:
    return batch.filter(pc.equal(batch[output.added.names[0]], "kept")) if output.only_kept else batch


def _write_jsonl(job: Job, output: Output, file: OutputFile, verdicts: "_Verdicts", sink: HashingFile) -> None:
    names = output.added.names
    keys = [f'"{name}"'.encode() for name in names]
    packer = _packer(file.codec)
    endings = _Endings(names)
    for path, records, added in _judged(job, file, verdicts):
        lines, rows = records.lines(), zip(*(column.to_pylist() for column in added.columns), strict=True)
        written = [(line, row) for line, row in zip(lines, rows, strict=True) if _is_written(row, output)]
        content = b"".join(_with_keys(line, endings[row]) for line, row in written)
        if sum(map(content.count, keys)) > len(keys) * len(written):
            for line, _ in written:
                _check_free(line, names, path)
        sink.write(packer.compress(content))
    sink.write(packer.flush())


def _is_written(row: Sequence[object], output: Output) -> bool:
    return not output.only_kept or row[0] == "kept"


class _Endings(dict[tuple[object, ...], bytes]):
    """How a JSON object ends whose last keys have these values; made once for each."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, row: tuple[object, ...]) -> bytes:
        self[row] = orjson.dumps(dict(zip(self._names, row, strict=True)))[1:] + b"\n"
        return self[row]


def _with_keys(line: bytes, ending: bytes) -> bytes:
    """Returns a JSON object, as it is, with keys after its own, and a line end."""
    own = line[: line.rindex(b"}")].rstrip()
    return own + (b"" if own.endswith(b"{") else b",") + ending


def _check_free(line: bytes, names: list[str], path: str) -> None:
    record, _ = parse_line(line)
    for name in names:
        if name in record:
            raise _taken(path, name)


def _taken(path: str, name: str) -> InputError:
    return InputError(f"{path}: expected no column {name!r}, found one; give another name with --prefix")


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _packer(codec: Codec) -> _Packer:
    """Returns a compressor of a stream that puts neither a clock nor a name into it."""
    if codec == "gzip":
        return zlib.compressobj(level=GZIP_LEVEL, wbits=31)
    if codec == "zstd":
        return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
    return _Plain()


def _judged(job: Job, file: OutputFile, verdicts: "_Verdicts") -> Iterator[tuple[str, Records, pa.RecordBatch]]:
    """Yields (path, records, the columns that are added to them) in input order."""
    given = next(iter(job.spec.inputs.values()))
    for part, piece in file.pieces:
        known_M = verdicts.offsets_of(part, piece.file.path)
        for records in records_of(piece, given, job.spec.limits, known_M=known_M):
            yield piece.file.path, records, verdicts.of(piece.file.path, records.offset_N)


@dataclass(slots=True)
class _Verdicts:
    """What a run decided, by part, path and offset; one part in memory at a time."""

    store: Store
    _part: str | None = None
    _of_path: dict[str, tuple[NDArray[np.int64], pa.RecordBatch]] = field(default_factory=dict)

    def offsets_of(self, part: str, path: str) -> NDArray[np.int64]:
        """Returns the offsets of a path's documents in a part, ascending; `of` is about this part from then on."""
        if part != self._part:
            self._load(part)
        return self._of_path[path][0] if path in self._of_path else np.zeros(0, np.int64)

    def of(self, path: str, offset_N: NDArray[np.int64]) -> pa.RecordBatch:
        """Returns ADDED (N,) of the records at these offsets; null where there was no document."""
        if path not in self._of_path:
            return pa.RecordBatch.from_arrays([pa.nulls(offset_N.size, kind) for kind in ADDED.types], schema=ADDED)
        known_M, added = self._of_path[path]
        at_N = np.minimum(np.searchsorted(known_M, offset_N), known_M.size - 1)
        return added.take(pa.array(at_N, mask=known_M[at_N] != offset_N))

    def _load(self, part: str) -> None:
        places = read_part(self.store, f"measured/{part}.parquet", ["path", "offset"])
        names = ["state", "cluster_id", "cluster_size"]
        decided = read_part(self.store, f"decisions/{part}.parquet", names).combine_chunks()
        state, clusters, sizes = (decided[name].combine_chunks() for name in names)
        columns = [state, hex_of(clusters), sizes]
        added = pa.RecordBatch.from_arrays(columns, schema=ADDED)
        offset_N = places["offset"].to_numpy()
        paths = pc.run_end_encode(places["path"].combine_chunks())
        ends = paths.run_ends.to_pylist()
        runs = zip(paths.values.to_pylist(), [0, *ends], ends, strict=False)
        self._of_path = {path: (offset_N[start:end], added.slice(start, end - start)) for path, start, end in runs}
        self._part = part


def hex_of(ids: pa.FixedSizeBinaryArray) -> pa.StringArray:
    """Returns ids (N,) as lower-case hexadecimal text."""
    if not len(ids):
        return pa.array([], pa.string())
    raw_N16 = np.frombuffer(ids.fill_null(bytes(16)).buffers()[1], dtype=np.uint8)
    raw_N16 = raw_N16[ids.offset * 16 : (ids.offset + len(ids)) * 16].reshape(-1, 16)
    text_N32 = _DIGITS[np.stack((raw_N16 >> 4, raw_N16 & 15), axis=2)]
    offset_N1 = np.arange(len(ids) + 1, dtype=np.int32) * 32
    text = pa.StringArray.from_buffers(len(ids), pa.py_buffer(offset_N1), pa.py_buffer(text_N32.tobytes()))
    return pc.if_else(ids.is_valid(), text, None)
