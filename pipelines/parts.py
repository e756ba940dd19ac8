"""The only writer of Parquet tables in a run directory, and their reader.

The same rows give the same bytes: row groups are cut by the rows themselves (never by how they arrived in
batches), chunks are combined, the codec is fixed, and the metadata holds no time, path, host or worker.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.store import Store, Written

ROWS_PER_GROUP = 8192
BYTES_PER_GROUP = 16 << 20
WIDE_COLUMNS = ("text", "minhash")
"""Columns whose bytes close a row group early, so that reading one never needs much memory."""

REPEATING = frozenset(
    [
        "source",
        "domain",
        "path",
        "content_type",
        "charset",
        "license",
        "license_from",
        "declared_language",
        "extractor",
        "signal.language",
        "state",
        "decided_by",
        "reason",
        "kind",
        "action",
        "rule",
        "link_kind",
        "split",
        "format",
        "compression",
        "generator",
        "model",
        "template",
        "template_hash",
        "parameters",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A written part."""

    rows: int
    written: Written


def write_part(store: Store, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Part:
    """Publishes `batches` as the Parquet file `name`; holds one row group in memory.

    Raises:
        GristmillError: the file exists with other content, or cannot be written.
    """
    rows = 0
    with (
        store.publish(name) as file,
        pq.ParquetWriter(pa.PythonFile(file, mode="w"), schema, **_options(schema)) as writer,
    ):
        for group in _groups(schema, batches):
            writer.write_table(group, row_group_size=max(group.num_rows, 1))
            rows += group.num_rows
    return Part(rows=rows, written=Written(name=name, bytes=file.num_bytes, sha256=file.hexdigest()))


def _options(schema: pa.Schema) -> dict[str, object]:
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [name for name in schema.names if name in REPEATING],
        "write_statistics": [name for name in schema.names if name not in WIDE_COLUMNS],
        "data_page_version": "1.0",
        "write_page_checksum": True,
    }


def _groups(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yields tables of one row group each; where a group ends depends on the rows alone."""
    pending: list[pa.RecordBatch] = []
    rows = num_bytes = 0
    for batch in batches:
        start = 0
        sizes = _row_bytes(batch)
        totals = np.concatenate(([0], np.cumsum(sizes)))
        while start < batch.num_rows:
            by_bytes = int(np.searchsorted(totals, totals[start] + BYTES_PER_GROUP - num_bytes, side="left"))
            stop = min(batch.num_rows, start + ROWS_PER_GROUP - rows, max(by_bytes, start + 1))
            pending.append(batch.slice(start, stop - start))
            rows += stop - start
            num_bytes += int(totals[stop] - totals[start])
            start = stop
            if rows >= ROWS_PER_GROUP or num_bytes >= BYTES_PER_GROUP:
                yield pa.Table.from_batches(pending, schema).combine_chunks()
                pending, rows, num_bytes = [], 0, 0
    if pending:
        yield pa.Table.from_batches(pending, schema).combine_chunks()


def _row_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """Returns int64 (N,): bytes of the wide columns, per row."""
    sizes = np.zeros(batch.num_rows, dtype=np.int64)
    for name in WIDE_COLUMNS:
        if name in batch.schema.names:
            lengths = pc.fill_null(pc.binary_length(batch[name]), 0)
            sizes += lengths.to_numpy(zero_copy_only=False)
    return sizes


def read_batches(store: Store, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yields the record batches of a part, one row group in memory at a time."""
    with store.open(name) as source, pq.ParquetFile(source, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=columns).to_batches()


def read_part(store: Store, name: str, columns: list[str] | None = None) -> pa.Table:
    """Returns a whole part as a table."""
    with store.open(name) as source:
        return pq.read_table(source, columns=columns, use_threads=False)
