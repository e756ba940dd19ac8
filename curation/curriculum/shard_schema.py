"""The columns of a training shard: what its writer and its reader agree on, besides the manifest.

A row is one training sequence of T + 1 tokens, so that inputs and labels need no neighbouring row. `tokens` is one
uncompressed PLAIN page per row group, so the token ids of a row group lie side by side in the file and can
be memory-mapped, while the file stays ordinary Parquet for every other reader.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.identity import type_of_id

FORMAT = "gristmill-shards"
FORMAT_VERSION = "1.1"
"""Semantic: a reader accepts every minor version of its own major one.

1.1 adds `loss_mask`, to exports that need it.
"""
MASK = "loss_mask"
"""A byte per token: what it is for, by `curation.text.conversation`; absent where all are to be learnt."""

DTYPES = {"uint16": 2, "uint32": 4}
"""Little-endian token ids by name, with their bytes."""

METADATA_KEYS = (
    "gristmill.format_version",
    "gristmill.dtype",
    "gristmill.sequence_length",
    "gristmill.tokenizer_sha256",
)

MAX_UINT16_VOCABULARY = 65535


def dtype_for(vocab_size: int) -> str:
    """Returns the name of the smallest token type that holds ids below `vocab_size`."""
    return "uint16" if vocab_size <= MAX_UINT16_VOCABULARY else "uint32"


def format_version(*, has_mask: bool) -> str:
    """Returns the version of an export: the oldest that has what it needs."""
    return FORMAT_VERSION if has_mask else "1.0"


def row_bytes(sequence_length: int, dtype: str) -> int:
    """Returns the bytes of one row's token ids."""
    return DTYPES[dtype] * (sequence_length + 1)


def _list_of(data_type: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", data_type, nullable=False))


def shard_schema(*, sequence_length: int, dtype: str, tokenizer_sha256: str, has_mask: bool = False) -> pa.Schema:
    """Returns the schema of every shard file of an export, with what a reader must know in its metadata."""
    values = (format_version(has_mask=has_mask), dtype, str(sequence_length), tokenizer_sha256)
    mask = [pa.field(MASK, pa.binary(sequence_length + 1), nullable=False)] if has_mask else []  # padding is 0
    return pa.schema(
        [
            pa.field("tokens", pa.binary(row_bytes(sequence_length, dtype)), nullable=False),
            pa.field("row", pa.int64(), nullable=False),  # number in training order, over all files
            pa.field("n_valid", pa.int32(), nullable=False),  # tokens before the padding
            pa.field("continued", pa.bool_(), nullable=False),  # the first token repeats the last of the row before
            pa.field("doc_lens", _list_of(pa.int32()), nullable=False),  # sums to n_valid; EOS belongs to its document
            pa.field("doc_ids", _list_of(type_of_id), nullable=False),  # beside doc_lens
            pa.field("doc_sources", _list_of(pa.string()), nullable=False),  # beside doc_lens
            pa.field("stage", pa.string(), nullable=False),
            pa.field("difficulty", pa.float32()),  # mean percentile by tokens; null: none known
            pa.field("quality", pa.float32()),  # mean percentile by tokens; null: none known
            *mask,
        ],
        metadata=dict(zip(METADATA_KEYS, values, strict=True)),
    )


def mask_of(table: pa.Table) -> NDArray[np.uint8]:
    """Returns (R, T + 1): the column `loss_mask` of a table; a view where it is one chunk."""
    array = table[MASK].combine_chunks()
    width = array.type.byte_width
    data = np.frombuffer(array.buffers()[1] or b"", dtype=np.uint8)
    return data[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


ORDER = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("copy", pa.int32(), nullable=False),  # 0: first emission of this document
        pa.field("num_tokens", pa.int64(), nullable=False),  # without EOS
        pa.field("row", pa.int64(), nullable=False),  # the row that holds its first token, not as an overlap
        pa.field("position", pa.int32(), nullable=False),  # of that token in the row
        pa.field("difficulty", pa.float64()),  # percentile in (0, 1); null: no score
        pa.field("difficulty_level", pa.string()),  # language_source | language | all: the widest group used
        pa.field("quality", pa.float64()),  # percentile in (0, 1); null: no signal
        pa.field("quality_level", pa.string()),  # language | all
    ]
)
"""One row per emission in training order: which document a row came from, and why it stands there."""
