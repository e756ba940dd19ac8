"""The words of documents written out in lower case, each followed by a space: what a hash of the words reads.

Lower case is that of the words kernel (`curation.kernels.unicode`): character by character, where it keeps the
number of bytes. Equal words give equal bytes, whatever lay between them.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.unicode import CODE_POINTS, Table, unicode_table
from curation.kernels.words import WordArrays, check_documents

SPACE = np.uint8(32)


def folded_words(
    values: NDArray[np.uint8], offsets_N1: NDArray[np.int64], found: WordArrays
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns (bytes, bounds_N1): document n is `bytes[bounds_N1[n] : bounds_N1[n + 1]]`, its words in lower case.

    Args:
        values: UTF-8 of all documents, as `words` read them.
        offsets_N1: int64, where documents lie in `values`.
        found: what `words` returned for them.

    Raises:
        TypeError: another dtype or shape; ValueError: offsets leave `values`, or are of other documents.
    """
    check_documents(values, offsets_N1)
    if found.word_offsets_N1.size != offsets_N1.size:
        raise ValueError(
            f"folded_words: expected words of {offsets_N1.size - 1} documents, found {found.word_offsets_N1.size - 1}"
        )
    ends_W1 = np.zeros(found.length_W.size + 1, dtype=np.int64)
    np.cumsum(found.length_W.astype(np.int64) + 1, out=ends_W1[1:])
    folded = np.empty(int(ends_W1[-1]), dtype=np.uint8)
    _fold(values, offsets_N1, found.start_W, found.length_W, found.word_offsets_N1, unicode_table(), folded)
    return folded, ends_W1[found.word_offsets_N1]


@kernel
def _fold(
    values: NDArray[np.uint8],
    offsets_N1: NDArray[np.int64],
    start_W: NDArray[np.uint32],
    length_W: NDArray[np.uint32],
    word_offsets_N1: NDArray[np.int64],
    table: Table,
    folded: NDArray[np.uint8],
) -> None:
    at = 0
    for n in range(offsets_N1.size - 1):
        for w in range(word_offsets_N1[n], word_offsets_N1[n + 1]):
            begin, length = offsets_N1[n] + np.int64(start_W[w]), np.int64(length_W[w])
            folded[at : at + length] = values[begin : begin + length]
            _lower(folded[at : at + length], table)
            folded[at + length] = SPACE
            at += int(length) + 1


@kernel
def _lower(word: NDArray[np.uint8], table: Table) -> None:
    """Lowers the characters of a word in place; bytes that are no UTF-8 stay."""
    i = 0
    while i < word.size:
        lead = np.int64(word[i])
        size = 1 if lead < 0xC0 else (2 if lead < 0xE0 else (3 if lead < 0xF0 else 4))
        if i + size > word.size:
            return
        code_point = lead & np.int64(0x7F if size == 1 else 0x7F >> size)
        for k in range(1, size):
            code_point = code_point << 6 | (np.int64(word[i + k]) & 0x3F)
        if code_point < CODE_POINTS and (size > 1 or lead < 0x80):
            entry = np.int64(table[code_point])
            first = i + 1 if size == 4 else i  # of four bytes the table holds the last three
            for k in range(i + size - first):
                word[first + k] = np.uint8(entry >> (8 * k) & 0xFF)
        i += size
