"""One JSON line to a record: strict and fast by orjson, with what real data gets wrong repaired and bounded.

Accepted beyond RFC 8259, as Python's and JavaScript's parsers do: NaN and Infinity (become null), a lone
surrogate escape and invalid UTF-8 (become U+FFFD), numbers above float64 (null), a BOM. Of a repeated key the
last value counts. Nesting above 1024 levels (orjson's limit; 254 for values kept in `extra`) is an error.
"""

import re

import orjson

from curation.errors import BadRecord

# Possessive quantifiers: without them a 64 MiB string costs the regex engine a gigabyte of backtracking stack.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|-?\bInfinity\b|\bNaN\b|-?\d++(?:\.\d++)?[eE]\+?\d{3,}', re.S)
_ESCAPE = re.compile(
    r"\\(?:u([dD][89aAbB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.S
)


def parse_line(line: bytes) -> tuple[dict[str, object], bool]:
    """Returns the JSON object in `line`, and whether bytes that are not UTF-8 were replaced.

    Raises:
        BadRecord: `bad_json`, `too_deep` or `not_an_object`.
    """
    replaced = False
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        record, replaced = _repaired(line, str(error))
    if type(record) is not dict:
        raise BadRecord("not_an_object", f"expected a JSON object, found {_KINDS.get(type(record), 'null')}")
    return record, replaced


_KINDS: dict[type, str] = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"}


def _repaired(line: bytes, problem: str) -> tuple[object, bool]:
    if "depth limit" in problem:
        raise BadRecord("too_deep", problem)
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        record = orjson.loads(_TOKEN.sub(_repair, text).encode())
    except orjson.JSONDecodeError as error:
        raise BadRecord("too_deep" if "depth limit" in str(error) else "bad_json", problem) from None
    return record, "not valid UTF-8" in problem or ("\ufffd" in text and not _is_utf8(line))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _repair(match: re.Match[str]) -> str:
    token = match.group()
    if token[0] == '"':
        return _ESCAPE.sub(_pair_or_replacement, token) if "\\u" in token else token
    if token[0] not in "-0123456789":
        return "null"
    return "null" if token.lstrip("-")[0] == "I" or float(token) in (float("inf"), float("-inf")) else token


def _pair_or_replacement(match: re.Match[str]) -> str:
    is_lone = (match.group(1) and not match.group(2)) or match.group(3)
    return "\\ufffd" if is_lone else match.group()
