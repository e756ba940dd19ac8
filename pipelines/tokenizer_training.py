"""Trains a byte-level BPE tokenizer on a sample of documents, the same bytes every time.

Byte-level BPE (Radford et al. 2019, section 2.2) encodes any text without unknown tokens; digits stand alone, as in the
SmolLM2 and Llama tokenizers. Documents are chosen by the hash of their id, so the sample depends neither on their order
nor on how they are spread over files.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from curation.curriculum.keys import draws, id_words, rank_by
from curation.errors import InputError, SpecError
from pipelines.tokenize import PIECE_BYTES, pieces_of

BYTE_VALUES = 256

Batches = Callable[[], Iterable[pa.RecordBatch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What decides a tokenizer besides the documents."""

    vocab_size: int = 8192
    eos: str = "<|endoftext|>"
    max_bytes: int = 64 << 20  # 21 MB train in about 14 s on one core (measured)
    seed: int = 0


def train_tokenizer(read: Batches, training: Training) -> bytes:
    """Returns the content of a `tokenizer.json`.

    Args:
        read: called twice; yields batches with `doc_id` (binary(16), unique) and `text`, the same each time.
        training: size, sample and seed.

    Raises:
        SpecError: the vocabulary has no room for the 256 bytes and EOS, or the byte cap is not positive.
        InputError: there is no text to train on.
    """
    if training.vocab_size <= BYTE_VALUES or training.max_bytes < 1:
        raise SpecError(
            f"tokenizer: expected a vocabulary above {BYTE_VALUES} and at least 1 byte of text, "
            f"found {training.vocab_size} and {training.max_bytes}"
        )
    chosen = _choose(read(), training)
    if not chosen.size:
        raise InputError("tokenizer: expected documents with text to train on, found none")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=training.vocab_size,
        special_tokens=[training.eos],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(read(), chosen), trainer)
    return str(tokenizer.to_str(pretty=True)).encode() + b"\n"


def _choose(batches: Iterable[pa.RecordBatch], training: Training) -> NDArray[np.bool_]:
    """Returns bool (N,): the documents with the smallest draws whose texts fit into the byte cap, one at least."""
    sizes, keys, words = [np.zeros(0, dtype=np.int64)], [np.zeros(0)], [np.zeros((0, 2), dtype=np.uint64)]
    for batch in batches:
        lengths = pc.fill_null(pc.binary_length(batch["text"]), 0).to_numpy(zero_copy_only=False)
        sizes.append(np.minimum(lengths, PIECE_BYTES).astype(np.int64))
        keys.append(draws(batch["doc_id"], seed=training.seed, purpose="tokenizer"))
        words.append(id_words(batch["doc_id"]))
    size = np.concatenate(sizes)
    ranked = rank_by(np.concatenate(keys), np.concatenate(words))
    ranked = ranked[size[ranked] > 0]
    count = int(np.searchsorted(np.cumsum(size[ranked]), training.max_bytes, side="right"))
    chosen = np.zeros(size.size, dtype=bool)
    chosen[ranked[: max(count, 1)]] = True
    return chosen if chosen.any() else np.zeros(0, dtype=bool)


def _texts(batches: Iterable[pa.RecordBatch], chosen: NDArray[np.bool_]) -> Iterator[str]:
    """Yields the chosen texts; of one longer than a piece, its first piece."""
    start = 0
    for batch in batches:
        mask = chosen[start : start + batch.num_rows]
        start += batch.num_rows
        for text in batch["text"].filter(pa.array(mask)).to_pylist():
            yield next(pieces_of(text.encode())).decode()
