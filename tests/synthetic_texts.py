"""Batches of documents in a known language, for tests of what is made from them."""

from collections.abc import Sequence

import pyarrow as pa

from curation.identity import doc_ids, secure_hash
from curation.schema import DOCUMENT


def documents(texts: Sequence[str], *, language: str | None = "en", **columns: Sequence[object]) -> pa.RecordBatch:
    """Returns DOCUMENT rows with `signal.language`; further columns of DOCUMENT may be given."""
    size = len(texts)
    known: dict[str, Sequence[object]] = {
        "doc_id": doc_ids("tests", "texts", range(size)),
        "source": ["tests"] * size,
        "path": ["texts"] * size,
        "offset": range(size),
        "length_bytes": [1] * size,
        "raw_hash": [secure_hash(text.encode(errors="replace")) for text in texts],
        "text": texts,
        "edits": [[] for _ in texts],
        **columns,
    }
    arrays = [
        pa.array(list(known[item.name]), item.type) if item.name in known else pa.nulls(size, item.type)
        for item in DOCUMENT
    ]
    batch = pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT)
    return batch.append_column("signal.language", pa.array([language] * size, pa.string()))
