"""MTLD and syllables by their definitions, with sets and regular expressions."""

import re


def mtld(words: list[str], *, factor: float) -> float:
    """Returns the mean of words per factor, read forwards and backwards."""
    return sum(_one_way(given, factor) for given in (words, words[::-1])) / 2


def _one_way(words: list[str], factor: float) -> float:
    factors, different, count = 0.0, set[str](), 0
    for word in words:
        different.add(word)
        count += 1
        if len(different) <= factor * count:
            factors, different, count = factors + 1, set(), 0
    if count:
        factors += (1 - len(different) / count) / (1 - factor)
    return len(words) / factors if factors else float(len(words))


def syllables(word: str) -> int:
    """Returns the estimated syllables of an English word."""
    count = len(re.findall(r"[aeiouy]+", word, re.IGNORECASE))
    if re.search(r"[^aeiouy]e$", word, re.IGNORECASE) and len(word.encode()) > 2:
        count -= not re.search(r"[^aeiouy]le$", word, re.IGNORECASE)
    return max(count, 1)
