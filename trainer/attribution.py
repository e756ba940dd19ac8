"""What of training a model repeats: documents it continues word by word, and those that share n-grams with a text.

Attribution by n-grams counts what two documents have in common, rare n-grams more; it says what a model may have learnt
a text from, not that it did. Memorisation is exact: greedy continuation of a prompt (Carlini et al., arXiv 2202.07646).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.model import Transformer
from trainer.scoring import continuations
from trainer.shards import Shards

CHUNK_ROWS = 512
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memorised:
    """Of documents that begin alike `copies` times in training: how many prompts were tried, and continued exactly."""

    copies: int
    tried: int
    exact: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Held-out document `number`: losses of its tokens inside and outside n-grams of training, and who shares most."""

    number: int
    num_seen: int
    num_unseen: int
    loss_seen: float | None
    loss_unseen: float | None
    nearest: tuple[tuple[str, int], ...]  # doc_id, shared n-grams


def pieces(shards: Shards) -> Iterator[tuple[str, bool, NDArray[np.int64]]]:
    """Yields doc_id, whether it goes on from the row before, and the tokens of every piece of training."""
    for start in range(0, len(shards), CHUNK_ROWS):
        stop = min(start + CHUNK_ROWS, len(shards))
        tokens = shards.tokens(start, stop).astype(np.int64)
        for row, documents in zip(tokens, shards.documents_of(start, stop), strict=True):
            at = 0
            for piece in documents:
                yield piece.doc_id.hex(), piece.continued, row[at : at + piece.length]
                at += piece.length


def memorised(
    model: Transformer, shards: Shards, *, prompt: int = 16, continued: int = 16, most: int = 256
) -> list[Memorised]:
    """Returns how many beginnings of training documents the model goes on with exactly, by how often they occur."""
    starts = Counter(
        tuple(tokens[: prompt + continued].tolist())
        for _, is_rest, tokens in pieces(shards)
        if not is_rest and len(tokens) >= prompt + continued
    )
    by_copies: dict[int, list[tuple[int, ...]]] = {}
    for start, copies in sorted(starts.items()):
        by_copies.setdefault(copies, []).append(start)
    found = []
    for copies, alike in sorted(by_copies.items()):
        tried = np.array(alike[:: -(-len(alike) // most)], dtype=np.int64)
        goes_on = continuations(model, tried[:, :prompt], continued)
        exact = int((goes_on == tried[:, prompt:]).all(axis=1).sum())
        found.append(Memorised(copies=copies, tried=len(tried), exact=exact))
    return found


def ngram_hashes(tokens: NDArray[np.int64], size: int) -> NDArray[np.uint64]:
    """Returns (N - size + 1,): a hash of each n-gram of `tokens`."""
    count = max(len(tokens) - size + 1, 0)
    hashes = np.zeros(count, dtype=np.uint64)
    for at in range(size):
        hashes = (hashes ^ tokens[at : at + count].astype(np.uint64)) * MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    return hashes


def attributed(
    shards: Shards,
    sequences: Sequence[NDArray[np.int64]],
    losses: Sequence[NDArray[np.float64]],
    *,
    size: int = 6,
    nearest: int = 3,
) -> list[Attribution]:
    """Returns for each held-out sequence which training documents share its n-grams of `size` tokens.

    `losses` are those of each sequence's tokens but its first. One pass over training.
    """
    hashes = [ngram_hashes(tokens, size) for tokens in sequences]
    owners: dict[int, list[int]] = {}
    for number, of_one in enumerate(hashes):
        for value in np.unique(of_one).tolist():
            owners.setdefault(value, []).append(number)
    shared: list[Counter[str]] = [Counter() for _ in sequences]
    seen: set[int] = set()
    for doc_id, _, tokens in pieces(shards):
        for value in owners.keys() & set(ngram_hashes(tokens, size).tolist()):
            seen.add(value)
            for number in owners[value]:
                shared[number][doc_id] += 1
    known = np.array(sorted(seen), dtype=np.uint64)
    return [
        _attribution(number, np.isin(hashes[number], known), losses[number], shared[number].most_common(nearest), size)
        for number in range(len(sequences))
    ]


def _attribution(
    number: int, is_known: NDArray[np.bool_], loss_N: NDArray[np.float64], nearest: list[tuple[str, int]], size: int
) -> Attribution:
    """Splits the losses of a sequence: a token is seen when an n-gram of training ends with it."""
    is_seen = np.zeros(len(loss_N), dtype=bool)
    is_seen[size - 2 :][: len(is_known)] = is_known
    return Attribution(
        number=number,
        num_seen=int(is_seen.sum()),
        num_unseen=int((~is_seen).sum()),
        loss_seen=float(loss_N[is_seen].mean()) if is_seen.any() else None,
        loss_unseen=float(loss_N[~is_seen].mean()) if not is_seen.all() else None,
        nearest=tuple(nearest),
    )
