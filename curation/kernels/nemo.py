"""Counts behind NeMo Curator's heuristics for English that Gopher does not have.

Source: `nemo_curator/stages/text/filters/heuristic/string.py` (Apache-2.0). Lines are parted by a line feed, paragraphs
by two, words by ASCII white space.
"""

import numpy as np

from curation.kernels import kernel
from curation.kernels.code_points import Marks, character, is_in, last_character_at
from curation.kernels.line_statistics import num_characters
from curation.kernels.lines import is_space
from curation.kernels.phrases import Hits
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

URL_CHARS, LINES, UNMARKED_LINES, PARAGRAPHS, BOILERPLATE, LONGEST_WORD = range(6)
"""Columns of `nemo_counts`."""

HTTP, HTTPS, LOREM_IPSUM = 0, 1, 2
"""Indices that the first three phrases must have; all others are boilerplate."""

Z, ONE, TWO, THREE = (np.uint64(n) for n in (0, 1, 2, 3))
HTTP_SIZE = np.uint64(7)
IN_URL = np.zeros(256, dtype=np.bool_)
IN_URL[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789$-_@.&+!*(),")] = True
HEX = np.zeros(256, dtype=np.bool_)
HEX[list(b"0123456789abcdefABCDEF")] = True
PERCENT = np.uint8(ord("%"))


def nemo_counts(values: Bytes, offsets_N1: Counts, words: WordArrays, hits: Hits, *, end_marks: Marks) -> Counts:
    """Returns int64 (N, 6) per document, columns as above.

    Characters of URLs (scheme, then letters, digits, some punctuation and %-escapes; `/` ends one); lines that are not
    blank, and those that end, blanks aside, in none of `end_marks`; paragraphs, and those with boilerplate (all of them
    where "lorem ipsum" occurs); code points of the longest word.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        words: what `curation.kernels.words.words` found in them.
        hits: of "http://", "https://", "lorem ipsum" and any number of phrases of boilerplate.
        end_marks: what ends a sentence.

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    counts_N6 = np.zeros((offsets_N1.size - 1, 6), dtype=np.int64)
    newlines = (words.newline_K, words.newline_offsets_N1)
    _urls(values, offsets_N1, *hits, counts_N6)
    _lines(values, offsets_N1, *newlines, end_marks, counts_N6)
    _paragraphs(*newlines, *hits, counts_N6)
    return counts_N6


@kernel
def _urls(values, offsets_N1, position_H, phrase_H, hit_offsets_N1, counts_N6):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        done = begin
        for h in range(np.uint64(hit_offsets_N1[n]), np.uint64(hit_offsets_N1[n + ONE])):
            if phrase_H[h] > HTTPS:
                continue
            start = begin + np.uint64(position_H[h])
            if start < done:
                continue  # the scheme of one URL is the host of another
            body = start + HTTP_SIZE + np.uint64(phrase_H[h])
            at = body
            while at < end and (IN_URL[values[at]] or _is_escape(values, at, end)):
                at += ONE if IN_URL[values[at]] else THREE
            if at > body:
                done = at
                counts_N6[n, URL_CHARS] += np.int64(at - start)


@kernel
def _is_escape(values, at, end):  # type: ignore[no-untyped-def]
    return values[at] == PERCENT and at + TWO < end and HEX[values[at + ONE]] and HEX[values[at + TWO]]


@kernel
def _lines(values, offsets_N1, newline_K, newline_offsets_N1, marks_T, counts_N6):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        newline, last = np.uint64(newline_offsets_N1[n]), np.uint64(newline_offsets_N1[n + ONE])
        low = begin
        longest = Z
        for k in range(newline, last + ONE):
            high = end if k == last else begin + np.uint64(newline_K[k])
            right = high
            while low < right and is_space(values[right - ONE]):
                right -= ONE
            if low < right:
                counts_N6[n, LINES] += 1
                point = character(values, last_character_at(values, low, right), right)
                counts_N6[n, UNMARKED_LINES] += np.int64(not is_in(marks_T, point))
            start = low
            for i in range(low, right + ONE):
                if i == right or is_space(values[i]):
                    if i - start > longest:
                        longest = max(longest, num_characters(values, start, i))
                    start = i + ONE
            low = high + ONE
        counts_N6[n, LONGEST_WORD] = np.int64(longest)


@kernel
def _paragraphs(newline_K, newline_offsets_N1, position_H, phrase_H, hit_offsets_N1, counts_N6):  # type: ignore[no-untyped-def]
    for n in range(newline_offsets_N1.size - 1):
        hit, last_hit = hit_offsets_N1[n], hit_offsets_N1[n + 1]
        k, last = newline_offsets_N1[n], newline_offsets_N1[n + 1]
        has_lorem, paragraphs, flagged = False, 1, 0
        is_flagged = False
        while hit < last_hit or k + 1 < last:
            parts = k + 1 < last and newline_K[k + 1] == newline_K[k] + 1
            if hit < last_hit and (k + 1 >= last or position_H[hit] < newline_K[k]):
                has_lorem |= phrase_H[hit] == LOREM_IPSUM
                if phrase_H[hit] > LOREM_IPSUM and not is_flagged:
                    is_flagged = True
                    flagged += 1
                hit += 1
            elif parts:
                paragraphs += 1
                is_flagged = False
                k += 2
            else:
                k += 1
        counts_N6[n, PARAGRAPHS] = paragraphs
        counts_N6[n, BOILERPLATE] = paragraphs if has_lorem else flagged
