"""The attributes of a tag, by regular expressions (WHATWG HTML, 13.2.5.32 to 39)."""

import re
from html import unescape
from html.entities import html5

ATTRIBUTE = re.compile(
    rb"""[ \t\n\f\r/]*(=?[^ \t\n\f\r/=>]*)(?:[ \t\n\f\r]*=[ \t\n\f\r]*(?:"([^"]*)"?|'([^']*)'?|([^ \t\n\f\r>]*)))?"""
)
REFERENCE = re.compile(r"&(?:#(?:[xX][0-9a-fA-F]+|[0-9]+);?|[A-Za-z0-9]+;?)")


def attributes_of(tag: bytes) -> dict[str, str]:
    """Returns the values by name, in lower case, of what stands between a tag's name and its end; the first counts."""
    found: dict[str, str] = {}
    at = 0
    while at < len(tag):
        match = ATTRIBUTE.match(tag, at)
        at = max(match.end(), at + 1)
        name = match.group(1).decode().lower()
        value = next((group for group in match.groups()[1:] if group is not None), b"")
        if name:
            found.setdefault(name, resolved(value.decode()))
    return found


def resolved(value: str) -> str:
    """Resolves references; one of a name without a semicolon is none before `=` and letters."""

    def meaning(match: re.Match[str]) -> str:
        name = match.group()[1:]
        if name[0] == "#":
            return unescape(match.group())
        following = value[match.end() : match.end() + 1]
        if name in html5 and (name.endswith(";") or following != "="):
            return html5[name]
        return match.group()

    return REFERENCE.sub(meaning, value).replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
