"""URLs and IP addresses inside texts, as DCLM takes them out.

Li et al. 2024 (arXiv 2406.11794), `url_removal_modifier`: up to ten white-space characters, maybe a scheme, up to 256
characters of a name, a dot and a top-level domain, then whatever may follow in a URL; or four numbers with dots. DCLM
looks for both in turn, here they are found in one pass; white space is ASCII's.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.code_points import character, last_character_at
from curation.kernels.lines import is_space
from curation.kernels.removals import Removals, add_range
from curation.kernels.unicode import CODE_POINTS, WORD, unicode_table
from curation.kernels.words import Bytes, Counts, check_documents

URL, ADDRESS = range(2)
"""Rules of `url_removals`."""

TLD_BYTES = 24
MAX_NAME, MAX_SPACE = np.uint64(256), np.uint64(10)
Z, ONE, TWO, THREE, FOUR, FIVE = (np.uint64(n) for n in range(6))
CLASS_SHIFT = np.uint32(24)
DOT, HYPHEN, COLON, SLASH = (np.uint8(ord(character)) for character in ".-:/")
NAME, REST, ALNUM, DIGIT, WORD_BYTE = (np.uint8(1 << bit) for bit in range(5))
KINDS = np.zeros(256, dtype=np.uint8)
for _characters, _kind in (
    ("-@:%._+~#=", NAME | REST),
    ("()?&/", REST),
    ("abcdefghijklmnopqrstuvwxyz0123456789", NAME | REST | ALNUM | WORD_BYTE),
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", NAME | REST | WORD_BYTE),
    ("0123456789", DIGIT),
    ("_", WORD_BYTE),
):
    KINDS[list(_characters.encode())] |= _kind


def tld_table(domains: list[str]) -> NDArray[np.uint8]:
    """Returns uint8 (T, 24), read-only: top-level domains in ASCII, ascending, filled up with zeros.

    Raises:
        ValueError: one is longer, or not of lower-case letters, digits and hyphens.
    """
    table = np.zeros((len(domains), TLD_BYTES), dtype=np.uint8)
    for row, domain in zip(table, sorted(domains), strict=True):
        encoded = list(domain.encode())
        if not 0 < len(encoded) <= TLD_BYTES or not all(KINDS[byte] & ALNUM or byte == HYPHEN for byte in encoded):
            raise ValueError(f"tld_table: expected up to {TLD_BYTES} of a-z, 0-9 and -, found {domain!r}")
        row[: len(encoded)] = encoded
    table.setflags(write=False)
    return table


def url_removals(values: Bytes, offsets_N1: Counts, *, tlds: NDArray[np.uint8]) -> Removals:
    """Returns what DCLM removes as URLs and as IP addresses from each document.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        tlds: of `tld_table`.

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    return Removals(*_removals(values, offsets_N1, tlds, KINDS, unicode_table()))


@kernel
def _removals(values, offsets_N1, tlds, kinds, table):  # type: ignore[no-untyped-def]
    range_R3 = np.empty((1024, 3), dtype=np.int64)
    removal_offsets_N1 = np.zeros(offsets_N1.size, dtype=np.int64)
    count = Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        first, done, at = count, begin, begin
        while at < end:
            if not kinds[values[at]] & NAME:
                at += ONE
                continue
            start, has_dot = at, False
            while at < end and kinds[values[at]] & NAME:
                has_dot |= values[at] == DOT
                at += ONE
            if not has_dot:
                continue
            rule, low, high = np.int64(URL), start, Z
            low, high = _url_in(values, start, at, end, tlds, kinds, table)
            if high:
                if low == start:
                    low = _with_scheme(values, done, start)
            else:
                rule = np.int64(ADDRESS)
                low, high = _address_in(values, begin, start, at, end, kinds, table)
                if high and low == start:
                    scheme = _with_scheme(values, done, start)
                    if not _is_word_before(values, begin, scheme, kinds, table):
                        low = scheme
            if not high:
                continue
            while high < end and kinds[values[high]] & REST:
                high += ONE
            spaces = Z
            while low > done and spaces < MAX_SPACE and is_space(values[low - ONE]):
                low -= ONE
                spaces += ONE
            range_R3, count = add_range(range_R3, count, first, rule, low - begin, high - begin)
            done = at = high
        removal_offsets_N1[n + ONE] = np.int64(count)
    return range_R3[:count], removal_offsets_N1


