"""A raw corpus with faults of known kinds and rates: what a crawl has too much of, each with a label.

The label and what a record was made of stay beside the corpus; no arm reads them. Faults are made of texts that the
clean records do not have, but for copies, whose originals are there.
"""

import base64
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from infra.experiment.corpus import Page, Texts

CLEAN = "clean"
RATES: Mapping[str, float] = {
    "exact_duplicate": 0.10,
    "near_duplicate": 0.06,
    "boilerplate_page": 0.04,
    "boilerplate_lines": 0.04,
    "wrong_language": 0.06,
    "mojibake": 0.03,
    "word_salad": 0.03,
    "encoded_bytes": 0.03,
    "repetition": 0.03,
    "spam_list": 0.03,
    "markup": 0.02,
    "stub": 0.02,
    "personal_data": 0.03,
}
"""Share of the records by kind; the rest is clean."""
MEND = frozenset({"boilerplate_lines", "personal_data"})
"""Kinds of which the fault should go and the document may stay."""
COPIES = frozenset({"exact_duplicate", "near_duplicate"})

MENU = """Home|About us|Contact|Sign in|Register|My account|Search|News|Sport|Weather|Shop|Jobs|Advertise with us|Help
Skip to main content|Read more...|Next article|Previous article|Share on Facebook|Tweet this|Print this page
Email to a friend|Privacy Policy|Terms of Use|Cookie policy|Subscribe to our newsletter|3 comments|12 likes
Leave a reply|Back to top|This website uses cookies to ensure you get the best experience.
Please enable JavaScript to view the comments.|Copyright 2019 Example Media Ltd. All rights reserved.
Powered by WordPress|Related articles|Most popular|Trending now"""
LINES = [line for row in MENU.split("\n") for line in row.split("|")]
STUBS = (
    "404 Not Found\nThe page that you asked for could not be found on this server.",
    "This page is under construction. Please come back soon.",
    "Your session has expired. Please sign in again to continue.",
    "Access denied. You do not have permission to view this directory.",
    "No results were found for your search. Try other words.",
)
THINGS = "watches handbags sunglasses loans casino pills insurance ringtones software tickets shoes hosting".split()
PRAISE = "cheap best buy discount online free top new replica sale deals wholesale".split()
TOWNS = "London Paris Sydney Boston Chicago Toronto Dublin Austin Denver Miami Leeds Perth".split()
NAMES = "Anna Miller|John Baker|Maria Lopez|David Cohen|Ruth Evans|Peter Novak|Grace Kim|Omar Haddad".split("|")
TEST_CARDS = ("4111 1111 1111 1111", "5500 0000 0000 0004", "3400 0000 0000 009", "6011 0000 0000 0004")
TEST_IBANS = ("GB82 WEST 1234 5698 7654 32", "DE89 3704 0044 0532 0130 00", "FR14 2004 1010 0505 0001 3M02 606")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A document of the raw corpus and what is wrong with it.

    `original` is the id of the record that it is a copy of; `planted` are strings that should not be left in its text.
    """

    id: str
    text: str
    fault: str = CLEAN
    original: str | None = None
    planted: tuple[str, ...] = ()


def corrupted(sources: Texts, *, records: int, seed: int, rates: Mapping[str, float] = RATES) -> list[Record]:
    """Returns `records` records in random order, with each kind of fault at its rate, the same ones each time."""
    draw = random.Random(seed)  # noqa: S311 - not for secrets
    counts = {kind: round(rate * records) for kind, rate in rates.items()}
    unused = iter(sources.english)
    clean = [page for page, _ in zip(unused, range(records - sum(counts.values())), strict=False)]
    spare = list(unused)
    if not spare:
        raise ValueError(f"expected more than {len(clean)} English pages, found {len(sources.english)}")
    made = [Record(id=page.id, text=page.text) for page in clean]
    for kind, count in counts.items():
        of_kind = list(zip(range(count), _made(kind, clean, spare, sources, draw), strict=False))
        made += [_named(record, kind, number) for number, record in of_kind]
    draw.shuffle(made)
    return made


def _named(record: Record, kind: str, number: int) -> Record:
    return Record(id=f"{kind}/{number}", text=record.text, fault=kind, original=record.original, planted=record.planted)


def _made(
    kind: str, clean: Sequence[Page], spare: Sequence[Page], sources: Texts, draw: random.Random
) -> "Sequence[Record] | map[Record]":
    """Yields faulty records of a kind without end; their ids are given later."""
    pages: Mapping[str, Sequence[Page]] = {
        "wrong_language": sources.foreign,
        "markup": sources.markup,
        **dict.fromkeys(COPIES, clean),
    }
    own = list(pages.get(kind, spare))
    draw.shuffle(own)
    if kind == "mojibake":
        return (_mojibake(page) for page in cycle(_alternating(own, sources.foreign)))
    if kind == "word_salad":
        return (_word_salad(spare, draw) for _ in cycle((None,)))
    change = CHANGES[kind]
    return (change(page, draw) for page in cycle(own))


def _alternating(first: Sequence[Page], second: Sequence[Page]) -> list[Page]:
    return [page for pair in zip(first, cycle(second), strict=False) for page in pair]


def _copy(page: Page, _draw: random.Random) -> Record:
    return Record(id="", text=page.text, original=page.id)


def _near_copy(page: Page, draw: random.Random) -> Record:
    """A line above, and up to three words in a hundred left out or doubled."""
    rate = draw.uniform(0.0, 0.03)
    lines = [f"Posted by {draw.choice(NAMES)} on {draw.randint(1, 28)} May {draw.randint(2004, 2022)}"]
    for line in page.text.split("\n"):
        words = [word for word in line.split(" ") for _ in range(1 if draw.random() >= rate else draw.choice((0, 2)))]
        lines.append(" ".join(words))
    return Record(id="", text="\n".join(lines), original=page.id)


def _boilerplate_page(_page: Page, draw: random.Random) -> Record:
    return Record(id="", text="\n".join(draw.choices(LINES, k=draw.randint(25, 80))))


def _boilerplate_lines(page: Page, draw: random.Random) -> Record:
    lines = draw.sample(LINES, k=draw.randint(6, 16))
    middle = len(lines) // 2
    text = "\n".join([*lines[:middle], page.text, *lines[middle:]])
    return Record(id="", text=text, planted=tuple(lines))


def _as_it_is(page: Page, _draw: random.Random) -> Record:
    return Record(id="", text=page.text)


def _mojibake(page: Page) -> Record:
    """English UTF-16 read in the other byte order; other languages' UTF-8 read as Latin-1."""
    is_foreign = " " in page.source
    if is_foreign:
        return Record(id="", text=page.text.encode().decode("latin-1"))
    return Record(id="", text=page.text.encode("utf-16-le").decode("utf-16-be", "replace"))


