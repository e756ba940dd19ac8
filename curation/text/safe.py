"""Text from data, made harmless for a terminal.

A page can carry ESC sequences that repaint a terminal, bidirectional overrides that reorder a line, and
line breaks that forge a log entry. Everything that came from data passes `visible` before it is printed.
The bidi set is that of CVE-2021-42574 ("Trojan Source", Boucher and Anderson 2021, section 4).
"""

import re

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(
    f"[\\x00-\\x1f\\x7f-\\x9f\\xad\u200b\u2028\u2029\u2060\ufeff\ufff9-\ufffb{_BIDI}\ud800-\udfff\U000e0000-\U000e007f]"
)
_UNSAFE_IN_BLOCK = re.compile(_UNSAFE.pattern.replace("\\x00-\\x1f", "\\x00-\\x09\\x0b-\\x1f"))


def visible(text: str, *, keep_newlines: bool = False, limit: int | None = None) -> str:
    r"""Returns `text` with control, escape, bidi, invisible and surrogate characters written as `\\x1b` or `\\u202e`.

    Args:
        text: anything that came from data: text, URL, file name, error detail.
        keep_newlines: leave `\\n` as it is (for a block of text); other controls are always written out.
        limit: longest result in characters; a longer one ends in `…`.

    The result has no surrogates, so it can be encoded in UTF-8. It is for reading, not for parsing back: a
    backslash in the text is left as it is.
    """
    if limit is not None:
        text = text[: limit + 1]
    pattern = _UNSAFE_IN_BLOCK if keep_newlines else _UNSAFE
    shown = pattern.sub(_escape, text)
    return shown if limit is None or len(shown) <= limit else shown[: max(limit - 1, 0)] + "…"


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:  # noqa: PLR2004 - the widths of Python's own escapes
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004
