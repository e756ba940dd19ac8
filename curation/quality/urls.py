"""Rules on URLs: lists of sites and pages, and words in addresses, as RefinedWeb and FineWeb have them.

Penedo et al. 2023 (arXiv 2306.01116), appendix G.1: blocked domains; "strict" words that count anywhere in an address,
"hard" ones as whole words, and "soft" ones of which two are too many. Details as in datatrove 0.10.1's `URLFilter` and
DCLM's `url_substring_filter`. Lists are the user's, by path (UT1's, https://dsi.ut-capitole.fr/blacklists/, as they
are); small lists of words of our own come with the package, as RefinedWeb's are not published.
"""

import functools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import ahocorasick
import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from curation.quality.listed import Entries, ListFile, lines_of, read_entries
from curation.setting import key
from curation.step import require, signal_field, with_columns, with_fields

_TEXTS = ("url_domain", "url_host", "url_page", "url_list", "url_strict_word", "url_hard_word", "url_soft_words")
FIELDS = (*(signal_field(name, pa.string()) for name in _TEXTS), signal_field("num_url_soft_words"))
_SEPARATORS = "[^a-z0-9]+"
_NUMBER = re.compile(r"\d+")
_SCHEME = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
_WORD_LISTS = Path(__file__).with_name("lists")

