"""The structure of a text that tasks are cut from: headings, questions, prose with its sentences, tables.

Rules on lines: Markdown and reStructuredText headings, short lines above prose, lines joined where prose was wrapped. A
sentence counts as good when it is whole and reads alone: passages are made of good sentences only. Everything is
bounded: what lies beyond `MAX_CHARS` is not looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from curation.synthesis.wording import SPACELESS, Wording

MAX_CHARS = 100_000
MAX_BLOCKS = 600
MAX_LINES = 400  # of a block
MAX_SENTENCES = 60  # of a block
MAX_HEADING = 100
MAX_QUESTION = 250
QUESTION_MARKS = ("?", "？", "؟")
MAX_RULE = 400
WRAPPED_FROM = 45  # characters that the lines of wrapped prose have on average
SENTENCE_CHARS = {True: (8, 160), False: (25, 450)}
"""Bounds of a good sentence, for languages without spaces and with."""

Kind = Literal["heading", "question", "prose", "list", "table", "other"]

_ENDS = ".!?…。！？؟"
_END = re.compile(r"(?:(?<![.!?…؟])[.!?…؟]++[\"”’»)\]]*+(?=\s|$))|(?:(?<![。！？])[。！？]++[”’」』）]*+)")
_CLOSING = '"”’»)]」』）'
_MARKDOWN_HEADING = re.compile(r"#{1,6}[ \t]+(.+?)[ \t#]*$")
_UNDERLINE = re.compile(r"([=\-~^\"*+#])\1{2,}[ \t]*$")
_BULLET = re.compile(r"[ \t]*(?:[-*•+‣◦–]|\d{1,3}[.)]|[a-z][.)])[ \t]+")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$")
_NOT_PROSE = re.compile(
    r"https?:|www\.|:\s+-\s|,\s+,|(?<!\S)(?:[a-z]\s){3}|&#?\w{2,8};|[|\t\\{}<>=_@#*`\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffd]"
)
_RUNNING_NUMBER = re.compile(r"[^\W\d_]{3}\d+(?:\.\d+)+\.$")
"""A section's number that ran into its heading: a line of a table of contents, no sentence."""
_PAIRS = ("()", "[]", "“”", "«»", "「」", "『』", "（）")
_MARKED = re.compile(r"\*\*|__|`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines that belong together; `sentences` of prose, None where one is not good; `lines` as they were."""

    kind: Kind
    text: str
    sentences: tuple[str | None, ...] = ()
    lines: tuple[str, ...] = ()

    def runs(self) -> Iterator[tuple[str, ...]]:
        """Yields the longest runs of good sentences."""
        run: list[str] = []
        for sentence in (*self.sentences, None):
            if sentence is not None:
                run.append(sentence)
            elif run:
                yield tuple(run)
                run = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The blocks of a text in order; `title` where it has one, which is then its first block."""

    title: str | None
    blocks: tuple[Block, ...]


def outline_of(text: str, wording: Wording) -> Outline:
    """Returns the structure of a text; linear in its length, up to `MAX_CHARS`."""
    blocks: list[Block] = []
    for group in _groups(text[:MAX_CHARS]):
        blocks += _blocks(group, wording)
        if len(blocks) >= MAX_BLOCKS:
            break
    following = [*blocks[1:], None][: len(blocks)]
    blocks = [_settled(block, after) for block, after in zip(blocks, following, strict=True)]
    first = blocks[0] if blocks else None
    title = first.text if first and first.kind == "heading" and _is_title(first.text, wording) else None
    return Outline(title=title, blocks=tuple(blocks))


def _is_title(text: str, wording: Wording) -> bool:
    return len(text) >= 5 if wording.language in SPACELESS else len(text.split()) >= 2  # noqa: PLR2004


def _groups(text: str) -> Iterator[list[str]]:
    """Yields runs of lines between blank ones; front matter and fenced code are left out."""
    lines = text.split("\n")
    if lines and lines[0].rstrip() == "---" and "---" in (line.rstrip() for line in lines[1:60]):
        lines = lines[next(i for i, line in enumerate(lines[1:60], 1) if line.rstrip() == "---") + 1 :]
    group: list[str] = []
    fenced = False
    for line in (line.rstrip() for line in [*lines, ""]):
        is_fence = line.lstrip().startswith(("```", "~~~"))
        fenced ^= is_fence
        if line.strip() and not fenced and not is_fence and len(group) < MAX_LINES:
            group.append(line)
        elif group:
            yield group
            group = []


def _blocks(group: list[str], wording: Wording) -> Iterator[Block]:
    """Yields the blocks of one group of lines: headings, then what is below them."""
    while group:
        first = group[0].strip()
        if len(first) <= 2 * MAX_HEADING and (found := _MARKDOWN_HEADING.match(first)):
            yield _heading(found[1])
            group = group[1:]
        elif len(group) > 1 and len(first) <= MAX_HEADING and _UNDERLINE.match(group[1].strip()):
            yield _heading(first)
            group = group[2:]
        elif len(group) > 1 and _looks_like_heading(first) and len(group[1]) > MAX_HEADING:
            yield _heading(first)
            group = group[1:]
        else:
            yield _body(group, wording)
            return


def _body(group: list[str], wording: Wording) -> Block:
    if _is_table(group):
        return Block(kind="table", text="\n".join(group), lines=tuple(group))
    if group[0].lstrip().startswith(("..", ":")) or group[0].startswith(("    ", "\t")):
        return Block(kind="other", text="\n".join(group), lines=tuple(group))
    if sum(bool(_BULLET.match(line)) for line in group) * 2 > len(group):
        return Block(kind="list", text="\n".join(group), lines=tuple(group))
    return _prose(group, wording)


def _heading(text: str) -> Block:
    clean = _MARKED.sub("", text).strip()
    kind: Kind = "question" if clean.endswith(QUESTION_MARKS) else "heading"
    return Block(kind=kind, text=clean, lines=(text,))


def _looks_like_heading(line: str) -> bool:
    is_short = len(line) <= MAX_HEADING and not _BULLET.match(line)
    return is_short and is_phrase(line) and line[-1] not in ".!…。！:;,：；，"


def is_phrase(text: str) -> bool:
    """Whether a line can stand as the name of something: it begins with a letter or digit and is mostly letters."""
    letters = sum(c.isalpha() for c in text)
    starts = text[:1].isalnum() or text[:1] in '"“«„‘「『¿'
    return starts and letters >= 2 and letters * 10 >= len(text) * 6 and not _NOT_PROSE.search(text)  # noqa: PLR2004


def _is_table(group: list[str]) -> bool:
    if len(group) > 2 and "|" in group[0] and len(group[1]) <= MAX_RULE and _TABLE_RULE.match(group[1]):  # noqa: PLR2004
        return True
    tabs = [line.strip("\n").count("\t") for line in group]
    cells = (cell.strip() for cell in group[0].split("\t"))
    is_header = not group[0].startswith("\t") and not any(cell.endswith((".", ":", "!", "?")) for cell in cells)
    return len(group) > 3 and min(tabs) > 0 and max(tabs) == tabs[0] and is_header  # noqa: PLR2004


def _prose(group: list[str], wording: Wording) -> Block:
    lines = tuple(line.strip() for line in group)
    wrapped = WRAPPED_FROM // (2 if wording.language in SPACELESS else 1)
    if len(lines) > 2 and sum(map(len, lines[:-1])) < wrapped * (len(lines) - 1):  # noqa: PLR2004
        return Block(kind="other", text="\n".join(lines), lines=lines)
    text = _MARKED.sub("", wording.space.join(lines))
    return Block(kind="prose", text=text, sentences=tuple(_sentences(text, wording)), lines=lines)


def _settled(block: Block, after: Block | None) -> Block:
    """Returns a line of prose that stands alone above prose as what it is: a heading or a question."""
    is_above = after is not None and after.kind in {"prose", "list", "table"}
    if block.kind != "prose" or not is_above:
        return block
    asks = block.text.endswith(QUESTION_MARKS) and len(block.text) <= MAX_QUESTION and len(block.sentences) == 1
    return _heading(block.text) if asks or (len(block.lines) == 1 and _looks_like_heading(block.text)) else block


def _sentences(text: str, wording: Wording) -> Iterator[str | None]:
    start = count = 0
    for end in _END.finditer(text):
        if end[0][0] == "." and _continues(text, start, end, wording):
            continue
        sentence = text[start : end.end()].strip()
        yield sentence if _is_good(sentence, wording) else None
        start, count = end.end(), count + 1
        if count == MAX_SENTENCES:
            return
    if text[start:].strip():
        yield None


def _continues(text: str, start: int, end: re.Match[str], wording: Wording) -> bool:
    """Whether a full stop ends no sentence: after an abbreviation, an initial, an ordinal; before a small letter."""
    following = text[end.end() : end.end() + 2].strip()[:1]
    if following.islower():
        return True
    before = text[max(start, end.start() - 20) : end.start()]
    token = re.split(r"[\s(\[/„“\"'-]", before)[-1]
    is_initial = len(token) == 1 and token.isalpha()
    return is_initial or token in wording.abbreviations or (token.isdigit() and len(token) <= 2)  # noqa: PLR2004


def _is_good(sentence: str, wording: Wording) -> bool:
    """Whether a sentence is whole, of usual length, and nothing but words."""
    least, most = SENTENCE_CHARS[wording.language in SPACELESS]
    if not least <= len(sentence) <= most or _NOT_PROSE.search(sentence) or _RUNNING_NUMBER.search(sentence):
        return False
    first, last = sentence[0], sentence.rstrip(_CLOSING)[-1:]
    if first.islower() or (first.isdigit() and not sentence[:4].isdigit()):
        return False
    if not (first.isalnum() or first in '"“«„‘「『¿¡') or last not in _ENDS or not last:
        return False
    letters = sum(c.isalpha() for c in sentence)
    is_balanced = all(sentence.count(pair[0]) == sentence.count(pair[1]) for pair in _PAIRS)
    return letters * 10 >= len(sentence) * 6 and is_balanced and sentence.count('"') % 2 == 0
