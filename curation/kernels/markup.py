"""How much work an HTML page can make for a tree builder, from one pass over its bytes.

The HTML parsing algorithm (WHATWG HTML, section 13.2) is not linear in its input. In resiliparse 2.0.1, 164 kB of
unclosed `<b>` and `<p>` made a tree of 3.8 GB in 11 s, a tag with 100,000 attributes took 12 s, 20,000 nested `<div>`
4 s. It has no limits of its own, so pages are measured before they reach it. What is counted here is an estimate from
above for what is met in the wild and for the known attacks; it builds no tree.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

_SLOTS = 1024
_FACTOR = 33  # gives every name below a slot of its own
_MASK = 0x3FFFFFFF
_MAX_ALIKE = 3  # WHATWG HTML, section 13.2.4.3, the "Noah's Ark clause"
_LESS, _GREATER, _BANG, _QUESTION, _SLASH, _DASH, _EQUALS = (ord(mark) for mark in "<>!?/-=")
_QUOTES, _SPACES = (34, 39), (9, 10, 12, 13, 32)
_DEPTH, _ACTIVE, _LOST, _SPECIAL, _OPTIONS, _NODES, _VISITS = range(7)  # of state_7
_KINDS = ("", "void", "implied", "formatting", "lone", "raw", "select", "option", "foreign")
_VOID, _IMPLIED, _FORMATTING, _LONE, _RAW, _SELECT, _OPTION, _FOREIGN = range(1, 9)
NAMES_OF_KIND = {
    "void": "area base br col embed frame hr img input link meta param source track wbr keygen basefont bgsound image",
    "implied": "p li dt dd tr td th tbody thead tfoot colgroup caption rb rt rp rtc html head body optgroup",
    "formatting": "b big code em font i s small strike strong tt u",
    "lone": "a nobr",
    "raw": "script style textarea title xmp iframe noembed noframes",
    "select": "select",
    "option": "option",
    "foreign": "svg math",
}
"""Elements that a tree builder treats in a way of their own. `implied` close one another, so they do not nest by
themselves; `lone` are formatting elements of which a second closes the first; `raw` hold no tags."""


def _hash(name: bytes) -> int:
    value = 0
    for byte in name:
        value = (value * _FACTOR + byte) & _MASK
    return value


def _tables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    kind_S, hash_S = np.zeros(_SLOTS, np.int64), np.full(_SLOTS, -1, np.int64)
    for kind, names in NAMES_OF_KIND.items():
        for name in names.split():
            value = _hash(name.encode())
            slot = (value ^ (value >> 10)) & (_SLOTS - 1)
            if hash_S[slot] >= 0:
                raise AssertionError(f"two element names share slot {slot}: {name}")
            kind_S[slot], hash_S[slot] = _KINDS.index(kind), value
    return kind_S, hash_S


_KIND_S, _HASH_S = _tables()


def page_work(page: NDArray[np.uint8]) -> tuple[int, int]:
    """Returns (nodes, visits) that a tree builder and a walk over the tree may need for `page`.

    nodes: start tags, their attributes, runs of text, comments, and formatting elements made again after each block
    (the "active formatting elements", at most three alike). visits: the sum over nodes of the elements open there,
    plus the square of the attributes of each tag and of the options of each select, which builders compare pairwise.

    Args:
        page: uint8 (B,), HTML in UTF-8; not changed.

    Raises:
        ValueError: another dtype or shape.
    """
    if page.dtype != np.uint8 or page.ndim != 1:
        raise ValueError(f"page_work: expected uint8 (B,), found {page.dtype} {page.shape}")
    nodes, visits = _page_work(page, _KIND_S, _HASH_S)
    return int(nodes), int(visits)


@kernel
def _page_work(page, kind_S, hash_S):  # type: ignore[no-untyped-def]
    open_S = np.zeros(_SLOTS, np.int64)  # elements open, by slot of the name; never negative
    made_S = np.zeros(_SLOTS, np.int64)  # formatting entries a name may have, at most three alike
    alike_S = np.zeros(4 * _SLOTS, np.int64)  # formatting start tags seen, by slot of the whole tag
    state_7 = np.zeros(7, np.int64)
    i = 0
    while i < page.size:
        start = i
        if page[i] != _LESS or i + 1 >= page.size:
            i = _find(page, i + 1, _LESS)
            _node(state_7, 0, 0)
            continue
        if page[i + 1] == _BANG or page[i + 1] == _QUESTION:
            i = _after_comment(page, i)
            _node(state_7, 0, 0)
            continue
        closing = page[i + 1] == _SLASH
        name = i + 2 if closing else i + 1
        if name >= page.size or not _is_letter(page[name]):
            state_7[_NODES] += 1
            state_7[_VISITS] += state_7[_DEPTH]
            i = name
            continue
        name_end, value = _name(page, name)
        slot = (value ^ (value >> 10)) & (_SLOTS - 1)
        kind = kind_S[slot] if hash_S[slot] == value else 0
        i, attributes = _tag(page, name_end)
        if closing:
            _close(state_7, open_S, made_S, slot, kind)
            continue
        _node(state_7, kind, attributes)
        if kind == _RAW and state_7[_SPECIAL] == 0:
            state_7[_LOST] = 1
            i = _after_raw(page, i, page[name:name_end])
        elif not (kind == _LONE and open_S[slot] > 0):
            before = min(open_S[slot], made_S[slot])
            if kind in (_FORMATTING, _LONE):
                _count_alike(alike_S, made_S, slot, kind, page[start:i])
            _open(state_7, open_S, slot, kind)
            state_7[_ACTIVE] += min(open_S[slot], made_S[slot]) - before
    return state_7[_NODES], state_7[_VISITS]


@kernel
def _node(state_7, kind, attributes):  # type: ignore[no-untyped-def]
    """Counts text, a comment or a start tag, and before it the formatting that a block closed and this opens again."""
    if state_7[_LOST] and kind not in (_VOID, _IMPLIED):
        state_7[_NODES] += state_7[_ACTIVE]
        state_7[_VISITS] += state_7[_ACTIVE] * (state_7[_DEPTH] + 1)
        state_7[_LOST] = 0
    state_7[_NODES] += 1 + attributes
    state_7[_VISITS] += state_7[_DEPTH] + 1 + attributes * attributes


@kernel
def _open(state_7, open_S, slot, kind):  # type: ignore[no-untyped-def]
    if kind not in (_FORMATTING, _LONE):
        state_7[_LOST] = 1
    if kind == _OPTION:
        state_7[_OPTIONS] += 1
        state_7[_VISITS] += 2 * state_7[_OPTIONS]
    elif kind != _VOID:
        open_S[slot] += 1
        state_7[_DEPTH] += kind != _IMPLIED
        if kind == _SELECT:
            state_7[_OPTIONS] = 0
        state_7[_SPECIAL] += kind in (_SELECT, _FOREIGN)


@kernel
def _close(state_7, open_S, made_S, slot, kind):  # type: ignore[no-untyped-def]
    if kind not in (_FORMATTING, _LONE):
        state_7[_LOST] = 1
    if open_S[slot] > 0:
        open_S[slot] -= 1
        state_7[_DEPTH] -= kind not in (_VOID, _IMPLIED)
        state_7[_SPECIAL] -= kind in (_SELECT, _FOREIGN)
        state_7[_ACTIVE] -= open_S[slot] < made_S[slot]


@kernel
def _count_alike(alike_S, made_S, slot, kind, tag):  # type: ignore[no-untyped-def]
    """Gives the name one more formatting entry, unless three like it (for a lone one: any) are there."""
    value = np.int64(0)
    for k in range(tag.size):
        value = (value * _FACTOR + np.int64(tag[k])) & _MASK
    alike = (value ^ (value >> 12)) & (alike_S.size - 1)
    if alike_S[alike] < _MAX_ALIKE and (kind == _FORMATTING or made_S[slot] == 0):
        alike_S[alike] += 1
        made_S[slot] += 1


@kernel
def _is_letter(byte):  # type: ignore[no-untyped-def]
    return ord("a") <= (byte | 32) <= ord("z")


@kernel
def _find(page, i, byte):  # type: ignore[no-untyped-def]
    """Returns the first index from `i` on that holds `byte`, or the end."""
    while i < page.size and page[i] != byte:
        i += 1
    return i


@kernel
def _name(page, i):  # type: ignore[no-untyped-def]
    """Returns the end of the tag name at `i` and its hash, letters lower-cased."""
    value = np.int64(0)
    while i < page.size and page[i] not in _SPACES and page[i] != _SLASH and page[i] != _GREATER:
        lower = 32 if ord("A") <= page[i] <= ord("Z") else 0
        value = (value * _FACTOR + np.int64(page[i] | lower)) & _MASK
        i += 1
    return i, value


@kernel
def _tag(page, i):  # type: ignore[no-untyped-def]
    """Returns the index after the tag whose name ends at `i`, and how many attributes it has."""
    attributes = 0
    while i < page.size:
        if page[i] == _GREATER:
            return i + 1, attributes
        if page[i] in _SPACES or page[i] == _SLASH:
            i += 1
            continue
        attributes += 1
        i += 1  # a first "=" belongs to the name
        while i < page.size and page[i] not in _SPACES and page[i] not in (_SLASH, _GREATER, _EQUALS):
            i += 1
        i = _value(page, i)
    return i, attributes


@kernel
def _value(page, i):  # type: ignore[no-untyped-def]
    """Returns the index after the attribute value that may follow at `i`."""
    equals = _after_spaces(page, i)
    if equals >= page.size or page[equals] != _EQUALS:
        return i
    i = _after_spaces(page, equals + 1)
    if i < page.size and page[i] in _QUOTES:
        return _find(page, i + 1, page[i]) + 1
    while i < page.size and page[i] not in _SPACES and page[i] != _GREATER:
        i += 1
    return i


@kernel
def _after_spaces(page, i):  # type: ignore[no-untyped-def]
    while i < page.size and page[i] in _SPACES:
        i += 1
    return i


@kernel
def _after_comment(page, i):  # type: ignore[no-untyped-def]
    """Returns the index after the comment, doctype or instruction at `i`."""
    if i + 3 >= page.size or page[i + 1] != _BANG or page[i + 2] != _DASH or page[i + 3] != _DASH:
        return _find(page, i + 2, _GREATER) + 1
    end = _find(page, i + 4, _GREATER)
    while end < page.size:  # "-->" and "--!>" end it; so do "<!-->" and "<!--->"
        bang = page[end - 1] == _BANG
        if page[end - 1 - bang] == _DASH and page[end - 2 - bang] == _DASH:
            return end + 1
        end = _find(page, end + 1, _GREATER)
    return end


@kernel
def _after_raw(page, i, name):  # type: ignore[no-untyped-def]
    """Returns the index of the end tag of a raw text element, or the end."""
    while True:
        i = _find(page, i, _LESS)
        if i + 2 + name.size > page.size:
            return page.size
        if page[i + 1] == _SLASH:
            same = True
            for k in range(name.size):
                same = same and (page[i + 2 + k] | 32) == (name[k] | 32)
            if same:
                return i
        i += 1
