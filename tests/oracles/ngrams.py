"""Interpolated modified Kneser-Ney by its definition (Chen and Goodman 1999), in fractions."""

import math
from collections import Counter
from fractions import Fraction

START = "<s>"
FALLBACK = (Fraction(1, 2), Fraction(1), Fraction(3, 2))


class Oracle:
    """The model of some documents (lists of words); probabilities are fractions, computed anew each time."""

    def __init__(self, documents, *, order, min_count=1):
        self.order, self.min_count = order, min_count
        grams = Counter()
        for document in documents:
            padded = [START] * (order - 1) + document
            grams.update(tuple(padded[end - order : end]) for end in range(order, len(padded) + 1))
        self.counts = {order: dict(grams)}
        for n in range(order - 1, 0, -1):
            before = {(gram[1:], gram[0]) for gram in self.counts[n + 1]}
            self.counts[n] = dict(Counter(gram for gram, _ in before))
        self.discounts = {n: self._discounts(counts.values()) for n, counts in self.counts.items()}
        self.num_words = len(self.counts[1])

    @staticmethod
    def _discounts(counts):
        one, two, three, four = (sum(count == size for count in counts) for size in (1, 2, 3, 4))
        if not (one and two and three):
            return FALLBACK
        share = Fraction(one, one + 2 * two)
        pairs = ((1, one, two), (2, two, three), (3, three, four))
        found = tuple(size - (size + 1) * share * Fraction(more, fewer) for size, fewer, more in pairs)
        return found if all(0 < found[size - 1] < size for size in (1, 2, 3)) else FALLBACK

    def probability(self, word, context):
        """p(word | context), the words before, nearest last."""
        counts = self.counts[len(context) + 1]
        same = {gram: count for gram, count in counts.items() if gram[:-1] == context}
        shorter = self.probability(word, context[1:]) if context else Fraction(1, self.num_words + 1)
        if not same:
            return shorter
        smallest = self.min_count if len(context) + 1 == self.order else 1
        discounts = self.discounts[len(context) + 1]
        kept = {gram: count - discounts[min(count, 3) - 1] for gram, count in same.items() if count >= smallest}
        total = sum(same.values())
        return kept.get((*context, word), 0) / Fraction(total) + (1 - sum(kept.values()) / Fraction(total)) * shorter

    def perplexity(self, document):
        """exp(-mean ln p) of a document with a word or more."""
        padded = [START] * (self.order - 1) + document
        ends = range(self.order - 1, len(padded))
        logs = [math.log(self.probability(padded[end], tuple(padded[end - self.order + 1 : end]))) for end in ends]
        return math.exp(-sum(logs) / len(document))
