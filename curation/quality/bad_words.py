"""Listed bad words as signals: how many a text has, and how many of them its context does not excuse.

C4 (Raffel et al. 2020, arXiv 1910.10683, section 2.2) dropped each page with a word of LDNOOBW; that also drops texts
about medicine, law and the people whom the words are used against (Dodge et al. 2021, arXiv 2104.08758, section 5).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.quality.bad_word_context import WINDOW_WORDS, Use, is_excused
from curation.quality.bad_word_lists import FILES, SEARCHED, Entry, automaton, word_list
from curation.quality.columns import add_signals
from curation.step import require, signal_field, with_columns, with_fields
from curation.text.words import Words, words_of

NUMBERS = ("num_listed_words", "num_bad_words", "bad_word_fraction")
FIELDS = (*map(signal_field, NUMBERS), signal_field("bad_words", pa.string()))
MAX_NAMED = 10
AROUND_BYTES = 1024
"""Text before and after an entry that context rules see."""
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadWords:
    """Adds `signal.num_listed_words`, `num_bad_words`, `bad_word_fraction` (float64) and `bad_words` (string).

    Entries of LDNOOBW's list for `signal.language`, so `language` comes before it; null where there is none. They count
    as whole words in any case, those of several words with the characters between them as listed (white space as one
    blank); in Chinese, Japanese, Thai and Korean anywhere, the longest first. `num_bad_words` leaves out those that a
    rule of `bad_word_context` excuses, `bad_word_fraction` is their share of words, and `bad_words` names the first ten
    different ones.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals; reads `signal.language`."""
        require(require(schema, "text", pa.string()), "signal.language", pa.string())
        return with_fields(schema, FIELDS)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        languages = batch["signal.language"].to_pylist()
        listed_N, bad_N = (np.zeros(batch.num_rows, dtype=np.float64) for _ in range(2))
        named: list[dict[str, None]] = [{} for _ in languages]
        for row, language, use in _uses(words, languages):
            listed_N[row] += 1
            if not is_excused(use, language):
                bad_N[row] += 1
                named[row][use.entry] = None
        unknown_N = np.array([language not in FILES for language in languages], dtype=np.bool_)
        values = (listed_N, bad_N, bad_N / np.maximum(words.estimated_words_N, 1))
        batch = add_signals(batch, dict(zip(NUMBERS, values, strict=True)), null=dict.fromkeys(NUMBERS, unknown_N))
        texts = [", ".join(list(entries)[:MAX_NAMED]) or None for entries in named]
        return with_columns(batch, FIELDS[3:], [pa.array(texts, pa.string())])


def _uses(words: Words, languages: list[str | None]) -> Iterator[tuple[int, str, Use]]:
    """Yields (row, language, entry in its place) of every entry in every text, by language."""
    for language in sorted({language for language in languages if language in FILES}):
        rows = np.flatnonzero([found == language for found in languages])
        uses = _searched(words, rows, language) if language in SEARCHED else _by_words(words, rows, language)
        for row, use in uses:
            yield row, language, use


def _searched(words: Words, rows: NDArray[np.int64], language: str) -> Iterator[tuple[int, Use]]:
    for row in rows.tolist():
        lower = _content(words, row).tobytes().decode().lower()
        for end, entry in automaton(language).iter_long(lower) if lower else ():
            start = end + 1 - len(entry)
            yield row, Use(entry=entry, text=lower, start=start, end=end + 1, before=[], after=[])


def _by_words(words: Words, rows: NDArray[np.int64], language: str) -> Iterator[tuple[int, Use]]:
    """Looks up every word of the rows at once; only where an entry begins, text becomes a Python string."""
    listed, done = word_list(language), 0
    for row, word, place in _beginnings(words, rows, listed.first_F):
        entry = _entry_at(words, row, word, listed.entries[place]) if word >= done else None
        if entry is not None:
            done = word + len(entry.hashes)
            yield row, _use_of(words, row, slice(word, done), entry)


def _beginnings(words: Words, rows: NDArray[np.int64], first_F: NDArray[np.uint64]) -> list[tuple[int, int, int]]:
    """Returns (row, word, place in `first_F`) of every word with which an entry begins."""
    counts_N = words.num_words_N[rows]
    starts = words.word_offsets_N1[rows]
    row_V = np.repeat(rows, counts_N)
    word_V = np.arange(row_V.size) + np.repeat(starts - np.cumsum(counts_N) + counts_N, counts_N)
    hash_V = words.word_hash_W[word_V]
    place_V = np.minimum(np.searchsorted(first_F, hash_V), first_F.size - 1)
    hits = np.flatnonzero(first_F[place_V] == hash_V)
    return list(zip(row_V[hits].tolist(), word_V[hits].tolist(), place_V[hits].tolist(), strict=True))


def _entry_at(words: Words, row: int, word: int, entries: tuple[Entry, ...]) -> Entry | None:
    """Returns the longest entry that stands at a word of a row, with the characters between its words as listed."""
    last = int(words.word_offsets_N1[row + 1])
    for entry in entries:
        place = slice(word, word + len(entry.hashes))
        if place.stop <= last and tuple(words.word_hash_W[place].tolist()) == entry.hashes:
            written = _written(words, row, place).decode().lower()
            if len(entry.hashes) == 1 or _SPACE.sub(" ", written) == entry.text:
                return entry
    return None


def _use_of(words: Words, row: int, place: slice, entry: Entry) -> Use:
    first, last = int(words.word_offsets_N1[row]), int(words.word_offsets_N1[row + 1])
    content = _content(words, row)
    begin, end = _bounds(words, place)
    left = content[max(0, begin - AROUND_BYTES) : begin].tobytes().decode(errors="ignore")
    middle = content[begin:end].tobytes().decode()
    right = content[end : end + AROUND_BYTES].tobytes().decode(errors="ignore")
    return Use(
        entry=entry.text,
        text=left + middle + right,
        start=len(left),
        end=len(left) + len(middle),
        before=_lower(words, row, slice(max(first, place.start - WINDOW_WORDS), place.start)),
        after=_lower(words, row, slice(place.stop, min(last, place.stop + WINDOW_WORDS))),
    )


def _lower(words: Words, row: int, place: slice) -> list[str]:
    each = (slice(word, word + 1) for word in range(place.start, place.stop))
    return [_written(words, row, one).decode().lower() for one in each]


def _written(words: Words, row: int, place: slice) -> bytes:
    begin, end = _bounds(words, place)
    return _content(words, row)[begin:end].tobytes()


def _bounds(words: Words, place: slice) -> tuple[int, int]:
    """Returns the bytes, from the start of the document, from the first word to the end of the last."""
    last = place.stop - 1
    return int(words.word_start_W[place.start]), int(words.word_start_W[last]) + int(words.word_length_W[last])


def _content(words: Words, row: int) -> NDArray[np.uint8]:
    return words.values[int(words.offsets_N1[row]) : int(words.offsets_N1[row + 1])]
