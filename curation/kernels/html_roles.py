"""What an HTML element is to the text of a page: what begins a line, what a paragraph, what is never read."""

import numpy as np
from numpy.typing import NDArray

from curation.kernels.html_names import CODE, NAMES

INLINE, UNREAD, LINE, PARAGRAPH, HEADING, LIST, ITEM, PRE, INLINE_CODE, BR = (np.uint8(role) for role in range(10))
TABLE, ROW, CELL, CAPTION, MATH, IMAGE, SCRIPT, SPAN, SUPERSCRIPT, SUBSCRIPT = (
    np.uint8(role) for role in range(10, 20)
)

_ROLES = {
    UNREAD: "head title style noscript iframe noembed noframes template textarea select datalist svg audio "
    "video canvas object applet progress meter rp",
    LINE: "address article aside body button center details dialog div figcaption footer form header hgroup html "
    "legend main nav search section summary dt dd tbody thead tfoot",
    PARAGRAPH: "p blockquote dl figure hr fieldset",
    HEADING: "h1 h2 h3 h4 h5 h6",
    LIST: "ul ol dir menu",
    ITEM: "li",
    PRE: "pre listing xmp plaintext",
    INLINE_CODE: "code tt samp kbd",
    BR: "br",
    TABLE: "table",
    ROW: "tr",
    CELL: "td th",
    CAPTION: "caption",
    MATH: "math",
    IMAGE: "img",
    SCRIPT: "script",
    SPAN: "span",
    SUPERSCRIPT: "sup",
    SUBSCRIPT: "sub",
}


def _roles() -> NDArray[np.uint8]:
    role_C = np.full(len(NAMES), INLINE, np.uint8)
    for role, names in _ROLES.items():
        role_C[[CODE[name] for name in names.split()]] = role
    role_C.setflags(write=False)
    return role_C


ROLE_C = _roles()
"""uint8 (C,): the role of an element by the code of its name."""
HIDDEN_C = np.isin(ROLE_C, (UNREAD, SCRIPT))
"""bool (C,): elements whose text is not part of the page as read."""
LEVEL_C = np.isin(ROLE_C, (LINE, PARAGRAPH, HEADING, LIST, ITEM, PRE, TABLE, ROW, CELL, CAPTION))
"""bool (C,): elements that begin and end on lines of their own."""
for _flag_C in (HIDDEN_C, LEVEL_C):
    _flag_C.setflags(write=False)
