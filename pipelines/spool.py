"""A temporary file of record batches: keeps the second table of a unit out of memory while the first is written."""

import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import pyarrow as pa


class Spool:
    """Batches written once and read back once, in order; the file goes with the `with` block."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def __enter__(self) -> Self:
        """Opens an unnamed temporary file."""
        self._file = tempfile.TemporaryFile()
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, mode="w"), self._schema)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes and so deletes the file."""
        self._file.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Appends a batch of the spool's schema (slices are written without their parent's buffers)."""
        self._writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=self._schema))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields every batch once; nothing can be added afterwards."""
        self._writer.close()
        self._file.seek(0)
        with pa.ipc.open_stream(pa.PythonFile(self._file, mode="r")) as reader:
            yield from reader
