"""The web part of the quickstart sample: pages of redistributable text, in a WARC with the habits of real crawls.

Beside ordinary pages there are copies under another URL, charsets and encodings of several kinds, revisits,
redirects, a 404, opt-out headers, a wrong digest, boilerplate-only and repetitive pages, and one hostile page.
"""

import base64
import hashlib
import html
import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import brotli

GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
NAVIGATION = "".join(f"<li><a href='/{name.lower()}'>{name}</a></li>" for name in ("Home", "News", "About", "Contact"))
BANNER = "We use cookies to improve your visit. By continuing you accept our cookie policy."
FOOTER = "Imprint · Privacy · Terms of use · Subscribe to our newsletter · Back to top"
ALTERED = (3, 47, 91, 135, 179, 223)  # pages that get a copy with one paragraph cut
MIRRORED = range(0, 240, 20)  # pages that get an equal copy under a mobile URL
RUSSIAN_CODEPAGE, CHINESE_CODEPAGE = ("windows-1251", range(145, 190, 9)), ("gb18030", range(200, 240, 13))


@dataclass(frozen=True, kw_only=True)
class Page:
    """One HTTP response: `body` before Content-Encoding and chunking."""

    url: str
    body: bytes
    status: str = "200 OK"
    media: str = "text/html; charset=utf-8"
    headers: tuple[str, ...] = ()
    encoding: str | None = None
    chunked: bool = False
    digest_of: bytes | None = field(default=None)  # declare the digest of these bytes instead

    def payload(self) -> bytes:
        """Returns the body with its Content-Encoding applied."""
        packed = {"gzip": gzipped, "br": brotli.compress, "deflate": zlib.compress}
        return packed[self.encoding](self.body) if self.encoding else self.body

    def http(self) -> bytes:
        """Returns the whole response as it went over the wire."""
        payload = self.payload()
        lines = [f"HTTP/1.1 {self.status}", f"Content-Type: {self.media}", *self.headers]
        if self.encoding:
            lines.append(f"Content-Encoding: {self.encoding}")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
            pieces = [payload[start : start + 1000] for start in range(0, len(payload), 1000)]
            payload = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(payload)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


def document(title: str, paragraphs: list[str], *, language: str, layout: str = "article") -> str:
    """Returns an HTML page with the boilerplate that pages have."""
    text = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    heading = html.escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><title>{heading}</title></head>\n'
        f'<body class="{layout}"><header><nav><ul>{NAVIGATION}</ul></nav></header>\n'
        f'<div class="cookie-banner" role="dialog">{BANNER}</div>\n'
        f"<main><article><h1>{heading}</h1>\n{text}\n</article></main>\n"
        f'<aside class="sidebar"><h2>Related</h2><ul>{NAVIGATION}</ul></aside>\n'
        f"<footer>{FOOTER}</footer></body></html>\n"
    )


