"""The first tier: a five-gram model of tokens, quick enough for many seeds, and blind to order.

Interpolated modified Kneser-Ney, as `curation.quality.ngram_training` has it for words. No document is counted twice:
counts learn nothing from a second epoch.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.kernels.ngrams import log_probabilities
from curation.quality.ngram_model import scorer_of
from curation.quality.ngram_training import train_ngrams
from infra.experiment.held_out import HeldOut, Reals, Tokens

ORDER = 5
ODD = np.uint64(0x9E3779B97F4A7C15)


def bits(documents: Sequence[Tokens], held_out: HeldOut, *, vocab_size: int) -> Reals:
    """Returns (N,): bits of each held-out document but its first token, by a model of `documents`.

    What the model leaves to the unknown is shared evenly by the tokens that it has not seen, so that probabilities
    add up to one.
    """
    hash_W, offsets_N1 = _flat(documents)
    model = train_ngrams(hash_W, offsets_N1, order=ORDER)
    num_unseen = max(vocab_size - np.unique(hash_W).size, 1)
    table = scorer_of(model).table

    def logarithms(of: Sequence[Tokens]) -> Reals:
        hashes, offsets = _flat(of)
        chosen = np.ones(len(of), dtype=np.bool_)
        unknown = model.unknown - math.log(num_unseen)
        return log_probabilities(hashes, offsets, chosen, table, order=ORDER, unknown=unknown)

    whole, first = logarithms(held_out.tokens), logarithms([tokens[:1] for tokens in held_out.tokens])
    return (first - whole) / math.log(2)


def frequency_bits(documents: Sequence[Tokens], held_out: HeldOut, *, vocab_size: int) -> Reals:
    """Returns (N,): the same by how often tokens occur, whatever is before them (counts and one): the least to beat."""
    count_V = np.bincount(np.concatenate(documents), minlength=vocab_size) + 1
    bits_V = -np.log2(count_V / count_V.sum())
    return np.array([bits_V[tokens[1:]].sum() for tokens in held_out.tokens])


def _flat(documents: Sequence[Tokens]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Returns a hash per token, and where each document begins."""
    offsets_N1 = np.concatenate(([0], np.cumsum([len(tokens) for tokens in documents]))).astype(np.int64)
    ids = np.concatenate([*documents, np.zeros(0, np.int64)]).astype(np.uint64)
    return (ids + np.uint64(1)) * ODD, offsets_N1
