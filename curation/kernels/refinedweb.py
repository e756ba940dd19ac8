"""RefinedWeb's rules on lines, as DCLM published them.

Penedo et al. 2023 (arXiv 2306.01116), appendix G.2; the details are those of DCLM-Baseline's configuration
`dclm_baseline_refinedweb.yaml` (Li et al. 2024, arXiv 2406.11794). A line ends at a line feed; white space is ASCII's.
"""

import numpy as np

from curation.kernels import kernel
from curation.kernels.code_points import character, character_size
from curation.kernels.line_statistics import is_blank
from curation.kernels.lines import is_space
from curation.kernels.phrases import Hits
from curation.kernels.removals import END, Removals, add_range
from curation.kernels.unicode import CODE_POINTS, NUMBER, WORD, unicode_table
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

UPPERCASE, DIGITS, COUNTER, ONE_WORD, PHRASE = range(5)
"""Rules of `refinedweb_removals`, in their order."""

ANYWHERE, AT_END, AT_START = range(3)
"""Indices of the three phrases: removed anywhere in a line, at its end, at its start."""

KEEP = np.int64(-1)
MAX_PHRASE_WORDS = 10
Z, ONE, TWO, THREE, FOUR, EIGHT = (np.uint64(n) for n in (0, 1, 2, 3, 4, 8))
CLASS_SHIFT, LOWER = np.uint32(24), np.uint32(0xFFFFFF)
_COUNTED = "likes shares comments retweets reposts quotes bookmarks upvotes downvotes downloads views followers"
COUNTED = np.zeros((12, 9), dtype=np.uint8)
for _row, _word in zip(COUNTED, _COUNTED.split(), strict=True):
    _row[: len(_word)] = list(_word.encode())


def refinedweb_removals(
    values: Bytes, offsets_N1: Counts, words: WordArrays, hits: Hits, *, phrase_sizes: Counts
) -> Removals:
    """Returns what RefinedWeb removes from each document; with a removed line goes one line feed beside it.

    Lines go in which more than half of the characters are upper case, that are digits alone, that count something
    ("3 likes") or that have one word; blank lines with a blank too, empty ones stay. From lines of at most ten words go
    the phrases, each with one blank beside it; a line that is blank then goes too.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        words: what `curation.kernels.words.words` found in them.
        hits: of the phrases ANYWHERE, AT_END and AT_START.
        phrase_sizes: int64 (3,), bytes of each phrase.

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    newlines = (words.newline_K, words.newline_offsets_N1)
    return Removals(*_removals(values, offsets_N1, *newlines, *hits, phrase_sizes, unicode_table()))


@kernel
def _removals(  # type: ignore[no-untyped-def]
    values, offsets_N1, newline_K, newline_offsets_N1, position_H, phrase_H, hit_offsets_N1, phrase_sizes, table
):
    range_R3 = np.empty((1024, 3), dtype=np.int64)
    removal_offsets_N1 = np.zeros(offsets_N1.size, dtype=np.int64)
    count = Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        first = count
        hit, last_hit = np.uint64(hit_offsets_N1[n]), np.uint64(hit_offsets_N1[n + ONE])
        newline, last = np.uint64(newline_offsets_N1[n]), np.uint64(newline_offsets_N1[n + ONE])
        low, some_kept = begin, False
        for k in range(newline, last + ONE):
            high = end if k == last else begin + np.uint64(newline_K[k])
            start_hit = hit
            while hit < last_hit and begin + np.uint64(position_H[hit]) < high:
                hit += ONE
            rule = _line_rule(values, low, high, table)
            kept_count, kept_end = count, range_R3[count - ONE, END] if count > first else np.int64(0)
            if rule == KEEP and hit > start_hit and _num_words(values, low, high) <= MAX_PHRASE_WORDS:
                done, text_left = low, False
                for h in range(start_hit, hit):
                    left = begin + np.uint64(position_H[h])
                    right = left + np.uint64(phrase_sizes[phrase_H[h]])
                    if phrase_H[h] == AT_START:
                        applies = left == low
                        right += np.uint64(right < high and is_space(values[right]))
                    else:
                        applies = phrase_H[h] == ANYWHERE or right == high
                        left -= np.uint64(left > low and is_space(values[left - ONE]))
                    left = max(left, done)
                    if not applies or right <= left:
                        continue
                    text_left |= not is_blank(values, done, left)
                    range_R3, count = add_range(range_R3, count, first, PHRASE, left - begin, right - begin)
                    done = right
                if done > low and not text_left and is_blank(values, done, high):
                    count = kept_count
                    if count > first:
                        range_R3[count - ONE, END] = kept_end
                    rule = np.int64(PHRASE)
            if rule == KEEP:
                some_kept = True
            elif some_kept:
                range_R3, count = add_range(range_R3, count, first, rule, low - ONE - begin, high - begin)
            else:
                range_R3, count = add_range(range_R3, count, first, rule, low - begin, min(high + ONE, end) - begin)
            low = high + ONE
        removal_offsets_N1[n + ONE] = np.int64(count)
    return range_R3[:count], removal_offsets_N1


@kernel
def _line_rule(values, low, high, table):  # type: ignore[no-untyped-def]
    """Returns the rule that removes the line values[low:high], or KEEP."""
    if low == high:
        return KEEP
    chars, upper, digits = Z, Z, Z
    at = low
    while at < high:
        byte = values[at]
        chars += ONE
        if byte < np.uint8(0x80):
            upper += np.uint64(byte >= np.uint8(65) and byte <= np.uint8(90))
            digits += np.uint64(byte >= np.uint8(48) and byte <= np.uint8(57))
            at += ONE
            continue
        stop = min(at + character_size(byte), high)
        point = character(values, at, high)
        if point < np.uint64(CODE_POINTS):
            upper += np.uint64(table[point] & LOWER != _packed(values, at, stop))
            digits += np.uint64(table[point] >> CLASS_SHIFT & np.uint32(NUMBER) != np.uint32(0))
        at = stop
    if TWO * upper > chars:
        return np.int64(UPPERCASE)
    if digits == chars:
        return np.int64(DIGITS)
    if _is_counter(values, low, high, table):
        return np.int64(COUNTER)
    return np.int64(ONE_WORD) if _num_words(values, low, high) < TWO else KEEP


@kernel
def _packed(values, at, stop):  # type: ignore[no-untyped-def]
    """Returns a character's bytes (the last three of four) as the table of lower case has them."""
    at += np.uint64(stop - at == FOUR)
    packed = np.uint32(0)
    for i in range(stop - at):
        packed |= np.uint32(np.uint32(values[at + i]) << np.uint32(i * EIGHT))
    return packed


