"""How much work an HTML page can make for a tree builder, from one pass over its bytes.

The HTML parsing algorithm (WHATWG HTML, section 13.2) is not linear in its input: 164 kB of unclosed `<b>` and `<p>`
made a tree of 3.8 GB in 11 s, a tag with 100,000 attributes took 12 s, 20,000 nested `<div>` 4 s. No tree builder at hand
has limits, so pages are measured before they reach one. What is counted here is an estimate from above for what is met
in the wild and for the known attacks; it builds no tree.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

_SLOTS = 1024
_FACTOR = 33  # gives every name below a slot of its own
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
        value = (value * _FACTOR + byte) & 0x3FFFFFFF
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
    (the "active formatting elements", at most three alike). visits: the sum over nodes of the elements open there, plus the square
    of the attributes of each tag and of the options of each select, which builders compare pairwise.

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
def _page_work(page, kind_S, hash_S):
    open_S = np.zeros(_SLOTS, np.int64)  # elements open, by slot of the name; negative never
    alike_S = np.zeros(4 * _SLOTS, np.int64)  # formatting start tags seen, by slot of the whole tag
    made_S = np.zeros(_SLOTS, np.int64)  # formatting entries a name may have, at most three alike
    depth, active, lost, special, options = 0, 0, False, 0, 0
    nodes, visits, i = 0, 0, 0
    while i < page.size:
        start = i
        if page[i] != 60 or i + 1 >= page.size:  # not "<"
            i = _find(page, i + 1, 60)
            kind, closing, slot, attributes = 0, False, -1, 0
        elif page[i + 1] == 33 or page[i + 1] == 63:  # "<!" or "<?"
            i = _after_comment(page, i)
            kind, closing, slot, attributes = 0, False, -1, 0
        else:
            closing = page[i + 1] == 47  # "/"
            name = i + 2 if closing else i + 1
            if name >= page.size or not _is_letter(page[name]):
                nodes, visits, i = nodes + 1, visits + depth, name
                continue
            name_end, value = _name(page, name)
            slot = (value ^ (value >> 10)) & (_SLOTS - 1)
            kind = kind_S[slot] if hash_S[slot] == value else 0
            i, attributes = _tag(page, name_end)
        if closing:
            if open_S[slot] > 0:
                open_S[slot] -= 1
                depth -= kind not in (_VOID, _IMPLIED)
                special -= kind in (_SELECT, _FOREIGN)
                active -= kind in (_FORMATTING, _LONE) and open_S[slot] < made_S[slot]
            lost = lost or kind not in (_FORMATTING, _LONE)
            continue
        if lost and kind not in (_VOID, _IMPLIED):  # text or an element: what was open is made again
            nodes, visits, lost = nodes + active, visits + active * (depth + 1), False
        nodes, visits = nodes + 1 + attributes, visits + depth + 1 + attributes * attributes
        if slot < 0 or (kind == _LONE and open_S[slot] > 0):
            continue
        lost = lost or kind not in (_FORMATTING, _LONE)
        if kind == _OPTION:
            options += 1
            visits += 2 * options
            continue
        if kind == _VOID:
            continue
        if kind == _RAW and special == 0:
            i = _after_raw(page, i, page[name:name_end])
            continue
        if kind in (_FORMATTING, _LONE):
            alike = _slot_of_tag(page[start:i])
            if alike_S[alike] < 3 and (kind == _FORMATTING or made_S[slot] == 0):
                alike_S[alike] += 1
                made_S[slot] += 1
            active += open_S[slot] < made_S[slot]
        options = 0 if kind == _SELECT else options
        open_S[slot] += 1
        depth += kind not in (_VOID, _IMPLIED)
        special += kind in (_SELECT, _FOREIGN)
    return nodes, visits


@kernel
def _is_letter(byte):
    return 97 <= (byte | 32) <= 122


@kernel
def _is_space(byte):
    return byte in (32, 10, 9, 12, 13)


@kernel
def _find(page, i, byte):
    """Returns the first index from `i` on that holds `byte`, or the end."""
    while i < page.size and page[i] != byte:
        i += 1
    return i


@kernel
def _name(page, i):
    """Returns the end of the tag name at `i` and its hash, letters lower-cased."""
    value = 0
    while i < page.size and not _is_space(page[i]) and page[i] != 47 and page[i] != 62:
        byte = np.int64(page[i])
        value = (value * _FACTOR + (byte | 32 if 65 <= byte <= 90 else byte)) & 0x3FFFFFFF
        i += 1
    return i, value


@kernel
def _tag(page, i):
    """Returns the index after the tag whose name ends at `i`, and how many attributes it has."""
    attributes = 0
    while i < page.size:
        if page[i] == 62:
            return i + 1, attributes
        if _is_space(page[i]) or page[i] == 47:
            i += 1
            continue
        attributes += 1
        i += 1  # a first "=" belongs to the name
        while i < page.size and not _is_space(page[i]) and page[i] not in (47, 62, 61):
            i += 1
        i = _value(page, i)
    return i, attributes


@kernel
def _value(page, i):
    """Returns the index after the attribute value that may follow at `i`."""
    equals = i
    while equals < page.size and _is_space(page[equals]):
        equals += 1
    if equals >= page.size or page[equals] != 61:
        return i
    i = equals + 1
    while i < page.size and _is_space(page[i]):
        i += 1
    if i < page.size and page[i] in (34, 39):
        return _find(page, i + 1, page[i]) + 1
    while i < page.size and not _is_space(page[i]) and page[i] != 62:
        i += 1
    return i


@kernel
def _after_comment(page, i):
    """Returns the index after the comment, doctype or instruction at `i`."""
    if page[i + 1] == 33 and page[i + 2 : i + 4].size == 2 and page[i + 2] == 45 and page[i + 3] == 45:
        j = i + 4
        while True:  # "-->" and "--!>" end it; so do "<!-->" and "<!--->"
            j = _find(page, j, 62)
            if j >= page.size:
                return j
            dashes = page[j - 1] == 45 and page[j - 2] == 45
            if dashes or (page[j - 1] == 33 and page[j - 2] == 45 and page[j - 3] == 45):
                return j + 1
            j += 1
    return _find(page, i + 2, 62) + 1


@kernel
def _after_raw(page, i, name):
    """Returns the index of the end tag of a raw text element, or the end."""
    while True:
        i = _find(page, i, 60)
        if i + 2 + name.size > page.size:
            return page.size
        if page[i + 1] == 47:
            same = True
            for k in range(name.size):
                same = same and (page[i + 2 + k] | 32) == (name[k] | 32)
            if same:
                return i
        i += 1


@kernel
def _slot_of_tag(tag):
    value = 0
    for byte in tag:
        value = (value * _FACTOR + np.int64(byte)) & 0x3FFFFFFF
    return (value ^ (value >> 12)) & (4 * _SLOTS - 1)
