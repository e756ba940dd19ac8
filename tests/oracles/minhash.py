"""MinHash by definition, in Python integers. Slow on purpose."""

from itertools import accumulate

from tests.oracles.words import lowered


def windows(hashes: list[int], ngram: int) -> list[int]:
    """Every window of `ngram` hashes: hash k rotated left by 13 (ngram - 1 - k) bits, xor, one multiply."""
    found = []
    for first in range(len(hashes) - ngram + 1):
        state = 0
        for k in range(ngram):
            turn = 13 * (ngram - 1 - k) % 64
            word = hashes[first + k]
            state ^= (word << turn | word >> (64 - turn)) % 2**64
        found.append(state * 0x9E3779B97F4A7C15 % 2**64)
    return found


def shingles(hashes: list[int], ngram: int) -> list[int]:
    """The set of windows' upper halves, sorted."""
    return sorted({window >> 32 for window in windows(hashes, ngram)})


def character_hashes(text: str) -> list[int]:
    """64 bits of each character's lower case."""
    return [character_hash(lowered(character)) for character in text]


def character_hash(character: str) -> int:
    code_point = ord(character)
    low = int.from_bytes(character.encode()[-3:], "little") if code_point < 2**17 else code_point | 2**24
    h = (low + 1) * 0x9E3779B97F4A7C15 % 2**64
    return (h ^ h >> 29) * 0xBF58476D1CE4E5B9 % 2**64


def mixed_64(h: int) -> int:
    """MurmurHash3's 64-bit finalizer."""
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD % 2**64
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 % 2**64
    return h ^ h >> 33


def signature_64(found: list[int], permutations: list[tuple[int, int]]) -> list[int]:
    """The smallest image of 64-bit shingles under each permutation."""
    return [min(((a * mixed_64(h) + b) % 2**64 for h in found), default=2**64 - 1) for a, b in permutations]


def mixed(h: int) -> int:
    """MurmurHash3's 32-bit finalizer."""
    h ^= h >> 16
    h = h * 0x85EBCA6B % 2**32
    h ^= h >> 13
    h = h * 0xC2B2AE35 % 2**32
    return h ^ h >> 16


def signature(found: list[int], permutations: list[tuple[int, int]]) -> list[int]:
    """The smallest image of the shingles under each permutation."""
    return [min(((a * mixed(h) + b) % 2**32 for h in found), default=2**32 - 1) for a, b in permutations]


def chance_of_catching(jaccard: float, *, bands: int, rows: int) -> float:
    """The chance that two documents share a band: Mining of Massive Datasets, section 3.4.2."""
    return 1 - (1 - jaccard**rows) ** bands


def likely_counts(chances: list[float], *, error: float) -> tuple[int, int]:
    """(fewest, most) successes of independent trials that are not too unlikely: `error` in all, half on each side.

    The distribution is worked out trial by trial (Poisson binomial): no approximation.
    """
    probability = [1.0]
    for chance in chances:
        stays, grows = [(1 - chance) * p for p in [*probability, 0.0]], [chance * p for p in [0.0, *probability]]
        probability = [stay + grow for stay, grow in zip(stays, grows, strict=True)]
    below = list(accumulate(probability))
    fewest = next(count for count, p in enumerate(below) if p > error / 2)
    most = next(count for count, p in enumerate(below) if p >= 1 - error / 2)
    return fewest, most
