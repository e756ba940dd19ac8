"""Small runs with documents and a token store, for tests of exports."""

import functools
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from curation.identity import doc_id, type_of_id
from curation.text.conversation import TEMPLATE, TURNS
from pipelines.parts import write_part
from pipelines.shards import ExportRequest
from pipelines.spec import ShardsSpec
from pipelines.store import Store
from pipelines.tokenize import PinnedTokenizer, encode_part, load_tokenizer
from pipelines.tokenizer_training import Training, train_tokenizer

DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("text", pa.string(), nullable=False),
        pa.field("signal.language", pa.string()),
    ]
)

WORDS = [
    *("river", "stone", "light", "winter", "paper", "garden", "mountain"),
    *("silver", "question", "answer", "bread", "window", "carbon", "seven"),
]


def documents(texts: Sequence[str], *, source: str = "web", split: str = "train", first: int = 0) -> pa.RecordBatch:
    """Returns kept documents with ids that follow from source and position."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array([doc_id(source, "file", first + row) for row in range(len(texts))], type_of_id),
            pa.array([source] * len(texts), pa.string()),
            pa.array([split] * len(texts), pa.string()),
            pa.array(texts, pa.string()),
            pa.array(["en"] * len(texts), pa.string()),
        ],
        schema=DOCUMENTS,
    )


def with_turns(batch: pa.RecordBatch, *turns: Sequence[str] | None) -> pa.RecordBatch:
    """Returns the documents as conversations of these turns (one for all, or one for each; None: a plain text)."""
    told = list(turns) * (batch.num_rows if len(turns) == 1 else 1)
    columns = {
        "extractor": [None if one is None else TEMPLATE for one in told],
        "extra": [None if one is None else json.dumps({TURNS: one}) for one in told],
    }
    fields = [*batch.schema, *(pa.field(name, pa.string()) for name in columns)]
    arrays = [*batch.columns, *(pa.array(values, pa.string()) for values in columns.values())]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def texts(count: int, *, seed: int = 0, most_words: int = 60) -> list[str]:
    """Returns `count` texts of 1 to `most_words` words."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, most_words))) for _ in range(count)]


@functools.cache
def tokenizer(vocab_size: int = 300) -> PinnedTokenizer:
    """Returns a small byte-level tokenizer."""
    batch = documents(texts(200, seed=1))
    return load_tokenizer(train_tokenizer(lambda: [batch], Training(vocab_size=vocab_size)), eos="<|endoftext|>")


def write_run(root: Path, batches: Iterable[pa.RecordBatch], *, pinned: PinnedTokenizer | None = None) -> ExportRequest:
    """Writes each batch as a part of documents and tokens; returns a request to export them."""
    store = Store(str(root))
    parts = []
    for number, batch in enumerate(batches):
        part = f"part-{number:05d}-00000000"
        write_part(store, f"documents/{part}.parquet", batch.schema, [batch])
        encode_part([batch], pinned or tokenizer(), store=store, part=part)
        parts.append(part)
    return ExportRequest(
        store=store,
        parts=parts,
        tokenizer=pinned or tokenizer(),
        shards=ShardsSpec(tokenizer="tokenizer.json", sequence_length=32, rows_per_group=16, rows_per_file=64),
        seed=7,
        fingerprint="0" * 64,
    )
