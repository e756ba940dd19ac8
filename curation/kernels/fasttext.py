"""Document vectors of a fastText model: the mean of the vectors of words, their n-grams and word n-grams.

Joulin et al. 2016 (arXiv 1607.01759), Bojanowski et al. 2017 (arXiv 1607.04606, section 3.2), as the library
computes it: text is cut at ASCII white space and NUL, not at `curation.kernels.words`, since a model has seen
words with their punctuation; n-grams are of code points, of `<word>`; a line ends with the word `</s>`, and
what follows a literal `</s>` is not read; words that begin with `__label__` are labels unless the dictionary
says otherwise. Line feeds count as spaces.

The vector of a word is the sum of its rows, from zero: its own, then those of its n-grams by length. A document's
is the sum of its words' vectors in text order. So it does not matter whether a word's vector comes from the cache. A
cache entry is found by the word's own bytes, up to 32, so no other word can stand in for it; longer ones are
summed anew each time. Any bytes are safe to pass.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, inlined, kernel
from curation.kernels.fasttext_dictionary import ABSENT, WordTable, find_word, fnv_bytes
from curation.kernels.fasttext_rows import CHUNK, MAX_CHARACTERS, Rows, Settings, add_buckets, add_rows, ngrams
from curation.kernels.float_lanes import LANE_COUNT, LANES, add_8
from curation.kernels.vector import (
    KEY_BYTES,
    count_bits,
    first_bytes,
    has_key,
    load_u64,
    lowest_bit,
    mask_of_space,
    multiply,
    prefetch,
)
from curation.kernels.words import check_documents

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]
Floats = NDArray[np.float32]

PAD = np.uint64(64)
LINE_END = np.frombuffer(b" </s> ", dtype=np.uint8)
END_OF_LINE = np.uint64(int.from_bytes(b"</s>", "little"))
LABEL, LABEL_END = np.uint64(int.from_bytes(b"__label_", "little")), np.uint8(ord("_"))
LESS, GREATER = np.uint8(ord("<")), np.uint8(ord(">"))
WORD_NGRAM_FACTOR, SIGN_BITS = np.uint64(116049371), np.uint64(0xFFFFFFFF00000000)
MIX = tuple(
    np.uint64(value) for value in (0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3)
)
ROWS, FNV, ROW = np.uint64(4), np.uint64(5), np.uint64(6)
"""Where a cache entry has its number of rows, its hash with flags, and its row if there is no vector, in uint64."""
VECTOR = np.uint64(12)
"""Where it has its vector, in float32."""
AHEAD, RING = np.uint64(16), np.uint64(31)
"""How many words before it is needed a cache entry is asked for, and the mask of places to note it."""
IS_LABEL, IS_END = np.uint64(2**32), np.uint64(2**33)
Z, ONE, TWO, THREE, FOUR, SIX, EIGHT, SIXTEEN = (np.uint64(n) for n in (0, 1, 2, 3, 4, 6, 8, 16))
THIRTY_TWO, LAST, BLOCK = np.uint64(32), np.uint64(63), np.uint64(64)
KEY_SIZE = np.uint64(KEY_BYTES)


class Encoder(NamedTuple):
    """What makes vectors of texts. Words come first among the rows, then buckets in ascending order."""

    settings: Settings
    words: WordTable
    kept_B: NDArray[np.uint64]
    """Of `kept_buckets`."""
    rows: Rows


class Cache(NamedTuple):
    """Vectors of words met before: S entries and one more for words that are not kept, as two views of one memory.

    An entry has the word's bytes, its number of rows, its hash with the flag of a label, and its vector; or, if the
    model has no n-grams of characters, the one row there may be, which is smaller. One thread at a time may use
    it, with one encoder only.
    """

    u64_SK: NDArray[np.uint64]
    f32: Floats


def new_cache(encoder: Encoder, *, num_bytes: int) -> Cache:
    """Returns an empty cache of about `num_bytes` at most; it has one entry at least."""
    dim = int(encoder.settings.dim) if encoder.settings.max_chars else 0
    width = 4 * (int(VECTOR) + -(-dim // LANES) * LANES)
    width += -width % 64
    num_entries = 1 << max(0, (num_bytes // width).bit_length() - 1)
    entries = empty_aligned((num_entries + 1) * width)
    entries[:] = 0
    return Cache(u64_SK=entries.view(np.uint64).reshape(num_entries + 1, -1), f32=entries.view(np.float32))


def empty_aligned(num_bytes: int) -> Bytes:
    """Returns uint8 (num_bytes,) that begins with a cache line; where it is large, NumPy asks for huge pages."""
    memory = np.empty(num_bytes + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + num_bytes]


def document_vectors(values: Bytes, offsets_N1: Counts, encoder: Encoder, cache: Cache) -> tuple[Floats, Counts]:
    """Returns (vector_ND float32, num_rows_N): the mean of each document's rows, and of how many (0: a zero vector).

    Document n is `values[offsets_N1[n] : offsets_N1[n + 1]]`. Writes into `cache`, which changes no result.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets descend, leave `values`, or a document has 2^32 bytes or more.
    """
    check_documents(values, offsets_N1)
    num_documents, longest = offsets_N1.size - 1, int(np.diff(offsets_N1).max(initial=0))
    text = np.zeros(longest + 4 * int(PAD), dtype=np.uint8)
    bounds_2T = np.empty((2, longest // 2 + 80), dtype=np.uint32)
    vector_ND = np.empty((num_documents, int(encoder.settings.dim)), dtype=np.float32)
    num_rows_N = np.empty(num_documents, dtype=np.int64)
    model = (encoder.settings, *encoder.words, encoder.kept_B, *encoder.rows)
    _documents(values, offsets_N1, *model, *cache, text, bounds_2T, vector_ND, num_rows_N)
    return vector_ND, num_rows_N


# The kernels take arrays one by one: reading an array out of a tuple counts references atomically, which
# doubled the time of a word.


@kernel
def _documents(  # type: ignore[no-untyped-def]
    values,
    offsets_N1,
    settings,
    data,
    word_E3,
    slot_offsets_S1,
    kept_B,
    stored,
    centroids,
    norm_R,
    cache_u64,
    cache_f32,
    text,
    bounds_2T,
    vector_ND,
    num_rows_N,
):
    sum_V = np.empty((settings.dim + LANE_COUNT - ONE) // LANE_COUNT * LANE_COUNT, dtype=np.float32)
    row_G = np.empty(CHUNK, dtype=np.uint32)
    scratch_2C = np.empty((2, CHUNK + MAX_CHARACTERS + 1), dtype=np.uint32)
    entry_A = np.empty(RING + ONE, dtype=np.uint64)
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin = np.uint64(offsets_N1[n])
        size = np.uint64(offsets_N1[n + ONE]) - begin
        num_tokens = _tokens(values, begin, size, text, bounds_2T)
        sum_V[:] = 0
        num_rows = _sum(
            text,
            bounds_2T,
            num_tokens,
            settings,
            data,
            word_E3,
            slot_offsets_S1,
            kept_B,
            stored,
            centroids,
            norm_R,
            cache_u64,
            cache_f32,
            sum_V,
            row_G,
            scratch_2C,
            entry_A,
        )
        num_rows_N[n] = np.int64(num_rows)
        inverse = np.float32(1 / np.float64(num_rows)) if num_rows else np.float32(0)
        for d in range(settings.dim):
            vector_ND[n, d] = sum_V[d] * inverse


@kernel
def _tokens(values, begin, size, text, bounds_2T):  # type: ignore[no-untyped-def]
    """Copies one document and a line end into `text` (from PAD); writes its words' first bytes and ends."""
    for i in range(size):  # a slice would be copied byte by byte, in case the arrays overlap
        text[PAD + i] = values[begin + i]
    end = PAD + size + np.uint64(LINE_END.size)
    text[PAD + size : end] = LINE_END
    text[end : end + BLOCK] = 0
    started, ended = Z, Z
    before = Z  # bit 0: the last byte of the block before is in a word
    for block in range((end - ONE) >> SIX):
        at = PAD + np.uint64(block << SIX)
        inside = ~mask_of_space(text, at)
        shifted = inside << ONE | before
        before = inside >> LAST
        started = _list(inside & ~shifted, at, bounds_2T[0], started)
        ended = _list(shifted & ~inside, at, bounds_2T[1], ended)
    return ended


