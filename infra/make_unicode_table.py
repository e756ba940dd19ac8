"""Writes curation/kernels/unicode.npz: class, lower case and simplified form of code points below U+20000.

The table is committed, so that words are the same on every Python (each ships another Unicode version).
Run with the newest supported Python: `python infra/make_unicode_table.py`. U+20000 and above need no
table: planes 2 and 3 are Han, the rest separates words.
"""

import sys
import unicodedata
from pathlib import Path

import numpy as np

from curation.kernels.unicode import (
    BASE,
    CODE_POINTS,
    DOT_BELOW,
    DROPPED,
    EXTEND,
    IDEOGRAPH,
    JOINING,
    KILLING,
    LEADING,
    NUMBER,
    ROLE_SHIFT,
    SPACELESS,
    STACKING,
    WORD,
)

OUTPUT = Path(__file__).parent.parent / "curation" / "kernels" / "unicode.npz"
OWN_WORD = ("CJK UNIFIED IDEOGRAPH-", "CJK COMPATIBILITY IDEOGRAPH-", "HIRAGANA ", "KATAKANA", "HALFWIDTH KATAKANA ")
OWN_WORD += (
    "IDEOGRAPHIC ",
    "HENTAIGANA ",
    "BOPOMOFO ",
    "VERTICAL KANA ",
    "VERTICAL IDEOGRAPHIC ",
    "HANGZHOU ",
    "TANGUT ",
)
RUNS = ("THAI ", "LAO ", "KHMER ", "MYANMAR ")
JOINERS = (0x00AD, 0x200C, 0x200D)  # soft hyphen, zero width (non-)joiner: inside a word they belong to it
LEADING_VOWELS = (*range(0x0E40, 0x0E45), *range(0x0EC0, 0x0EC5))
FOLLOWING_LETTERS = (0x0E2F, 0x0E30, 0x0E32, 0x0E33, 0x0E45, 0x0EAF, 0x0EB0, 0x0EB2, 0x0EB3, 0x0EBD, 0x17DC)
MARK_ROLES = {0x17D2: JOINING, 0x1039: STACKING, 0x103A: KILLING, 0x1037: DOT_BELOW}


def role_of(code_point: int, category: str) -> int:
    """Returns what a letter or mark of Thai, Lao, Khmer or Burmese does to a cluster."""
    if code_point in LEADING_VOWELS:
        return LEADING
    begins = category[0] == "L" and category != "Lm" and code_point not in FOLLOWING_LETTERS
    return BASE if begins else MARK_ROLES.get(code_point, 0)


def class_of(code_point: int) -> int:
    """Returns the bits of `curation.kernels.unicode` for one code point."""
    character = chr(code_point)
    category = unicodedata.category(character)
    if code_point in JOINERS:
        return EXTEND
    name = unicodedata.name(character, "")
    of_run = SPACELESS | role_of(code_point, category) << ROLE_SHIFT if name.startswith(RUNS) else 0
    if category in ("Mn", "Mc"):
        return EXTEND | of_run
    if category[0] not in "LN":
        return 0
    if name.startswith(OWN_WORD):
        return WORD | IDEOGRAPH | SPACELESS
    return WORD | (NUMBER if category[0] == "N" else 0) | of_run


def lower_of(code_point: int) -> int:
    """Returns the lower case if that is one code point of as many UTF-8 bytes, else the code point."""
    if 0xD800 <= code_point < 0xE000:
        return code_point
    lower = chr(code_point).lower()
    same_size = len(lower) == 1 and len(lower.encode()) == len(chr(code_point).encode())
    return ord(lower) if same_size else code_point


def simplified_of(code_point: int) -> int:
    """Returns what datatrove's `simplify_text` makes of a character, if that is one character or none.

    What would become several (Hangul, a few two-part vowels) keeps its form: in normalised text (NFC) this is the
    same distinction. Final sigma becomes sigma, which `str.lower` leaves to the letters around it.
    """
    if 0xD800 <= code_point < 0xE000:
        return code_point
    lower = chr(code_point).lower()
    letters = [c for c in unicodedata.normalize("NFD", lower) if unicodedata.category(c) != "Mn"]
    if not letters:
        return DROPPED
    simple = letters[0] if len(letters) == 1 else lower if len(lower) == 1 else chr(code_point)
    return ord("0") if unicodedata.category(simple) == "Nd" else ord({"ς": "σ"}.get(simple, simple))


def main() -> None:
    """Writes the table run-length encoded (a few KB)."""
    classes = np.array([class_of(code_point) for code_point in range(CODE_POINTS)], dtype=np.uint8)
    starts = np.flatnonzero(np.diff(classes, prepend=255)).astype(np.int32)
    lower = np.array([lower_of(code_point) for code_point in range(CODE_POINTS)], dtype=np.int32)
    upper = np.flatnonzero(lower != np.arange(CODE_POINTS)).astype(np.int32)
    simplified = np.array([simplified_of(code_point) for code_point in range(CODE_POINTS)], dtype=np.uint32)
    changed = np.flatnonzero(simplified != np.arange(CODE_POINTS)).astype(np.int32)
    version = np.frombuffer(unicodedata.unidata_version.encode(), dtype=np.uint8)
    columns = {"run_start": starts, "run_class": classes[starts], "upper": upper, "lower": lower[upper]}
    columns |= {"simplified_from": changed, "simplified_to": simplified[changed]}
    np.savez_compressed(OUTPUT, allow_pickle=False, unicode_version=version, **columns)
    sys.stdout.write(f"{OUTPUT}: {starts.size} runs, {upper.size} with a lower case, {changed.size} simplified\n")


if __name__ == "__main__":
    main()
