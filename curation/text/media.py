"""What a piece of raw content is: HTML, plain text or binary.

Crawlers keep what servers said, and servers lie: images are sent as HTML and pages without any type. So the
first bytes decide before the declared type does, by the signatures of the WHATWG MIME Sniffing standard
(section 6 and 7.1) as far as they concern us.
"""

import re
from typing import Literal

Kind = Literal["html", "text", "binary"]

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})

SNIFF_BYTES = 4096
"""Bytes looked at. The standard looks at 1445; comments before `<html>` in real pages run longer."""

_BINARY_MAGIC = (
    b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"PK\x03\x04", b"\x1f\x8b\x08",
    b"Rar!\x1a", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd", b"\x7fELF", b"\xca\xfe\xba\xbe",
    b"OggS", b"ID3", b"fLaC", b"RIFF", b"\x00\x00\x01\x00", b"wOFF", b"wOF2", b"\x00asm", b"\xd0\xcf\x11\xe0",
    b"SQLite format 3\x00", b"PAR1", b"%!PS", b"\x1aE\xdf\xa3", b"II*\x00", b"MM\x00*",
)  # fmt: skip
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_LOOKS_HTML = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|style|table|div|p|h1|br|a|font|b|iframe|link)[\s>/]", re.I
)
_STARTS_HTML = re.compile(rb"(?:\s|<\?xml[^>]{0,400}\?>|<!--(?:[^-]|-(?!->)){0,4000}-->)*" + _LOOKS_HTML.pattern, re.I)
# Bytes that no text in an ASCII-compatible charset holds (WHATWG MIME Sniffing, "binary data byte").
# ESC is left out: ISO-2022-JP uses it.
_BINARY_BYTES = bytes([*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_BINARY_FRACTION = 0.05
_NUL_FRACTION = 0.3  # of valid UTF-8: tar and other padded formats hold ASCII between NULs


def kind_of(content: bytes, *, content_type: str | None = None) -> Kind:
    """Returns what `content` is, by its first bytes, then by `content_type` (a media type, lower case).

    `binary` is content whose first 4 KiB have the signature of a known binary format, or are not UTF-8 and have more
    than 5% of bytes that no text uses (random bytes: 10.5%), or are more than 30% NUL. UTF-16 is text.
    """
    head = content[:SNIFF_BYTES]
    if _is_binary(head):
        return "binary"
    if content_type in HTML_TYPES:
        return "html"
    if looks_html(head):
        return "text" if content_type == "text/plain" else "html"
    return "text"


def looks_html(content: bytes) -> bool:
    """Tells whether `content` opens with HTML, after a BOM, white space, comments or an XML declaration."""
    return _STARTS_HTML.match(content[:SNIFF_BYTES].removeprefix(_BOMS[0])) is not None


def looks_utf16(head: bytes) -> Literal["utf-16-le", "utf-16-be"] | None:
    """Returns the byte order of UTF-16 text without a BOM: every second byte is NUL in most of `head`."""
    pairs = len(head) // 2
    if pairs < 4:  # noqa: PLR2004 - too short to tell
        return None
    even, odd = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > 0.7 * pairs and even < 0.05 * pairs:
        return "utf-16-le"
    if even > 0.7 * pairs and odd < 0.05 * pairs:
        return "utf-16-be"
    return None


def _is_binary(head: bytes) -> bool:
    if head.startswith(_BINARY_MAGIC):
        return True
    if head.startswith(_BOMS[1:]) or looks_utf16(head) is not None:
        return False
    if _is_utf8(head):
        return head.count(0) > _NUL_FRACTION * len(head)
    return len(head) - len(head.translate(None, _BINARY_BYTES)) > _BINARY_FRACTION * len(head)


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == SNIFF_BYTES and error.start >= SNIFF_BYTES - 3  # a character cut at the end
    return True
