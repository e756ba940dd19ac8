"""Text to token ids: the pinned tokenizer of a job, and the token store of one part of kept documents.

The tokenizer is data: the bytes of a `tokenizer.json`, pinned by their sha256. What a document says is never taken for
a special token: the text "<|endoftext|>" inside one is encoded as its characters. The marks of a conversation are
nobody's words: where the tokenizer has them as special tokens, they are these.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tokenizers import Tokenizer

from curation.curriculum.shard_schema import dtype_for
from curation.errors import ArtifactError
from curation.schema import TOKENS
from curation.text.conversation import CONTEXT, LEARNT, TEMPLATE, TURNS, Span, spans_of
from pipelines.parts import Part, write_part
from pipelines.store import Store

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the runner owns the cores, and forking stays quiet

Ids = NDArray[np.unsignedinteger]

MAX_TOKENIZER_BYTES = 256 << 20
PIECE_BYTES = 1 << 20
"""Text encoded in one go: the library holds over 100 bytes per token while it works."""

RATIO_BYTES = 4096
"""Compression is measured on a window of fixed size: ratios of longer windows are lower."""

GZIP_FRAME_BYTES = 20  # what gzip adds around an empty stream, measured on the codec below
_of_thread = threading.local()
"""Arrow's gzip codec keeps a stream inside, so two threads in one codec crash the process: each has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedTokenizer:
    """A tokenizer by its bytes; picklable, cheap to pass to workers, built once per process.

    `eos_id` ends each document; `vocab_size` is one more than the largest id.
    """

    content: bytes
    sha256: str
    eos: str
    eos_id: int
    vocab_size: int

    @property
    def dtype(self) -> str:
        """Name of the type that holds its ids."""
        return dtype_for(self.vocab_size)

    def encode(self, texts: list[str]) -> list[NDArray[np.unsignedinteger]]:
        """Returns the ids of each text, without EOS or any other special token."""
        encodings = _built(self.content).encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(encoding.ids, dtype=self.dtype) for encoding in encodings]

    def special(self, text: str) -> int | None:
        """Returns the id of the special token `text`; None where there is none."""
        return _special_ids(self.content).get(text)

    def decode(self, ids: NDArray[np.unsignedinteger]) -> str:
        """Returns the text of `ids`, special tokens included."""
        return str(_built(self.content).decode(ids.tolist(), skip_special_tokens=False))


def load_tokenizer(content: bytes, *, eos: str, sha256: str | None = None) -> PinnedTokenizer:
    """Returns the tokenizer whose `tokenizer.json` is `content`.

    Raises:
        ArtifactError: another digest than `sha256`, no tokenizer, one with dropout (its ids would differ between
            runs), or `eos` is not a special token of it, or a token that plain text can produce.
    """
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise ArtifactError(
            f"tokenizer: expected sha256 {sha256}, found {digest}; fetch the pinned file or change the spec"
        )
    if len(content) > MAX_TOKENIZER_BYTES:
        raise ArtifactError(f"tokenizer: expected at most {MAX_TOKENIZER_BYTES} bytes, found {len(content)}")
    try:
        tokenizer = _built(content)
        dropout = json.loads(content)["model"].get("dropout")
    except Exception as error:  # the library raises bare Exception
        raise ArtifactError(f"tokenizer: expected the content of a tokenizer.json, found {error}") from error
    if dropout:
        raise ArtifactError(f"tokenizer: expected no dropout, found {dropout}; set model.dropout to null")
    eos_id = tokenizer.token_to_id(eos)
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    if eos_id is None or eos not in special:
        raise ArtifactError(
            f"tokenizer: expected the special token {eos!r}, found {sorted(special)[:8]}; set shards.eos"
        )
    if eos_id in tokenizer.encode(eos, add_special_tokens=False).ids:
        raise ArtifactError(f"tokenizer: text can spell {eos!r}; use a tokenizer that keeps it apart from text")
    return PinnedTokenizer(
        content=content, sha256=digest, eos=eos, eos_id=eos_id, vocab_size=max(tokenizer.get_vocab().values()) + 1
    )


