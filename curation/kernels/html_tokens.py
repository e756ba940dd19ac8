"""HTML in one pass: the elements and texts of a page as flat arrays, without a tree (WHATWG HTML, section 13.2.5).

Tags, attributes, comments, raw text, references and implied ends are those of the standard; what is not, says
`html_tree`. A token is an element or a text, with its depth: an element at depth d ends every element from d on, so
the tokens hold the tree. No object is made per node, and work is linear in the bytes times `MAX_DEPTH` at most.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.html_entities import NAME_BYTES, NAMES_S4, WINDOWS_32, put_character, put_reference
from curation.kernels.html_names import ESCAPABLE, FOREIGN, KINDS_C, RAW, SLOTS_S3, VOID, codes, element_code
from curation.kernels.html_tree import BR, HEAD, MAX_DEPTH, TEMPLATE, depth_after, depth_before, is_html, popped

TEXT = -1
"""In `Tokens.name_T`: a text."""
LESS, GREATER, BANG, QUESTION, SLASH, DASH, EQUALS, AMPERSAND = (np.uint8(ord(mark)) for mark in "<>!?/-=&")
QUOTE, APOSTROPHE, RETURN, NEWLINE, NUL, OPEN_BRACKET = (np.uint8(ord(mark)) for mark in "\"'\r\n\0[")
SCRIPT, PLAINTEXT, PRE, LISTING, TEXTAREA = codes("script plaintext pre listing textarea")
REPLACEMENT = np.int64(0xFFFD)
NO, YES = np.bool_(False), np.bool_(True)
_DOCTYPE = np.frombuffer(b"doctype", np.uint8)
_CDATA = np.frombuffer(b"[CDATA[", np.uint8)
_SCRIPT = np.frombuffer(b"script", np.uint8)
_SLACK = 16
MAX_BYTES = (1 << 31) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """T tokens of a page, in its order."""

    name_T: NDArray[np.int16]
    """Code of the element (`html_names.NAMES`; 0: another name), or `TEXT`."""
    depth_T: NDArray[np.int16]
    """Elements that are open around it."""
    begin_T: NDArray[np.int32]
    end_T: NDArray[np.int32]
    """Of a text: its range in `text`. Of an element: the range of its attributes in the page."""
    text: NDArray[np.uint8]
    """UTF-8 of all texts, references resolved, line ends as `\\n`."""


def html_tokens(page: NDArray[np.uint8]) -> Tokens:
    """Returns the tokens of a page.

    Args:
        page: uint8 (B,), HTML in UTF-8; not changed. Bytes that are no UTF-8 are passed on.

    Raises:
        TypeError: another dtype.
        ValueError: another shape, or 2 GiB and more.
    """
    if page.dtype != np.uint8:
        raise TypeError(f"html_tokens: expected uint8 (B,), found {page.dtype}")
    if page.ndim != 1 or page.size > MAX_BYTES:
        raise ValueError(f"html_tokens: expected (B,) of at most {MAX_BYTES} bytes, found {page.shape}")
    num_tags, num_expanding = _bounds(page)
    most = 2 * num_tags + 2
    name_T, depth_T = np.empty(most, np.int16), np.empty(most, np.int16)
    begin_T, end_T = np.empty(most, np.int32), np.empty(most, np.int32)
    text = np.empty(page.size + num_expanding + _SLACK, np.uint8)
    num_tokens, size = _html_tokens(
        page, KINDS_C, SLOTS_S3, NAMES_S4, NAME_BYTES, WINDOWS_32, name_T, depth_T, begin_T, end_T, text
    )
    return Tokens(
        name_T=name_T[:num_tokens],
        depth_T=depth_T[:num_tokens],
        begin_T=begin_T[:num_tokens],
        end_T=end_T[:num_tokens],
        text=text[:size],
    )


@kernel
def _bounds(page):  # type: ignore[no-untyped-def]
    """Returns how many `<` there are, and bytes that texts may be longer than the page."""
    num_tags = num_ampersands = num_nuls = 0
    for at in range(page.size):
        num_tags += page[at] == LESS
        num_ampersands += page[at] == AMPERSAND
        num_nuls += page[at] == NUL
    return num_tags, num_ampersands + 2 * num_nuls


@kernel
def _html_tokens(  # type: ignore[no-untyped-def]
    page, kinds_C, slots_S3, names_S4, name_bytes, windows_32, name_T, depth_T, begin_T, end_T, text
):
    stack_D, foreign_D = np.zeros(MAX_DEPTH, np.int16), np.zeros(MAX_DEPTH, np.bool_)
    num_open_C = np.zeros(kinds_C.size, np.int32)
    at = depth = num_tokens = size = np.int64(0)  # typed: a call with a literal 0 is compiled by itself
    while at < page.size:
        if page[at] != LESS or not _begins_markup(page, at):
            end = _next_tag(page, at + 1)
            new = _put_text(
                page, at, end, text, size, YES, depth > 0 and foreign_D[depth - 1], names_S4, name_bytes, windows_32
            )
            if depth and stack_D[depth - 1] == HEAD and not _is_blank(text, size, new):
                depth = popped(stack_D, num_open_C, depth, depth - 1)
            if new > size and num_open_C[TEMPLATE] == 0:
                name_T[num_tokens], depth_T[num_tokens] = TEXT, depth
                begin_T[num_tokens], end_T[num_tokens] = size, new
                num_tokens += 1
                size = new
            at = end
            continue
        if page[at + 1] == BANG or page[at + 1] == QUESTION:
            if page[at + 1] == BANG and depth and foreign_D[depth - 1] and _starts(page, at + 2, _CDATA, NO):
                end = _after_cdata(page, at + 9)
                new = _put_text(
                    page, at + 9, min(end, page.size), text, size, NO, YES, names_S4, name_bytes, windows_32
                )
                new = max(size, new - 3) if end <= page.size else new
                name_T[num_tokens], depth_T[num_tokens] = TEXT, depth
                begin_T[num_tokens], end_T[num_tokens] = size, new
                num_tokens += new > size
                at, size = min(end, page.size), new
            else:
                at = _after_comment(page, at)
            continue
        closing = page[at + 1] == SLASH
        name = at + 2 if closing else at + 1
        if closing and (name >= page.size or not _is_letter(page[name])):
            at = _find(page, name, GREATER) + 1  # "</>" is nothing, "</?" a comment
            continue
        name_end = name
        while name_end < page.size and not _ends_name(page[name_end]):
            name_end += 1
        code = element_code(page, name, name_end, slots_S3)
        after, is_whole, is_empty = _after_tag(page, name_end)
        if not is_whole:
            break  # a tag that the page ends in is dropped
        at = after
        if closing and code != BR:
            depth = depth_after(stack_D, foreign_D, num_open_C, kinds_C, depth, code)
            continue
        stands = depth_before(stack_D, foreign_D, num_open_C, kinds_C, depth, code)
        if stands < 0:
            continue
        depth = stands
        in_html = is_html(stack_D, foreign_D, kinds_C, depth)
        name_T[num_tokens], depth_T[num_tokens] = code, depth
        begin_T[num_tokens], end_T[num_tokens] = name_end, after - 1
        num_tokens += 1
        kinds = kinds_C[code] if in_html or kinds_C[code] & FOREIGN != 0 else np.uint16(0)
        is_foreign = not in_html or kinds & FOREIGN != 0
        if kinds & VOID != 0 or (is_foreign and is_empty):
            continue
        if in_html and code in (PRE, LISTING, TEXTAREA):
            at = _after_newline(page, at)
        if kinds & (RAW | ESCAPABLE) != 0 or (in_html and code == PLAINTEXT):
            end = page.size
            if code != PLAINTEXT:
                end = _raw_end(page, at, page[name:name_end], code == SCRIPT)
            is_escapable = kinds & ESCAPABLE != 0
            new = _put_text(page, at, end, text, size, is_escapable, YES, names_S4, name_bytes, windows_32)
            if new > size and num_open_C[TEMPLATE] == 0:
                name_T[num_tokens], depth_T[num_tokens] = TEXT, depth + 1
                begin_T[num_tokens], end_T[num_tokens] = size, new
                num_tokens += 1
                size = new
            at = end
            if at < page.size:
                at, _, _ = _after_tag(page, at + 2 + name_end - name)
            continue
        if depth < MAX_DEPTH:
            stack_D[depth], foreign_D[depth] = code, is_foreign
            num_open_C[code] += 1
            depth += 1
    return num_tokens, size


@borrowing
def _is_letter(byte):  # type: ignore[no-untyped-def]
    lower = byte | np.uint8(32)
    return np.uint8(97) <= lower <= np.uint8(122)


@borrowing
def _is_space(byte):  # type: ignore[no-untyped-def]
    return byte in (32, 9, 10, 12, 13)


@borrowing
def _ends_name(byte):  # type: ignore[no-untyped-def]
    return _is_space(byte) or byte in (SLASH, GREATER)


@borrowing
def _is_blank(text, begin, end):  # type: ignore[no-untyped-def]
    while begin < end and _is_space(text[begin]):
        begin += 1
    return begin == end


@borrowing
def _begins_markup(page, at):  # type: ignore[no-untyped-def]
    """Returns whether the `<` at `at` begins a tag or comment, or else is text."""
    if at + 1 >= page.size:
        return False
    following = page[at + 1]
    if following == SLASH:
        return at + 2 < page.size
    return following in (BANG, QUESTION) or _is_letter(following)


@borrowing
def _next_tag(page, at):  # type: ignore[no-untyped-def]
    """Returns where the next `<` that begins markup is, or the end."""
    while at < page.size and not (page[at] == LESS and _begins_markup(page, at)):
        at += 1
    return at


@borrowing
def _find(page, at, byte):  # type: ignore[no-untyped-def]
    while at < page.size and page[at] != byte:
        at += 1
    return min(at, page.size - 1) if at >= page.size else at


@borrowing
def _starts(page, at, word, ignore_case):  # type: ignore[no-untyped-def]
    """Returns whether the page has `word` (lower case, if case is ignored) at `at`."""
    if at + word.size > page.size:
        return False
    for i in range(word.size):
        byte = page[at + i]
        if ignore_case and np.uint8(65) <= byte <= np.uint8(90):
            byte |= np.uint8(32)
        if byte != word[i]:
            return False
    return True


@borrowing
def _after_comment(page, at):  # type: ignore[no-untyped-def]
    """Returns the index after the comment, doctype or processing instruction that begins at `at`."""
    if not (at + 3 < page.size and page[at + 1] == BANG and page[at + 2] == DASH and page[at + 3] == DASH):
        return _find(page, at + 2, GREATER) + 1
    at += 4
    if at < page.size and page[at] == GREATER:
        return at + 1
    if at + 1 < page.size and page[at] == DASH and page[at + 1] == GREATER:
        return at + 2
    while at < page.size:  # "-->" and "--!>" end it
        if page[at] == GREATER:
            last = at - 2 if page[at - 1] == BANG else at - 1
            if page[last] == DASH and page[last - 1] == DASH:
                return at + 1
        at += 1
    return page.size


@borrowing
def _after_cdata(page, at):  # type: ignore[no-untyped-def]
    """Returns the index after `]]>`, or one past the end where there is none."""
    while at + 2 < page.size:
        if page[at] == 93 and page[at + 1] == 93 and page[at + 2] == GREATER:
            return at + 3
        at += 1
    return page.size + 1


@borrowing
def _after_tag(page, at):  # type: ignore[no-untyped-def]
    """Returns the index after the tag whose name ends at `at`, whether it has an end, and whether that is `/>`."""
    is_empty = False
    while at < page.size:
        byte = page[at]
        if byte == GREATER:
            return at + 1, True, is_empty
        is_empty = byte == SLASH
        at += 1
        if is_empty or _is_space(byte):
            continue
        while at < page.size and not (_ends_name(page[at]) or page[at] == EQUALS):  # a first "=" belongs to the name
            at += 1
        at = after_value(page, at)
    return page.size, False, False


@borrowing
def after_value(page, at):  # type: ignore[no-untyped-def]
    """Returns the index after the value that may follow an attribute's name, which ends at `at`."""
    equals = _after_spaces(page, at)
    if equals >= page.size or page[equals] != EQUALS:
        return at
    at = _after_spaces(page, equals + 1)
    if at < page.size and (page[at] == QUOTE or page[at] == APOSTROPHE):
        quote = page[at]
        at += 1
        while at < page.size and page[at] != quote:
            at += 1
        return at + 1
    while at < page.size and not _is_space(page[at]) and page[at] != GREATER:
        at += 1
    return at


