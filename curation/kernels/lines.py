"""Lines and paragraphs of documents, from the line feeds that the words kernel found.

As datatrove 0.10.1's `GopherRepetitionFilter` splits: lines lie between runs of line feeds; paragraphs, of the text
without white space at its ends, between runs of two and more. Rules that count every line, empty ones too, read the
line feeds themselves.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

Z, ONE, TWO = (np.uint64(n) for n in (0, 1, 2))


class LineArrays(NamedTuple):
    """N documents with L lines and P paragraphs in all; those of a document are adjacent, and it has one at least.

    `start` and `end` (exclusive) are bytes from the start of the document.
    """

    start_L: NDArray[np.uint32]
    end_L: NDArray[np.uint32]
    line_offsets_N1: Counts
    start_P: NDArray[np.uint32]
    end_P: NDArray[np.uint32]
    paragraph_offsets_N1: Counts


def lines(values: Bytes, offsets_N1: Counts, words: WordArrays) -> LineArrays:
    """Returns the lines and paragraphs of N documents.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        words: what `curation.kernels.words.words` found in them.

    Raises:
        TypeError: another dtype or shape; ValueError: offsets leave `values`.
    """
    check_documents(values, offsets_N1)
    num_documents = offsets_N1.size - 1
    room = words.newline_K.size + num_documents
    out = LineArrays(
        start_L=np.empty(room, dtype=np.uint32),
        end_L=np.empty(room, dtype=np.uint32),
        line_offsets_N1=np.zeros(num_documents + 1, dtype=np.int64),
        start_P=np.empty(room, dtype=np.uint32),
        end_P=np.empty(room, dtype=np.uint32),
        paragraph_offsets_N1=np.zeros(num_documents + 1, dtype=np.int64),
    )
    _lines(values, offsets_N1, words.newline_K, words.newline_offsets_N1, *out)
    num_lines, num_paragraphs = out.line_offsets_N1[-1], out.paragraph_offsets_N1[-1]
    return out._replace(
        start_L=out.start_L[:num_lines],
        end_L=out.end_L[:num_lines],
        start_P=out.start_P[:num_paragraphs],
        end_P=out.end_P[:num_paragraphs],
    )


def joined_lines(found: LineArrays, min_bytes: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32], Counts]:
    """Returns (start_P, end_P, offsets_N1): lines joined with the next ones until they have `min_bytes` together.

    What is left at the end of a document joins the piece before. A document without a line that has a byte has none.
    """
    start_P, end_P = np.empty_like(found.start_L), np.empty_like(found.end_L)
    offsets_N1 = np.zeros_like(found.line_offsets_N1)
    _join(found.start_L, found.end_L, found.line_offsets_N1, np.uint64(min_bytes), start_P, end_P, offsets_N1)
    return start_P[: offsets_N1[-1]], end_P[: offsets_N1[-1]], offsets_N1


@kernel
def _join(start_L, end_L, line_offsets_N1, min_bytes, start_P, end_P, offsets_N1):  # type: ignore[no-untyped-def]
    num_pieces = Z
    for n in range(np.uint64(line_offsets_N1.size - 1)):
        first = num_pieces
        size = Z  # of the piece that grows; 0: none does
        for line in range(np.uint64(line_offsets_N1[n]), np.uint64(line_offsets_N1[n + ONE])):
            if end_L[line] == start_L[line]:
                continue
            if not size:
                start_P[num_pieces] = start_L[line]
            size += np.uint64(end_L[line]) - np.uint64(start_L[line])
            end_P[num_pieces] = end_L[line]
            if size >= min_bytes:
                num_pieces += ONE
                size = Z
        if size and num_pieces > first:
            end_P[num_pieces - ONE] = end_P[num_pieces]
        elif size:
            num_pieces += ONE
        offsets_N1[n + ONE] = np.int64(num_pieces)


@borrowing
def is_space(byte):  # type: ignore[no-untyped-def]
    """Returns whether `str.strip` removes this ASCII byte."""
    return (byte >= 9 and byte <= 13) or (byte >= 28 and byte <= 32)


@kernel
def _lines(  # type: ignore[no-untyped-def]
    values,
    offsets_N1,
    newline_K,
    newline_offsets_N1,
    start_L,
    end_L,
    line_offsets_N1,
    start_P,
    end_P,
    paragraph_offsets_N1,
):
    num_lines, num_paragraphs = Z, Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin = np.uint64(offsets_N1[n])
        size = np.uint64(offsets_N1[n + ONE]) - begin
        left, right = Z, size  # the stripped text
        while left < right and is_space(values[begin + left]):
            left += ONE
        while left < right and is_space(values[begin + right - ONE]):
            right -= ONE
        start_L[num_lines], start_P[num_paragraphs] = 0, np.uint32(left)
        k, last = np.uint64(newline_offsets_N1[n]), np.uint64(newline_offsets_N1[n + ONE])
        while k < last:
            low = np.uint64(newline_K[k])
            high = low + ONE
            k += ONE
            while k < last and np.uint64(newline_K[k]) == high:
                high += ONE
                k += ONE
            end_L[num_lines] = np.uint32(low)
            num_lines += ONE
            start_L[num_lines] = np.uint32(high)
            if high - low >= TWO and low > left and high < right:
                end_P[num_paragraphs] = np.uint32(low)
                num_paragraphs += ONE
                start_P[num_paragraphs] = np.uint32(high)
        end_L[num_lines], end_P[num_paragraphs] = np.uint32(size), np.uint32(right)
        num_lines += ONE
        num_paragraphs += ONE
        line_offsets_N1[n + ONE] = np.int64(num_lines)
        paragraph_offsets_N1[n + ONE] = np.int64(num_paragraphs)
