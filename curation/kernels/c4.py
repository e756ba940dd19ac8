"""C4's rules on lines, and its count of sentences.

Raffel et al. 2020 (arXiv 1910.10683), section 2.2, in the order of `clean_page` in TensorFlow Datasets' c4_utils.py,
which datatrove 0.10.1's `C4QualityFilter` follows. A line ends at a line feed; white space is that of ASCII.
"""

import numpy as np

from curation.kernels import borrowing, kernel
from curation.kernels.code_points import Marks, character, character_size, is_in, last_character_at
from curation.kernels.line_statistics import num_characters
from curation.kernels.lines import is_space
from curation.kernels.phrases import Hits
from curation.kernels.removals import Removals, add_range
from curation.kernels.vector import lowest_bit, mask_of_byte
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

LONG_WORD, NO_END_MARK, FEW_WORDS, JAVASCRIPT, POLICY, CITATION, WHITE_SPACE = range(7)
"""Rules of `c4_removals`: five remove lines, a citation and white space around a line go from lines that stay."""

LOREM_IPSUM, SCRIPT = 0, 1
"""Indices that the first two of the phrases must have; all others are policy phrases."""

KEEP = np.int64(-1)
Z, ONE, TWO, THREE, SIX, BLOCK = (np.uint64(n) for n in (0, 1, 2, 3, 6, 64))
OPEN, CLOSE, CURLY, DOT = (np.uint8(ord(c)) for c in "[]{.")
EDIT, NEEDED = (np.frombuffer(text, dtype=np.uint8) for text in (b"edit]", b"citation needed]"))


def c4_removals(
    values: Bytes,
    offsets_N1: Counts,
    words: WordArrays,
    hits: Hits,
    *,
    end_marks: Marks,
    any_end: bool,
    min_words_N: Counts,
    max_word_chars: int,
) -> Removals:
    """Returns what C4 removes from each document; with a removed line goes one line feed beside it.

    A line with "lorem ipsum" or `{` that the rules before have left stays: the document is to be rejected for it.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        words: what `curation.kernels.words.words` found in them.
        hits: of the phrases "lorem ipsum", "javascript" and any number of policy phrases, in this order.
        end_marks: what a line must end with, and not with "...".
        any_end: whether any end will do instead.
        min_words_N: int64, words parted by white space that a line must have, per document.
        max_word_chars: code points of the longest word a line may have.

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    lines = (words.newline_K, words.newline_offsets_N1, *hits)
    settings = (end_marks, any_end, min_words_N, max_word_chars)
    return Removals(*_removals(values, offsets_N1, *lines, *settings))


def sentence_counts(values: Bytes, offsets_N1: Counts, words: WordArrays, *, marks: Marks, closing: Marks) -> Counts:
    """Returns int64 (N,): sentences of each document.

    A sentence ends with its line, or after `marks` and what of `closing` follows them: where they begin with an ASCII
    mark only before white space, and not at a full stop after a word of one letter ("J. Smith", "U.S. law").

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    counts_N = np.zeros(offsets_N1.size - 1, dtype=np.int64)
    leads = _leads_of(marks)
    _sentences(values, offsets_N1, words.newline_K, words.newline_offsets_N1, marks, closing, leads, counts_N)
    return counts_N


def _leads_of(marks: Marks) -> Marks:
    """Returns bool (256,): bytes with which one of `marks` begins."""
    leads = np.zeros(256, dtype=np.bool_)
    leads[[chr(point).encode()[0] for point in np.flatnonzero(marks).tolist()]] = True
    return leads


