"""Word class, lower case and simplified letter of code points, as tables looked up by code point.

Built from `unicode.npz` (written by infra/make_unicode_table.py), not from `unicodedata`, because words,
and with them signatures and decisions, must not change with the Python version.
"""

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CODE_POINTS = 0x20000
"""Planes 0 and 1. Planes 2 and 3 hold Han only; above, only variation selectors and private use."""

WORD = 1  # letters and numbers (general categories L and N)
IDEOGRAPH = 2  # Han, kana, Bopomofo, Tangut: each character is a word of its own
SPACELESS = 4  # script written without spaces between words: IDEOGRAPH, Thai, Lao, Khmer, Burmese
NUMBER = 8  # category N: a word of these alone has no letter
EXTEND = 16  # marks and joiners: part of a word if they follow a word byte

ROLE_SHIFT = 5
BASE, LEADING, JOINING, STACKING, KILLING, DOT_BELOW = range(1, 7)
"""Above ROLE_SHIFT: what a character does to an orthographic cluster of Thai, Lao, Khmer or Burmese.

BASE: a consonant or independent vowel begins one. LEADING: a vowel written before its consonant begins one, and
the consonant joins it. JOINING: so does the consonant after Khmer's coeng. STACKING (Burmese virama) and KILLING
(asat): the consonant before it closes the cluster before; after a virama, the next one joins too. DOT_BELOW:
may stand between consonant and asat. 0: stays with what is before it.
"""

DROPPED = 0xFFFFFFFF  # in `simplified_table`: a diacritic

Table = NDArray[np.uint32]


@functools.cache
def unicode_table() -> Table:
    """Returns uint32 (CODE_POINTS,): class in the high 8 bits, below it the lower-cased UTF-8 bytes.

    Of a character of two or three bytes all bytes are there, of four bytes the last three; the first of
    them lies in the low 8 bits. Read-only; 512 KiB, of which a text touches a few pages.
    """
    with np.load(Path(__file__).with_name("unicode.npz"), allow_pickle=False) as stored:
        lengths = np.diff(stored["run_start"], append=CODE_POINTS)
        classes = np.repeat(stored["run_class"], lengths).astype(np.uint32)
        lower = np.arange(CODE_POINTS, dtype=np.uint32)
        lower[stored["upper"]] = stored["lower"]
    table: Table = classes << np.uint32(24) | _utf8_bytes(lower)
    table.setflags(write=False)
    return table


@functools.cache
def simplified_table() -> Table:
    """Returns uint32 (CODE_POINTS,): the code point that FineWeb's simplification makes of each; DROPPED: none.

    That is the lower case without its diacritics, where this is one character, and `0` for every digit. Read-only.
    """
    with np.load(Path(__file__).with_name("unicode.npz"), allow_pickle=False) as stored:
        table: Table = np.arange(CODE_POINTS, dtype=np.uint32)
        table[stored["simplified_from"]] = stored["simplified_to"]
    table.setflags(write=False)
    return table


def _utf8_bytes(code_point: Table) -> Table:
    """Returns the UTF-8 bytes (the last three of four) of each code point, first byte lowest."""
    last = 0x80 | (code_point & 0x3F)
    middle = 0x80 | (code_point >> 6 & 0x3F)
    two = (0xC0 | code_point >> 6) | last << 8
    three = (0xE0 | code_point >> 12) | middle << 8 | last << 16
    four = (0x80 | code_point >> 12 & 0x3F) | middle << 8 | last << 16
    sizes = [code_point < 0x80, code_point < 0x800, code_point < 0x10000]
    return np.select(sizes, [code_point, two, three], default=four).astype(np.uint32)