@borrowing
def _after_spaces(page, at):  # type: ignore[no-untyped-def]
    while at < page.size and _is_space(page[at]):
        at += 1
    return at


@borrowing
def _after_newline(page, at):  # type: ignore[no-untyped-def]
    """Returns the index after the line end at `at`, if one is there."""
    if at < page.size and page[at] == RETURN:
        at += 1
        return at + 1 if at < page.size and page[at] == NEWLINE else at
    return at + 1 if at < page.size and page[at] == NEWLINE else at


@borrowing
def _raw_end(page, at, name, is_script):  # type: ignore[no-untyped-def]
    """Returns where the end tag of a raw text element begins, or the end of the page.

    In a script, `<!--` hides the end tag of a script that begins after it (section 13.2.5.15 and following).
    """
    escaped = inner = False
    while at < page.size:
        byte = page[at]
        if byte == LESS and at + 1 < page.size and page[at + 1] == SLASH and _is_name(page, at + 2, name):
            if not inner:
                return at
            inner = False
        elif is_script and byte == LESS:
            if (
                not escaped
                and at + 3 < page.size
                and page[at + 1] == BANG
                and page[at + 2] == DASH
                and page[at + 3] == DASH
            ):
                escaped = True
                at += 2  # the two dashes may be those of "-->"
                continue
            if escaped and not inner and _is_name(page, at + 1, name):
                inner = True
        elif escaped and byte == GREATER and page[at - 1] == DASH and page[at - 2] == DASH:
            escaped = inner = False
        at += 1
    return page.size


@borrowing
def _is_name(page, at, name):  # type: ignore[no-untyped-def]
    """Returns whether the tag name at `at` is `name`, whatever their case, and ends there."""
    if at + name.size >= page.size or not _ends_name(page[at + name.size]):
        return False
    same = True
    for i in range(name.size):
        same &= page[at + i] | np.uint8(32) == name[i] | np.uint8(32)
    return same


@borrowing
def _put_text(page, at, end, text, size, resolves, keeps_nul, names_S4, name_bytes, windows_32):  # type: ignore[no-untyped-def]
    """Writes page[at:end] as text to text[size:]; returns the new size."""
    while at < end:
        byte = page[at]
        if byte == AMPERSAND and resolves:
            at, size = put_reference(page, at, end, text, size, NO, names_S4, name_bytes, windows_32)
            continue
        if byte == NUL:
            if keeps_nul:
                size = put_character(REPLACEMENT, text, size)
            at += 1
            continue
        if byte == RETURN:
            at = _after_newline(page, at)
            byte = NEWLINE
        else:
            at += 1
        text[size] = byte
        size += 1
    return size
