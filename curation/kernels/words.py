"""Words of UTF-8 documents: where they are, how long, and a case-folded 64-bit hash of each.

A word is a longest run of letters and numbers (Unicode L and N) with the marks and joiners inside it. Scripts
without spaces give smaller words: each Han or kana character, each orthographic cluster of Thai, Lao, Khmer and
Burmese (a consonant with what is written around it; roles in `curation.kernels.unicode`). Three passes per document
over scratch that fits a cache: 64 bytes at a time into bit masks, then characters above ASCII patched in from a table
by code point, then word bounds out of the masks and the hash. No published method: the masks follow simdjson
(Langdale & Lemire 2019, arXiv 1902.08318, section 3.1), the hash is two loads and one wide multiply as in wyhash.

Any bytes are safe to pass; those that are not UTF-8 give words that depend on these bytes only.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    unicode_table,
)
from curation.kernels.vector import classify, count_bits, load_u64, lowest_bit, multiply

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]

PAD = np.uint64(64)
SEED_HIGH = np.uint64(0x9E3779B97F4A7C15)
SEED_LOW = np.uint64(0x01E7037ED1A00B01)  # holds bytes that no word has, so the factor below is never zero
CONTINUATION = np.uint64(0x8080808080808080)
DIGITS, NEWLINES, LEADS, HAN, TABLE, BREAKS = range(1, 7)  # rows of a block's masks; 0 is words
CHARS, WORD_CHARS, SPACELESS_CHARS, NUMERIC_WORDS, IDEOGRAPHS, CLUSTERS = range(6)
"""Columns of `WordArrays.counts_N6`."""
NOWHERE = np.uint64(2**64 - 1)
Z, ONE, TWO, THREE, EIGHT, SIXTEEN = (np.uint64(n) for n in (0, 1, 2, 3, 8, 16))
SIX, LAST, BLOCK = np.uint64(6), np.uint64(63), np.uint64(64)
TOP_TWO, TOP = np.uint64(0xC0), np.uint64(0x80)  # the bits that tell a continuation byte, and what they are
SPLITS = np.uint64(SPACELESS | IDEOGRAPH)


class WordArrays(NamedTuple):
    """N documents with W words and K newlines in all; documents' words and newlines are adjacent."""

    start_W: NDArray[np.uint32]
    """First byte of each word, from the start of its document."""
    length_W: NDArray[np.uint32]
    """Bytes of each word."""
    chars_W: NDArray[np.uint32]
    """Code points of each word."""
    hash_W: NDArray[np.uint64]
    """Hash of the lower-cased bytes."""
    word_offsets_N1: Counts
    newline_K: NDArray[np.uint32]
    """Byte of each line feed, from the start of its document."""
    newline_offsets_N1: Counts
    counts_N6: Counts
    """Code points; those in words; those of scripts without spaces; words without a letter; Han and kana; clusters."""


