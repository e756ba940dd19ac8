"""Longest runs of some bytes in documents, and the runs one after the other: what a regular expression then reads.

From each byte that counts, as a digit or `@` does, to both sides: what has none is passed over at one look per byte.
"""

from typing import NamedTuple

import numpy as np

from curation.kernels import kernel
from curation.kernels.words import Bytes, Counts, check_documents

MEMBER, COUNTED = np.uint8(1), np.uint8(2)
SEPARATOR = np.uint8(10)

Z, ONE = np.uint64(0), np.uint64(1)


class ByteRuns(NamedTuple):
    """R runs by document, in order and apart from one another."""

    begin_R: Counts
    """First byte, from the start of `values`."""
    end_R: Counts
    """Byte after the last."""
    offsets_N1: Counts
    """Where each document's runs begin."""


def flags_of(member: bytes, counted: bytes) -> Bytes:
    """Returns uint8 (256,): MEMBER of bytes that a run is made of, and COUNTED too of those that count."""
    flags = np.zeros(256, dtype=np.uint8)
    flags[list(member)] = MEMBER
    flags[list(counted)] = MEMBER | COUNTED
    return flags


def byte_runs(values: Bytes, offsets_N1: Counts, flags: Bytes, *, min_counted: int, min_bytes: int) -> ByteRuns:
    """Returns the longest runs of member bytes that have `min_counted` counted bytes and `min_bytes` in all.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        flags: from `flags_of`.
        min_counted: at least this many bytes count; 1 or more.
        min_bytes: and this many are members.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets leave `values`, or a byte counts that is no member.
    """
    check_documents(values, offsets_N1)
    if np.any(flags == COUNTED) or min_counted < 1:
        raise ValueError("flags, min_counted: expected bytes that count to be members, and one or more of them")
    if flags.dtype != np.uint8 or flags.shape != (256,):
        raise TypeError(f"flags: expected uint8 (256,), found {flags.dtype} {flags.shape}")
    return ByteRuns(*_runs(values, offsets_N1, flags, np.uint64(min_counted), np.uint64(min_bytes)))


def joined(values: Bytes, begin_R: Counts, end_R: Counts) -> tuple[Bytes, Counts]:
    """Returns the bytes of ranges, a line feed after each, and where each begins there, int64 (R + 1,).

    Raises:
        ValueError: a range leaves `values`.
    """
    if np.any(begin_R < 0) or np.any(begin_R > end_R) or np.any(end_R > values.size):
        raise ValueError(f"ranges: expected 0 <= begin <= end <= {values.size}, found others")
    starts_R1 = np.concatenate([[0], np.cumsum(end_R - begin_R + 1)]).astype(np.int64)
    out = np.empty(int(starts_R1[-1]), dtype=np.uint8)
    _join(values, begin_R, end_R, out)
    return out, starts_R1


@kernel
def _runs(values, offsets_N1, flags, min_counted, min_bytes):  # type: ignore[no-untyped-def]
    begin_R, end_R = np.empty(64, dtype=np.int64), np.empty(64, dtype=np.int64)
    run_offsets_N1 = np.zeros(offsets_N1.size, dtype=np.int64)
    found = Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        at, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        left = at  # bytes before it are done with
        while True:
            while at < end and not flags[values[at]] & COUNTED:
                at += ONE
            if at == end:
                break
            start, counted = at, Z
            while start > left and flags[values[start - ONE]] & MEMBER:
                start -= ONE
            while at < end and flags[values[at]] & MEMBER:
                counted += np.uint64(flags[values[at]] >> ONE)
                at += ONE
            left = at
            if at - start >= min_bytes and counted >= min_counted:
                if found == np.uint64(begin_R.size):
                    begin_R, end_R = _doubled(begin_R), _doubled(end_R)
                begin_R[found], end_R[found] = np.int64(start), np.int64(at)
                found += ONE
        run_offsets_N1[n + ONE] = np.int64(found)
    return begin_R[:found], end_R[:found], run_offsets_N1


@kernel
def _doubled(array):  # type: ignore[no-untyped-def]
    longer = np.empty(2 * array.size, dtype=array.dtype)
    longer[: array.size] = array
    return longer


@kernel
def _join(values, begin_R, end_R, out):  # type: ignore[no-untyped-def]
    written = Z
    for r in range(np.uint64(begin_R.size)):
        begin, end = np.uint64(begin_R[r]), np.uint64(end_R[r])
        size = end - begin
        out[written : written + size] = values[begin:end]
        written += size
        out[written] = SEPARATOR
        written += ONE
