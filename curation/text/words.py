"""Words of an Arrow string array, found once and shared by every consumer of a batch.

Language id, heuristics, repetition and MinHash all start from words; `words_of` reads Arrow's buffers
without a Python string per document, and remembers the last array per thread.
"""

import threading
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.kernels.characters import CHARS, CLUSTERS, IDEOGRAPHS, NUMERIC_WORDS, SPACELESS_CHARS, WORD_CHARS
from curation.kernels.lines import LineArrays, lines
from curation.kernels.simplified import simplified_hashes
from curation.kernels.words import WordArrays, words

MAX_SPACELESS_FRACTION = 0.3
"""Above this share of characters in scripts without spaces, word-based signals do not apply. Measured on the
UDHR translations: every text in one of these scripts is above 0.97, every other one below 0.001."""

IDEOGRAPHS_PER_WORD = 1.7
"""Han and kana per word. Measured on UDHR, Tatoeba and XQuAD: Chinese 1.55 to 1.80 (jieba 0.42.1), Japanese 1.66 to
1.74 (janome 0.5.1)."""

CLUSTERS_PER_WORD = 2.5
"""Orthographic clusters per word. Measured on UDHR and Tatoeba: Thai 2.42 to 3.07 (pythainlp 5.4.0, newmm), Lao 2.51
(LaoNLP 1.3.0), Khmer 2.03 to 2.71 (khmer-nltk 1.6), Burmese 1.60 (pyidaungsu 0.1.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Words of N documents (W in all), as read-only arrays; a null document has no characters and no words.

    Word j of document n has index word_offsets_N1[n] + j in the `_W` arrays; its bytes are the
    word_length_W[index] bytes of `values` from offsets_N1[n] + word_start_W[index]. Line feeds likewise.
    """

    values: NDArray[np.uint8]
    """The batch's text; documents lie at offsets_N1, not necessarily from 0."""
    offsets_N1: NDArray[np.int64]
    found: WordArrays
    """What the kernel found; the properties below are its columns."""

    @property
    def word_start_W(self) -> NDArray[np.uint32]:
        """Returns the first byte of each word, from the start of its document."""
        return self.found.start_W

    @property
    def word_length_W(self) -> NDArray[np.uint32]:
        """Returns the bytes of each word."""
        return self.found.length_W

    @property
    def word_chars_W(self) -> NDArray[np.uint32]:
        """Returns the code points of each word."""
        return self.found.chars_W

    @property
    def word_hash_W(self) -> NDArray[np.uint64]:
        """Returns hashes of the lower-cased bytes: words that differ in case only have equal ones."""
        return self.found.hash_W

    def simplified_hash_W(self) -> NDArray[np.uint64]:
        """Returns hashes of words as FineWeb simplifies them: without case, diacritics and digits' values; computed."""
        return simplified_hashes(self.values, self.offsets_N1, self.found)

    @property
    def word_offsets_N1(self) -> NDArray[np.int64]:
        """Returns where each document's words begin in the `_W` arrays."""
        return self.found.word_offsets_N1

    @property
    def newline_K(self) -> NDArray[np.uint32]:
        """Returns the byte of each line feed, from the start of its document."""
        return self.found.newline_K

    @property
    def newline_offsets_N1(self) -> NDArray[np.int64]:
        """Returns where each document's line feeds begin in `newline_K`."""
        return self.found.newline_offsets_N1

    def lines(self) -> LineArrays:
        """Returns the bounds of lines between runs of line feeds, and of paragraphs; computed."""
        return lines(self.values, self.offsets_N1, self.found)

    @property
    def num_chars_N(self) -> NDArray[np.int64]:
        """Returns the code points of each document."""
        return self.found.counts_N6[:, CHARS]

    @property
    def word_chars_N(self) -> NDArray[np.int64]:
        """Returns the code points inside words."""
        return self.found.counts_N6[:, WORD_CHARS]

    @property
    def spaceless_chars_N(self) -> NDArray[np.int64]:
        """Returns the code points of Han, kana, Thai, Lao, Khmer and Burmese."""
        return self.found.counts_N6[:, SPACELESS_CHARS]

    @property
    def numeric_words_N(self) -> NDArray[np.int64]:
        """Returns the words without a letter."""
        return self.found.counts_N6[:, NUMERIC_WORDS]

    @property
    def num_words_N(self) -> NDArray[np.int64]:
        """Returns int64 (N,): words of each document."""
        return np.diff(self.word_offsets_N1)

    @property
    def estimated_words_N(self) -> NDArray[np.float64]:
        """Returns whole numbers: words where spaces part them, else what characters and clusters come to."""
        ideographs_N, clusters_N = self.found.counts_N6[:, IDEOGRAPHS], self.found.counts_N6[:, CLUSTERS]
        others_N = self.num_words_N - ideographs_N - clusters_N
        return np.rint(others_N + ideographs_N / IDEOGRAPHS_PER_WORD + clusters_N / CLUSTERS_PER_WORD)

    @property
    def is_spaced_N(self) -> NDArray[np.bool_]:
        """Returns bool (N,): whether the script separates words by spaces (true without any word)."""
        return self.spaceless_chars_N <= MAX_SPACELESS_FRACTION * self.word_chars_N


_latest = threading.local()


def words_of(array: pa.Array) -> Words:
    """Returns the words of a `string` or `large_string` array; slices and nulls are honoured.

    The same buffers, offset and length give the same object again as long as no other array was asked for
    in this thread. The array is held meanwhile, since a freed address is soon that of other text.

    Raises:
        TypeError: the array is not of strings.
    """
    key = (array.type, array.offset, len(array), *(buffer and buffer.address for buffer in array.buffers()))
    if getattr(_latest, "key", None) != key:
        _latest.key = _latest.words = _latest.array = None  # so that their memory serves again
        _latest.words = _words(array)
        _latest.key, _latest.array = key, array
    latest: Words = _latest.words
    return latest


def text_buffers(array: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns (values, offsets_N1) of a string array: document n is values[offsets_N1[n] : offsets_N1[n + 1]].

    No copy of the text, unless a null hides bytes: those are cut out.

    Raises:
        TypeError: the array is not of strings.
    """
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise TypeError(f"words_of: expected a string or large_string array, found {array.type}")
    _, offsets, values = array.buffers()
    width = np.dtype(np.int64 if pa.types.is_large_string(array.type) else np.int32)
    if len(array) == 0:
        return np.frombuffer(b"", dtype=np.uint8), np.zeros(1, dtype=np.int64)
    offsets_N1 = np.frombuffer(offsets, dtype=width, count=len(array) + 1, offset=array.offset * width.itemsize)
    if array.null_count and int(np.diff(offsets_N1)[array.is_null().to_numpy(zero_copy_only=False)].sum()):
        return text_buffers(array.fill_null(""))
    text = np.frombuffer(values or b"", dtype=np.uint8)
    text.setflags(write=False)  # also where Arrow's buffer is mutable: one array type, one compiled kernel
    return text, offsets_N1.astype(np.int64)


def _words(array: pa.Array) -> Words:
    values, offsets_N1 = text_buffers(array)
    found = words(values, offsets_N1)
    for column in found:
        column.setflags(write=False)
    offsets_N1.setflags(write=False)
    return Words(values=values, offsets_N1=offsets_N1, found=found)
