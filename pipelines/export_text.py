"""Kept text to one Parquet or JSONL.zst file, optionally only the documents that an SQL expression selects.

The expression is DuckDB's, over the columns of `documents/` (a signal also by its bare name) and nothing else: the
connection that evaluates it can open no file, load no extension and change no setting. It only selects ids, part by
part; rows are then copied in input order, so the file does not depend on how DuckDB ran the query.
"""

from collections.abc import Callable, Iterator

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import zstandard

from curation.errors import SpecError
from curation.identity import type_of_id
from curation.text.safe import visible
from pipelines.parts import read_batches
from pipelines.rundir import Run, connect, seal
from pipelines.store import HashingFile, Store

LEFT_OUT = ("edits",)
"""Columns that only make sense beside the run."""

LEVEL = 3
ROWS_PER_GROUP = 8192
BYTES_PER_GROUP = 16 << 20


def export_text(run: Run, kind: str, target: str, *, where: str | None = None) -> int:
    """Writes the kept documents of a run, in input order; returns how many.

    Ids are hex text in the file; JSON leaves nulls out. The same run, kind and `where` give the same bytes.

    Args:
        run: the run.
        kind: `parquet` or `jsonl.zst`.
        target: file to write, a path or URL; it is replaced, and only when all is written.
        where: a DuckDB expression over the columns of `documents/`.

    Raises:
        SpecError: `kind` is none of the two, or DuckDB cannot evaluate `where`.
        GristmillError: the file cannot be written.
    """
    if kind not in _WRITERS:
        raise SpecError(f"--to: expected {' or '.join(_WRITERS)}, found {kind!r}")
    schema = _text_schema(run.documents.schema)
    batches = (_as_text(batch, schema) for batch in _selected(run, where))
    folder, _, name = target.rpartition("/")
    with Store(folder or ("/" if target.startswith("/") else ".")).publish(name, replace=True) as file:
        return _WRITERS[kind](file, schema, batches)


def _selected(run: Run, where: str | None) -> Iterator[pa.RecordBatch]:
    """Yields kept documents in input order; one row group of text in memory at a time."""
    if where is None:
        for name in run.parts("documents"):
            yield from read_batches(run.store, name)
        return
    with connect() as connection:
        connection.register("all_parts", run.documents)
        connection.execute(f"CREATE VIEW documents AS SELECT {_columns(run.documents.schema)} FROM all_parts")  # noqa: S608 - quoted columns
        seal(connection)
        for name in run.parts("documents"):
            ids = _chosen(run, connection, name, where)
            for batch in read_batches(run.store, name) if len(ids) else ():
                yield batch.filter(pc.is_in(batch["doc_id"], ids))


def _chosen(run: Run, connection: duckdb.DuckDBPyConnection, name: str, where: str) -> pa.Array:
    """Returns the ids of a part's documents for which `where` holds."""
    filesystem, root = run.store.resolve()
    part = ds.dataset(f"{root}/{name}", format="parquet", filesystem=filesystem)
    try:
        rows = connection.from_arrow(part).project(_columns(part.schema)).set_alias("documents")
        found = rows.filter(duckdb.SQLExpression(where)).project("doc_id").fetchall()
    except duckdb.Error as error:
        said = " ".join(str(error).split("\n\n", maxsplit=1)[0].split())
        raise SpecError(
            f"--where {visible(where, limit=200)!r}: expected an SQL expression: {visible(said, limit=300)}"
        ) from None
    return pa.array([bytes.fromhex(row[0]) for row in found], type_of_id)


def _columns(schema: pa.Schema) -> str:
    """Returns the columns that an expression may use: ids as hex, signals by both names."""
    columns = [f"lower(hex({_quoted(field.name)})) AS {field.name}" for field in schema if field.type == type_of_id]
    columns += [_quoted(field.name) for field in schema if field.type != type_of_id]
    taken = set(schema.names)
    bare = [(name, name.removeprefix("signal.")) for name in schema.names if name.startswith("signal.")]
    columns += [f"{_quoted(name)} AS {_quoted(short)}" for name, short in bare if short not in taken]
    return ", ".join(columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text_schema(schema: pa.Schema) -> pa.Schema:
    """Returns the schema of the file: that of `documents/` with ids as text."""
    fields = [field for field in schema if field.name not in LEFT_OUT]
    return pa.schema(
        [field.with_type(pa.string()) if field.type == type_of_id else field.remove_metadata() for field in fields]
    )


def _as_text(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [_hex(batch[name]) if batch[name].type == type_of_id else batch[name] for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _hex(ids: pa.Array) -> pa.Array:
    return pa.array([None if item is None else item.hex() for item in ids.to_pylist()], pa.string())


def _write_parquet(file: HashingFile, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    count = 0
    with pq.ParquetWriter(pa.PythonFile(file, mode="w"), schema, compression="zstd", compression_level=LEVEL) as writer:
        for group in _groups(batches):
            writer.write_table(group, row_group_size=group.num_rows)
            count += group.num_rows
    return count


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yields tables of at least ROWS_PER_GROUP rows or BYTES_PER_GROUP, but for the last one."""
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        if batch.num_rows:
            pending.append(batch)
        rows, num_bytes = (sum(getattr(item, size) for item in pending) for size in ("num_rows", "nbytes"))
        if rows >= ROWS_PER_GROUP or num_bytes >= BYTES_PER_GROUP:
            yield pa.Table.from_batches(pending).combine_chunks()
            pending = []
    if pending:
        yield pa.Table.from_batches(pending).combine_chunks()


def _write_jsonl(file: HashingFile, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    del schema
    count = 0
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
    for batch in batches:
        for row in batch.to_pylist():
            line = orjson.dumps({name: value for name, value in row.items() if value is not None})
            file.write(compressor.compress(line + b"\n"))
        count += batch.num_rows
    file.write(compressor.flush())
    return count


_WRITERS: dict[str, Callable[[HashingFile, pa.Schema, Iterator[pa.RecordBatch]], int]] = {
    "parquet": _write_parquet,
    "jsonl.zst": _write_jsonl,
}