def words(values: Bytes, offsets_N1: Counts) -> WordArrays:
    """Returns the words of N documents; document n is `values[offsets_N1[n] : offsets_N1[n + 1]]`.

    Args:
        values: UTF-8 of all documents; never written, never read outside the documents.
        offsets_N1: int64, ascending, within `values`.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets descend, leave `values`, or a document has 2^32 bytes or more.
    """
    check_documents(values, offsets_N1)
    sizes_N = np.diff(offsets_N1)
    num_bytes, num_documents = int(sizes_N.sum()), sizes_N.size
    longest = int(sizes_N.max(initial=0))
    capacity = (num_bytes + num_documents) // 2 + 80  # a word and a gap take two bytes; 80: written past the last
    out = WordArrays(
        start_W=np.empty(capacity, dtype=np.uint32),
        length_W=np.empty(capacity, dtype=np.uint32),
        chars_W=np.empty(capacity, dtype=np.uint32),
        hash_W=np.empty(capacity, dtype=np.uint64),
        word_offsets_N1=np.zeros(num_documents + 1, dtype=np.int64),
        newline_K=np.empty(num_bytes + 80, dtype=np.uint32),
        newline_offsets_N1=np.zeros(num_documents + 1, dtype=np.int64),
        counts_N6=np.zeros((num_documents, 6), dtype=np.int64),
    )
    lowered = np.zeros(longest + 4 * int(PAD), dtype=np.uint8)
    mask_B8 = np.zeros((longest // int(BLOCK) + 3, 8), dtype=np.uint64)
    _words(values, offsets_N1, unicode_table(), lowered, mask_B8, *out)
    num_words, num_newlines = out.word_offsets_N1[-1], out.newline_offsets_N1[-1]
    return out._replace(
        start_W=out.start_W[:num_words],
        length_W=out.length_W[:num_words],
        chars_W=out.chars_W[:num_words],
        hash_W=out.hash_W[:num_words],
        newline_K=out.newline_K[:num_newlines],
    )


def check_documents(values: Bytes, offsets_N1: Counts) -> None:
    """Raises TypeError or ValueError unless the arrays describe documents; see `words`."""
    if values.dtype != np.uint8 or values.ndim != 1 or not values.flags.c_contiguous:
        raise TypeError(f"values: expected contiguous uint8 (bytes,), found {values.dtype} {values.shape}")
    if offsets_N1.dtype != np.int64 or offsets_N1.ndim != 1 or offsets_N1.size == 0:
        raise TypeError(f"offsets_N1: expected int64 (N + 1,), found {offsets_N1.dtype} {offsets_N1.shape}")
    sizes_N = np.diff(offsets_N1)
    if offsets_N1[0] < 0 or offsets_N1[-1] > values.size or sizes_N.min(initial=0) < 0:
        raise ValueError(f"offsets_N1: expected ascending offsets in [0, {values.size}], found others")
    if sizes_N.max(initial=0) >= 2**32:
        raise ValueError(f"a document of {sizes_N.max()} bytes: expected fewer than 2^32")


@kernel
def _words(  # type: ignore[no-untyped-def]
    values,
    offsets_N1,
    table,
    lowered,
    mask_B8,
    start_W,
    length_W,
    chars_W,
    hash_W,
    word_offsets_N1,
    newline_K,
    newline_offsets_N1,
    counts_N6,
):
    tail = np.zeros(64, dtype=np.uint8)
    num_words = Z
    num_newlines = Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin = np.uint64(offsets_N1[n])
        size = np.uint64(offsets_N1[n + ONE]) - begin
        blocks = (size + LAST) >> SIX
        ascii_only = _classify(values, begin, size, lowered, mask_B8, tail)
        if not ascii_only:
            _patch(size, blocks, table, lowered, mask_B8, counts_N6[n])
        first = num_words
        num_words = _bounds(size, blocks, mask_B8, start_W, length_W, num_words, counts_N6[n])
        num_newlines = _newlines(blocks, mask_B8, newline_K, num_newlines)
        _hashes(lowered, ascii_only, start_W, length_W, chars_W, hash_W, first, num_words)
        word_offsets_N1[n + ONE] = np.int64(num_words)
        newline_offsets_N1[n + ONE] = np.int64(num_newlines)


@kernel
def _classify(values, begin, size, lowered, mask_B8, tail):  # type: ignore[no-untyped-def]
    """Fills `lowered` (from PAD) and the masks of one document; returns whether it is all ASCII."""
    full = size >> SIX
    above = Z
    for b in range(full):
        at = b << SIX
        w, d, nl, lead, han, look = classify(values, begin + at, lowered, PAD + at)
        row = mask_B8[b]
        row[0], row[DIGITS], row[NEWLINES], row[LEADS], row[HAN], row[TABLE], row[BREAKS] = w, d, nl, lead, han, look, Z
        above |= ~lead | han | look
    rest = size & LAST
    at = full << SIX
    if rest:
        tail[:] = 0
        for i in range(rest):
            tail[i] = values[begin + at + i]
        w, d, nl, lead, han, look = classify(tail, Z, lowered, PAD + at)
        row = mask_B8[full]
        lead &= (ONE << rest) - ONE
        row[0], row[DIGITS], row[NEWLINES], row[LEADS], row[HAN], row[TABLE], row[BREAKS] = w, d, nl, lead, han, look, Z
        above |= (~lead & ((ONE << rest) - ONE)) | han | look
        at += BLOCK
    lowered[PAD + at : PAD + at + PAD] = 0
    mask_B8[at >> SIX] = Z
    return above == Z


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
    if kind & SPLITS and (c1 & TOP_TWO != TOP or c2 & TOP_TWO != TOP):
        return Z
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
def _whole_han(mask_B8, b):  # type: ignore[no-untyped-def]
    """Returns the Han leads of block b that two continuation bytes follow."""
    leads, after = mask_B8[b, LEADS], mask_B8[b + ONE, LEADS]
    followed = leads >> ONE | after << LAST | leads >> TWO | after << np.uint64(62)
    return mask_B8[b, HAN] & ~followed


@kernel
def _patch(size, blocks, table, lowered, mask_B8, counts_6):  # type: ignore[no-untyped-def]
    """Adds the characters above ASCII to the masks and counts those of scripts without spaces.

    Thai, Lao, Khmer and Burmese come in runs of clusters, of which these are kept: where the run ends, whether the
    next base joins, whether the last word is a number, and where the last word begins if a killed consonant may
    yet close the word before it (else 0).
    """
    end, joins, numeric, closes = NOWHERE, False, False, Z
    ideographs, clusters, of_clusters = Z, Z, Z
    carry = Z  # Han leads in the last three bytes of the block before, moved to the high bits
    for b in range(blocks):
        row = mask_B8[b]
        han = _whole_han(mask_B8, b) if row[HAN] else Z
        if han | carry:
            row[0] |= han | han << ONE | han << TWO | carry >> LAST | carry >> np.uint64(62)
            row[BREAKS] |= han | han << THREE | carry >> np.uint64(61)
            ideographs += count_bits(han)
            carry = han
        left = row[TABLE]
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
            if bits == np.uint64(WORD):
                letters |= ONE << k
                long |= (count & ONE) << k
                if count == np.uint64(4):
                    _set(mask_B8, p - PAD, count, 0)
                continue
            position = p - PAD
            role = bits >> np.uint64(ROLE_SHIFT)
            of_run = bits & SPLITS == np.uint64(SPACELESS)
            of_clusters += np.uint64(of_run)
            goes_on = position == end
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


@kernel
def _list(bits, base, out, index):  # type: ignore[no-untyped-def]
    """Writes base + each set bit's position to `out` from `index`, in batches of 8; returns the next index."""
    count = count_bits(bits)
    done = Z
    while done < count:
        for i in range(EIGHT):
            out[index + done + i] = np.uint32(base + lowest_bit(bits))
            bits &= bits - ONE
        done += EIGHT
    return index + count


@kernel
def _bounds(size, blocks, mask_B8, start_W, end_W, first, counts_6):  # type: ignore[no-untyped-def]
    """Writes the words' first bytes and ends (exclusive) from index `first`; returns the index after the last."""
    started, ended = first, first
    before = Z  # bit 0: the last byte of the block before is in a word
    carry = Z  # bit 0: a word of numbers alone reaches up to this block
    chars, word_chars, numbers = Z, Z, Z
    for b in range(blocks):
        row = mask_B8[b]
        w, breaks = row[0], row[BREAKS]
        shifted = w << ONE | before
        starts = w & (~shifted | breaks)
        ends = shifted & (~w | breaks)
        before = w >> LAST
        digits = row[DIGITS] & w
        total = ((starts & digits) | carry) + digits  # the sum carries through the numbers that a word begins with
        carry = ONE if total < digits else Z
        numbers += count_bits(total & ~digits & ~(w & ~starts))
        chars += count_bits(row[LEADS])
        word_chars += count_bits(row[LEADS] & w)
        base = b << SIX
        started = _list(starts, base, start_W, started)
        ended = _list(ends, base, end_W, ended)
    if before:
        end_W[ended] = np.uint32(size)
    counts_6[CHARS], counts_6[WORD_CHARS] = np.int64(chars), np.int64(word_chars)
    counts_6[NUMERIC_WORDS] = np.int64(numbers + carry)
    return started


@kernel
def _newlines(blocks, mask_B8, newline_K, num_newlines):  # type: ignore[no-untyped-def]
    for b in range(blocks):
        bits = mask_B8[b, NEWLINES]
        while bits:
            newline_K[num_newlines] = np.uint32(b << SIX | lowest_bit(bits))
            num_newlines += ONE
            bits &= bits - ONE
    return num_newlines


@kernel
def _continuations(bytes_8):  # type: ignore[no-untyped-def]
    """Returns how many of eight bytes are UTF-8 continuation bytes (0x80..0xBF)."""
    return count_bits(bytes_8 & ~(bytes_8 << ONE) & CONTINUATION)


@kernel
def _hashes(lowered, ascii_only, start_W, length_W, chars_W, hash_W, first, last):  # type: ignore[no-untyped-def]
    """Turns ends into lengths and hashes the lower-cased bytes of words first..last."""
    for j in range(first, last):
        p = PAD + np.uint64(start_W[j])
        size = PAD + np.uint64(length_W[j]) - p
        length_W[j] = np.uint32(size)
        if size <= SIXTEEN:
            head, tail = _head_and_tail(lowered, p, size)
            hash_W[j] = multiply(head ^ SEED_LOW, tail ^ SEED_HIGH ^ size)
            chars_W[j] = np.uint32(size)
            if not ascii_only:
                beyond = (SIXTEEN - size) << THREE if size > EIGHT else Z
                extra = _continuations(tail >> beyond) if size > EIGHT else Z
                chars_W[j] = np.uint32(size - _continuations(head) - extra)
        else:
            hash_W[j], chars_W[j] = _long_word(lowered, p, size)


@kernel
def hash_of_word(padded, p, size):  # type: ignore[no-untyped-def]
    """Returns the hash of `size` bytes of a word from `p`; eight bytes before and after are readable."""
    if size > SIXTEEN:
        return _long_word(padded, p, size)[0]
    head, tail = _head_and_tail(padded, p, size)
    return multiply(head ^ SEED_LOW, tail ^ SEED_HIGH ^ size)


@kernel
def _head_and_tail(padded, p, size):  # type: ignore[no-untyped-def]
    """Returns the first and the last eight bytes of a word of at most 16; what is beyond a shorter one is cut off."""
    shift = BLOCK - (size << THREE) if size < EIGHT else Z
    return load_u64(padded, p) << shift, load_u64(padded, p + size - EIGHT) >> shift


@kernel
def _long_word(lowered, p, size):  # type: ignore[no-untyped-def]
    """Returns (hash, code points) of a word of more than 16 bytes."""
    mixed = SEED_HIGH ^ size
    at = Z
    extra = Z
    while at + SIXTEEN < size:
        head, tail = load_u64(lowered, p + at), load_u64(lowered, p + at + EIGHT)
        extra += _continuations(head) + _continuations(tail)
        mixed = multiply(head ^ SEED_LOW, tail ^ mixed)
        at += SIXTEEN
    for i in range(p + at, p + size):
        if lowered[i] & np.uint8(0xC0) == np.uint8(0x80):
            extra += ONE
    head, tail = load_u64(lowered, p + size - SIXTEEN), load_u64(lowered, p + size - EIGHT)
    return multiply(head ^ SEED_LOW, tail ^ mixed), np.uint32(size - extra)
