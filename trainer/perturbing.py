"""Perturbations of a text, drawn anew from a seed: what a reader hardly notices, and a model should not either.

Each draws from (seed, document, its own name), so a text is changed the same way in any order and on any machine.
"""

import random
from collections.abc import Callable

import xxhash

CHANGED_FRACTION = 0.05
"""Share of words or letters that typos, white space, word order and homoglyphs change: this project's choice."""
HOMOGLYPHS = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
"""Latin letters that Cyrillic ones look like."""


def generator(seed: int, document: bytes, name: str) -> random.Random:
    """Returns the generator of one perturbation of one document."""
    return random.Random(xxhash.xxh3_64_intdigest(document + name.encode(), seed=seed))  # noqa: S311  no secret


def typos(text: str, draw: random.Random) -> str:
    """Swaps neighbouring letters."""
    letters = list(text)
    for at in range(len(letters) - 1):
        if letters[at].isalpha() and letters[at + 1].isalpha() and draw.random() < CHANGED_FRACTION:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def case(text: str, draw: random.Random) -> str:
    """Writes all in capitals, or all in small letters."""
    return text.upper() if draw.random() < 0.5 else text.lower()  # noqa: PLR2004  one of two


def white_space(text: str, draw: random.Random) -> str:
    """Doubles spaces, or makes line breaks of them."""
    return "".join(
        draw.choice(("  ", "\n")) if letter == " " and draw.random() < 4 * CHANGED_FRACTION else letter
        for letter in text
    )


def word_order(text: str, draw: random.Random) -> str:
    """Swaps neighbouring words."""
    words = text.split(" ")
    for at in range(len(words) - 1):
        if draw.random() < CHANGED_FRACTION:
            words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def homoglyphs(text: str, draw: random.Random) -> str:
    """Writes Cyrillic letters for Latin ones that look the same."""
    return "".join(letter.translate(HOMOGLYPHS) if draw.random() < CHANGED_FRACTION else letter for letter in text)


PERTURBATIONS: dict[str, Callable[[str, random.Random], str]] = {
    "typos": typos,
    "case": case,
    "white space": white_space,
    "word order": word_order,
    "homoglyphs": homoglyphs,
}
DISTRACTOR = "distractor prefix"
"""The sixth: the end of another document before this one; only this one's tokens are scored."""
