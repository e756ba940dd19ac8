"""Where a text is marked, and its pieces between the marks.

What two copies do not share is found by word shingles, as near deduplication compares them: linear in the texts,
where an alignment is quadratic at worst and the texts are anybody's.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from pipelines.service.run_queries import Document, Edit

SHINGLE = 5
MAX_LABEL = 60
MAX_MARKS = 1000
MIN_REPLACEMENT = 3
"""Shorter ones are blanks and the like."""
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
"""A word, or a character of a script that writes no spaces (Thai, Japanese, Chinese, and Korean likewise)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Characters `start` to `end` of a text, and why they are marked."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text with the same marks throughout; none: not marked."""

    text: str
    labels: tuple[str, ...]


def pieces(text: str, marks: Iterable[Mark]) -> list[Piece]:
    """Returns the text cut where a mark begins or ends; marks beyond the text are cut off."""
    inside = [mark for mark in marks if 0 <= mark.start < min(mark.end, len(text))]
    edges = sorted({0, len(text), *(mark.start for mark in inside), *(min(mark.end, len(text)) for mark in inside)})
    begin: dict[int, list[str]] = {}
    end: dict[int, list[str]] = {}
    for mark in inside:
        begin.setdefault(mark.start, []).append(mark.label)
        end.setdefault(min(mark.end, len(text)), []).append(mark.label)
    found: list[Piece] = []
    active: list[str] = []
    for start, stop in pairwise(edges):
        for label in end.get(start, ()):
            active.remove(label)
        active += begin.get(start, ())
        found.append(Piece(text=text[start:stop], labels=tuple(dict.fromkeys(active))))
    return found


def noted(text: str, document: Document) -> Iterator[Mark]:
    """Yields what people marked in a document, what was masked, paragraphs in another language, repeated lines."""
    for review in document["people"]:
        for span in review["spans"]:
            yield Mark(
                start=span["start"], end=span["end"], label=f"{span['label']} ({review['reviewer']})"[:MAX_LABEL]
            )
    told = document["answer"]["explanation"]
    language = told["signals"].get("language") if told else None
    content = text.encode("utf-8", "surrogatepass")
    for paragraph in document["paragraphs"]:
        if paragraph["language"] not in (None, language):
            start, end = (len(content[: paragraph[side]].decode("utf-8", "ignore")) for side in ("start", "end"))
            yield Mark(start=start, end=end, label=f"language {paragraph['language']}"[:MAX_LABEL])
    yield from _masked(text, document["edits"])
    yield from _repeated(text)


def _masked(text: str, edits: Iterable[Edit]) -> Iterator[Mark]:
    """Yields where a text holds what an edit put in the place of something, such as `<EMAIL>`."""
    rules = {edit["replacement"]: edit["rule"] for edit in edits if len(edit["replacement"] or "") >= MIN_REPLACEMENT}
    if rules:
        pattern = re.compile("|".join(re.escape(str(name)) for name in sorted(rules, key=lambda name: -len(str(name)))))
        for match in islice(pattern.finditer(text), MAX_MARKS):
            label = f"put there by {rules[match.group()]}"[:MAX_LABEL]
            yield Mark(start=match.start(), end=match.end(), label=label)


def _repeated(text: str) -> Iterator[Mark]:
    """Yields the lines that an earlier line of the text is equal to, blanks at their ends aside."""
    seen: set[str] = set()
    found = 0
    start = 0
    for line in text.splitlines(keepends=True):
        said = line.strip()
        if said in seen and found < MAX_MARKS:
            found += 1
            begin = start + len(line) - len(line.lstrip())
            yield Mark(start=begin, end=begin + len(said), label="repeated")
        elif said:
            seen.add(said)
        start += len(line)


def differing(text: str, other: str) -> Iterator[Mark]:
    """Yields the runs of words of `text` that no shingle of `other` holds too."""
    found = list(_WORD.finditer(text))
    words = [match.group().casefold() for match in found]
    theirs = [match.group().casefold() for match in _WORD.finditer(other)]
    width = min(SHINGLE, len(words), len(theirs))
    known = {tuple(theirs[at : at + width]) for at in range(len(theirs) - width + 1)} if width else set()
    shared = [False] * len(words)
    for at in range(len(words) - width + 1):
        if tuple(words[at : at + width]) in known:
            shared[at : at + width] = [True] * width
    start: int | None = None
    for index in range(len(words) + 1):
        differs = index < len(words) and not shared[index]
        if differs and start is None:
            start = index
        elif not differs and start is not None:
            yield Mark(start=found[start].start(), end=found[index - 1].end(), label="only here")
            start = None
