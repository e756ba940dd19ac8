"""Indexes of evaluation sets for tests, from texts in memory or from the corpora."""

import gzip
import hashlib
import json

import numpy as np
import pyarrow as pa

from curation.contamination.index import Index, build_index, write_index


def index_of(items: dict[str, list[str]], **settings: int) -> Index:
    """The index of items given as lists of passages."""
    passages = [text for texts in items.values() for text in texts]
    item_P = np.repeat(np.arange(len(items)), [len(texts) for texts in items.values()])
    return build_index(pa.array(passages, pa.string()), item_P, pa.array(items, pa.string()), **settings)


def index_file(folder, items: dict[str, list[str]], **settings: int) -> dict[str, str]:
    """Path and digest of an index as a file, as a step takes them."""
    path = folder / "evaluation.npz"
    content = write_index(index_of(items, **settings))
    path.write_bytes(content)
    return {"index": str(path), "sha256": hashlib.sha256(content).hexdigest()}


def benchmarks(corpora) -> dict[str, list[str]]:
    """Every item of the development sets: question, choices and endings."""
    items = {}
    for path in sorted((corpora / "benchmarks").glob("*.jsonl.gz")):
        if not path.name.startswith("planted"):
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                for row in map(json.loads, lines):
                    items[row["id"]] = [row["text"], *row.get("choices", []), *row.get("endings", [])]
    return items