@kernel
def _num_words(values, low, high):  # type: ignore[no-untyped-def]
    """Returns the runs without white space."""
    count = Z
    inside = False
    for i in range(low, high):
        blank = is_space(values[i])
        count += np.uint64(not blank and not inside)
        inside = not blank
    return count


@kernel
def _is_counter(values, low, high, table):  # type: ignore[no-untyped-def]
    r"""Returns whether the line is `\W*\d[,.\d]*[kmb]?\s+(likes|...)\W*` in any case."""
    at = _after_symbols(values, low, high, table)
    if at == high or values[at] < np.uint8(48) or values[at] > np.uint8(57):
        return False
    while at < high and _in_number(values[at]):
        at += ONE
    if at < high and (values[at] | np.uint8(0x20)) in (np.uint8(107), np.uint8(109), np.uint8(98)):
        at += ONE
    start = at
    while at < high and is_space(values[at]):
        at += ONE
    if at == start:
        return False
    for w in range(COUNTED.shape[0]):
        size = Z
        while size < np.uint64(COUNTED.shape[1]) and COUNTED[w, size] and at + size < high:
            if (values[at + size] | np.uint8(0x20)) != COUNTED[w, size]:
                break
            size += ONE
        is_whole = size == np.uint64(COUNTED.shape[1]) or COUNTED[w, size] == np.uint8(0)
        if is_whole and _after_symbols(values, at + size, high, table) == high:
            return True
    return False


@kernel
def _in_number(byte):  # type: ignore[no-untyped-def]
    return (byte >= np.uint8(48) and byte <= np.uint8(57)) or byte == np.uint8(44) or byte == np.uint8(46)


@kernel
def _after_symbols(values, at, high, table):  # type: ignore[no-untyped-def]
    r"""Returns the end of the run of characters at `at` that are no letter, number or `_` (`\W*`)."""
    while at < high:
        point = character(values, at, high)
        if point < np.uint64(0x80):
            letter = point | np.uint64(0x20)
            is_word = (letter >= np.uint64(97) and letter <= np.uint64(122)) or point == np.uint64(95)
            is_word |= point >= np.uint64(48) and point <= np.uint64(57)
        elif point < np.uint64(CODE_POINTS):
            is_word = table[point] >> CLASS_SHIFT & np.uint32(WORD) != np.uint32(0)
        else:
            is_word = True
        if is_word:
            break
        at = min(at + character_size(values[at]), high)
    return at
