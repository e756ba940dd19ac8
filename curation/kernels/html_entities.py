"""Character references of HTML in bytes: `&amp;`, `&eacute` without its semicolon, `&#8217;` (WHATWG HTML, 13.2.5.72).

The names are those of the standard, as Python's `html.entities` has them. A name is compared byte by byte after its
hash was found, so that no page can make one name pass for another.
"""

from html.entities import html5

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing

MAX_NAME_BYTES = max(map(len, html5))
_SLOTS = 8192
_MASK = _SLOTS - 1
_FACTOR = 31
_AMPERSAND, _HASH, _SEMICOLON, _EQUALS = (np.uint8(ord(mark)) for mark in "&#;=")
_MAX_POINT = 0x10FFFF
_REPLACEMENT = 0xFFFD
_WINDOWS_1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ"
"""What numeric references 128 to 159 mean (section 13.2.5.80)."""
WINDOWS_32 = np.array([ord(character) for character in _WINDOWS_1252], np.int64)
MAX_WITHOUT_SEMICOLON = max(len(name) for name in html5 if not name.endswith(";"))


def _hash(name: bytes) -> int:
    value = 0
    for byte in name:
        value = (value * _FACTOR + byte) & 0x3FFFFFFF
    return value


def _tables() -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Returns int64 (SLOTS, 4), begin and size of the name, begin and size of the text, and uint8 bytes of both."""
    table, content = np.zeros((_SLOTS, 4), np.int64), bytearray()
    for name, text in sorted(html5.items()):
        encoded, meaning = name.encode(), text.encode()
        slot = _hash(encoded) & _MASK
        while table[slot, 1]:
            slot = (slot + 1) & _MASK
        table[slot] = len(content), len(encoded), len(content) + len(encoded), len(meaning)
        content += encoded + meaning
    bytes_B = np.frombuffer(bytes(content), np.uint8)
    table.setflags(write=False)
    return table, bytes_B


NAMES_S4, NAME_BYTES = _tables()
WINDOWS_32.setflags(write=False)


@borrowing
def _named(page, begin, end, names_S4, name_bytes):  # type: ignore[no-untyped-def]
    """Returns the slot of the name page[begin:end], or -1."""
    value = np.int64(0)
    for at in range(begin, end):
        value = (value * _FACTOR + np.int64(page[at])) & 0x3FFFFFFF
    slot = value & _MASK
    while names_S4[slot, 1]:
        if names_S4[slot, 1] == end - begin:
            same = True
            for i in range(end - begin):
                same &= name_bytes[names_S4[slot, 0] + i] == page[begin + i]
            if same:
                return slot
        slot = (slot + 1) & _MASK
    return -1


@borrowing
def put_character(point, out, size):  # type: ignore[no-untyped-def]
    """Writes a code point as UTF-8 to out[size:] and returns the new size."""
    if point < 0x80:
        out[size] = np.uint8(point)
        return size + 1
    if point < 0x800:
        out[size] = np.uint8(0xC0 | point >> 6)
        out[size + 1] = np.uint8(0x80 | point & 0x3F)
        return size + 2
    if point < 0x10000:
        out[size] = np.uint8(0xE0 | point >> 12)
        out[size + 1] = np.uint8(0x80 | point >> 6 & 0x3F)
        out[size + 2] = np.uint8(0x80 | point & 0x3F)
        return size + 3
    out[size] = np.uint8(0xF0 | point >> 18)
    out[size + 1] = np.uint8(0x80 | point >> 12 & 0x3F)
    out[size + 2] = np.uint8(0x80 | point >> 6 & 0x3F)
    out[size + 3] = np.uint8(0x80 | point & 0x3F)
    return size + 4


@borrowing
def _digit(byte, is_hex):  # type: ignore[no-untyped-def]
    """Returns the value of a digit, or -1."""
    if np.uint8(48) <= byte <= np.uint8(57):
        return np.int64(byte) - 48
    lower = np.int64(byte) | 32
    return lower - 87 if is_hex and 97 <= lower <= 102 else -1


@borrowing
def _numeric(page, at, end, out, size, windows_32):  # type: ignore[no-untyped-def]
    """Writes what the reference with `#` at `at` means; returns (end, size), and end 0 where it is none."""
    is_hex = at + 1 < end and (page[at + 1] | np.uint8(32)) == np.uint8(120)
    begin = at + 2 if is_hex else at + 1
    at, point = begin, 0
    while at < end:
        digit = _digit(page[at], is_hex)
        if digit < 0:
            break
        point = min(point * (16 if is_hex else 10) + digit, _MAX_POINT + 1)
        at += 1
    if at == begin:
        return 0, size
    if point == 0 or point > _MAX_POINT or 0xD800 <= point <= 0xDFFF:
        point = _REPLACEMENT
    elif 0x80 <= point <= 0x9F:
        point = windows_32[point - 0x80]
    if at < end and page[at] == _SEMICOLON:
        at += 1
    return at, put_character(point, out, size)


@borrowing
def _is_alphanumeric(byte):  # type: ignore[no-untyped-def]
    lower = byte | np.uint8(32)
    return np.uint8(97) <= lower <= np.uint8(122) or np.uint8(48) <= byte <= np.uint8(57)


@borrowing
def put_reference(page, at, end, out, size, in_attribute, names_S4, name_bytes, windows_32):  # type: ignore[no-untyped-def]
    """Writes what the reference at the ampersand page[at] means to out[size:]; what is none is the ampersand itself.

    Returns (index after it, new size). A meaning may be one byte longer than its reference, and is six at most.
    """
    begin = at + 1
    if begin < end and page[begin] == _HASH:
        after, new = _numeric(page, begin, end, out, size, windows_32)
        if after:
            return after, new
    last = begin
    while last < end and last - begin < MAX_NAME_BYTES and _is_alphanumeric(page[last]):
        last += 1
    slot, after = -1, begin
    if last < end and page[last] == _SEMICOLON:
        slot, after = _named(page, begin, last + 1, names_S4, name_bytes), last + 1
    length = min(last - begin, MAX_WITHOUT_SEMICOLON)
    while slot < 0 and length > 1:
        slot, after = _named(page, begin, begin + length, names_S4, name_bytes), begin + length
        length -= 1
        if slot >= 0 and in_attribute and after < end and (page[after] == _EQUALS or _is_alphanumeric(page[after])):
            slot, length = -1, 0
    if slot < 0:
        out[size] = _AMPERSAND
        return begin, size + 1
    for i in range(names_S4[slot, 3]):
        out[size + i] = name_bytes[names_S4[slot, 2] + i]
    return after, size + names_S4[slot, 3]
