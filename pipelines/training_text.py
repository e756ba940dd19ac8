"""Trains a tokenizer on the kept training documents of a run."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.output_file import write_output
from pipelines.rundir import Run, open_run
from pipelines.tokenizer_training import Training, train_tokenizer

BATCH_ROWS = 256


def train_on_run(run: str, output: Path, *, vocab_size: int, max_bytes: int) -> str:
    """Writes a `tokenizer.json`; returns its sha256 (hex). The same run and sizes give the same bytes.

    Raises:
        GristmillError: the file cannot be written.
    """
    opened = open_run(run)
    content = train_tokenizer(lambda: _batches(opened), Training(vocab_size=vocab_size, max_bytes=max_bytes))
    write_output(output, content)
    return hashlib.sha256(content).hexdigest()


def _batches(run: Run) -> Iterator[pa.RecordBatch]:
    for batch in run.dataset("documents").to_batches(columns=["doc_id", "text", "split"], batch_size=BATCH_ROWS):
        yield batch.filter(pc.equal(batch["split"], "train")).select(["doc_id", "text"])
