"""How many bytes of each document are in each of eight classes, in one pass; or are one byte.

A table gives every byte a uint64 of eight counters; they are added up 255 bytes at a time, so that none overflows.
Classes may overlap. Only ASCII classes mean characters.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.vector import count_bits, mask_of_byte
from curation.kernels.words import Bytes, Counts, check_documents

NUM_CLASSES = 8
STRIDE = np.uint64(255)
Z, ONE, EIGHT, BLOCK, LOW = (np.uint64(n) for n in (0, 1, 8, 64, 0xFF))


def lanes_of(*classes: bytes) -> NDArray[np.uint64]:
    """Returns uint64 (256,): for each byte, 1 in lane c where `classes[c]` has it.

    Raises:
        ValueError: there are more than eight classes.
    """
    if len(classes) > NUM_CLASSES:
        raise ValueError(f"lanes_of: expected at most {NUM_CLASSES} classes, found {len(classes)}")
    lanes = np.zeros(256, dtype=np.uint64)
    for c, members in enumerate(classes):
        lanes[list(set(members))] += np.uint64(1 << (8 * c))
    lanes.setflags(write=False)
    return lanes


def class_counts(values: Bytes, offsets_N1: Counts, lanes: NDArray[np.uint64]) -> Counts:
    """Returns int64 (N, 8): bytes of each class in each document; `lanes` comes from `lanes_of`.

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    counts_N8 = np.zeros((offsets_N1.size - 1, NUM_CLASSES), dtype=np.int64)
    _count(values, offsets_N1, lanes, counts_N8)
    return counts_N8


def byte_counts(values: Bytes, offsets_N1: Counts, byte: int) -> Counts:
    """Returns int64 (N,): how often one byte is in each document.

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    counts_N = np.zeros(offsets_N1.size - 1, dtype=np.int64)
    _count_byte(values, offsets_N1, np.uint8(byte), counts_N)
    return counts_N


@kernel
def _count_byte(values, offsets_N1, byte, counts_N):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(offsets_N1.size - 1)):
        at, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        while at + BLOCK <= end:
            counts_N[n] += np.int64(count_bits(mask_of_byte(values, at, byte)))
            at += BLOCK
        for i in range(at, end):
            counts_N[n] += np.int64(values[i] == byte)


@kernel
def _count(values, offsets_N1, lanes, counts_N8):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(offsets_N1.size - 1)):
        at, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        while at < end:
            stop = min(at + STRIDE, end)
            total = Z
            for i in range(at, stop):
                total += lanes[values[i]]
            for c in range(EIGHT):
                counts_N8[n, c] += np.int64(total >> (c * EIGHT) & LOW)
            at = stop
