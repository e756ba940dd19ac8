"""Names of HTML elements as numbers, and what the tree builder does with each (WHATWG HTML, sections 4 and 13.2).

An element's code is its place in `NAMES`, from 1; 0 is every other name. Up to sixteen bytes of a name, lower-cased,
are two words, looked up exactly: no page can make one name pass for another.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing

NAMES_OF = {
    "void": "area base br col embed hr img input link meta param source track wbr keygen basefont bgsound frame image",
    "raw": "style xmp iframe noembed noframes script",
    "escapable": "title textarea",
    "formatting": "a b big code em font i nobr s small strike strong tt u",
    "block": "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer "
    "header hgroup main menu nav ol p search section summary ul h1 h2 h3 h4 h5 h6 pre listing form table "
    "hr xmp plaintext li dt dd",
    "special": "address applet area article aside base basefont bgsound blockquote body br button caption center col "
    "colgroup dd details dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 "
    "h3 h4 h5 h6 head header hgroup hr html iframe img input keygen li link listing main marquee menu "
    "meta nav noembed noframes noscript object ol p param plaintext pre script search section select "
    "source style summary table tbody td template textarea tfoot th thead title tr track ul wbr xmp",
    "scope": "applet caption html table td th marquee object template foreignobject desc",
    "foreign": "svg math",
    "breakout": "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li "
    "listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var",
    "html_in_foreign": "foreignobject desc title mi mo mn ms mtext annotation-xml",
    "heading": "h1 h2 h3 h4 h5 h6",
    "rows": "tbody thead tfoot",
    "cell": "td th",
    "other": "abbr acronym audio bdi bdo canvas cite data datalist del dfn ins kbd label legend map mark meter "
    "noscript optgroup option output picture portal progress q rb rp rt rtc ruby samp slot span sub sup "
    "svg time tr var video math path g annotation",
}
"""Kinds of element, each by its names; an element may be of several. Section 13.2.4.2 names `special` and `scope`."""
KINDS = tuple(NAMES_OF)
VOID, RAW, ESCAPABLE, FORMATTING, BLOCK, SPECIAL, SCOPE, FOREIGN, BREAKOUT, HTML_IN_FOREIGN, HEADING, ROWS, CELL = (
    np.uint16(1 << bit) for bit in range(13)
)
NAMES = ("", *sorted({name for names in NAMES_OF.values() for name in names.split()}))
CODE = {name: code for code, name in enumerate(NAMES)}
MAX_NAME_BYTES = 16
_SLOTS = 1024
_MASK = np.uint64(_SLOTS - 1)
_ODD_LOW, _ODD_HIGH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT, _ONE = np.uint64(54), np.uint64(1)


def codes(names: str) -> tuple[np.int64, ...]:
    """Returns the codes of names with spaces between them, typed: for each literal a kernel is compiled anew."""
    return tuple(np.int64(CODE[name]) for name in names.split())


def _kinds() -> NDArray[np.uint16]:
    kinds_C = np.zeros(len(NAMES), np.uint16)
    for bit, names in enumerate(list(NAMES_OF.values())[:13]):
        kinds_C[[CODE[name] for name in names.split()]] |= np.uint16(1 << bit)
    kinds_C.setflags(write=False)
    return kinds_C


def _words(name: str) -> tuple[int, int]:
    padded = name.encode().ljust(MAX_NAME_BYTES, b"\0")
    return int.from_bytes(padded[:8], "little"), int.from_bytes(padded[8:], "little")


def _slots() -> NDArray[np.uint64]:
    """Returns uint64 (SLOTS, 3): both words of a name and its code; code 0 is an empty slot."""
    table = np.zeros((_SLOTS, 3), np.uint64)
    for code, name in enumerate(NAMES[1:], start=1):
        low, high = _words(name)
        slot = ((low * int(_ODD_LOW) ^ high * int(_ODD_HIGH)) & (2**64 - 1)) >> int(_SHIFT)
        while table[slot, 2]:
            slot = (slot + 1) % _SLOTS
        table[slot] = low, high, code
    table.setflags(write=False)
    return table


KINDS_C = _kinds()
"""uint16 (C,): the kinds of each element."""
SLOTS_S3 = _slots()


@borrowing
def element_code(page, begin, end, slots_S3):  # type: ignore[no-untyped-def]
    """Returns the code of the name page[begin:end], whatever its case; 0 for a name that is not listed."""
    if end - begin > MAX_NAME_BYTES:
        return 0
    low, high = np.uint64(0), np.uint64(0)
    for at in range(begin, end):
        byte = np.uint64(page[at])
        if np.uint64(65) <= byte <= np.uint64(90):
            byte |= np.uint64(32)
        if at - begin < 8:
            low |= byte << np.uint64((at - begin) * 8)
        else:
            high |= byte << np.uint64((at - begin - 8) * 8)
    slot = (low * _ODD_LOW ^ high * _ODD_HIGH) >> _SHIFT
    while slots_S3[slot, 2] != np.uint64(0):
        if slots_S3[slot, 0] == low and slots_S3[slot, 1] == high:
            return np.int64(slots_S3[slot, 2])
        slot = (slot + _ONE) & _MASK
    return 0
