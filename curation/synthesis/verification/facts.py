"""The facts of a text that a faithful rewriting keeps: numbers, months, units of numbers, and names.

Recall and false alarms, by kind and language: infra/benchmarks/results/verification.json. Names are told by capitals
inside sentences, so they are known only in scripts with case; German writes every noun so, and there only capitals in
a row count.
"""

import bisect
import functools
import itertools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

from curation.synthesis.verification.pieces import Token, begins_sentence, folded, tokens_of

_NUMBER = re.compile(r"\d+(?:[.,'’٫٬:/\u2013-]\d+|[ \u00a0\u202f]\d{3}(?!\d))*")
_GROUPING = re.compile(r"[,'’٬ \u00a0\u202f.]")
_ENUMERATION = re.compile(r"^\s*(?:[-*•]\s*)?\d{1,2}[.)]\s", re.M)
_BEFORE = re.compile(r"([$€£¥₹₽])\s?$")
_GROUP_DIGITS = 3
_POSSESSIVE = re.compile(r"['’]\w{0,2}$")
_STEM_CHARS, _ENDING_CHARS, _MOST_FORMS = 4, 3, 64
"""Endings of cases have up to three letters in the languages tested; a shorter stem would let other names pass."""
_SURE_CHARS = 5
"""A shorter name of a month, or `march`, is a month only beside a number."""

NOUNS_HAVE_CAPITALS = frozenset({"de", "lb", "nds", "als"})
UNSURE_MONTHS = frozenset({"march"})


