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
from curation.kernels.buffers import reused
from curation.kernels.characters import (
    BREAKS,
    CHARS,
    DIGITS,
    HAN,
    LEADS,
    NEWLINES,
    NUMERIC_WORDS,
    PAD,
    TABLE,
    WORD_CHARS,
    patch,
)
from curation.kernels.unicode import unicode_table
from curation.kernels.vector import classify, count_bits, load_u64, lowest_bit, multiply

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]

SEED_HIGH = np.uint64(0x9E3779B97F4A7C15)
SEED_LOW = np.uint64(0x01E7037ED1A00B01)  # holds bytes that no word has, so the factor below is never zero
CONTINUATION = np.uint64(0x8080808080808080)
Z, ONE, TWO, THREE, EIGHT, SIXTEEN = (np.uint64(n) for n in (0, 1, 2, 3, 8, 16))
SIX, LAST, BLOCK = np.uint64(6), np.uint64(63), np.uint64(64)


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
        values: UTF-8 of all documents; never written and never read outside; only the documents decide.
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
        start_W=reused("start_W", capacity, np.uint32),
        length_W=reused("length_W", capacity, np.uint32),
        chars_W=reused("chars_W", capacity, np.uint32),
        hash_W=reused("hash_W", capacity, np.uint64),
        word_offsets_N1=np.zeros(num_documents + 1, dtype=np.int64),
        newline_K=reused("newline_K", num_bytes + 80, np.uint32),
        newline_offsets_N1=np.zeros(num_documents + 1, dtype=np.int64),
        counts_N6=np.zeros((num_documents, 6), dtype=np.int64),
    )
    lowered = reused("lowered", longest + 4 * int(PAD), np.uint8)
    mask_B8 = reused("mask_B8", (longest // int(BLOCK) + 3) * 8, np.uint64).reshape(-1, 8)
    lowered[:], mask_B8[:] = 0, 0
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
            patch(size, blocks, table, lowered, mask_B8, counts_N6[n])
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
        if begin + at + BLOCK <= np.uint64(values.size):
            w, d, nl, lead, han, look = classify(values, begin + at, lowered, PAD + at)
        else:
            tail[:] = 0
            for i in range(rest):
                tail[i] = values[begin + at + i]
            w, d, nl, lead, han, look = classify(tail, Z, lowered, PAD + at)
        own = (ONE << rest) - ONE
        row = mask_B8[full]
        row[0], row[DIGITS], row[NEWLINES], row[BREAKS] = w & own, d & own, nl & own, Z
        row[LEADS], row[HAN], row[TABLE] = lead & own, han & own, look & own
        above |= (~lead | han | look) & own
        lowered[PAD + at + rest : PAD + at + BLOCK] = 0  # what follows may be another document's
        at += BLOCK
    lowered[PAD + at : PAD + at + PAD] = 0
    mask_B8[at >> SIX] = Z
    return above == Z


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