@lru_cache(maxsize=2)
def _built(content: bytes) -> Tokenizer:
    """Returns the tokenizer with everything off that changes or cuts text behind our back."""
    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # "<|endoftext|>" in a document is text
    return tokenizer


@lru_cache(maxsize=2)
def _special_ids(content: bytes) -> dict[str, int]:
    added = _built(content).get_added_tokens_decoder()
    return {token.content: number for number, token in added.items() if token.special}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The TOKENS rows of a batch, and its token ids back to back (uint16 or uint32, without EOS).

    `mask` uint8: what each token is for (see `curation.text.conversation`), and each document's EOS behind its tokens;
    None where all are to be learnt.
    """

    rows: pa.RecordBatch
    ids: NDArray[np.unsignedinteger]
    mask: NDArray[np.uint8] | None = None


def encode_batch(batch: pa.RecordBatch, tokenizer: PinnedTokenizer) -> Encoded:
    """Returns rows and ids of a batch with `doc_id`, `source`, `split` and `text`, in its order.

    A text whose `extractor` is a conversation's template is encoded span by span, so that what is learnt begins and
    ends with a token.
    """
    texts: list[bytes] = batch["text"].cast(pa.large_binary()).to_pylist()
    if "extractor" in batch.schema.names and pc.any(pc.equal(batch["extractor"], TEMPLATE)).as_py():
        counts, pieces, mask = _encode_spans(batch, texts, tokenizer)
    else:
        counts, pieces, mask = *_encode_texts(texts, tokenizer), None
    columns = [
        *(batch[name] for name in ("doc_id", "source", "split")),
        pa.array(counts),
        pa.array([len(text) for text in texts], pa.int64()),
        pa.array([compression_ratio(text) for text in texts], pa.float64()),
    ]
    ids = np.concatenate([np.zeros(0, dtype=tokenizer.dtype), *pieces])
    return Encoded(rows=pa.RecordBatch.from_arrays(columns, schema=TOKENS), ids=ids, mask=mask)


def _encode_texts(texts: list[bytes], tokenizer: PinnedTokenizer) -> tuple[NDArray[np.int64], list[Ids]]:
    """Returns how many tokens each text has, and their ids, piece by piece."""
    counts = np.zeros(len(texts), dtype=np.int64)
    pieces: list[Ids] = []
    for rows, group in _groups(texts):
        for row, ids in zip(rows, tokenizer.encode(group), strict=True):
            counts[row] += ids.size
            pieces.append(ids)
    return counts, pieces


def _encode_spans(
    batch: pa.RecordBatch, texts: list[bytes], tokenizer: PinnedTokenizer
) -> tuple[NDArray[np.int64], list[Ids], NDArray[np.uint8]]:
    """Returns the same of a batch with conversations, and the mask."""
    columns = (texts, batch["extractor"].to_pylist(), batch["extra"].to_pylist())
    spans_D = [_spans(*row) for row in zip(*columns, strict=True)]
    spans = [span for spans in spans_D for span in spans]
    mark_S = [tokenizer.special(span.text) if span.is_mark else None for span in spans]
    words = [b"" if mark is not None else span.text.encode() for span, mark in zip(spans, mark_S, strict=True)]
    count_S, pieces = _encode_texts(words, tokenizer)
    is_mark_S = np.array([mark is not None for mark in mark_S])
    count_S += is_mark_S
    is_mark = np.repeat(is_mark_S, count_S)
    ids = np.empty(is_mark.size, dtype=tokenizer.dtype)
    ids[is_mark] = [mark for mark in mark_S if mark is not None]
    ids[~is_mark] = np.concatenate([np.zeros(0, dtype=tokenizer.dtype), *pieces])
    end_D = np.cumsum(count_S)[np.cumsum([len(spans) for spans in spans_D]) - 1]
    uses = np.repeat(np.array([span.use for span in spans], np.uint8), count_S)
    mask = np.insert(uses, end_D, [spans[-1].use for spans in spans_D])  # EOS goes with what stands before it
    return np.diff(end_D, prepend=0), [ids], mask


def _spans(text: bytes, extractor: str | None, extra: str | None) -> list[Span]:
    """Returns what a model reads of a document; nothing of a conversation whose turns an edit has blurred is learnt."""
    if extractor != TEMPLATE:
        return [Span(text.decode(), LEARNT)]
    turns = orjson.loads(extra or "{}").get(TURNS, [])
    return spans_of(text.decode(), turns) or [Span(text.decode(), CONTEXT)]


def compression_ratio(text: bytes) -> float | None:
    """Returns packed / raw bytes of the first 4 KiB by deflate level 6, None for no text.

    Low is repetitive, so easy. Arrow's codec is used, not Python's `zlib`, whose implementation (and so
    the sizes) differs between systems.
    """
    window = text[:RATIO_BYTES]
    if not window:
        return None
    if not hasattr(_of_thread, "deflate"):
        _of_thread.deflate = pa.Codec("gzip", compression_level=6)
    return float((len(_of_thread.deflate.compress(window, asbytes=True)) - GZIP_FRAME_BYTES) / len(window))


def _groups(texts: list[bytes]) -> Iterator[tuple[list[int], list[str]]]:
    """Yields row numbers and pieces of text, at most PIECE_BYTES at a time unless a piece is longer."""
    rows: list[int] = []
    group: list[str] = []
    num_bytes = 0
    for row, text in enumerate(texts):
        for piece in pieces_of(text):
            if group and num_bytes + len(piece) > PIECE_BYTES:
                yield rows, group
                rows, group, num_bytes = [], [], 0
            rows.append(row)
            group.append(piece.decode())
            num_bytes += len(piece)
    if group:
        yield rows, group


def pieces_of(text: bytes) -> Iterator[bytes]:
    """Yields UTF-8 `text` in pieces of at most PIECE_BYTES, which depend on the text alone.

    A piece ends after its last line break, else after its last whole character; tokens never span two.
    """
    start = 0
    while len(text) - start > PIECE_BYTES:
        end = text.rfind(b"\n", start, start + PIECE_BYTES) + 1
        if end <= start:
            end = start + PIECE_BYTES
            while text[end] & 0xC0 == 0x80:  # noqa: PLR2004  a continuation byte of UTF-8
                end -= 1
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def encode_part(batches: Iterable[pa.RecordBatch], tokenizer: PinnedTokenizer, *, store: Store, part: str) -> Part:
    """Publishes `tokens/<part>.bin`, `.mask` where it has conversations, and then `.parquet`.

    Holds one batch in memory, and a byte per token of conversations.

    Args:
        batches: rows of `documents/<part>` in input order; of it `doc_id`, `source`, `split` and `text` are read, and
            `extractor` and `extra` where it has them.
        tokenizer: the pinned tokenizer.
        store: the run directory.
        part: name of the part, without suffix.
    """
    rows: list[pa.RecordBatch] = []
    masks: list[NDArray[np.uint8] | int] = []  # or how many tokens there are, all to be learnt
    with store.publish(f"tokens/{part}.bin") as file:
        for batch in batches:
            encoded = encode_batch(batch, tokenizer)
            file.write(encoded.ids.astype(encoded.ids.dtype.newbyteorder("<"), copy=False).tobytes())
            rows.append(encoded.rows)
            masks.append(encoded.ids.size + encoded.rows.num_rows if encoded.mask is None else encoded.mask)
    if not all(isinstance(mask, int) for mask in masks):
        with store.publish(f"tokens/{part}.mask") as file:
            for mask in masks:
                file.write((np.full(mask, LEARNT, np.uint8) if isinstance(mask, int) else mask).tobytes())
    return write_part(store, f"tokens/{part}.parquet", TOKENS, rows)
