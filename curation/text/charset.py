"""Which charset decodes a piece of raw content, and the text it decodes to.

The order is that of browsers (WHATWG HTML, section 13.2.3.2, "determining the character encoding"): byte order
mark, then the transport's declaration (HTTP header), then the document's own (`<meta>`, `<?xml?>`), then
detection. Declarations lie, so two of them are checked: content that is valid UTF-8 beyond doubt is UTF-8 whatever was
declared (`_is_surely_utf8`), and a charset that fails on most of the content gives way to the next (`_best`).
Labels are mapped to encodings as browsers map them (`iso-8859-1` means windows-1252).
"""

import codecs
import re
from dataclasses import dataclass

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from curation.text.media import SNIFF_BYTES, looks_utf16

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_META = re.compile(rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{2,40})""", re.I)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_:.\-]{2,40})["']""", re.I)
_META_BYTES = 4096
_DETECT_BYTES = 1 << 16
_SNIFF_CHARS = 1 << 16
_DOUBLE_BYTE = frozenset({"gb18030", "big5", "big5hkscs", "cp932", "cp949", "euc_jp"})
# The encodings that the WHATWG standard means by these names are supersets of Python's codecs of that name.
_SUPERSETS = {"gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs"}
REPLACEMENT = "\ufffd"
MAX_REPLACED_FRACTION = 0.1
"""Above this share of replaced characters (of those that are not ASCII) a declared charset is taken for a lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text, the charset that made it (a Python codec name, lower case) and whether bytes were replaced."""

    text: str
    charset: str
    replaced: bool


def decode(content: bytes, *, declared: str | None = None, is_html: bool = False) -> Decoded:
    """Returns `content` as text; never fails, bytes without meaning become U+FFFD.

    Args:
        content: raw bytes.
        declared: the charset label that the transport gave, if any; unknown labels are ignored.
        is_html: look for `<meta charset>` and `<?xml encoding?>` in the first 4 KiB.
    """
    for mark, charset in _BOMS:
        if content.startswith(mark):
            return _decode(content[len(mark) :], charset)
    if (wide := looks_utf16(content[:SNIFF_BYTES])) is not None:  # valid UTF-8 too, full of NUL
        return _decode(content, wide)
    guess = _codec(declared) or (_declared_inside(content) if is_html else None)
    text = _utf8(content)
    if text is not None and (guess in (None, "utf-8") or _is_surely_utf8(text, guess)):
        return Decoded(text=text, charset="utf-8", replaced=False)
    return _best(content, [guess, *([_declared_inside(content)] if is_html else [])])


def _best(content: bytes, declared: list[str | None]) -> Decoded:
    """Returns what the first declared charset makes of `content`, unless most of it fails and another does better."""
    tried = [_decode(content, charset) for charset in dict.fromkeys(declared) if charset is not None]
    for decoded in tried:
        if _replaced_fraction(decoded) <= MAX_REPLACED_FRACTION:
            return decoded
    tried.append(_decode(content, _detected(content)))
    return min(tried, key=_replaced_fraction)


def _replaced_fraction(decoded: Decoded) -> float:
    """Returns the share of characters above U+007F that are U+FFFD; 0 where no byte was replaced."""
    if not decoded.replaced:
        return 0.0
    num_ascii = len(decoded.text.encode("ascii", "ignore"))
    return decoded.text.count(REPLACEMENT) / max(len(decoded.text) - num_ascii, 1)


def _utf8(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _is_surely_utf8(text: str, declared: str | None) -> bool:
    """Tells whether content that is valid UTF-8 (`text`) is UTF-8 although `declared` says otherwise.

    UTF-8 is self-checking. No real text in a single-byte charset is valid UTF-8 with a character above U+007F;
    in a double-byte one a word can be by accident (the two characters of "Unicom" in GBK), a sentence cannot.
    """
    if text.isascii():
        return False
    return declared not in _DOUBLE_BYTE or sum(not character.isascii() for character in text[:_SNIFF_CHARS]) >= 8  # noqa: PLR2004


def _decode(content: bytes, charset: str) -> Decoded:
    try:
        return Decoded(text=_clean(content.decode(charset)), charset=charset, replaced=False)
    except UnicodeDecodeError:
        return Decoded(text=_clean(content.decode(charset, "replace")), charset=charset, replaced=True)


def _clean(text: str) -> str:
    # UTF-7 and the like can make surrogates; Arrow strings hold none.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _declared_inside(content: bytes) -> str | None:
    head = content[:_META_BYTES]
    found = _META.search(head) or _XML.match(head)
    charset = _codec(found.group(1).decode("ascii")) if found else None
    # What could be read as ASCII to find the label is not UTF-16 (WHATWG: taken as UTF-8).
    return "utf-8" if charset in ("utf-16-le", "utf-16-be") else charset


def _detected(content: bytes) -> str:
    return _codec(detect_encoding(content, _DETECT_BYTES)) or "utf-8"


def _codec(label: str | None) -> str | None:
    """Returns the Python codec that a label means on the web, or None for an unknown one."""
    if not label:
        return None
    mapped = map_encoding_to_html5(label.strip().lower(), fallback_utf8=False)
    if mapped is None:
        return None
    try:
        name = codecs.lookup(mapped).name
    except LookupError:
        return None
    return _SUPERSETS.get(name, name)
