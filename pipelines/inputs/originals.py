"""JSONL and Parquet records as their files have them, for commands that add columns to somebody's data.

What reading documents made a dead letter of (a line that is no JSON object, a damaged row group) is left out; a record
without text stays.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import compress

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.errors import BadRecord, InputError
from pipelines.inputs.json_lines import parse_line
from pipelines.inputs.lines import Lines
from pipelines.inputs.open import as_arrow, open_raw
from pipelines.inputs.parquet import original_rows
from pipelines.inputs.parquet_rows import json_lines_of
from pipelines.inputs.reading import blocks_of, stream_of
from pipelines.inputs.rows import Origin
from pipelines.inputs.units import Piece
from pipelines.spec import InputSpec, Limits

_UNFIT = (pa.ArrowInvalid, pa.ArrowNotImplementedError)
BLANK = b" \t\r\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Consecutive records of one file; `offset_N` is what documents carry: bytes, or Parquet rows."""

    offset_N: NDArray[np.int64]
    content: "Sequence[bytes] | pa.RecordBatch"  # JSON objects, or rows

    def lines(self) -> Sequence[bytes]:
        """Returns the records as JSON objects, one per line, without line ends."""
        return json_lines_of(self.content) if isinstance(self.content, pa.RecordBatch) else self.content

    def rows(self, schema: pa.Schema, path: str) -> pa.RecordBatch:
        """Returns the records as rows of `schema`, missing columns null.

        Raises:
            InputError: a value does not fit.
        """
        if not isinstance(self.content, pa.RecordBatch):
            return _parsed(self.content, path, schema)
        batch = self.content
        columns = [
            batch[item.name].cast(item.type) if item.name in batch.schema.names else pa.nulls(len(batch), item.type)
            for item in schema
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)


def records_of(
    piece: Piece, given: InputSpec, limits: Limits, *, known_M: NDArray[np.int64] | None = None
) -> Iterator[Records]:
    """Yields the records of a piece of a file in order.

    Args:
        piece: a file, or a part of it.
        given: the input it belongs to.
        limits: bounds.
        known_M: ascending offsets of lines that have been read as JSON objects before; they are not parsed again.
    """
    with closing(open_raw(piece.file)) as raw:
        if piece.file.format == "parquet":
            origin = Origin(file=piece.file, source="", given=given)
            for first, batch in original_rows(raw, (piece.start, piece.end), origin, limits):
                yield Records(offset_N=np.arange(first, first + batch.num_rows), content=batch)
            return
        for block in blocks_of(stream_of(raw, piece.file, limits), piece, limits):
            if isinstance(block, Lines):
                yield _objects(block, np.zeros(0, np.int64) if known_M is None else known_M)


def schema_of(piece: Piece, given: InputSpec, limits: Limits) -> pa.Schema:
    """Returns the columns of a file as Parquet can hold them; reads all of a JSONL file.

    Raises:
        InputError: a key holds values of different types.
    """
    if piece.file.format == "parquet":
        with closing(open_raw(piece.file)) as raw:
            return pq.ParquetFile(as_arrow(raw)).schema_arrow.remove_metadata()
    found = pa.schema([])
    for records in records_of(piece, given, limits):
        if len(records.offset_N):
            assert not isinstance(records.content, pa.RecordBatch), "a JSONL file has lines"
            found = unified([found, _parsed(records.content, piece.file.path, None).schema], piece.file.path)
    return found


def unified(schemas: Sequence[pa.Schema], path: str) -> pa.Schema:
    """Returns one schema with the columns of all.

    Raises:
        InputError: a column has types that do not go together; `path` is named as the place.
    """
    try:
        return pa.unify_schemas(list(schemas), promote_options="permissive")
    except pa.ArrowException as error:
        raise _mixed(path, error) from None


def _objects(block: Lines, known_M: NDArray[np.int64]) -> Records:
    offset_N = np.cumsum([block.offset, *(len(line) + 1 for line in block.lines[:-1])])
    kept_N = np.isin(offset_N, known_M, assume_unique=True)
    for index in np.flatnonzero(~kept_N).tolist():
        kept_N[index] = _is_object(block.lines[index])
    return Records(
        offset_N=offset_N[kept_N],
        content=[line.strip(BLANK) for line in compress(block.lines, kept_N.tolist())],
    )


def _is_object(line: bytes) -> bool:
    try:
        parse_line(line)
    except BadRecord:
        return False
    return True


def _parsed(lines: Sequence[bytes], path: str, schema: pa.Schema | None) -> pa.RecordBatch:
    """Returns JSON objects as rows; without a schema, of the types that Arrow finds (times stay strings)."""
    try:
        return _read(lines, schema)
    except _UNFIT:
        lines = [orjson.dumps(parse_line(line)[0]) for line in lines]  # repeated keys, repaired values
    try:
        return _read(lines, schema)
    except _UNFIT as error:
        raise _mixed(path, error) from None


def _read(lines: Sequence[bytes], schema: pa.Schema | None) -> pa.RecordBatch:
    data = b"\n".join(lines)
    options = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error" if schema else "infer")
    table = pj.read_json(io.BytesIO(data), pj.ReadOptions(use_threads=False, block_size=len(data) + 1), options)
    if schema is None:
        found = pa.schema([item.with_type(_without_times(item.type)) for item in table.schema])
        return _read(lines, found) if found != table.schema else table.combine_chunks().to_batches()[0]
    return table.select(schema.names).cast(schema).combine_chunks().to_batches()[0]


def _without_times(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_without_times(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([item.with_type(_without_times(item.type)) for item in kind])
    return kind


def _mixed(path: str, error: Exception) -> InputError:
    return InputError(
        f"{path}: expected one type per column, as Parquet has it, found: {error}; write JSONL: -o NAME.jsonl.zst"
    )
