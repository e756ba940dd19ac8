"""The texts of the experiment: clean English pages, pages that are none, and documents held out by source.

All are of the test corpora ($GRISTMILL_CORPORA/dev). Long texts are cut into pages at ends of lines. Held-out sources
give nothing to training; of their documents those go that share 13 words in a row with any record of a raw corpus, the
length by which Brown et al. 2020 (arXiv 2005.14165, appendix C) found overlap.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType

PAGE_CHARS = 2500
FEWEST_CHARS = 400
RUN_WORDS = 13
NOVEL_HELD_OUT = "mary-shelley_frankenstein"
NOT_ENGLISH = ("text/law_de_gesetze", "text/udhr", "text/manpages")
MARKUP_CHARS = 4000
NATURAL = (
    "pages/readability.warc.gz",
    "pages/debian_reference.warc.gz",
    "warc/ipwb/IAH-20080430204825-00000-blackbook.warc.gz",
)
"""Archives of web pages as they came, under dev/web."""
ENGLISH_WORDS = frozenset("the of and to in a is that it for was on".split())
ENGLISH_FRACTION = 0.15
"""Share of the words above from which a held-out web article counts as English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A text and where it is from."""

    id: str
    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What raw corpora are made of, and what models are measured on."""

    english: Sequence[Page]
    foreign: Sequence[Page]
    markup: Sequence[Page]
    held_out: Sequence[Page]


def texts(dev: Path, *, pages: int, held_out_bytes: int) -> Texts:
    """Returns the experiment's texts: `pages` English ones, and up to so many bytes of each held-out source."""
    foreign = [page for name in NOT_ENGLISH for page in drawn(_foreign(dev, name), max(pages // 10, 1))]
    return Texts(
        english=drawn(_english(dev), pages),
        foreign=drawn(foreign),
        markup=_markup(dev / "web" / "pages" / "readability.warc.gz"),
        held_out=[page for of_source in _held_out(dev).values() for page in up_to(drawn(of_source), held_out_bytes)],
    )


def drawn(pages: Iterable[Page], count: int | None = None) -> list[Page]:
    """Returns `count` pages in an order by hash of their ids: the same whatever else is there."""
    return sorted(pages, key=lambda page: hashlib.sha256(page.id.encode()).digest())[:count]


def up_to(pages: Iterable[Page], num_bytes: int) -> list[Page]:
    """Returns the first pages that have `num_bytes` of UTF-8 at most, the first one at least."""
    chosen, total = [], 0
    for page in pages:
        total += len(page.text.encode())
        if chosen and total > num_bytes:
            break
        chosen.append(page)
    return chosen


def without_overlap(held_out: Sequence[Page], training: Iterable[str]) -> list[Page]:
    """Returns the pages that share no RUN_WORDS words in a row with a text of training."""
    mine: dict[str, set[int]] = {}
    for number, page in enumerate(held_out):
        for run in _runs(page.text):
            mine.setdefault(run, set()).add(number)
    shared: set[int] = set()
    for text in training:
        for run in _runs(text):
            shared |= mine.get(run, set())
    return [page for number, page in enumerate(held_out) if number not in shared]


def _runs(text: str) -> Iterable[str]:
    """Yields every run of RUN_WORDS words of a text, without case and punctuation."""
    words = re.findall(r"\w+", text.lower())
    return (" ".join(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1))


def rows(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a .jsonl.gz file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def cut(row: dict[str, str], source: str) -> list[Page]:
    """Cuts a text into pages of about PAGE_CHARS at ends of lines; a rest below FEWEST_CHARS is left out."""
    found, lines = [], []
    for line in row["text"].replace("\r\n", "\n").split("\n"):
        lines.append(line)
        if sum(map(len, lines)) >= PAGE_CHARS:
            found.append("\n".join(lines))
            lines = []
    found.append("\n".join(lines))
    return [
        Page(id=f"{row['id']}#{number}", source=source, text=text)
        for number, text in enumerate(found)
        if len(text.strip()) >= FEWEST_CHARS
    ]


def _english(dev: Path) -> Iterable[Page]:
    """Yields news of science and the country, medical answers and novels."""
    for row in rows(dev / "text" / "nltk_inaugural_genesis_abc.jsonl.gz"):
        if row["id"].startswith("abc/"):
            yield from cut(row, "news")
    for row in rows(dev / "text" / "medquad_qa.jsonl.gz"):
        yield from cut(row, "medicine")
    for row in rows(dev / "text" / "standardebooks.jsonl.gz"):
        if row["id"] != NOVEL_HELD_OUT:
            yield from cut(row, "novels")


def _foreign(dev: Path, name: str) -> Iterable[Page]:
    for row in rows(dev / f"{name}.jsonl.gz"):
        if not row["lang"].startswith("en"):
            yield from cut(row, f"{name.rpartition('/')[2]} {row['lang']}")[:3]


def _held_out(dev: Path) -> dict[str, list[Page]]:
    """Returns sources of which training has nothing: articles as people marked them in web pages, and others."""
    articles: dict[str, list[str]] = {}
    for row in rows(dev / "text" / "xquad_wiki.jsonl.gz"):
        if row["lang"] == "en":
            articles.setdefault(row["title"], []).append(row["text"])
    speeches = rows(dev / "text" / "nltk_inaugural_genesis_abc.jsonl.gz")
    novels = rows(dev / "text" / "standardebooks.jsonl.gz")
    return {
        "web articles": [
            page
            for row in rows(dev / "extraction_gold" / "aeb.jsonl.gz")
            for page in cut(row, "web articles")
            if _is_english(page.text)
        ],
        "encyclopaedia": [
            Page(id=title, source="encyclopaedia", text="\n".join(paragraphs)) for title, paragraphs in articles.items()
        ],
        "speeches": [page for row in speeches if row["id"].startswith("inaugural/") for page in cut(row, "speeches")],
        "novel": [page for row in novels if row["id"] == NOVEL_HELD_OUT for page in cut(row, "novel")],
    }


def _is_english(text: str) -> bool:
    """Returns whether a text is in English, by its commonest words: people marked articles in six languages."""
    words = re.findall(r"\w+", text.lower())
    return sum(word in ENGLISH_WORDS for word in words) >= ENGLISH_FRACTION * len(words)


def _markup(archive: Path) -> list[Page]:
    """Returns the begin of HTML pages, as text."""
    with archive.open("rb") as stream:
        records = ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True)
        return [
            Page(
                id=record.headers["WARC-Target-URI"],
                source="markup",
                text=record.reader.read(4 * MARKUP_CHARS).decode("utf-8", "replace")[:MARKUP_CHARS],
            )
            for record in records
        ]
