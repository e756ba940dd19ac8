"""Rows of a fastText model's input matrix: which rows n-grams have, and adding rows up.

N-grams are of the code points of `<word>` (Bojanowski et al. 2017, arXiv 1607.04606, section 3.2); each has the row
of its hash modulo the number of buckets. A matrix is dense or product-quantised (Jegou et al. 2011): centroids
are added up straight from the codes, which fit a cache where the rows they stand for do not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import inlined
from curation.kernels.fasttext_dictionary import FNV_BASIS, fnv_byte, keep_buckets
from curation.kernels.vector import LANES, add_1, add_8, multiply, prefetch

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

CHUNK = 1024
"""N-grams whose rows are looked up together."""
MAX_CHARACTERS = 256
"""Longest n-gram of characters: those from one character on fit the last part of a chunk."""
AHEAD, LINE = np.uint64(8), np.uint64(64)
"""Rows that are asked for before they are added, and bytes that come at once."""
FULL = np.uint64(CHUNK - MAX_CHARACTERS)
LEAD, CONTINUATION = np.uint8(0xC0), np.uint8(0x80)
NUM_CENTROIDS, LANE_COUNT = np.uint64(256), np.uint64(LANES)
Z, ONE, TWO, NINE = (np.uint64(n) for n in (0, 1, 2, 9))


class Rows(NamedTuple):
    """R vectors of `dim` float32, dense or product-quantised (Jegou et al. 2011)."""

    stored: Bytes
    """R * dim float32 as bytes, so that they may lie anywhere in a file; or R * Q centroid numbers."""
    centroids: Floats
    """If quantised, 256 centroids of `sub_dim` numbers for each of Q parts, the last of which may be narrower."""
    norm_R: Floats
    """What a row of centroids is multiplied by."""


class Settings(NamedTuple):
    """Numbers of an encoder."""

    dim: np.uint64
    sub_dim: np.uint64
    num_parts: np.uint64
    """Q of a quantised matrix; 0: dense."""
    num_words: np.uint64
    """Entries of the dictionary below it are words, the others labels."""
    num_buckets: np.uint64
    bucket_inverse: np.uint64
    """2^64 / num_buckets, rounded up, for remainders without division (Lemire et al. 2019, arXiv 1902.01961)."""
    is_pruned: np.uint64
    """1: of the buckets those of `kept_B` have a row; 0: all."""
    min_chars: np.uint64
    max_chars: np.uint64
    """Lengths of n-grams of characters; none if max_chars is 0."""
    word_ngrams: np.uint64
    """Longest n-gram of words."""


@inlined
def ngrams(text, i, first, end, settings, hash_G):  # type: ignore[no-untyped-def]
    """Writes hashes of the n-grams of characters of text[first:end] that begin at byte i or after, as many as fit.

    Returns (byte to go on from, how many).
    """
    count = Z
    while i < end and count < FULL:
        fnv = FNV_BASIS
        chars = Z
        j = i
        while j < end and chars < settings.max_chars:
            fnv = fnv_byte(fnv, text[j])
            j += ONE
            complete = j == end or text[j] & LEAD != CONTINUATION
            chars += np.uint64(complete)
            alone = chars == ONE and (i == first or j == end)
            hash_G[count] = fnv
            count += np.uint64(complete and chars >= settings.min_chars and not alone)
        i += ONE
        while i < end and text[i] & LEAD == CONTINUATION:
            i += ONE
    return i, count


@inlined
def add_buckets(row_G, count, settings, kept_B, stored, centroids, norm_R, target, at):  # type: ignore[no-untyped-def]
    """Adds the rows of the buckets of the first `count` hashes; returns how many have one."""
    for g in range(count):
        fraction = settings.bucket_inverse * np.uint64(row_G[g])
        row_G[g] = np.uint32(multiply(fraction, settings.num_buckets) ^ (fraction * settings.num_buckets))
    if settings.is_pruned:
        count = keep_buckets(kept_B, row_G, count)
    add_rows(row_G, count, settings.num_words, settings, stored, centroids, norm_R, target, at)
    return count


@inlined
def add_rows(row_G, count, offset, settings, stored, centroids, norm_R, target, at):  # type: ignore[no-untyped-def]
    """Adds the first `count` rows, each `offset` further on, to the numbers of `target` from index `at`."""
    full, size = settings.dim // LANE_COUNT * LANE_COUNT, settings.dim << TWO
    for g in range(count):
        row = np.uint64(row_G[g]) + offset
        if settings.num_parts:
            _add_quantized(row, settings, stored, centroids, norm_R, target, at)
        else:
            if g + AHEAD < count:
                base = (np.uint64(row_G[g + AHEAD]) + offset) * size
                for byte in range(Z, size, LINE):
                    prefetch(stored, base + byte)
            base = row * size
            for d in range(Z, full, LANE_COUNT):
                add_8(target, at + d, stored, base + (d << TWO))
            for d in range(full, settings.dim):
                add_1(target, at + d, stored, base + (d << TWO))


@inlined
def _add_quantized(row, settings, codes, centroids, norm_R, target, at):  # type: ignore[no-untyped-def]
    norm = norm_R[row]
    whole = settings.dim >> ONE if settings.sub_dim == TWO else Z  # parts of two numbers, the library's default
    for q in range(whole):
        base = q << NINE | np.uint64(codes[row * settings.num_parts + q]) << ONE
        d = at + (q << ONE)
        target[d], target[d + ONE] = target[d] + norm * centroids[base], target[d + ONE] + norm * centroids[base + ONE]
    for q in range(whole, settings.num_parts):
        code = np.uint64(codes[row * settings.num_parts + q])
        first = q * settings.sub_dim
        width = min(settings.sub_dim, settings.dim - first)
        base = NUM_CENTROIDS * first + code * width
        for d in range(width):
            target[at + first + d] += norm * centroids[base + d]