@borrowing
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


@borrowing
def _sum(  # type: ignore[no-untyped-def]
    text,
    bounds_2T,
    num_tokens,
    settings,
    data,
    word_E3,
    slot_offsets_S1,
    kept_B,
    stored,
    centroids,
    norm_R,
    cache_u64,
    cache_f32,
    sum_V,
    row_G,
    scratch_2C,
    entry_A,
):
    """Adds all rows of a document to the sum; returns how many."""
    stride = np.uint64(cache_u64.shape[1]) << ONE
    not_kept = np.uint64(cache_u64.shape[0] - 1)
    width = np.uint64(sum_V.size)
    num_rows, num_hashes, num_listed = Z, Z, Z
    for ahead in range(num_tokens + AHEAD):
        if ahead < num_tokens:
            begin = np.uint64(bounds_2T[0, ahead])
            k0, k1, k2, k3 = first_bytes(text, begin, np.uint64(bounds_2T[1, ahead]) - begin)
            entry = (multiply(k0 ^ MIX[0], k1 ^ MIX[1]) ^ multiply(k2 ^ MIX[2], k3 ^ MIX[3])) & (not_kept - ONE)
            entry_A[ahead & RING] = entry
            prefetch(cache_f32, entry * stride)
            prefetch(cache_f32, entry * stride + SIXTEEN)
        if ahead < AHEAD:
            continue
        t = ahead - AHEAD
        begin = np.uint64(bounds_2T[0, t])
        size = np.uint64(bounds_2T[1, t]) - begin
        entry = entry_A[t & RING]
        if size > KEY_SIZE or not has_key(text, begin, size, cache_f32, entry * stride):
            entry = entry if size <= KEY_SIZE else not_kept
            k0, k1, k2, k3 = first_bytes(text, begin, size)
            cache_u64[entry, Z], cache_u64[entry, ONE] = k0, k1
            cache_u64[entry, TWO], cache_u64[entry, THREE] = k2, k3
            rows, fnv, row = _word(
                text,
                begin,
                size,
                settings,
                data,
                word_E3,
                slot_offsets_S1,
                kept_B,
                stored,
                centroids,
                norm_R,
                cache_f32,
                entry * stride + VECTOR,
                row_G,
                scratch_2C,
            )
            cache_u64[entry, ROWS], cache_u64[entry, FNV] = rows, fnv
            if not settings.max_chars:
                cache_u64[entry, ROW] = row
        if settings.max_chars:
            for d in range(Z, width, LANE_COUNT):
                add_8(sum_V, np.uint64(d), cache_f32, entry * stride + VECTOR + d)
        else:
            row_G[num_listed] = np.uint32(cache_u64[entry, ROW])
            num_listed += cache_u64[entry, ROWS]
            if num_listed == np.uint64(CHUNK):
                add_rows(row_G, num_listed, Z, settings, stored, centroids, norm_R, sum_V, Z)
                num_listed = Z
        num_rows += cache_u64[entry, ROWS]
        fnv = cache_u64[entry, FNV]
        bounds_2T[0, num_hashes] = np.uint32(fnv)  # takes the place of a start that was read
        num_hashes += ONE - (fnv >> THIRTY_TWO & ONE)
        if fnv & IS_END:
            break
    add_rows(row_G, num_listed, Z, settings, stored, centroids, norm_R, sum_V, Z)
    if settings.word_ngrams > ONE:
        hash_T = bounds_2T[0, :num_hashes]
        num_rows += _word_ngrams(hash_T, settings, kept_B, stored, centroids, norm_R, sum_V, row_G)
    return num_rows


