"""Counts behind Gopher's quality rules: symbols, bullets, ellipses, stop words.

Rae et al. 2021 (arXiv 2112.11446), Table A1; where the paper leaves room, as datatrove 0.10.1's
`GopherQualityFilter`. Lines end at a line feed; white space is that of ASCII.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.lines import is_space
from curation.kernels.vector import count_bits, lowest_bit, mask_of_byte
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

SYMBOL_HASH, ELLIPSIS, LINES, BULLET_LINES, ELLIPSIS_LINES, STOP_WORDS = range(6)
"""Columns of `quality_counts`."""

MAX_STOP_WORDS = 64
FILTER = np.uint64(1023)
Z, ONE, TWO, THREE, SIX, LAST = (np.uint64(n) for n in (0, 1, 2, 3, 6, 63))
DOT, HASH, ELLIPSIS_LEAD, ELLIPSIS_END = (np.uint8(byte) for byte in (ord("."), ord("#"), 0xE2, 0xA6))


def quality_counts(
    values: Bytes, offsets_N1: Counts, words: WordArrays, *, stop_words: tuple[str, ...], bullets: tuple[str, ...]
) -> Counts:
    """Returns int64 (N, 6): counts per document, columns named above.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        words: what `curation.kernels.words.words` found in them.
        stop_words: words to count, each at most once per document, in any case; at most 64.
        bullets: what a bullet line begins with after white space; each at most 4 bytes.

    Raises:
        TypeError: another dtype or shape.
        ValueError: a stop word is not one word, or there are too many; a bullet is empty or too long.
    """
    check_documents(values, offsets_N1)
    counts_N6 = np.zeros((offsets_N1.size - 1, 6), dtype=np.int64)
    stop_hash_S = hashes_of(stop_words)
    bullet_K, size_K = _bullets(bullets)
    newlines = (words.newline_K, words.newline_offsets_N1)
    _symbols(values, offsets_N1, counts_N6)
    _lines(values, offsets_N1, *newlines, bullet_K, size_K, counts_N6)
    _stop_words(words.hash_W, words.word_offsets_N1, stop_hash_S, counts_N6)
    return counts_N6


@functools.cache
def hashes_of(stop_words: tuple[str, ...]) -> NDArray[np.uint64]:
    """Returns uint64 (S,), read-only: the hash of each word.

    Remembered, since looking for these words would take the memory that `words` keeps for the next batch.

    Raises:
        ValueError: one is not exactly one word, or there are more than 64.
    """
    # imported here: the name `words` is a parameter of most functions of this module
    from curation.kernels.words import words as find_words  # noqa: PLC0415

    encoded = [word.encode() for word in stop_words]
    offsets_N1 = np.cumsum([0, *(len(word) for word in encoded)], dtype=np.int64)
    found = find_words(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets_N1)
    if found.length_W.tolist() != [len(word) for word in encoded] or len(encoded) > MAX_STOP_WORDS:
        raise ValueError(f"stop_words: expected at most {MAX_STOP_WORDS} single words, found {stop_words!r}")
    hash_S = found.hash_W.copy()
    hash_S.setflags(write=False)
    return hash_S


def _bullets(bullets: tuple[str, ...]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    encoded = [bullet.encode() for bullet in bullets]
    if any(not 1 <= len(bullet) <= 4 for bullet in encoded):
        raise ValueError(f"bullets: expected 1 to 4 bytes of UTF-8 each, found {bullets!r}")
    packed = [int.from_bytes(bullet, "little") for bullet in encoded]
    return np.array(packed, dtype=np.uint32), np.array([len(bullet) for bullet in encoded], dtype=np.uint32)


@kernel
def _symbols(values, offsets_N1, counts_N6):  # type: ignore[no-untyped-def]
    """Counts `#`, and `...` and U+2026, without overlaps, as `str.count` does."""
    tail = np.zeros(64, dtype=np.uint8)
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        hashes, ellipses = Z, Z
        run, after = Z, Z  # dots of the current run, modulo 3, and where its next dot would be
        for block in range((end - begin + LAST) >> SIX):
            at = begin + (np.uint64(block) << SIX)
            if at + np.uint64(64) <= end:
                hash_bits, dots, ends = _symbol_masks(values, at)
            else:
                tail[:] = 0
                for i in range(end - at):
                    tail[i] = values[at + i]
                hash_bits, dots, ends = _symbol_masks(tail, Z)
            hashes += count_bits(hash_bits)
            if not dots & (dots << ONE | np.uint64(after == at)):  # no two stand together: the usual case
                run, after = (ONE, at + np.uint64(64)) if dots >> LAST else (Z, Z)
                dots = Z
            while dots:
                position = at + lowest_bit(dots)
                run = run + ONE if position == after else ONE
                after = position + ONE
                if run == THREE:
                    ellipses += ONE
                    run = Z
                dots &= dots - ONE
            while ends:
                last = at + lowest_bit(ends)
                ellipses += np.uint64(last >= begin + TWO and _is_ellipsis_character(values, last - TWO, end))
                ends &= ends - ONE
        counts_N6[n, SYMBOL_HASH] = np.int64(hashes)
        counts_N6[n, ELLIPSIS] = np.int64(ellipses)


@borrowing
def _symbol_masks(source, index):  # type: ignore[no-untyped-def]
    """Returns masks of 64 bytes: of `#`, of `.`, and of bytes that may be the last of U+2026."""
    return (
        mask_of_byte(source, index, HASH),
        mask_of_byte(source, index, DOT),
        mask_of_byte(source, index, ELLIPSIS_END),
    )


@borrowing
def _is_ellipsis_character(values, position, end):  # type: ignore[no-untyped-def]
    """Returns whether U+2026 (E2 80 A6) is at `position`."""
    return (
        position + TWO < end
        and values[position] == ELLIPSIS_LEAD
        and values[position + ONE] == 0x80
        and values[position + TWO] == 0xA6
    )


@borrowing
def _ends_with_ellipsis(values, begin, end):  # type: ignore[no-untyped-def]
    if end < begin + THREE:
        return False
    if values[end - ONE] == DOT:
        return values[end - TWO] == DOT and values[end - THREE] == DOT
    return _is_ellipsis_character(values, end - THREE, end)


@borrowing
def _is_bullet(values, begin, end, bullet_K, size_K):  # type: ignore[no-untyped-def]
    """Returns whether values[begin:end] starts with one of the bullets."""
    head = np.uint32(0)
    for i in range(min(np.uint64(4), end - begin)):
        head |= np.uint32(np.uint32(values[begin + i]) << np.uint32(i << THREE))
    for k in range(bullet_K.size):
        size = np.uint64(size_K[k])
        mask = np.uint32((ONE << (size << THREE)) - ONE)
        if size <= end - begin and head & mask == bullet_K[k]:
            return True
    return False


@kernel
def _lines(values, offsets_N1, newline_K, newline_offsets_N1, bullet_K, size_K, counts_N6):  # type: ignore[no-untyped-def]
    """Counts lines, those that begin with a bullet and those that end in an ellipsis."""
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        first, last = np.uint64(newline_offsets_N1[n]), np.uint64(newline_offsets_N1[n + ONE])
        num_lines, num_bullets, num_ellipses = Z, Z, Z
        low = begin
        for k in range(first, last + ONE):
            high = end if k == last else begin + np.uint64(newline_K[k])
            if k == last and low == end:
                break  # what follows the last line feed is a line only if it has a byte
            num_lines += ONE
            left, right = low, high
            while left < right and is_space(values[left]):
                left += ONE
            while left < right and is_space(values[right - ONE]):
                right -= ONE
            num_bullets += np.uint64(_is_bullet(values, left, right, bullet_K, size_K))
            num_ellipses += np.uint64(_ends_with_ellipsis(values, left, right))
            low = high + ONE
        counts_N6[n, LINES] = np.int64(num_lines)
        counts_N6[n, BULLET_LINES] = np.int64(num_bullets)
        counts_N6[n, ELLIPSIS_LINES] = np.int64(num_ellipses)


@kernel
def _stop_words(hash_W, word_offsets_N1, stop_hash_S, counts_N6):  # type: ignore[no-untyped-def]
    """Counts which of the stop words occur.

    A filter by the low hash bits spares most comparisons; words that were seen leave it, so that frequent ones cost
    no more than others.
    """
    filter_F = np.zeros(FILTER + ONE, dtype=np.bool_)
    for n in range(np.uint64(word_offsets_N1.size - 1)):
        for stop_hash in stop_hash_S:
            filter_F[stop_hash & FILTER] = True
        seen = Z
        for j in range(np.uint64(word_offsets_N1[n]), np.uint64(word_offsets_N1[n + ONE])):
            word = hash_W[j]
            if filter_F[word & FILTER]:
                filter_F[word & FILTER] = False
                for s in range(np.uint64(stop_hash_S.size)):
                    seen |= np.uint64(stop_hash_S[s] == word) << s
                    if stop_hash_S[s] & FILTER == word & FILTER and not seen >> s & ONE:
                        filter_F[word & FILTER] = True
        counts_N6[n, STOP_WORDS] = np.int64(count_bits(seen))
