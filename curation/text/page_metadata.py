"""What a page says about itself: title, author, date, address, language, wishes of its owner, structured data.

Read from the head's tags and from JSON-LD, in the order of trust: JSON-LD (schema.org), Open Graph and `article:`, then
the older names of `<meta>` (Dublin Core, citation), last `<title>` and `<time>`. All of it is hostile: values are cut,
JSON is read up to a size, and a walk through it ends after a number of steps.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray

from curation.kernels.html_names import CODE
from curation.kernels.html_tokens import TEXT, Tokens

MAX_VALUE_CHARS = 1000
"""Longest title, author or address; a longer one is cut, an address dropped."""
MAX_TAGS = 300
"""Tags of a page that are read, each kind by itself; the rest is not looked at."""
MAX_JSON_BYTES = 1 << 18
MAX_JSON_STEPS = 2000
MAX_DATA_BYTES = 1 << 16
"""Longest `structured_data`; where it would be longer only the types are named."""
ROBOTS_NAMES = frozenset({"robots", "googlebot", "tdm-reservation", "tdm-policy"})

_ATTRIBUTE = re.compile(rb"""([^\s/=>][^\s/=>]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""")
_DATE = re.compile(r"\s*((?:1[89]|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")
_SPACES = re.compile(r"\s+")
_TITLES = ("og:title", "citation_title", "dc.title", "dcterms.title", "twitter:title")
_AUTHORS = ("author", "article:author", "citation_author", "dc.creator", "dcterms.creator", "parsely-author", "byl")
_DATES = (
    "article:published_time", "datepublished", "citation_publication_date", "citation_date", "dc.date",
    "dc.date.issued", "dcterms.created", "date", "pubdate", "parsely-pub-date", "og:published_time", "publish-date",
    "sailthru.date",
)  # fmt: skip
_HTML, _TITLE, _META, _LINK, _SCRIPT, _TIME = (
    CODE[name] for name in ["html", "title", "meta", "link", "script", "time"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMetadata:
    """Null: the page does not say."""

    title: str | None = None
    author: str | None = None
    date: str | None = None
    """Year, month and day of publication, as `2026-11-30`."""
    canonical_url: str | None = None
    language: str | None = None
    structured_data: str | None = None
    """JSON: `json_ld`, the objects of schema.org, and `meta`, properties of Open Graph and the like."""
    opt_out: list[str] = field(default_factory=list)
    """What `<meta name=robots>` and its kin say, as `meta robots: noai`."""


def page_metadata(page: NDArray[np.uint8], tokens: Tokens) -> PageMetadata:
    """Returns what the page says about itself."""
    metas = _metas(page, tokens)
    named: dict[str, str] = {}
    for name, content in metas:
        named.setdefault(name, content)
    objects = list(_json_ld(page, tokens))
    facts = _facts(objects)
    return PageMetadata(
        title=_text(facts.get("headline") or _first(named, _TITLES) or _title(tokens)),
        author=_text(facts.get("author") or _first(named, _AUTHORS)),
        date=_date(facts.get("datePublished")) or _first_date(named) or _date_of_time(page, tokens),
        canonical_url=_canonical(page, tokens) or _address(named.get("og:url")),
        language=_language(page, tokens),
        structured_data=_structured(objects, named),
        opt_out=[
            f"meta {name}: {token}"
            for name, content in metas
            if name in ROBOTS_NAMES
            for token in re.split(r"[\s,]+", content.lower())
            if token
        ],
    )


def attributes_of(tag: bytes) -> dict[str, str]:
    """Returns the attributes in what stands between a tag's name and its end; names in lower case, the first counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(tag[: 4 * MAX_VALUE_CHARS]):
        value = match.group(2) or match.group(3) or match.group(4) or b""
        found.setdefault(match.group(1).decode(errors="replace").lower(), html.unescape(value.decode(errors="replace")))
    return found


def _tags(page: NDArray[np.uint8], tokens: Tokens, code: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the first elements of a name: token and attributes."""
    for at in np.flatnonzero(tokens.name_T == code)[:MAX_TAGS].tolist():
        yield at, attributes_of(page[tokens.begin_T[at] : tokens.end_T[at]].tobytes())


def _metas(page: NDArray[np.uint8], tokens: Tokens) -> list[tuple[str, str]]:
    found = []
    for _, attributes in _tags(page, tokens, _META):
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or ""
        if name and attributes.get("content", "").strip():
            found.append((name.strip().lower(), attributes["content"].strip()))
    return found


def _text_after(tokens: Tokens, at: int, limit: int) -> str:
    """Returns the text that follows token `at` directly, cut."""
    if at + 1 >= tokens.name_T.size or tokens.name_T[at + 1] != TEXT:
        return ""
    begin, end = int(tokens.begin_T[at + 1]), int(tokens.end_T[at + 1])
    return tokens.text[begin : min(end, begin + limit)].tobytes().decode(errors="ignore")


def _title(tokens: Tokens) -> str | None:
    for at in np.flatnonzero(tokens.name_T == _TITLE)[:1].tolist():
        return _text_after(tokens, at, 4 * MAX_VALUE_CHARS)
    return None


def _text(value: str | None) -> str | None:
    return (_SPACES.sub(" ", value).strip()[:MAX_VALUE_CHARS] or None) if value else None


def _date(value: str | None) -> str | None:
    found = _DATE.match(value) if value else None
    return "-".join(found.groups()) if found else None


def _first(named: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((named[name] for name in names if name in named and not named[name].startswith("http")), None)


def _first_date(named: dict[str, str]) -> str | None:
    return next((date for name in _DATES if (date := _date(named.get(name)))), None)


def _date_of_time(page: NDArray[np.uint8], tokens: Tokens) -> str | None:
    for _, attributes in _tags(page, tokens, _TIME):
        is_published = "pubdate" in attributes or attributes.get("itemprop", "").lower() == "datepublished"
        if is_published and (date := _date(attributes.get("datetime"))):
            return date
    return None


def _address(value: str | None) -> str | None:
    if value is None or not re.match(r"https?://[^\s/@]+(?:/|$)", value) or len(value) > MAX_VALUE_CHARS:
        return None
    return value


def _canonical(page: NDArray[np.uint8], tokens: Tokens) -> str | None:
    for _, attributes in _tags(page, tokens, _LINK):
        if attributes.get("rel", "").lower() == "canonical":
            return _address(attributes.get("href", "").strip())
    return None


def _language(page: NDArray[np.uint8], tokens: Tokens) -> str | None:
    for _, attributes in _tags(page, tokens, _HTML):
        return attributes.get("lang", "").strip()[:35] or None
    return None


def _json_ld(page: NDArray[np.uint8], tokens: Tokens) -> Iterator[object]:
    for at, attributes in _tags(page, tokens, _SCRIPT):
        if "ld+json" in attributes.get("type", "").lower():
            text = _text_after(tokens, at, MAX_JSON_BYTES + 1)
            if len(text) <= MAX_JSON_BYTES:
                try:
                    yield orjson.loads(text)
                except orjson.JSONDecodeError:
                    continue


def _objects(values: list[object]) -> Iterator[dict[str, object]]:
    """Yields the first objects in JSON values, outer ones first."""
    pending = values[:]
    for _ in range(MAX_JSON_STEPS):
        if not pending:
            return
        value = pending.pop(0)
        if isinstance(value, dict):
            yield value
            graph = value.get("@graph")
            pending.extend(graph if isinstance(graph, list) else [])
        elif isinstance(value, list):
            pending.extend(value[:MAX_TAGS])


def _facts(values: list[object]) -> dict[str, str]:
    """Returns headline, author and datePublished of the first object that has a headline, else of any."""
    objects = list(_objects(values))
    objects.sort(key=lambda one: "headline" not in one)
    found: dict[str, str] = {}
    for one in objects:
        for name in ("headline", "datePublished"):
            if isinstance(value := one.get(name), str) and value.strip():
                found.setdefault(name, value)
        if author := _name(one.get("author")):
            found.setdefault("author", author)
    return found


def _name(value: object) -> str | None:
    if isinstance(value, list):
        return (
            ", ".join(name for one in value[:10] if (name := _name(one) if not isinstance(one, list) else None)) or None
        )
    if isinstance(value, dict):
        value = value.get("name")
    return html.unescape(value) if isinstance(value, str) and not value.startswith("http") else None


def _structured(objects: list[object], named: dict[str, str]) -> str | None:
    meta = {name: value[:MAX_VALUE_CHARS] for name, value in named.items() if ":" in name or "." in name}
    if not objects and not meta:
        return None
    whole = _dumped({"json_ld": objects, "meta": meta})
    if whole is not None and len(whole) <= MAX_DATA_BYTES:
        return whole
    types = sorted({one["@type"] for one in _objects(objects) if isinstance(one.get("@type"), str)})  # type: ignore[type-var]
    return _dumped({"json_ld_types": [str(one)[:MAX_VALUE_CHARS] for one in types[:20]]})


def _dumped(value: object) -> str | None:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        return None