class Measure(NamedTuple):
    """A number with its unit."""

    number: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactWords:
    """What a language calls months, units and small numbers, in lower case."""

    months: Mapping[str, int]
    units: Mapping[str, str]
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a text says: numbers in one spelling, months 1 to 12, measures, and names as they are written."""

    numbers: frozenset[str]
    spelled: frozenset[str]
    """Numbers that are written as words."""
    months: frozenset[int]
    measures: frozenset[Measure]
    names: tuple[str, ...]


@functools.cache
def _all_words() -> Mapping[str, Mapping[str, Mapping[str, int | str]]]:
    content = resources.files("curation.synthesis.verification").joinpath("fact_words.json").read_bytes()
    words: Mapping[str, Mapping[str, Mapping[str, int | str]]] = json.loads(content)
    return words


@functools.cache
def fact_words(language: str | None) -> FactWords:
    """Returns the words of a language; of one that the table lacks, signs such as % and km, from English."""
    found = _all_words().get(language or "")
    if found is None:
        signs = {name: str(unit) for name, unit in _all_words()["en"]["units"].items() if len(name) <= 2}  # noqa: PLR2004
        return FactWords(months={}, units=signs, numbers={})
    return FactWords(
        months={name: int(number) for name, number in found["months"].items()},
        units={name: str(unit) for name, unit in found["units"].items()},
        numbers={name: int(number) for name, number in found["numbers"].items()},
    )


def facts_of(text: str, language: str | None) -> Facts:
    """Returns the facts of a text in a language (null: unknown)."""
    words = fact_words(language)
    text = _ENUMERATION.sub("", text)
    tokens = tokens_of(text)
    numbers, measures = set[str](), set[Measure]()
    for found in _NUMBER.finditer(text):
        parts = numbers_in(found.group())
        numbers.update(parts)
        unit = _unit_at(text, found.start(), found.end(), words)
        if unit and parts:
            measures.add(Measure(parts[-1], unit))
    return Facts(
        numbers=frozenset(numbers),
        spelled=frozenset(
            str(words.numbers[t]) for t in (token.text.casefold() for token in tokens) if t in words.numbers
        ),
        months=frozenset(_months(tokens, words)),
        measures=frozenset(measures),
        names=tuple(_names(text, tokens, words, nouns_have_capitals=language in NOUNS_HAVE_CAPITALS)),
    )


def numbers_in(written: str) -> list[str]:
    """Returns the numbers that a run of digits and separators stands for, in ASCII, without grouping.

    `1,234.50` and `1.234,5` are 1234.5; a run that is no one number, as in a date or a score, is its parts.
    """
    ascii_digits = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in written)
    groups = re.split(r"[^0-9]", ascii_digits)
    marks = re.findall(r"[^0-9]", ascii_digits)
    if any(mark in ":/\u2013-" for mark in marks):
        return [_plain(group) for part in re.split(r"[:/\u2013-]", ascii_digits) for group in numbers_in(part)]
    if not marks:
        return [_plain(groups[0])]
    if (
        len(set(marks)) == 1
        and all(len(group) == _GROUP_DIGITS for group in groups[1:])
        and len(groups[0]) <= _GROUP_DIGITS
    ):
        return [_plain("".join(groups))]
    grouped = all(len(group) == _GROUP_DIGITS for group in groups[1:-1]) and marks[-1] not in marks[:-1]
    if grouped and marks[-1] in ".,٫":
        return [_plain("".join(groups[:-1]) + "." + groups[-1])]
    return [_plain(group) for group in groups]


def _plain(number: str) -> str:
    whole, point, rest = number.partition(".")
    rest = rest.rstrip("0")
    return (whole.lstrip("0") or "0") + (point + rest if rest else "")


def _unit_at(text: str, begin: int, end: int, words: FactWords) -> str | None:
    """Returns the unit that follows the number at [begin, end), up to three words, else the currency before it."""
    after = text[end : end + 40]
    if after[:1] in "-\u00a0\u202f ":
        after = after[1:]
    after = after.casefold()
    longest = max((len(name) for name in words.units), default=0)
    for length in range(min(longest, len(after)), 0, -1):
        name, rest = after[:length], after[length : length + 1]
        if name in words.units and not (rest.isalnum() and name[-1].isalpha() and name[-1].lower() != name[-1].upper()):
            return words.units[name]
    before = _BEFORE.search(text[max(begin - 2, 0) : begin])
    return words.units.get(before.group(1)) if before else None


def _months(tokens: list[Token], words: FactWords) -> Iterator[int]:
    texts = [token.text.casefold() for token in tokens]
    for place, text in enumerate(texts):
        number = words.months.get(text)
        if number is None:
            continue
        beside = texts[max(place - 2, 0) : place] + texts[place + 1 : place + 3]
        if (len(text) >= _SURE_CHARS and text not in UNSURE_MONTHS) or any(word[:1].isdecimal() for word in beside):
            yield number


def _names(text: str, tokens: list[Token], words: FactWords, *, nouns_have_capitals: bool) -> Iterator[str]:
    """Yields capitalised words inside sentences; where nouns have capitals too, only those next to another."""
    is_capital = [_is_capital(token.text) for token in tokens]
    is_inside = [
        capital and not begins_sentence(text, token.begin) for capital, token in zip(is_capital, tokens, strict=True)
    ]
    for place, token in enumerate(tokens):
        known = token.text.casefold() in words.months or token.text.casefold() in words.numbers
        if not is_inside[place] or known:
            continue
        if nouns_have_capitals and not _is_beside_capital(text, tokens, is_inside, place):
            continue
        yield token.text


def _is_capital(word: str) -> bool:
    return len(word) > 1 and word[0].isupper()


def _is_beside_capital(text: str, tokens: list[Token], is_inside: list[bool], place: int) -> bool:
    def touches(a: int, b: int) -> bool:
        return (
            a >= 0
            and b < len(tokens)
            and is_inside[a]
            and is_inside[b]
            and text[tokens[a].end : tokens[b].begin] == " "
        )

    return touches(place - 1, place) or touches(place, place + 1)


class KnownWords:
    """The words of a text, to look up names in."""

    def __init__(self, text: str) -> None:
        tokens = [token.text for token in tokens_of(text)]
        self._sorted = sorted({folded(word) for word in tokens})
        self._initials = "".join(word[0] for word in tokens if word[0].isupper())

    def has(self, name: str) -> bool:
        """Returns whether the text has a name, if in another case ending or as the capitals that it abbreviates."""
        word = folded(_POSSESSIVE.sub("", name))
        if not word or (name.isupper() and name in self._initials):
            return True
        stem = word[: max(_STEM_CHARS, len(word) - _ENDING_CHARS)]
        begin = bisect.bisect_left(self._sorted, stem)
        near = itertools.takewhile(lambda other: other.startswith(stem), self._sorted[begin : begin + _MOST_FORMS])
        return any(other == word or len(other) <= len(word) + _ENDING_CHARS for other in near)
