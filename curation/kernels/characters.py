"""Characters above ASCII in the words kernel: their class and lower case by table, and clusters.

The masks of a block of 64 bytes hold one bit per byte. The vector pass fills them for ASCII and marks the leads of
other characters; here these are looked up one by one, lowered in place, and added. Letters are gathered in registers
and reach the masks once per block.
"""

import numpy as np

from curation.kernels import kernel
from curation.kernels.unicode import (
    BASE,
    CODE_POINTS,
    DOT_BELOW,
    EXTEND,
    IDEOGRAPH,
    JOINING,
    KILLING,
    LEADING,
    NUMBER,
    ROLE_SHIFT,
    SPACELESS,
    STACKING,
    WORD,
)
from curation.kernels.vector import count_bits, lowest_bit

PAD = np.uint64(64)
"""Bytes of scratch before and after a document."""

DIGITS, NEWLINES, LEADS, HAN, TABLE, BREAKS = range(1, 7)  # rows of a block's masks; 0 is words
CHARS, WORD_CHARS, SPACELESS_CHARS, NUMERIC_WORDS, IDEOGRAPHS, CLUSTERS = range(6)
"""Columns of `curation.kernels.words.WordArrays.counts_N6`."""

NOWHERE = np.uint64(2**64 - 1)
TOP_TWO, TOP = np.uint64(0xC0), np.uint64(0x80)  # the bits that tell a continuation byte, and what they are
SPLITS = np.uint64(SPACELESS | IDEOGRAPH)
Z, ONE, TWO, THREE = (np.uint64(n) for n in (0, 1, 2, 3))
SIX, LAST, BLOCK = np.uint64(6), np.uint64(63), np.uint64(64)


@kernel
def _set(mask_B8, position, count, kind):  # type: ignore[no-untyped-def]
    """Sets `count` (at most 4) bits from bit `position` of one kind of mask, over the block's edge if need be."""
    bits = (ONE << count) - ONE
    b, k = position >> SIX, position & LAST
    mask_B8[b, kind] |= bits << k
    if k + count > BLOCK:
        mask_B8[b + ONE, kind] |= bits >> (BLOCK - k)


@kernel
def _two_bytes(lowered, p, table):  # type: ignore[no-untyped-def]
    """Returns the class of the character of two bytes at lowered[p], and lowers it in place."""
    entry = table[(np.uint64(lowered[p]) & np.uint64(0x1F)) << SIX | np.uint64(lowered[p + ONE]) & LAST]
    lowered[p], lowered[p + ONE] = np.uint8(entry), np.uint8(entry >> np.uint32(8))
    return np.uint64(entry >> np.uint32(24))


@kernel
def _three_bytes(lowered, p, table):  # type: ignore[no-untyped-def]
    """Returns the class of the character of three bytes at lowered[p], and lowers it in place.

    One that splits words has its continuation bytes, else its class is 0: so invalid UTF-8 has no more words
    than half its bytes, which is the room there is.
    """
    c1, c2 = np.uint64(lowered[p + ONE]), np.uint64(lowered[p + TWO])
    entry = table[(np.uint64(lowered[p]) & np.uint64(0x0F)) << np.uint64(12) | (c1 & LAST) << SIX | c2 & LAST]
    kind = np.uint64(entry >> np.uint32(24))
    if kind & SPLITS:  # nothing of these has a case
        return kind if c1 & TOP_TWO == TOP and c2 & TOP_TWO == TOP else Z
    lowered[p], lowered[p + ONE] = np.uint8(entry), np.uint8(entry >> np.uint32(8))
    lowered[p + TWO] = np.uint8(entry >> np.uint32(16))
    return kind


@kernel
def _four_bytes(lowered, p, table):  # type: ignore[no-untyped-def]
    """Returns the class of the character of four bytes at lowered[p], and lowers it in place; see above."""
    code_point = (np.uint64(lowered[p]) & np.uint64(7)) << np.uint64(18)
    whole = True
    for i in range(ONE, np.uint64(4)):
        byte = np.uint64(lowered[p + i])
        code_point |= (byte & LAST) << SIX * (THREE - i)
        whole &= byte & TOP_TWO == TOP
    if code_point >= np.uint64(CODE_POINTS):
        if code_point < np.uint64(0x40000):
            return np.uint64(WORD | IDEOGRAPH | SPACELESS) if whole else Z
        return np.uint64(EXTEND) if code_point - np.uint64(0xE0100) < np.uint64(0xF0) else Z
    entry = table[code_point]
    kind = np.uint64(entry >> np.uint32(24))
    if kind & SPLITS and not whole:
        return Z
    for i in range(THREE):
        lowered[p + ONE + i] = np.uint8(entry >> np.uint32(i << THREE))
    return kind


@kernel
def _add_han(mask_B8, b, carry):  # type: ignore[no-untyped-def]
    """Marks Han characters of block b, and what is left of the last of block b - 1; returns their leads in block b.

    Those are Han leads that two continuation bytes follow.
    """
    row = mask_B8[b]
    after = mask_B8[b + ONE, LEADS]
    han = row[HAN] & ~(row[LEADS] >> ONE | after << LAST | row[LEADS] >> TWO | after << np.uint64(62))
    row[0] |= han | han << ONE | han << TWO | carry >> LAST | carry >> np.uint64(62)
    row[BREAKS] |= han | han << THREE | carry >> np.uint64(61)
    return han