def pages(wiki: list[dict[str, str]]) -> Iterator[Page]:
    """Yields every page; `wiki` are paragraphs with `title`, `lang` and `text`."""
    articles: dict[tuple[str, str], list[str]] = {}
    for row in wiki:
        articles.setdefault((row["lang"], row["title"]), []).append(row["text"])
    for number, ((language, title), paragraphs) in enumerate(
        sorted(articles.items(), key=lambda item: _order(item[0]))
    ):
        name = title.replace("_", " ")
        page = Page(
            url=f"https://{language}.wiki.example/{title}",
            body=document(name, paragraphs, language=language).encode(),
            **_transport(number),
        )
        yield _recoded(page, number)
        if number in MIRRORED:
            mobile = document(name, paragraphs, language=language, layout="mobile").encode()
            yield Page(url=f"https://{language}.m.wiki.example/{title}", body=mobile)
        if number in ALTERED:
            altered = document(name, [*paragraphs[:-1], paragraphs[-1][: len(paragraphs[-1]) // 2]], language=language)
            yield Page(url=f"https://mirror.example/{language}/{title}?utm_source=feed", body=altered.encode())
    yield from _oddities()


def _order(key: tuple[str, str]) -> tuple[int, str]:
    return ("en", "de", "es", "ru", "zh").index(key[0]), key[1]


def _transport(number: int) -> dict[str, object]:
    """Every few pages travel another way."""
    ways: dict[int, dict[str, object]] = {
        5: {"encoding": "gzip"},
        11: {"chunked": True},
        17: {"encoding": "br"},
        23: {"encoding": "deflate"},
        29: {"encoding": "gzip", "chunked": True},
        31: {"headers": ("X-Robots-Tag: noai, noimageai",)},
        37: {"headers": ("TDM-Reservation: 1",)},
    }
    return ways.get(number % 40, {})


def _recoded(page: Page, number: int) -> Page:
    for charset, numbers in (RUSSIAN_CODEPAGE, CHINESE_CODEPAGE):
        if number in numbers:
            body = page.body.decode().encode(charset, errors="xmlcharrefreplace")
            return replace(page, body=body, media=f"text/html; charset={charset}")
    return page


def _oddities() -> Iterator[Page]:
    """Pages that should be skipped, dropped or shown harmlessly."""
    spam = ["Buy cheap widgets online, best widgets, cheap widgets, order widgets now."] * 60
    for city in ("Springfield", "Riverside", "Fairview"):
        yield Page(
            url=f"https://widgets.example/{city}",
            body=document(f"Cheap widgets in {city}", spam, language="en").encode(),
        )
    yield Page(url="https://news.example/login", body=document("Please log in", [], language="en").encode())
    listing = [f"• Item {number}: {number * 7} EUR" for number in range(80)]
    yield Page(url="https://shop.example/list", body=document("Price list", listing, language="en").encode())
    hostile = [
        "<script>alert('a')</script><img src=x onerror=alert(1)> \x1b[31mred\x1b[0m \u202egnp.exe\u202c",
        "This paragraph is ordinary text of ordinary length, so that the page is long enough to be measured and read. "
        * 3,
    ]
    yield Page(
        url="https://hostile.example/?q=%1b[2J%3Cscript%3E",
        body=document("</title><script>alert('t')</script>", hostile, language="en").encode(),
    )
    yield Page(url="https://news.example/gone", body=b"<h1>Not found</h1>", status="404 Not Found")
    yield Page(
        url="https://news.example/old",
        body=b"",
        status="301 Moved Permanently",
        headers=("Location: https://news.example/",),
    )
    yield Page(url="https://news.example/logo.png", body=b"\x89PNG\r\n\x1a\n" + bytes(range(64)), media="image/png")
    yield Page(url="https://news.example/empty", body=b"")
    damaged = document(
        "A page whose digest does not match", ["The archive declares another digest."] * 2, language="en"
    )
    yield Page(url="https://news.example/digest", body=damaged.encode(), digest_of=b"other bytes")


def archive(responses: list[Page]) -> bytes:
    """Returns a WARC 1.1 file, one gzip member per record; the same bytes every time."""
    info = b"software: infra/make_quickstart.py\r\nformat: WARC File Format 1.1\r\n"
    records = [_record("warcinfo", "application/warc-fields", info, number=0)]
    for number, page in enumerate(responses, start=1):
        if number % 50 == 0:
            request = f"GET / HTTP/1.1\r\nHost: {page.url.split('/')[2]}\r\n\r\n".encode()
            records.append(
                _record("request", "application/http; msgtype=request", request, number=number, url=page.url)
            )
        digest = _digest(page.digest_of or page.payload())
        records.append(
            _record(
                "response",
                "application/http; msgtype=response",
                page.http(),
                number=number,
                url=page.url,
                digest=digest,
            )
        )
        if number % 80 == 0:
            head = page.http().split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            records.append(
                _record(
                    "revisit",
                    "application/http; msgtype=response",
                    head,
                    number=1000 + number,
                    url=page.url,
                    digest=digest,
                )
            )
    return b"".join(records)


def _record(kind: str, media: str, block: bytes, *, number: int, url: str = "", digest: str = "") -> bytes:
    lines = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {number} {url}')}>",
        f"WARC-Date: 2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        f"Content-Type: {media}",
        f"Content-Length: {len(block)}",
    ]
    if url:
        lines.append(f"WARC-Target-URI: {url}")
    if digest:
        lines.append(f"WARC-Payload-Digest: {digest}")
    if kind == "revisit":
        lines.append("WARC-Profile: http://netpreserve.org/warc/1.1/revisit/identical-payload-digest")
    return gzipped("\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n")


def _digest(payload: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()


def gzipped(content: bytes) -> bytes:
    """Returns a gzip member without name, time or system: `gzip.compress` writes other headers in other Pythons."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(content) + packer.flush()
    return GZIP_HEADER + body + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
