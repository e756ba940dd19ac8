"""Pages of the dev corpora whose main content people marked: three sets, by site in five folds.

`article`: the article extraction benchmark (whole text by people). `readability`: test pages of Readability (text by
that tool, reviewed). `segments`: trafilatura's evaluation pages (pieces of text that belong in, and that do not).
"""

import collections
import gzip
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fastwarc.warc import ArchiveIterator, WarcRecordType

SETS = {"article": ("aeb", "aeb"), "readability": ("readability", "readability")} | {
    "segments": ("trafilatura_segments", "trafilatura_eval")
}
"""Names of each set's file of gold and of its WARC."""
NUM_FOLDS = 5
_OWN_URL = (
    re.compile(rb"""<link[^>]{0,300}?rel=["']?canonical["']?[^>]{0,300}?href=["']?(https?://[^"'>\s]+)""", re.I),
    re.compile(rb"""<meta[^>]{0,300}?property=["']?og:url["']?[^>]{0,300}?content=["']?(https?://[^"'>\s]+)""", re.I),
)
_LINK = re.compile(rb"""href=["']?(https?://[^/"'>\s]+)""", re.I)
_SECOND_LEVEL = frozenset({"co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "go"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page and what is known of its main content."""

    id: str
    set: str
    site: str
    raw: bytes
    charset: str | None
    """As the transport declared it."""
    text: str = ""
    """Main content; empty for `segments`."""
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    @property
    def fold(self) -> int:
        """Returns 0 to NUM_FOLDS - 1, of the site."""
        return int(hashlib.sha256(self.site.encode()).hexdigest()[:8], 16) % NUM_FOLDS


def gold_pages() -> list[Page]:
    """Returns the pages of all sets that are in the corpora, in the order of their files."""
    corpora = Path(os.environ["GRISTMILL_CORPORA"]) / "dev"
    return [page for name in SETS for page in _pages(corpora, name)]


def _pages(corpora: Path, name: str) -> list[Page]:
    gold, warc = SETS[name]
    responses = _responses(corpora / "web" / "pages" / f"{warc}.warc.gz")
    with gzip.open(corpora / "extraction_gold" / f"{gold}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found = []
    for number, row in enumerate(rows):
        url = row["url"].strip()
        if url in responses:
            raw, charset = responses[url]
            segments = {
                side: tuple(row[key]) for side, key in (("wanted", "with"), ("unwanted", "without")) if key in row
            }
            page = Page(
                id=f"{name}/{number}",
                set=name,
                site=_site(url, raw),
                raw=raw,
                charset=charset,
                text=row.get("text", ""),
                **segments,
            )
            found.append(page)
    return found


def _responses(path: Path) -> dict[str, tuple[bytes, str | None]]:
    found = {}
    with path.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
            found[record.headers["WARC-Target-URI"].strip()] = (record.reader.read(), record.http_charset)
    return found


def _site(url: str, raw: bytes) -> str:
    """Returns the registered domain, roughly; of a page without a real address, that of its own or most links."""
    host = urlsplit(url).hostname or ""
    if host.endswith(".example"):
        own = next((match.group(1) for pattern in _OWN_URL if (match := pattern.search(raw))), None)
        hosts = [urlsplit(link.decode("ascii", "replace")).hostname for link in ([own] if own else _LINK.findall(raw))]
        counted = collections.Counter(host for host in hosts if host)
        host = counted.most_common(1)[0][0] if counted else url
    labels = host.lower().removeprefix("www.").split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and labels[-2] in _SECOND_LEVEL else labels[-2:])
