"""Pages of the web damaged at random, as broken servers and hostile authors damage them; the same for the same seed."""

import re
from collections.abc import Callable
from random import Random

TAG = re.compile(rb"<[^<>]{0,200}>")
OPENERS = (b"<div>", b"<b>", b"<table><tr><td>", b"<ul><li>", b"<svg>", b"<a href=x>", b"<select>", b"<pre>", b"<math>")
MARKS = (
    b"<",
    b">",
    b"</",
    b"&",
    b"&#",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"\0",
    b"'",
    b'"',
    b"=",
    b"<script>",
    b"</script>",
)
MARKS += (b"<sup>", b"</sup>", b"<textarea>", b"<plaintext>", b"\xc2", b"\xe3\x81", b"\xff\xfe", b"</table>", b"<br>")
MOST_SPAN = 4000


def _span(page: bytes, draw: Random) -> tuple[int, int]:
    begin = draw.randrange(len(page) + 1)
    return begin, min(begin + draw.randrange(1, MOST_SPAN), len(page))


def truncated(page: bytes, draw: Random) -> bytes:
    return page[: draw.randrange(len(page) + 1)]


def flipped(page: bytes, draw: Random) -> bytes:
    damaged = bytearray(page)
    for _ in range(draw.randrange(1, 64) if page else 0):
        damaged[draw.randrange(len(page))] = draw.randrange(256)
    return bytes(damaged)


def without_a_span(page: bytes, draw: Random) -> bytes:
    begin, end = _span(page, draw)
    return page[:begin] + page[end:]


def with_a_span_twice(page: bytes, draw: Random) -> bytes:
    begin, end = _span(page, draw)
    at = draw.randrange(len(page) + 1)
    return page[:at] + page[begin:end] * draw.randrange(1, 4) + page[at:]


def nested(page: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(page) + 1)
    return page[:at] + draw.choice(OPENERS) * draw.randrange(1, 600) + page[at:]


def with_tags_swapped(page: bytes, draw: Random) -> bytes:
    parts = re.split(rb"(<[^<>]{0,200}>)", page)
    tags = range(1, len(parts), 2)
    for _ in range(8 if len(tags) > 1 else 0):
        one, other = draw.sample(tags, 2)
        parts[one], parts[other] = parts[other], parts[one]
    return b"".join(parts)


def with_random_bytes(page: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(page) + 1)
    return page[:at] + draw.randbytes(draw.randrange(1, 200)) + page[at:]


def with_marks(page: bytes, draw: Random) -> bytes:
    for _ in range(draw.randrange(1, 12)):
        at = draw.randrange(len(page) + 1)
        page = page[:at] + draw.choice(MARKS) + page[at:]
    return page


def with_attributes(page: bytes, draw: Random) -> bytes:
    tags = list(TAG.finditer(page))
    if not tags:
        return page
    at = draw.choice(tags).end() - 1
    one = draw.choice((b" a", b" b='c'", b' class="comment x"', b" colspan=9999999999", b" =", b" d='", b" alt=&lt"))
    return page[:at] + one * draw.randrange(1, 400) + page[at:]


KINDS: tuple[Callable[[bytes, Random], bytes], ...] = (truncated, flipped, without_a_span, with_a_span_twice, nested)
KINDS += (with_tags_swapped, with_random_bytes, with_marks, with_attributes)


def mutated(page: bytes, draw: Random) -> bytes:
    """Returns the page after one to four kinds of damage."""
    for kind in draw.choices(KINDS, k=draw.randrange(1, 5)):
        page = kind(page, draw)
    return page


def cut(page: bytes, draw: Random, num_bytes: int) -> bytes:
    """Returns a piece of a page."""
    at = draw.randrange(max(len(page) - num_bytes, 0) + 1)
    return page[at : at + num_bytes]
