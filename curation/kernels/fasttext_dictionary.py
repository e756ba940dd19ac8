"""The dictionary of a fastText model: where its words lie in the file, and tables to find words and n-grams.

The hash is fastText's: FNV-1a with 32 bits over *signed* bytes (Dictionary::hash of the library, which keeps
that error of its first version). The library finds words by linear probing; here words of a slot lie side by
side, so that neither building nor finding can be made slow by words that were chosen to collide.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, inlined, kernel
from curation.kernels.vector import count_bits

Bytes = NDArray[np.uint8]

FNV_BASIS, FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
SIGN = np.uint32(0x80)
ABSENT = np.uint64(2**32)
"""What `find_word` returns for a word that is not in the dictionary."""
MAX_PER_SLOT = 64
"""Words that may share a slot; there are at least twice as many slots as words."""
ENTRY_BYTES = 10
"""Least bytes of an entry: an empty word, its NUL, count and type."""
Z, ONE, TWO, FIVE, FIVE_BITS, HALF = (np.uint64(n) for n in (0, 1, 2, 5, 31, 32))


class Entries(NamedTuple):
    """E entries of a dictionary, as they lie in the file."""

    start_E: NDArray[np.uint64]
    """First byte of each word in the file."""
    size_E: NDArray[np.uint64]
    """Its bytes, without the NUL."""
    count_E: NDArray[np.int64]
    """How often it was seen in training."""
    kind_E: NDArray[np.uint8]
    """0: word, 1: label."""


class WordTable(NamedTuple):
    """E words in S slots, side by side: those of slot s are `word_E3[slot_offsets_S1[s] : slot_offsets_S1[s + 1]]`."""

    data: Bytes
    word_E3: NDArray[np.uint64]
    """Of each word: bytes (high half) and hash, first byte in `data`, entry."""
    slot_offsets_S1: NDArray[np.uint32]


def dictionary_entries(data: Bytes, begin: int, num_entries: int) -> tuple[Entries, int]:
    """Returns the entries from byte `begin` of `data`, and the byte after them, or -1 if they do not end before it.

    The caller makes sure that `num_entries` times ENTRY_BYTES are there, so memory is bounded by the file's size.
    """
    entries = Entries(
        start_E=np.empty(num_entries, dtype=np.uint64),
        size_E=np.empty(num_entries, dtype=np.uint64),
        count_E=np.empty(num_entries, dtype=np.int64),
        kind_E=np.empty(num_entries, dtype=np.uint8),
    )
    return entries, int(_entries(data, np.uint64(begin), *entries))


def word_table(data: Bytes, start_E: NDArray[np.uint64], size_E: NDArray[np.uint64]) -> WordTable:
    """Returns a table of words that lie in `data`.

    Raises:
        ValueError: more than MAX_PER_SLOT words share a slot, or a word has 2^32 bytes or more.
    """
    if size_E.max(initial=np.uint64(0)) >= 2**32:
        raise ValueError(f"expected words of fewer than 2^32 bytes, found {size_E.max()}")
    num_slots = 1 << min(31, int(2 * start_E.size).bit_length())
    hash_E = np.empty(start_E.size, dtype=np.uint32)
    _hashes(data, start_E, size_E, hash_E)
    slot_E = (hash_E ^ hash_E >> np.uint32(16)) & np.uint32(num_slots - 1)
    counts_S = np.bincount(slot_E, minlength=num_slots)
    if counts_S.max(initial=0) > MAX_PER_SLOT:
        raise ValueError(f"expected at most {MAX_PER_SLOT} words in a slot, found {counts_S.max()}")
    order_E = np.argsort(slot_E, kind="stable")
    tag_E = size_E << HALF | hash_E.astype(np.uint64)
    word_E3 = np.stack([tag_E, start_E, np.arange(start_E.size, dtype=np.uint64)], axis=1)[order_E]
    offsets_S1 = np.concatenate([[0], np.cumsum(counts_S)]).astype(np.uint32)
    return WordTable(data=data, word_E3=word_E3, slot_offsets_S1=offsets_S1)


def kept_buckets(bucket_K: NDArray[np.int64], num_buckets: int) -> NDArray[np.uint64]:
    """Returns uint64 (B,), the set of the K different buckets in [0, num_buckets), 32 buckets each.

    The low half has a bit per bucket, the high half the number of kept buckets before them: one load says whether
    a bucket is kept, and which row it has.
    """
    bit_B = np.zeros(-(-num_buckets // 32), dtype=np.uint64)
    np.bitwise_or.at(bit_B, bucket_K >> 5, np.uint64(1) << (bucket_K & 31).astype(np.uint64))
    count_B = np.bitwise_count(bit_B)
    before_B = np.cumsum(count_B, dtype=np.uint64) - count_B
    return bit_B | before_B << np.uint64(32)


@borrowing
def fnv_byte(fnv, byte):  # type: ignore[no-untyped-def]
    """Returns the hash with one more byte, taken as signed."""
    return np.uint32((fnv ^ np.uint32((np.uint32(byte) ^ SIGN) - SIGN)) * FNV_PRIME)


@borrowing
def fnv_bytes(data, begin, end):  # type: ignore[no-untyped-def]
    """Returns the uint32 hash of data[begin:end]."""
    fnv = FNV_BASIS
    for i in range(begin, end):
        fnv = fnv_byte(fnv, data[i])
    return fnv


@inlined
def find_word(data, word_E3, slot_offsets_S1, text, begin, size, fnv):  # type: ignore[no-untyped-def]
    """Returns the entry of the word text[begin : begin + size] with hash `fnv`, or ABSENT.

    Of equal words it is the last one, as in the library.
    """
    slot = np.uint64(fnv ^ fnv >> np.uint32(16)) & np.uint64(slot_offsets_S1.size - 2)
    first, i = np.uint64(slot_offsets_S1[slot]), np.uint64(slot_offsets_S1[slot + ONE])
    tag = size << HALF | np.uint64(fnv)
    found = ABSENT
    while i > first and found == ABSENT:
        i -= ONE
        if word_E3[i, Z] == tag:
            start = word_E3[i, ONE]
            k = Z
            while k < size and data[start + k] == text[begin + k]:
                k += ONE
            if k == size:
                found = word_E3[i, TWO]
    return found


@inlined
def keep_buckets(kept_B, bucket_G, count):  # type: ignore[no-untyped-def]
    """Puts the ranks of kept buckets in place of the first `count` buckets; returns how many there are."""
    left = Z
    for g in range(count):
        bucket = np.uint64(bucket_G[g])
        entry, bit = kept_B[bucket >> FIVE], bucket & FIVE_BITS
        bucket_G[left] = np.uint32((entry >> HALF) + count_bits(entry & ((ONE << bit) - ONE)))
        left += entry >> bit & ONE
    return left


@kernel
def _entries(data, at, start_E, size_E, count_E, kind_E):  # type: ignore[no-untyped-def]
    end = np.uint64(data.size)
    for e in range(np.uint64(start_E.size)):
        start_E[e] = at
        while at < end and data[at]:
            at += ONE
        size_E[e] = at - start_E[e]
        if end - at < np.uint64(ENTRY_BYTES):
            return np.int64(-1)
        count = Z
        for i in range(np.uint64(8)):
            count |= np.uint64(data[at + ONE + i]) << (i << np.uint64(3))
        count_E[e] = np.int64(count)
        kind_E[e] = data[at + np.uint64(9)]
        at += np.uint64(ENTRY_BYTES)
    return np.int64(at)


@kernel
def _hashes(data, start_E, size_E, hash_E):  # type: ignore[no-untyped-def]
    for e in range(np.uint64(start_E.size)):
        hash_E[e] = fnv_bytes(data, start_E[e], start_E[e] + size_E[e])