@inlined
def _word(  # type: ignore[no-untyped-def]
    text,
    begin,
    size,
    settings,
    data,
    word_E3,
    slot_offsets_S1,
    kept_B,
    stored,
    centroids,
    norm_R,
    target,
    at,
    row_G,
    scratch_2C,
):
    """Returns (number of rows, hash with the flag of a label, its own row if it has one) of one word.

    If there are n-grams of characters, also writes the word's vector to `target` from index `at`.
    """
    fnv = fnv_bytes(text, begin, begin + size)
    entry = find_word(data, word_E3, slot_offsets_S1, text, begin, size, fnv)
    is_label = entry >= settings.num_words and entry != ABSENT
    if entry == ABSENT and size > EIGHT:
        is_label = load_u64(text, begin) == LABEL and text[begin + EIGHT] == LABEL_END
    num_rows = np.uint64(entry < settings.num_words)
    if settings.max_chars:
        for d in range(at, at + settings.dim):
            target[d] = 0
        row_G[0] = np.uint32(entry)
        add_rows(row_G, num_rows, Z, settings, stored, centroids, norm_R, target, at)
    is_line_end = size == FOUR and first_bytes(text, begin, size)[0] == END_OF_LINE
    if settings.max_chars and not is_label and not is_line_end:
        text[begin - ONE], text[begin + size] = LESS, GREATER
        first, end = begin - ONE, begin + size + ONE
        i = first
        while i < end:
            i, count = ngrams(text, i, first, end, settings, kept_B, scratch_2C, row_G)
            num_rows += add_buckets(row_G, count, settings, kept_B, stored, centroids, norm_R, target, at)
    flags = (IS_LABEL if is_label else Z) | (IS_END if is_line_end else Z)
    return num_rows, np.uint64(fnv) | flags, entry


@borrowing
def _word_ngrams(hash_T, settings, kept_B, stored, centroids, norm_R, target, row_G):  # type: ignore[no-untyped-def]
    """Adds the rows of n-grams of two and more words to the sum; returns how many."""
    num_rows, count = Z, Z
    num_hashes = np.uint64(hash_T.size)
    for i in range(num_hashes):
        mixed = _signed(hash_T[i])
        for j in range(i + ONE, min(num_hashes, i + settings.word_ngrams)):
            mixed = mixed * WORD_NGRAM_FACTOR + _signed(hash_T[j])
            row_G[count] = np.uint32(mixed % settings.num_buckets)
            count += ONE
            if count == np.uint64(CHUNK):
                num_rows += add_buckets(row_G, count, settings, kept_B, stored, centroids, norm_R, target, Z)
                count = Z
    return num_rows + add_buckets(row_G, count, settings, kept_B, stored, centroids, norm_R, target, Z)


@borrowing
def _signed(fnv):  # type: ignore[no-untyped-def]
    """Returns the uint64 of a hash that the library keeps as int32."""
    return np.uint64(fnv) | (SIGN_BITS if fnv >> np.uint32(31) else Z)