@kernel
def _url_in(values, start, stop, end, tlds, kinds, table):  # type: ignore[no-untyped-def]
    """Returns (first byte, end of the top-level domain) of the URL in the name values[start:stop]; end 0: none."""
    low, high = start, Z
    for at in range(start + ONE, stop):
        if values[at] != DOT:
            continue
        if at - low > MAX_NAME:
            if high:
                break
            low = at - MAX_NAME
        found = _tld_end(values, at + ONE, stop, end, tlds, kinds, table)
        if found:
            high = found
        elif not high:
            low = start
    return low, high


@kernel
def _tld_end(values, at, stop, end, tlds, kinds, table):  # type: ignore[no-untyped-def]
    """Returns the end of the longest top-level domain at `at` that ends with a word; 0 where there is none."""
    found, high = Z, at
    while high < stop and high - at < np.uint64(TLD_BYTES):
        while high < stop and kinds[values[high]] & ALNUM:
            high += ONE
        if high > at and not _is_word_at(values, high, end, kinds, table) and _is_listed(values, at, high, tlds):
            found = high
        if high == stop or values[high] != HYPHEN:
            break
        high += ONE
    return found


@kernel
def _is_listed(values, at, stop, tlds):  # type: ignore[no-untyped-def]
    size = stop - at
    if size > np.uint64(TLD_BYTES):
        return False
    low, high = 0, tlds.shape[0]
    while low < high:
        middle = (low + high) // 2
        order = 0
        for i in range(np.uint64(TLD_BYTES)):
            byte = values[at + i] if i < size else np.uint8(0)
            if byte != tlds[middle, i]:
                order = 1 if byte > tlds[middle, i] else -1
                break
        if order == 0:
            return True
        if order > 0:
            low = middle + 1
        else:
            high = middle
    return False


@kernel
def _address_in(values, begin, start, stop, end, kinds, table):  # type: ignore[no-untyped-def]
    """Returns (first byte, end) of the IP address in the name values[start:stop]; end 0: none."""
    for low in range(start, stop):
        if not kinds[values[low]] & DIGIT or _is_word_before(values, begin, low, kinds, table):
            continue
        at, groups = np.uint64(low), Z
        while groups < THREE:
            digits = Z
            while at < stop and kinds[values[at]] & DIGIT and digits < THREE:
                at += ONE
                digits += ONE
            if (
                digits == Z
                or (digits == THREE and values[at - THREE] > np.uint8(50))
                or at == stop
                or values[at] != DOT
            ):
                break
            at += ONE
            groups += ONE
        if groups == THREE and at < stop and kinds[values[at]] & DIGIT:
            return low, at + ONE
    return start, Z


@kernel
def _with_scheme(values, done, start):  # type: ignore[no-untyped-def]
    """Returns where `http://`, `https://` or `ftp://` before `start` begins, else `start`."""
    if (
        start < done + FIVE
        or values[start - ONE] != SLASH
        or values[start - TWO] != SLASH
        or values[start - THREE] != COLON
    ):
        return start
    at = start - THREE
    if values[at - ONE] == np.uint8(112) and values[at - TWO] == np.uint8(116):  # p, t
        if at - THREE >= done and values[at - THREE] == np.uint8(102):  # f
            return at - THREE
        if at - FOUR >= done and values[at - THREE] == np.uint8(116) and values[at - FOUR] == np.uint8(104):  # t, h
            return at - FOUR
    if (
        at - FIVE >= done
        and values[at - ONE] == np.uint8(115)  # s
        and values[at - TWO] == np.uint8(112)
        and values[at - THREE] == np.uint8(116)
        and values[at - FOUR] == np.uint8(116)
        and values[at - FIVE] == np.uint8(104)
    ):
        return at - FIVE
    return start


@kernel
def _is_word_at(values, at, end, kinds, table):  # type: ignore[no-untyped-def]
    """Returns whether a character of a word begins at `at`."""
    if at >= end:
        return False
    if values[at] < np.uint8(0x80):
        return kinds[values[at]] & WORD_BYTE != 0
    point = character(values, at, end)
    return point < np.uint64(CODE_POINTS) and (table[point] >> CLASS_SHIFT) & np.uint32(WORD) != np.uint32(0)


@kernel
def _is_word_before(values, begin, at, kinds, table):  # type: ignore[no-untyped-def]
    """Returns whether a character of a word ends at `at`."""
    return at > begin and _is_word_at(values, last_character_at(values, begin, at), at, kinds, table)