@kernel
def _removals(  # type: ignore[no-untyped-def]
    values,
    offsets_N1,
    newline_K,
    newline_offsets_N1,
    position_H,
    phrase_H,
    hit_offsets_N1,
    marks_T,
    any_end,
    min_words_N,
    max_word_chars,
):
    range_R3 = np.empty((1024, 3), dtype=np.int64)
    removal_offsets_N1 = np.zeros(offsets_N1.size, dtype=np.int64)
    count = Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        citation_C2 = _citations(values, begin, end)
        first = count
        hit, last_hit = np.uint64(hit_offsets_N1[n]), np.uint64(hit_offsets_N1[n + ONE])
        cited = Z
        newline, last = np.uint64(newline_offsets_N1[n]), np.uint64(newline_offsets_N1[n + ONE])
        low, some_kept = begin, False
        for k in range(newline, last + ONE):
            high = end if k == last else begin + np.uint64(newline_K[k])
            left, right = low, high
            while left < right and is_space(values[left]):
                left += ONE
            while left < right and is_space(values[right - ONE]):
                right -= ONE
            hit_stop = hit
            while hit_stop < last_hit and begin + np.uint64(position_H[hit_stop]) < high:
                hit_stop += ONE
            cited_stop = cited
            while cited_stop < np.uint64(citation_C2.shape[0]) and np.uint64(citation_C2[cited_stop, 0]) < high:
                cited_stop += ONE
            rule = _line_rule(values, left, right, phrase_H[hit:hit_stop], min_words_N[n], max_word_chars)
            citations = citation_C2[cited:cited_stop]
            if rule != LONG_WORD and not any_end and not _has_end_mark(values, left, right, citations, marks_T):
                rule = np.int64(NO_END_MARK)
            if rule == KEEP:
                range_R3, count = add_range(range_R3, count, first, WHITE_SPACE, low - begin, left - begin)
                for c in range(cited, cited_stop):
                    opened, closed = np.uint64(citation_C2[c, 0]) - begin, np.uint64(citation_C2[c, 1]) - begin
                    range_R3, count = add_range(range_R3, count, first, CITATION, opened, closed)
                range_R3, count = add_range(range_R3, count, first, WHITE_SPACE, right - begin, high - begin)
                some_kept = True
            elif some_kept:
                range_R3, count = add_range(range_R3, count, first, rule, low - ONE - begin, high - begin)
            else:
                range_R3, count = add_range(range_R3, count, first, rule, low - begin, min(high + ONE, end) - begin)
            hit, cited, low = hit_stop, cited_stop, high + ONE
        removal_offsets_N1[n + ONE] = np.int64(count)
    return range_R3[:count], removal_offsets_N1


@borrowing
def _line_rule(values, left, right, phrase_H, min_words, max_word_chars):  # type: ignore[no-untyped-def]
    """Returns the rule that removes the line whose stripped text is values[left:right], end marks aside, or KEEP."""
    if _has_longer_word(values, left, right, np.uint64(max_word_chars)):
        return np.int64(LONG_WORD)
    if _fewer_words(values, left, right, min_words):
        return np.int64(FEW_WORDS)
    has_script, has_policy = False, False
    for h in range(phrase_H.size):
        if phrase_H[h] == LOREM_IPSUM:
            return KEEP
        has_script |= phrase_H[h] == SCRIPT
        has_policy |= phrase_H[h] > SCRIPT
    if has_script:
        return np.int64(JAVASCRIPT)
    if has_policy:
        for i in range(left, right):
            if values[i] == CURLY:
                return KEEP
        return np.int64(POLICY)
    return KEEP


@borrowing
def _has_longer_word(values, left, right, max_chars):  # type: ignore[no-untyped-def]
    """Returns whether a run without white space has more than `max_chars` code points.

    Looks backwards from the byte where such a run would have to reach, so at most words a few bytes in `max_chars`.
    """
    start = left
    while start + max_chars < right:
        at = start + max_chars
        while at > start and not is_space(values[at]):
            at -= ONE
        if at == start and not is_space(values[at]):
            stop = start
            while stop < right and not is_space(values[stop]):
                stop += ONE
            if num_characters(values, start, stop) > max_chars:
                return True
            at = stop
        start = at + ONE
    return False


@borrowing
def _fewer_words(values, left, right, min_words):  # type: ignore[no-untyped-def]
    """Returns whether there are fewer than `min_words` runs without white space; looks no further than it must."""
    count = 0
    inside = False
    for i in range(left, right):
        if is_space(values[i]):
            inside = False
        elif not inside:
            inside = True
            count += 1
            if count >= min_words:
                return False
    return count < min_words


