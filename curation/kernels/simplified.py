"""Hashes of words as FineWeb simplifies them before it compares documents.

Penedo et al. 2024 (arXiv 2406.17557), section 3.4; datatrove 0.10.1's `simplify_text`: lower case, every run of
digits becomes `0`, diacritics (Unicode Mn after NFD) go. White space and punctuation already part words. Only
words with a digit or a character above ASCII are hashed again.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.characters import PAD
from curation.kernels.unicode import CODE_POINTS, DROPPED, simplified_table
from curation.kernels.vector import load_u64
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents, hash_of_word

Z, ONE, TWO, THREE, FOUR, SIX, EIGHT = (np.uint64(n) for n in (0, 1, 2, 3, 4, 6, 8))
LAST = np.uint64(0x3F)
TOPS = np.uint64(0x8080808080808080)
FROM_ZERO, ABOVE_NINE = np.uint64(0x5050505050505050), np.uint64(0x4646464646464646)  # 0x80 less `0`, less `:`


def simplified_hashes(values: Bytes, offsets_N1: Counts, words: WordArrays) -> NDArray[np.uint64]:
    """Returns uint64 (W,): the hash of each word's simplified bytes.

    Args:
        values: UTF-8 of all documents; never read outside.
        offsets_N1: int64, where documents begin.
        words: what `curation.kernels.words.words` found in them.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets descend or leave `values`.
    """
    check_documents(values, offsets_N1)
    hash_W = words.hash_W.copy()
    room = int(words.length_W.max(initial=0)) * 3 // 2 + 2 * int(PAD)  # some letters grow from two bytes to three
    columns = (words.start_W, words.length_W, words.chars_W, words.word_offsets_N1)
    _rehash(values, offsets_N1, *columns, simplified_table(), np.zeros(room, dtype=np.uint8), hash_W)
    return hash_W


@kernel
def _rehash(values, offsets_N1, start_W, length_W, chars_W, word_offsets_N1, table, scratch, hash_W):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin = np.uint64(offsets_N1[n])
        for j in range(np.uint64(word_offsets_N1[n]), np.uint64(word_offsets_N1[n + ONE])):
            at, size = begin + np.uint64(start_W[j]), np.uint64(length_W[j])
            if chars_W[j] == 1 and values[at] >= 0xE5 and values[at] <= 0xE9:
                continue  # Han: nothing to simplify
            if np.uint64(chars_W[j]) != size or _has_digit(values, at, size):
                written = _simplify(values, at, at + size, table, scratch)
                hash_W[j] = hash_of_word(scratch, PAD, written - PAD)


@kernel
def _has_digit(values, at, size):  # type: ignore[no-untyped-def]
    """Returns whether an ASCII word has a digit, eight bytes at a time where `values` has as many."""
    end = at + size
    while at < end:
        if at + EIGHT <= np.uint64(values.size):
            bytes_8 = load_u64(values, at) & ~TOPS
            keep = (end - at) << THREE if end - at < EIGHT else np.uint64(64)
            digits = (bytes_8 + FROM_ZERO) & ~(bytes_8 + ABOVE_NINE) & TOPS
            if digits << (np.uint64(64) - keep):
                return True
            at += EIGHT
        else:
            if values[at] >= np.uint8(48) and values[at] <= np.uint8(57):
                return True
            at += ONE
    return False


@kernel
def _simplify(values, at, end, table, scratch):  # type: ignore[no-untyped-def]
    """Writes the simplified characters of values[at:end] to `scratch` from PAD; returns where they end."""
    out = PAD
    after_digit = False
    while at < end:
        code_point, size = _decode(values, at, end)
        at += size
        if code_point < np.uint64(CODE_POINTS):
            code_point = np.uint64(table[code_point])
        digit = code_point == np.uint64(48)
        if code_point != np.uint64(DROPPED) and not (digit and after_digit):
            out = _encode(code_point, scratch, out)
        after_digit = digit or (after_digit and code_point == np.uint64(DROPPED))
    scratch[out : out + EIGHT] = 0
    return out


@kernel
def _decode(values, at, end):  # type: ignore[no-untyped-def]
    """Returns (code point, bytes) of the character at `at`; a byte that begins none stands for itself."""
    lead = np.uint64(values[at])
    size = TWO if lead < np.uint64(0xE0) else THREE if lead < np.uint64(0xF0) else FOUR
    if lead < np.uint64(0xC0) or at + size > end:
        return lead, ONE
    code_point = lead & (np.uint64(0xFF) >> (size + ONE))
    for i in range(ONE, size):
        code_point = code_point << SIX | np.uint64(values[at + i]) & LAST
    return code_point, size


@kernel
def _encode(code_point, scratch, out):  # type: ignore[no-untyped-def]
    """Writes a code point as UTF-8 and returns the place after it."""
    if code_point < np.uint64(0x80):
        scratch[out] = np.uint8(code_point)
        return out + ONE
    size = TWO if code_point < np.uint64(0x800) else THREE if code_point < np.uint64(0x10000) else FOUR
    marks = np.uint64(0xF00) >> size & np.uint64(0xFF)  # 110, 1110 or 11110 in the high bits
    scratch[out] = np.uint8(marks | code_point >> SIX * (size - ONE))
    for i in range(ONE, size):
        scratch[out + i] = np.uint8(np.uint64(0x80) | code_point >> SIX * (size - ONE - i) & LAST)
    return out + size
