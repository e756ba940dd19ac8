"""A 64-bit hash of each document's bytes, that finds those that may be equal at the speed of memory.

Two loads and one wide multiply per 16 bytes, as the hash of long words. No proof of anything: who has texts that were
made to collide compares them by bytes or by a secure hash, which is then all that is lost.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.vector import load_u64, multiply
from curation.kernels.words import SEED_HIGH, SEED_LOW, check_documents

Z, ONE, EIGHT, SIXTEEN = (np.uint64(n) for n in (0, 1, 8, 16))


def content_hashes(values: NDArray[np.uint8], offsets_N1: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Returns uint64 (N,): a hash of each `values[offsets_N1[n] : offsets_N1[n + 1]]`; nothing else is read.

    Raises:
        TypeError, ValueError: see `curation.kernels.words.check_documents`.
    """
    check_documents(values, offsets_N1)
    hash_N = np.empty(offsets_N1.size - 1, dtype=np.uint64)
    _content_hashes(values, offsets_N1, hash_N)
    return hash_N


@kernel
def _content_hashes(values, offsets_N1, hash_N):  # type: ignore[no-untyped-def]
    for n in range(hash_N.size):
        at, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + 1])
        size = end - at
        mixed = multiply(SEED_HIGH ^ size, SEED_LOW)
        while at + SIXTEEN <= end:
            mixed = multiply(load_u64(values, at) ^ SEED_LOW, load_u64(values, at + EIGHT) ^ mixed)
            at += SIXTEEN
        head, tail = Z, Z  # of what is left; of eight bytes and more, the two may overlap
        if end - at >= EIGHT:
            head, tail = load_u64(values, at), load_u64(values, end - EIGHT)
        else:
            while at < end:
                head = head << EIGHT | np.uint64(values[at])
                at += ONE
        hash_N[n] = multiply(head ^ SEED_LOW, tail ^ mixed)