@borrowing
def _has_end_mark(values, left, right, citation_C2, marks_T):  # type: ignore[no-untyped-def]
    """Returns whether the text without its citations ends in a mark and not in three full stops."""
    at = right
    c = citation_C2.shape[0]
    dots = 0
    for back in range(3):
        while c and np.uint64(citation_C2[c - 1, 1]) == at:
            at = np.uint64(citation_C2[c - 1, 0])
            c -= 1
        if at <= left:
            return back > 0
        start = last_character_at(values, left, at)
        point = character(values, start, at)
        if back == 0 and not is_in(marks_T, point):
            return False
        dots += point == np.uint64(DOT)
        if dots <= back:
            return True
        at = start
    return False


@kernel
def _citations(values, begin, end):  # type: ignore[no-untyped-def]
    """Returns int64 (C, 2): begin and end of each `[12]`, `[]`, `[edit]` and `[citation needed]` of a document."""
    citation_C2 = np.empty((4, 2), dtype=np.int64)
    tail = np.zeros(64, dtype=np.uint8)
    count = Z
    at = begin
    while at < end:
        source, index = values, at
        if at + BLOCK > end:
            tail[:] = 0
            tail[: end - at] = values[at:end]
            source, index = tail, Z
        bits = mask_of_byte(source, index, OPEN)
        while bits:
            start = at + lowest_bit(bits)
            bits &= bits - ONE
            stop = _citation_end(values, start, end)
            if stop > start:
                if count == np.uint64(citation_C2.shape[0]):
                    longer = np.empty((2 * citation_C2.shape[0], 2), dtype=np.int64)
                    longer[: citation_C2.shape[0]] = citation_C2
                    citation_C2 = longer
                citation_C2[count, 0], citation_C2[count, 1] = start, stop
                count += ONE
        at += BLOCK
    return citation_C2[:count]


@borrowing
def _citation_end(values, start, end):  # type: ignore[no-untyped-def]
    """Returns the end of the citation that begins at `start`, or `start` if none does."""
    at = start + ONE
    while at < end and values[at] >= np.uint8(48) and values[at] <= np.uint8(57):
        at += ONE
    if at < end and values[at] == CLOSE:
        return at + ONE
    at = start + ONE
    for text in (EDIT, NEEDED):
        if at + np.uint64(text.size) <= end:
            same = True
            for i in range(np.uint64(text.size)):
                same &= values[at + i] == text[i]
            if same:
                return at + np.uint64(text.size)
    return start


@kernel
def _sentences(values, offsets_N1, newline_K, newline_offsets_N1, marks_T, closing_T, leads, counts_N):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        newline, last = np.uint64(newline_offsets_N1[n]), np.uint64(newline_offsets_N1[n + ONE])
        low = begin
        total = 0
        for k in range(newline, last + ONE):
            high = end if k == last else begin + np.uint64(newline_K[k])
            total += _sentences_of_line(values, low, high, marks_T, closing_T, leads)
            low = high + ONE
        counts_N[n] = total


@borrowing
def _sentences_of_line(values, low, high, marks_T, closing_T, leads):  # type: ignore[no-untyped-def]
    while low < high and is_space(values[low]):
        low += ONE
    while low < high and is_space(values[high - ONE]):
        high -= ONE
    if low == high:
        return 0
    count, at = 1, low
    while at < high:
        if not leads[values[at]] or not is_in(marks_T, character(values, at, high)):
            at += ONE
            continue
        stop = _after_marks(values, at, high, marks_T, closing_T)
        wide = values[at] >= np.uint8(0x80)
        if stop < high and (wide or (is_space(values[stop]) and not _is_initial(values, low, at, stop))):
            count += 1
        at = stop
    return count


@borrowing
def _after_marks(values, at, high, marks_T, closing_T):  # type: ignore[no-untyped-def]
    """Returns the end of the run of marks and closing characters at `at`."""
    while at < high:
        point = character(values, at, high)
        if not is_in(marks_T, point) and not is_in(closing_T, point):
            break
        at = min(at + character_size(values[at]), high)
    return at


@borrowing
def _is_initial(values, low, at, stop):  # type: ignore[no-untyped-def]
    """Returns whether the mark is one full stop after a single ASCII letter."""
    if values[at] != DOT or stop != at + ONE or at == low:
        return False
    letter = values[at - ONE] | np.uint8(0x20)
    if letter < np.uint8(97) or letter > np.uint8(122):
        return False
    before = values[at - TWO] if at > low + ONE else np.uint8(32)
    return is_space(before) or before == DOT
