"""Trains an n-gram model: interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999).

Computer Speech and Language 13. Counts of the longest n-grams are how often they occur; those of shorter ones are how
many different words come before them. Each count is discounted by its size, and the mass that this leaves goes to the
context's next shorter one, at last to all words alike and one more, the unknown. A word is the hash that
`curation.text.words` gives it; before a document's first word stands START. Everything is sums in a fixed order over
sorted hashes: the same words give the same model. Hashes of 64 bits stand for n-grams: in 10^8 different ones, two
share a hash with a probability of 3e-4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.kernels.ngrams import Hashes, ngram_hashes, start_hashes
from curation.kernels.words import Counts
from curation.quality.ngram_model import MIN_ORDER, NgramModel

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts of counts 1, 2 and more where a text is too small to estimate them, as KenLM's `--discount_fallback`."""

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grams:
    """G different n-grams of one order."""

    hash_G: Hashes
    """Ascending."""
    place_G: Counts
    """A word of the text with which each ends."""
    count_G: Counts


def train_ngrams(hash_W: Hashes, word_offsets_N1: Counts, *, order: int, min_count: int = 1) -> NgramModel:
    """Returns the model of N documents, not calibrated.

    Args:
        hash_W: a hash per word.
        word_offsets_N1: int64, where the words of each document begin.
        order: words of the longest n-gram, MIN_ORDER to MAX_ORDER.
        min_count: n-grams of `order` words that occur less often are left out, their mass goes to shorter ones.

    Raises:
        ValueError: the documents are not all of `hash_W`, have no word, or another order.
    """
    hash_OW = ngram_hashes(hash_W, word_offsets_N1, order=order)
    if order < MIN_ORDER or not hash_W.size or word_offsets_N1[0] or word_offsets_N1[-1] != hash_W.size:
        raise ValueError(f"expected words of documents one after the other, and an order of {MIN_ORDER} at least")
    is_first_W = np.zeros(hash_W.size + 1, dtype=np.bool_)
    is_first_W[word_offsets_N1] = True
    starts_O = start_hashes(order)
    found = _counted(hash_OW)

    lowest = found[0]
    discounted_G = _discounted(lowest.count_G)
    total = float(lowest.count_G.sum())
    unknown = (1.0 - float(discounted_G.sum()) / total) / (lowest.hash_G.size + 1)
    probability_G = discounted_G / total + unknown
    weights: list[tuple[Hashes, Reals]] = []
    probabilities = [(lowest.hash_G, probability_G)]
    for n in range(1, order):
        grams = found[n]
        before_W = np.where(is_first_W[:-1], starts_O[n - 1], np.roll(hash_OW[n - 1], 1))
        context_C, context_G = np.unique(before_W[grams.place_G], return_inverse=True)
        total_C = np.bincount(context_G, grams.count_G, minlength=context_C.size)
        is_kept_G = grams.count_G >= (min_count if n == order - 1 else 1)
        discounted_G = np.where(is_kept_G, _discounted(grams.count_G), 0.0)
        weight_C = 1.0 - np.bincount(context_G, discounted_G, minlength=context_C.size) / total_C
        shorter = np.searchsorted(found[n - 1].hash_G, hash_OW[n - 1, grams.place_G])
        probability_G = discounted_G / total_C[context_G] + weight_C[context_G] * probability_G[shorter]
        weights.append((context_C, weight_C))
        probabilities.append((grams.hash_G[is_kept_G], probability_G[is_kept_G]))
    return _joined(probabilities, weights, order=order, unknown=unknown)


def _counted(hash_OW: Hashes) -> list[_Grams]:
    """Returns the n-grams of each order, the shortest first."""
    found: list[_Grams] = []
    place_P = np.arange(hash_OW.shape[1])
    for hash_W in hash_OW[::-1]:
        hash_G, first_G, count_G = np.unique(hash_W[place_P], return_index=True, return_counts=True)
        place_P = place_P[first_G]
        found.append(_Grams(hash_G=hash_G, place_G=place_P, count_G=count_G))
    return found[::-1]


def _discounted(count_G: Counts) -> Reals:
    """Returns counts less their discounts, which are estimated from how many n-grams occur once to four times."""
    one, two, three, four = (float(np.sum(count_G == count)) for count in (1, 2, 3, 4))
    discounts = FALLBACK
    if one and two and three:
        share = one / (one + 2 * two)
        found = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
        if all(0 < discount < count for count, discount in enumerate(found, start=1)):
            discounts = found
    discount_G: Reals = np.array([0.0, *discounts])[np.minimum(count_G, len(discounts))]
    return count_G - discount_G


def _joined(
    probabilities: list[tuple[Hashes, Reals]], weights: list[tuple[Hashes, Reals]], *, order: int, unknown: float
) -> NgramModel:
    """Returns one table of all orders: an n-gram has a probability as such, a weight as a context, or both."""
    gram_P, probability_P = (np.concatenate(parts) for parts in zip(*probabilities, strict=True))
    context_C, weight_C = (np.concatenate(parts) for parts in zip(*weights, strict=True))
    hash_G = np.unique(np.concatenate([gram_P, context_C]))
    value_G2 = np.zeros((hash_G.size, 2), dtype=np.float32)
    value_G2[np.searchsorted(hash_G, gram_P), 0] = np.log(probability_P)
    value_G2[np.searchsorted(hash_G, context_C), 1] = np.log(weight_C)
    return NgramModel(order=order, unknown=float(np.log(unknown)), cut_offs=(), hash_G=hash_G, value_G2=value_G2)