def _word_salad(pages: Sequence[Page], draw: random.Random) -> Record:
    """Words of twenty pages in random order, with capitals and full stops as in sentences."""
    words = [word for page in draw.sample(pages, k=min(20, len(pages))) for word in page.text.split()]
    draw.shuffle(words)
    sentences, rest = [], words[: draw.randint(200, 500)]
    while rest:
        size = draw.randint(8, 20)
        sentences.append(" ".join(rest[:size]).rstrip(".,;:").capitalize() + ".")
        rest = rest[size:]
    paragraphs = [" ".join(sentences[at : at + 5]) for at in range(0, len(sentences), 5)]
    return Record(id="", text="\n".join(paragraphs))


def _encoded_bytes(_page: Page, draw: random.Random) -> Record:
    content = base64.b64encode(draw.randbytes(draw.randint(800, 3000))).decode()
    return Record(id="", text="\n".join(content[at : at + 76] for at in range(0, len(content), 76)))


def _repetition(page: Page, draw: random.Random) -> Record:
    lines = [line for line in page.text.split("\n") if len(line) > 40] or [page.text[:200]]
    few = draw.sample(lines, k=min(draw.randint(1, 3), len(lines)))
    return Record(id="", text="\n".join(draw.choice(few)[:300] for _ in range(draw.randint(8, 20))))


def _spam_list(_page: Page, draw: random.Random) -> Record:
    def offer() -> str:
        return f"{draw.choice(PRAISE)} {draw.choice(THINGS)} {draw.choice(TOWNS)} ${draw.randint(9, 999)}"

    return Record(id="", text="\n".join(", ".join(offer() for _ in range(4)) for _ in range(draw.randint(10, 30))))


def _stub(_page: Page, draw: random.Random) -> Record:
    return Record(id="", text=f"{draw.choice(STUBS)}\nReference {draw.randint(10**6, 10**7)}")


def _personal_data(page: Page, draw: random.Random) -> Record:
    """Sentences with an address, a telephone number, and a card or account number, between the page's lines."""
    name = draw.choice(NAMES)
    local = name.lower().replace(" ", ".")
    email = f"{local}{draw.randint(1, 99)}@{draw.choice(TOWNS).lower()}-{draw.choice(THINGS)}.com"
    phone = f"+1 212 {draw.randint(200, 999)} {draw.randint(1000, 9999)}"
    account = draw.choice(TEST_CARDS + TEST_IBANS)
    sentences = (
        f"For more please write to {name} at {email} or call {phone} on weekdays.",
        f"The fee was paid from the account {account} in the name of {name} last year.",
    )
    lines = page.text.split("\n")
    for sentence in sentences:
        lines.insert(draw.randint(0, len(lines)), sentence)
    return Record(id="", text="\n".join(lines), planted=(email, phone, account))


CHANGES: Mapping[str, Callable[[Page, random.Random], Record]] = {
    "exact_duplicate": _copy,
    "near_duplicate": _near_copy,
    "boilerplate_page": _boilerplate_page,
    "boilerplate_lines": _boilerplate_lines,
    "wrong_language": _as_it_is,
    "encoded_bytes": _encoded_bytes,
    "repetition": _repetition,
    "spam_list": _spam_list,
    "markup": _as_it_is,
    "stub": _stub,
    "personal_data": _personal_data,
}