@kernel
def patch(size, blocks, table, lowered, mask_B8, counts_6):  # type: ignore[no-untyped-def]
    """Adds the characters above ASCII to the masks and counts those of scripts without spaces.

    Thai, Lao, Khmer and Burmese come in runs of clusters, of which these are kept: where the run ends, whether the
    next base joins, whether the last word is a number, and where the last word begins if a killed consonant may
    yet close the word before it (else 0).
    """
    end, joins, numeric, closes = NOWHERE, False, False, Z
    ideographs, clusters, of_clusters = Z, Z, Z
    carry = Z  # Han leads of the block before
    for b in range(blocks):
        row = mask_B8[b]
        if row[HAN] | carry:
            carry = _add_han(mask_B8, b, carry)
            ideographs += count_bits(carry)
        left = row[TABLE]
        breaks = Z  # of clusters, still to set
        letters, long = Z, Z  # characters of two or three bytes whose bits are still to set; those of three
        while left:
            k = lowest_bit(left)
            left &= left - ONE
            p = PAD + (b << SIX | k)
            if lowered[p] < 0xE0:
                bits, count = _two_bytes(lowered, p, table), TWO
            elif lowered[p] < 0xF0:
                bits, count = _three_bytes(lowered, p, table), THREE
            else:
                bits, count = _four_bytes(lowered, p, table), np.uint64(4)
            if bits == np.uint64(WORD) and count < np.uint64(4):
                letters |= ONE << k
                long |= (count & ONE) << k
                continue
            position = p - PAD
            role = bits >> np.uint64(ROLE_SHIFT)
            of_run = bits & SPLITS == np.uint64(SPACELESS)
            of_clusters += np.uint64(of_run)
            goes_on = position == end
            if goes_on and of_run and not numeric and not bits & np.uint64(NUMBER) and role < np.uint64(STACKING):
                begins_one = np.uint64((role == np.uint64(BASE) or role == np.uint64(LEADING)) and not joins)
                breaks |= begins_one << k
                clusters += begins_one
                closes = position if role == np.uint64(BASE) and not joins else Z
                joins = role >= np.uint64(LEADING)
                letters |= ONE << k
                long |= ONE << k
                end = position + THREE
                continue
            row[BREAKS] |= breaks
            breaks = Z
            extends = bits & np.uint64(EXTEND) != Z
            if (goes_on and extends) or (of_run and not extends):
                number = numeric if extends else bits & np.uint64(NUMBER) != Z
                begins = (role == np.uint64(BASE) or role == np.uint64(LEADING)) and not joins
                if begins or not goes_on or number != numeric:
                    if not goes_on and end != NOWHERE:
                        _set(mask_B8, end, ONE, BREAKS)
                    closes = position if goes_on and role == np.uint64(BASE) and not numeric else Z
                    row[BREAKS] |= ONE << k
                    clusters += np.uint64(not number)
                elif closes and (role == np.uint64(KILLING) or role == np.uint64(STACKING)):
                    mask_B8[closes >> SIX, BREAKS] &= ~(ONE << (closes & LAST))
                    clusters -= ONE
                    closes = Z
                elif role != np.uint64(DOT_BELOW):
                    closes = Z
                letters |= ONE << k
                long |= (count & ONE) << k
                if number or count == np.uint64(4):
                    _set(mask_B8, position, count, 0)
                    _set(mask_B8, position, count if number else Z, DIGITS)
                end, numeric = position + count, number
                joins = role == np.uint64(LEADING) or role == np.uint64(JOINING) or role == np.uint64(STACKING)
            elif bits:
                ideographs += bits >> ONE & ONE
                _add_letters(mask_B8, b, letters, long)
                letters, long = Z, Z
                _patch_character(mask_B8, position, count, bits)
        row[BREAKS] |= breaks
        _add_letters(mask_B8, b, letters, long)
    if end != NOWHERE:
        _set(mask_B8, end, ONE, BREAKS)
    if size & LAST:
        mask_B8[blocks - ONE, 0] &= (ONE << (size & LAST)) - ONE
    counts_6[IDEOGRAPHS], counts_6[CLUSTERS] = np.int64(ideographs), np.int64(clusters)
    counts_6[SPACELESS_CHARS] = np.int64(ideographs + of_clusters)


@kernel
def _add_letters(mask_B8, b, letters, long):  # type: ignore[no-untyped-def]
    """Marks the bytes of letters whose leads in block b are given; those in `long` have three bytes."""
    mask_B8[b, 0] |= letters | letters << ONE | long << TWO
    mask_B8[b + ONE, 0] |= letters >> LAST | long >> np.uint64(62)


@kernel
def _patch_character(mask_B8, position, count, bits):  # type: ignore[no-untyped-def]
    """Sets the mask bits of one character of a known class that is not of a run of clusters."""
    number = bits & np.uint64(NUMBER)
    if bits & np.uint64(EXTEND):
        before = position - ONE
        b, k = position >> SIX, position & LAST
        if not position or mask_B8[b, BREAKS] >> k & ONE or not mask_B8[before >> SIX, 0] >> (before & LAST) & ONE:
            return
        number = mask_B8[before >> SIX, DIGITS] >> (before & LAST) & ONE
    _set(mask_B8, position, count, 0)
    if number:
        _set(mask_B8, position, count, DIGITS)
    if bits & np.uint64(IDEOGRAPH):
        _set(mask_B8, position, ONE, BREAKS)
        _set(mask_B8, position + count, ONE, BREAKS)
