"""The List of Dirty, Naughty, Obscene, and Otherwise Bad Words (LDNOOBW), by language, ready to be looked for.

CC BY 4.0, in `lists/ldnoobw`. Where words are parted by spaces, an entry is a sequence of words; Chinese, Japanese,
Thai and Korean (whose words carry particles) are searched for entries as they stand, of two characters and more: one
character is part of too many words.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import ahocorasick
import numpy as np
from numpy.typing import NDArray

from curation.kernels.words import words
from curation.quality.listed import ListFile, lines_of

FOLDER = Path(__file__).with_name("lists") / "ldnoobw"
_OTHER_CODES = {"tl": ("fil",), "nn": ("no",), "fr": ("fr", "fr-CA-u-sd-caqc")}
"""Files by the label of `signal.language`, where they are not named by it."""
_CODES = ("ar", "cs", "da", "de", "en", "eo", "es", "fa", "fi", "hi", "hu", "it", "ja", "kab", "ko", "nl", "no", "pl")
FILES = {
    **{code: (code,) for code in (*_CODES, "pt", "ru", "sv", "th", "tlh", "tr", "zh")},
    **_OTHER_CODES,
}
SEARCHED = frozenset({"zh", "ja", "th", "ko"})
"""Languages whose entries are found inside words too."""
MIN_SEARCHED_CHARS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry in lower case, with the hashes of its words."""

    text: str
    hashes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordList:
    """The entries of one language that are sequences of words, by their first."""

    first_F: NDArray[np.uint64]
    """Hashes of first words, ascending."""
    entries: tuple[tuple[Entry, ...], ...]
    """Those that begin with each, those of most words first."""


@functools.cache
def word_list(language: str) -> WordList:
    """Returns the list of a language of `FILES`."""
    by_first: dict[int, list[Entry]] = {}
    for text in entries_of(language):
        encoded = text.encode()
        found = words(np.frombuffer(encoded, dtype=np.uint8), np.array([0, len(encoded)], dtype=np.int64))
        hashes = tuple(found.hash_W.tolist())
        if hashes:
            by_first.setdefault(hashes[0], []).append(Entry(text=text, hashes=hashes))
    ordered = sorted(by_first)
    entries = (tuple(sorted(by_first[first], key=lambda entry: -len(entry.hashes))) for first in ordered)
    return WordList(first_F=np.array(ordered, dtype=np.uint64), entries=tuple(entries))


@functools.cache
def automaton(language: str) -> ahocorasick.Automaton:
    """Returns what finds the entries of a language of `SEARCHED` in a text in lower case."""
    built = ahocorasick.Automaton()
    for text in entries_of(language):
        if len(text) >= MIN_SEARCHED_CHARS:
            built.add_word(text, text)
    built.make_automaton()
    return built


def entries_of(language: str) -> list[str]:
    """Returns the different entries of a language in lower case, in the order of the list."""
    files = [ListFile(path=str(FOLDER / name), name=name) for name in FILES[language]]
    return list(dict.fromkeys(line.lower() for file in files for line in lines_of(file)))
