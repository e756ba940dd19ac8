"""Spans of personal data in the texts of a batch, in bytes; found once and shared by signal and edit.

The bytes of a kind are collected from the whole batch into one buffer that RE2 reads from end to end, so Python runs
per match and never per document. RE2 is linear whatever the text (Cox 2010, "Regular Expression Matching in the Wild").
"""

import functools
import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import re2
from numpy.typing import NDArray

from curation.kernels.byte_runs import byte_runs, joined
from curation.kernels.phrases import phrase_hits
from curation.kernels.words import Bytes, Counts
from curation.privacy.kinds import ALNUM, AROUND_BYTES, KINDS, SEARCHES, Context, Kind, Search
from curation.privacy.secrets import PEM_LABEL, pem_pattern, secret_search
from curation.text.words import text_buffers

BEFORE, AFTER = AROUND_BYTES
_WORD = frozenset(ALNUM + b"_")


class Spans(NamedTuple):
    """S spans of N documents, by document and place, apart from one another."""

    begin_S: Counts
    """First byte, from the start of its document."""
    end_S: Counts
    kind_S: NDArray[np.int64]
    """Index in `curation.privacy.kinds.KINDS`."""
    offsets_N1: Counts
    """Where each document's spans begin."""


_latest = threading.local()


def spans_of(array: pa.Array, *, kinds: tuple[Kind, ...], regions: tuple[str, ...]) -> Spans:
    """Returns where a `string` array has personal data of some kinds; a null has none.

    The last answer of a thread is kept, as `curation.text.words.words_of` keeps words.

    Args:
        array: texts.
        kinds: of `KINDS`, in any order.
        regions: where a number without + may be dialled: codes of ISO 3166 as libphonenumber takes them.
    """
    places = (buffer and buffer.address for buffer in array.buffers())
    key = (array.type, array.offset, len(array), *places, frozenset(kinds), regions)
    if getattr(_latest, "key", None) != key:
        _latest.spans = _spans(*text_buffers(array), kinds, regions)
        _latest.key, _latest.array = key, array
    latest: Spans = _latest.spans
    return latest


def _spans(values: Bytes, offsets_N1: Counts, kinds: tuple[Kind, ...], regions: tuple[str, ...]) -> Spans:
    taken = np.zeros((0, 3), dtype=np.int64)  # begin and end in values, kind
    for index, kind in enumerate(KINDS):
        if kind in kinds:
            found = np.array([*_found(values, offsets_N1, kind, regions)], dtype=np.int64).reshape(-1, 2)
            taken = _with(taken, _apart(found), index)
    document_S = np.searchsorted(offsets_N1, taken[:, 0], side="right") - 1
    starts_S = offsets_N1[document_S]
    counts = np.bincount(document_S, minlength=offsets_N1.size - 1)
    return Spans(
        begin_S=taken[:, 0] - starts_S,
        end_S=taken[:, 1] - starts_S,
        kind_S=taken[:, 2],
        offsets_N1=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )


def _found(values: Bytes, offsets_N1: Counts, kind: Kind, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yields (begin, end) in `values` of one kind; they may overlap, and come twice."""
    search = _search_of(kind)
    runs = byte_runs(values, offsets_N1, search.flags, min_counted=search.min_counted, min_bytes=search.min_bytes)
    begin_R = runs.begin_R
    if search.before_bytes:
        start_R = np.repeat(offsets_N1[:-1], np.diff(runs.offsets_N1))
        begin_R = np.maximum(begin_R - search.before_bytes, start_R)
    if begin_R.size:
        yield from _matches(values, offsets_N1, search, begin_R, runs.end_R, regions=regions)
    if kind == "secret":
        yield from _pem_blocks(values, offsets_N1)


def _matches(
    values: Bytes, offsets_N1: Counts, search: Search, begin_R: Counts, end_R: Counts, *, regions: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    buffer, starts_R1 = joined(values, begin_R, end_R)
    text = buffer.tobytes()
    found = np.array([match.span() for match in _compiled(search.pattern).finditer(text)], dtype=np.int64)
    if not found.size:
        return
    run_M = np.searchsorted(starts_R1, found[:, 0], side="right") - 1
    shift_M = begin_R[run_M] - starts_R1[run_M]
    inside_M = found[:, 1] < starts_R1[run_M + 1]
    number_M = np.searchsorted(offsets_N1, begin_R[run_M], side="right") - 1
    document_M = zip(offsets_N1[number_M].tolist(), offsets_N1[number_M + 1].tolist(), strict=True)
    bounds = zip(found.tolist(), shift_M.tolist(), document_M, inside_M.tolist(), strict=True)
    for (begin, end), shift, (low, high), inside in bounds:
        if not inside or not _is_whole(values, (begin + shift, end + shift), (low, high), search):
            continue
        first, last = begin + shift, end + shift
        before = values[max(first - BEFORE, low) : first].tobytes()
        after = values[last : min(last + AFTER, high)].tobytes()
        if search.check(text[begin:end], Context(before, after, regions)):
            yield first, last


def _is_whole(values: Bytes, span: tuple[int, int], document: tuple[int, int], search: Search) -> bool:
    """Returns whether no letter, digit or `_` goes on where the span has one at its edge, nor beyond a joiner.

    Beyond a joiner after the span one of the search's labels may stand.
    """
    (begin, end), (low, high) = span, document
    if begin > low and values[begin] in _WORD and (values[begin - 1] in _WORD or values[begin - 1] in search.joiners):
        return False
    if end == high or values[end - 1] not in _WORD:
        return True
    if values[end] in _WORD:
        return False
    if values[end] not in search.joiners or end + 1 == high or values[end + 1] not in _WORD:
        return True
    beyond = values[end + 1 : min(end + 1 + AFTER, high)].tobytes().lower()
    return any(beyond.startswith(label) and not beyond[len(label) :][:1].isalnum() for label in search.labels)


def _pem_blocks(values: Bytes, offsets_N1: Counts) -> Iterator[tuple[int, int]]:
    """Yields private keys from BEGIN to END, of the documents that name one."""
    hits = phrase_hits(values, offsets_N1, (PEM_LABEL,))
    for document in np.flatnonzero(np.diff(hits.offsets_N1)).tolist():
        begin = int(offsets_N1[document])
        text = values[begin : offsets_N1[document + 1]].tobytes()
        for match in pem_pattern().finditer(text):
            yield begin + match.start(), begin + match.end()


def _apart(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns spans in order, without those that overlap an earlier, or longer, one."""
    found = found[np.lexsort((-found[:, 1], found[:, 0]))]
    reached = np.maximum.accumulate(np.concatenate([[-1], found[:, 1]]))[:-1] if len(found) else found[:, 0]
    return found[found[:, 0] >= reached]


def _with(taken: NDArray[np.int64], found: NDArray[np.int64], kind: int) -> NDArray[np.int64]:
    """Returns `taken` and those of `found` that overlap none of it, in order; both are apart and in order."""
    ended = np.searchsorted(taken[:, 1], found[:, 0], side="right")
    begun = np.searchsorted(taken[:, 0], found[:, 1], side="left")
    free = found[ended == begun]
    both = np.concatenate([taken, np.column_stack([free, np.full(len(free), kind, dtype=np.int64)])])
    return both[np.argsort(both[:, 0], kind="stable")]


@functools.cache
def _search_of(kind: Kind) -> Search:
    return secret_search() if kind == "secret" else SEARCHES[kind]


@functools.cache
def _compiled(pattern: str) -> "re2._Regexp[bytes]":
    return re2.compile(pattern.encode())