Match = tuple[str, str]
"""An entry, and the name of its list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRules:
    """Adds what lists say of a document's URL: seven signals of text, null where nothing matches, and a count.

    - `url_domain`: the entry of `domains` that is the host or a domain above it, up to the registered domain by the
      Public Suffix List: `example.co.uk` matches all hosts below it, `co.uk` none.
    - `url_host`: the entry of `hosts` that is the host itself.
    - `url_page`: the entry of `pages` that is the URL, or what it begins with up to a `/` or `?`.
    - `url_list`: the name of the list that the first of these is in.
    - `url_strict_word`: the first word of `strict_words` in the ASCII letters and digits of the URL, run together.
    - `url_hard_word`: the first whole word of `hard_words`: between characters that are no ASCII letters or digits.
    - `url_soft_words`, `num_url_soft_words` (float64): the whole words of `soft_words`, and how many different ones;
      the count is null without a URL. FineWeb and RefinedWeb allow one.

    Neither case nor `www.` counts. Peers: datatrove compares whole words as they are written; DCLM takes only `-` and
    `.` out before it looks for strict words.
    """

    domains: tuple[ListFile, ...] = key((), "lists of domains")
    hosts: tuple[ListFile, ...] = key((), "lists of hosts")
    pages: tuple[ListFile, ...] = key((), "lists of URLs")
    strict_words: tuple[ListFile, ...] | None = key(None, "lists of words that count anywhere; null: the package's")
    hard_words: tuple[ListFile, ...] | None = key(None, "lists of whole words; null: the package's")
    soft_words: tuple[ListFile, ...] | None = key(None, "lists of words that add up; null: the package's")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals; reads `url` and `site`."""
        return with_fields(require(require(schema, "url", pa.string()), "site", pa.string()), FIELDS)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `url`.

        Raises:
            ArtifactError: a list is missing, has another digest or is no UTF-8.
        """
        lists = _loaded(self)
        sites = batch["site"].dictionary_encode()
        hosts = [_host_form(host) for host in sites.dictionary.to_pylist()]
        by_site = [_Matches([find(host) for host in hosts]).taken(sites.indices) for find in lists.finders]
        pages = _Matches([lists.page(*row) for row in _rows(batch["url"], hosts, sites.indices)])
        found = [*by_site, pages]
        names = pc.coalesce(*(matches.lists() for matches in found))
        columns = [*(matches.entries() for matches in found), names, *_words(batch["url"], lists)]
        return with_columns(batch, FIELDS, columns)


@dataclass(frozen=True, slots=True)
class _Matches:
    """What was found for each of some rows."""

    rows: list[Match | None]

    def taken(self, indices: pa.Array) -> "_Matches":
        """Returns the matches at `indices`; none at null."""
        return _Matches([None if index is None else self.rows[index] for index in indices.to_pylist()])

    def entries(self) -> pa.Array:
        """Returns the entries."""
        return pa.array([match and match[0] for match in self.rows], pa.string())

    def lists(self) -> pa.Array:
        """Returns the names of their lists."""
        return pa.array([match and match[1] for match in self.rows], pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lists:
    """The lists of a step, read."""

    domains: Entries
    hosts: Entries
    pages: Entries
    page_hosts: frozenset[str]
    strict: ahocorasick.Automaton
    hard: ahocorasick.Automaton
    soft: ahocorasick.Automaton

    @property
    def finders(self) -> tuple[Callable[[str], Match | None], ...]:
        """What finds a host among `domains`, and among `hosts`."""
        return (lambda host: self.domains.first(_above(host)), lambda host: self.hosts.first((host,)))

    def page(self, url: str | None, host: str | None) -> Match | None:
        """Returns the entry of `pages` that a URL is, or begins with; the shortest first."""
        if url is None or host not in self.page_hosts:
            return None
        form = _page_form(url)
        ends = [place.start() for place in re.finditer("[/?]", form)]
        return self.pages.first(form[:end] for end in (*ends, len(form)))


@functools.lru_cache(maxsize=4)
def _loaded(step: UrlRules) -> _Lists:
    pages = read_entries(step.pages, _page_form)
    hard, soft = _words_in(step.hard_words, "hard"), _words_in(step.soft_words, "soft")
    return _Lists(
        domains=read_entries(step.domains, _host_form),
        hosts=read_entries(step.hosts, _host_form),
        pages=pages,
        page_hosts=frozenset(re.split("[/?]", entry.as_py(), maxsplit=1)[0] for entry in pages.text_E),
        strict=_automaton({word: word for word in _words_in(step.strict_words, "strict")}),
        hard=_automaton({f" {word} ": word for word in hard}),
        soft=_automaton({f" {word} ": word for word in soft}),
    )


def _words_in(files: tuple[ListFile, ...] | None, kind: str) -> list[str]:
    name = f"url_{kind}_words.txt"
    chosen = (ListFile(path=str(_WORD_LISTS / name), name=name),) if files is None else files
    words = (re.sub(_SEPARATORS, "", line.lower()) for file in chosen for line in lines_of(file))
    return [word for word in words if word]


def _automaton(patterns: dict[str, str]) -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for pattern, word in patterns.items():
        automaton.add_word(pattern, word)
    automaton.make_automaton()
    return automaton


def _words(urls: pa.Array, lists: _Lists) -> list[pa.Array]:
    """Returns the last four columns of FIELDS."""
    lower = pc.replace_substring_regex(pc.utf8_lower(urls.fill_null("")), pattern=r"^[a-z]+://(www\.)?", replacement="")
    joined = pc.replace_substring_regex(lower, pattern=_SEPARATORS, replacement="")
    padded = pc.binary_join_element_wise(" ", lower, " ", "")
    parted = pc.replace_substring_regex(padded, pattern=_SEPARATORS, replacement=" ")
    strict, hard, soft = (
        _occurring(automaton, texts)
        for automaton, texts in ((lists.strict, joined), (lists.hard, parted), (lists.soft, parted))
    )
    counts = pa.array([float(len(words)) for words in soft], mask=urls.is_null().to_numpy(zero_copy_only=False))
    first = [pa.array([words[0] if words else None for words in found], pa.string()) for found in (strict, hard)]
    return [*first, pa.array([" ".join(words) or None for words in soft], pa.string()), counts]


def _occurring(automaton: ahocorasick.Automaton, texts: pa.Array) -> list[list[str]]:
    """Returns the different words that occur in each text, in the order of their ends; no word holds a line feed."""
    lines = texts.to_pylist()
    found: list[list[str]] = [[] for _ in lines]
    if not len(automaton):
        return found
    ends = list(accumulate(len(line) + 1 for line in lines))
    for end, word in automaton.iter("\n".join(lines)):
        words = found[bisect_left(ends, end + 1)]
        if word not in words:
            words.append(word)
    return found


def _rows(urls: pa.Array, hosts: list[str], indices: pa.Array) -> Iterator[tuple[str | None, str | None]]:
    """Yields (URL, form of its host) of each row."""
    for url, index in zip(urls.to_pylist(), indices.to_pylist(), strict=True):
        yield url, None if index is None else hosts[index]


@functools.cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


@functools.lru_cache(maxsize=1 << 14)
def _above(host: str) -> tuple[str, ...]:
    """Returns the host and the domains above it up to the registered one; of an IP address, only itself."""
    is_address = ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2])
    registered = None if is_address else _suffixes().privatesuffix(host)
    found = [host]
    while registered is not None and len(found[-1]) > len(registered):
        found.append(found[-1].partition(".")[2])
    return tuple(found) if registered or is_address else ()


def _host_form(host: str) -> str:
    """Returns a host in lower case and ASCII (IDNA 2003), without `www.` and dots around it."""
    name = host.lower().strip(".").removeprefix("www.")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:  # a label that is empty or too long: no host has this name
        return name


def _page_form(url: str) -> str:
    """Returns a URL as pages are compared: no scheme, user, port, fragment or `/` at the end; the host in its form."""
    address = _SCHEME.sub("", url.partition("#")[0])
    host = re.split("[/?]", address, maxsplit=1)[0]
    name = re.sub(r":\d*$", "", host.rpartition("@")[2])
    return (_host_form(name) + address[len(host) :]).rstrip("/")
