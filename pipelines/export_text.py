"""Kept text to one Parquet or JSONL.zst file, optionally only the documents that an SQL expression selects."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from curation.errors import GristmillError, SpecError
from pipelines.rundir import Run

BATCH_ROWS = 1024
LEVEL = 3


def export_text(run: Run, kind: str, target: str, *, where: str | None = None) -> int:
    """Writes the kept documents of a run, in input order; returns how many.

    Args:
        run: the run.
        kind: `parquet` or `jsonl.zst`.
        target: file to write; it is replaced only when all is written.
        where: a DuckDB expression over the columns of `documents/`. It can read nothing else.

    Raises:
        SpecError: DuckDB cannot evaluate `where`.
        GristmillError: the file cannot be written.
    """
    path = Path(target)
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        count = _write(_selected(run, where), kind, temporary)
        temporary.replace(path)
        return count
    except OSError as error:
        raise GristmillError(f"{target}: cannot write: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _selected(run: Run, where: str | None) -> Iterator[pa.RecordBatch]:
    if where is None:
        yield from run.dataset("documents").to_batches(batch_size=BATCH_ROWS)
        return
    connection = duckdb.connect(config={"memory_limit": "2GB", "autoload_known_extensions": "false"})
    connection.register("documents", run.dataset("documents"))
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    try:
        query = f'SELECT * FROM documents WHERE ({where}\n) ORDER BY source, path, "offset", doc_id'  # noqa: S608
        statements = connection.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise SpecError(f"--where: expected one SQL expression, found {where!r}")
        yield from connection.execute(query).to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise SpecError(f"--where {where!r}: {str(error).splitlines()[0]}") from None


def _write(batches: Iterator[pa.RecordBatch], kind: str | Literal["parquet", "jsonl.zst"], path: Path) -> int:
    return _write_parquet(batches, path) if kind == "parquet" else _write_jsonl(batches, path)


def _write_parquet(batches: Iterator[pa.RecordBatch], path: Path) -> int:
    count = 0
    first = next(batches, None)
    if first is None:
        pq.write_table(pa.table({}), path)
        return 0
    with pq.ParquetWriter(path, first.schema, compression="zstd", compression_level=LEVEL) as writer:
        while first is not None:
            writer.write_batch(first)
            count += first.num_rows
            first = next(batches, None)
    return count


def _write_jsonl(batches: Iterator[pa.RecordBatch], path: Path) -> int:
    count = 0
    with path.open("wb") as raw, zstandard.ZstdCompressor(level=LEVEL).stream_writer(raw) as file:
        for batch in batches:
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False, default=_json).encode() + b"\n")
            count += batch.num_rows
    return count


def _json(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
