"""Tokens and sentences of one text as Python strings: synthetic documents are few, and each cost a model's time.

A token is a word, or one character of Han, kana, Thai, Lao, Khmer or Burmese, which put no spaces between words.
"""

import re
import unicodedata
from typing import NamedTuple

_SPACELESS = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f"
_TOKEN = re.compile(rf"[{_SPACELESS}]|(?:(?![{_SPACELESS}])[^\W_])+(?:['’](?![{_SPACELESS}])[^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…।۔؟])[\"'”’»)\]]*\s+|(?<=[。！？])|\n+")
_ENDS = frozenset(".!?…।۔؟。！？:;：；\n\"'“”„«»‘(（[•*-–—")
_LOOK_BACK = 16


class Token(NamedTuple):
    """A token and where it is, in code points."""

    text: str
    begin: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """Returns the tokens of a text, in order."""
    return [Token(found.group(), *found.span()) for found in _TOKEN.finditer(text)]


def sentences_of(text: str) -> list[str]:
    """Returns the sentences and lines of a text; an abbreviation may cut one short."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if piece.strip()]


def begins_sentence(text: str, begin: int) -> bool:
    """Returns whether what begins at `begin` may be capitalised because a sentence, line or quotation begins there."""
    before = text[max(begin - _LOOK_BACK, 0) : begin].rstrip(" \u00a0\t")
    return before[-1] in _ENDS if before else begin <= _LOOK_BACK


def folded(text: str) -> str:
    """Returns `text` without case and without marks such as accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))
