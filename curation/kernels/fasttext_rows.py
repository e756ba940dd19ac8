"""Rows of a fastText model's input matrix: which rows n-grams have, and adding rows up.

N-grams are of the code points of `<word>` (Bojanowski et al. 2017, arXiv 1607.04606, section 3.2); each has the row
of its hash modulo the number of buckets. A matrix is dense or product-quantised (Jegou et al. 2011): centroids
are added up straight from the codes, which fit a cache where the rows they stand for do not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import inlined, kernel
from curation.kernels.fasttext_dictionary import FNV_BASIS, fnv_byte, keep_buckets
from curation.kernels.float_lanes import LANE_COUNT, add_8_of_rows, dot, float_at
from curation.kernels.vector import multiply, prefetch

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

CHUNK = 1024
"""N-grams whose rows are looked up together."""
MAX_CHARACTERS = 256
"""Longest n-gram of characters."""
AHEAD, LINE = np.uint64(8), np.uint64(64)
"""Rows that are added together while as many are asked for, and bytes that come at once."""
LEAD, CONTINUATION = np.uint8(0xC0), np.uint8(0x80)
NUM_CENTROIDS = np.uint64(256)
Z, ONE, TWO, FIVE, NINE = (np.uint64(n) for n in (0, 1, 2, 5, 9))


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


def write_products(stored: Bytes, weight_LD: Floats, product_RL: Floats) -> None:
    """Writes the products of R dense rows, as in `Rows.stored`, with L vectors."""
    stored = stored.view()
    stored.setflags(write=False)  # of a file or just decoded: one type, compiled once
    _products(stored, weight_LD.reshape(-1), np.uint64(weight_LD.shape[1]), product_RL)


@kernel
def _products(stored, weights, dim, product_RL):  # type: ignore[no-untyped-def]
    for r in range(np.uint64(product_RL.shape[0])):
        for label in range(np.uint64(product_RL.shape[1])):
            product_RL[r, label] = dot(weights, label * dim, stored, r * (dim << TWO), dim)


@inlined
def ngrams(text, i, first, end, settings, kept_B, scratch_2C, bucket_G):  # type: ignore[no-untyped-def]
    """Writes buckets of the n-grams of characters of text[first:end] that begin at byte i or after, as many as fit.

    Shorter ones first: hashes of one length grow independently of each other. Scratch has where characters begin,
    and these hashes. Returns (byte to go on from, how many).
    """
    num_starts = np.uint64(CHUNK) // settings.max_chars
    num_chars = Z
    j = i
    while j < end and num_chars < num_starts + settings.max_chars:
        scratch_2C[0, num_chars], scratch_2C[1, num_chars] = np.uint32(j), FNV_BASIS
        num_chars += ONE
        j += ONE
        while j < end and text[j] & LEAD == CONTINUATION:
            j += ONE
    scratch_2C[0, num_chars] = np.uint32(j)
    num_starts = min(num_starts, num_chars)
    is_ascii = j - i == num_chars
    count = Z
    for longer in range(min(settings.max_chars, num_chars)):
        left = min(num_starts, num_chars - longer)
        for s in range(left):
            fnv = scratch_2C[1, s]
            if is_ascii:
                fnv = fnv_byte(fnv, text[i + s + longer])
            else:
                for k in range(np.uint64(scratch_2C[0, s + longer]), np.uint64(scratch_2C[0, s + longer + ONE])):
                    fnv = fnv_byte(fnv, text[k])
            scratch_2C[1, s] = fnv
        if longer + ONE >= settings.min_chars:
            skipped = np.uint64(longer == Z and i == first)  # < and > are no n-grams alone
            left -= np.uint64(longer == Z and np.uint64(scratch_2C[0, left]) == end)
            for s in range(skipped, left):
                fraction = settings.bucket_inverse * np.uint64(scratch_2C[1, s])
                bucket = multiply(fraction, settings.num_buckets) ^ (fraction * settings.num_buckets)
                bucket_G[count + s - skipped] = np.uint32(bucket)
                prefetch(kept_B, bucket >> FIVE)
            count += left - skipped
    return np.uint64(scratch_2C[0, num_starts]), count


@inlined
def add_buckets(row_G, count, settings, kept_B, stored, centroids, norm_R, target, at):  # type: ignore[no-untyped-def]
    """Adds the rows of the first `count` buckets; returns how many have one."""
    if settings.is_pruned:
        count = keep_buckets(kept_B, row_G, count)
        if not settings.num_parts:
            for g in range(min(count, AHEAD)):
                prefetch(stored, (np.uint64(row_G[g]) + settings.num_words) * (settings.dim << TWO))
    add_rows(row_G, count, settings.num_words, settings, stored, centroids, norm_R, target, at)
    return count


@inlined
def add_rows(row_G, count, offset, settings, stored, centroids, norm_R, target, at):  # type: ignore[no-untyped-def]
    """Adds the first `count` rows, each `offset` further on, to the numbers of `target` from index `at`."""
    if settings.num_parts:
        for g in range(count):
            _add_quantized(np.uint64(row_G[g]) + offset, settings, stored, centroids, norm_R, target, at)
    else:
        full, size = settings.dim // LANE_COUNT * LANE_COUNT, settings.dim << TWO
        for first in range(Z, count, AHEAD):
            end = min(first + AHEAD, count)
            for g in range(end, min(end + AHEAD, count)):
                for byte in range(Z, size, LINE):
                    prefetch(stored, (np.uint64(row_G[g]) + offset) * size + byte)
            for d in range(Z, full, LANE_COUNT):
                add_8_of_rows(target, at + d, stored, offset * size + (d << TWO), size, row_G, first, end)
            for d in range(full, settings.dim):
                total = target[at + d]
                for g in range(first, end):
                    total += float_at(stored, (np.uint64(row_G[g]) + offset) * size + (d << TWO))
                target[at + d] = total


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
