"""What the class, id, role and itemprop of an element say about it: thirteen kinds of hint, and a signature.

Pieces of words ("comment", " nav", " ad ") are found by one pass of an automaton (Aho & Corasick 1975) over letters and
boundaries; a boundary (space in `HINTS`) is whatever is no letter, either end, and a capital after a small letter.
The idea of telling content by such words is Readability's (Arc90 2009); the lists are our own.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing

HINTS = {
    "article": ("article", "content", " body", "story", " text", "entry", " main", " post ", "blog", "hentry", "prose"),
    "comment": ("comment", "disqus", " reply", "replies", "respond", "thread", "discuss", "feedback", "review"),
    "navigation": ("nav", "menu", "breadcrumb", "paginat", "pager", " tabs", "toolbar", "sitemap"),
    "side": ("sidebar", " side ", "aside", "widget", " rail", "right col", "rightcol", "leftcol", "secondary"),
    "related": (
        *("related", "recommend", "teaser", "popular", "trending", " more", "promo", " card", "carousel", "latest"),
        *("most read", "mostread", "suggest", "feed", "outbrain", "taboola", " also ", "see also", "next", "similar"),
    ),
    "advertisement": (" ad ", " ads ", "advert", "sponsor", "banner", "adslot", " dfp ", " gpt ", "affiliate"),
    "share": ("share", "sharing", "social", "facebook", "twitter", "follow", "whatsapp"),
    "about": ("author", "byline", " date", " meta", " tag", "categor", "credit", "publish", " time", " bio", "profile"),
    "foot": ("foot", "copyright", "legal", "disclaim", "colophon"),
    "head": ("header", "masthead", "title", "headline", " hero", "logo", " top "),
    "form": (
        *(" form", "newsletter", "subscri", "signup", "sign up", "login", "signin", "modal", "popup", "cookie"),
        *("consent", "gdpr", "paywall", "overlay", "search", "donat"),
    ),
    "hidden": ("hidden", " sr only", "screen reader", "print only", "noprint", "no print", "display none", "collapse"),
    "media": ("caption", "figure", "gallery", "image", "photo", "video", "player", "slide", "media", "embed"),
}
"""Pieces of words by kind; the n-th kind is bit n. Other markup (`hidden`, `style="display:none"`) is HIDDEN too."""
_NO_COMMENT = (
    *("comments open", "comments closed", "comments off", "comment open", "comment closed", "comment off"),
    *("no comment", "has comment", "with comment", "without comment", "open comment", "closed comment"),
)
"""Where one of these is found, "comment" says only whether readers may write some."""
NUM_HINTS = len(HINTS)
_COMMENT, _TAKEN_BACK = (np.uint32(1 << bit) for bit in (list(HINTS).index("comment"), NUM_HINTS))
HIDDEN = np.uint32(1 << list(HINTS).index("hidden"))
_SYMBOLS = 27
_PRIME, _BASIS = np.uint64(0x100000001B3), np.uint64(0xCBF29CE484222325)
_NAMES = (b"class", b"id", b"role", b"itemprop", b"style", b"hidden", b"aria-hidden")
_CLASS, _STYLE, _BARE, _ARIA = 0, 4, 5, 6
ATTRIBUTES_A = np.array([int.from_bytes(name[:8].ljust(8, b"\0"), "little") for name in _NAMES], np.uint64)


def _automaton() -> tuple[NDArray[np.int16], NDArray[np.uint32]]:
    """Returns the next state by state and symbol (0: boundary, 1 to 26: letter), and the hints found in each state."""
    children: list[dict[int, int]] = [{}]
    bits = [0]
    for bit, pieces in enumerate([*HINTS.values(), _NO_COMMENT]):
        for piece in pieces:
            state = 0
            for symbol in (0 if letter == " " else ord(letter) - 96 for letter in piece):
                if symbol not in children[state]:
                    children[state][symbol] = len(children)
                    children.append({})
                    bits.append(0)
                state = children[state][symbol]
            bits[state] |= 1 << bit
    next_S = np.zeros((len(children), _SYMBOLS), np.int16)
    fails, queue = [0] * len(children), [0]
    for state in queue:  # grows while it is read: breadth first
        for symbol in range(_SYMBOLS):
            child = children[state].get(symbol)
            fallback = int(next_S[fails[state], symbol]) if state else 0
            next_S[state, symbol] = fallback if child is None else child
            if child is not None:
                fails[child] = fallback
                bits[child] |= bits[fallback]
                queue.append(child)
    next_S.setflags(write=False)
    bits_S = np.array(bits, np.uint32)
    bits_S.setflags(write=False)
    return next_S, bits_S


NEXT_S27, BITS_S = _automaton()
ATTRIBUTES_A.setflags(write=False)


@borrowing
def hints_of(page, begin, end, next_S27, bits_S, attributes_A):  # type: ignore[no-untyped-def]
    """Returns (bits of hints, signature) of the attributes page[begin:end]; the signature is of `class` less digits."""
    bits, signature = np.uint32(0), _BASIS
    at = begin
    while at < end:
        if page[at] in (32, 9, 10, 12, 13, 47):
            at += 1
            continue
        low = np.uint64(0)
        name = at
        while at < end and page[at] not in (32, 9, 10, 12, 13, 47, 61):
            if at - name < 8:
                byte = np.uint64(page[at])
                if np.uint64(65) <= byte <= np.uint64(90):
                    byte |= np.uint64(32)
                low |= byte << np.uint64((at - name) * 8)
            at += 1
        length = at - name
        while at < end and page[at] in (32, 9, 10, 12, 13):
            at += 1
        value = stop = at
        if at < end and page[at] == 61:
            at += 1
            while at < end and page[at] in (32, 9, 10, 12, 13):
                at += 1
            if at < end and page[at] in (34, 39):
                quote = page[at]
                at += 1
                value = at
                while at < end and page[at] != quote:
                    at += 1
                stop = at
                at += 1
            else:
                value = at
                while at < end and page[at] not in (32, 9, 10, 12, 13):
                    at += 1
                stop = at
        elif length == 0:
            at += 1
            continue
        kind = -1
        for a in range(attributes_A.size):
            if attributes_A[a] == low:
                kind = a
        if kind == _BARE and length == 6:
            bits |= HIDDEN
        elif kind == _STYLE or (kind == _ARIA and length == 11):
            found = _scan(page, value, stop, next_S27, bits_S)
            if kind == _STYLE:
                bits |= found & HIDDEN
            elif stop > value and page[value] | np.uint8(32) == 116:  # "true"
                bits |= HIDDEN
        elif kind >= 0 and kind < _STYLE:
            bits |= _scan(page, value, stop, next_S27, bits_S)
            if kind == _CLASS:
                for i in range(value, stop):
                    if not np.uint8(48) <= page[i] <= np.uint8(57):
                        signature = np.uint64((signature ^ np.uint64(page[i])) * _PRIME)
    if bits & _TAKEN_BACK:
        bits &= ~(_COMMENT | _TAKEN_BACK)
    return bits, signature


@borrowing
def _scan(page, begin, end, next_S27, bits_S):  # type: ignore[no-untyped-def]
    """Returns the hints in page[begin:end]."""
    bits = np.uint32(0)
    state = np.int64(next_S27[0, 0])
    was_small, was_letter = False, False
    for at in range(begin, end):
        byte = page[at]
        lower = byte | np.uint8(32)
        is_letter = np.uint8(97) <= lower <= np.uint8(122)
        if is_letter and byte != lower and was_small:
            state = np.int64(next_S27[state, 0])
            bits |= bits_S[state]
        was_small = is_letter and byte == lower
        if is_letter or was_letter:  # of several boundaries one counts
            state = np.int64(next_S27[state, np.int64(lower) - 96 if is_letter else 0])
        was_letter = is_letter
        bits |= bits_S[state]
    return bits | bits_S[next_S27[state, 0]] if was_letter else bits
