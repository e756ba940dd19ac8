"""Jaccard similarity of pairs: exact, of sorted shingle sets by merging; or estimated, from MinHash signatures.

MinHash proposes, this disposes: a link is made only between documents whose stored shingle sets
really overlap (D3 does the same after its 26 x 11 LSH).
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel


def jaccard_pairs(
    shingles: NDArray[np.uint32],
    offsets_N1: NDArray[np.int64],
    later_P: NDArray[np.int64],
    earlier_P: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Returns float64 (P,): |A & B| / |A | B| of each pair of sets; 0 where both are empty.

    Args:
        shingles: sorted and unique within each document.
        offsets_N1: document n owns `shingles[offsets_N1[n]:offsets_N1[n + 1]]`.
        later_P: index n of one document of each pair.
        earlier_P: index n of the other.

    Raises:
        ValueError: another dtype, or an index that is not in [0, N).
    """
    _check_pairs(shingles, offsets_N1, later_P, earlier_P)
    jaccard_P = np.zeros(later_P.size, dtype=np.float64)
    _jaccard_pairs(shingles, offsets_N1, later_P.astype(np.int64), earlier_P.astype(np.int64), jaccard_P)
    return jaccard_P


def agreement_pairs(
    signatures: NDArray[np.uint32],
    offsets_N1: NDArray[np.int64],
    later_P: NDArray[np.int64],
    earlier_P: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Returns float64 (P,): the share of permutations in which two signatures agree, an estimate of Jaccard similarity.

    Its standard error is `sqrt(s (1 - s) / H)` at similarity s with H permutations (Broder 1997).

    Args:
        signatures: minima of H permutations, one signature after another.
        offsets_N1: document n owns `signatures[offsets_N1[n]:offsets_N1[n + 1]]`.
        later_P: index n of one document of each pair.
        earlier_P: index n of the other.

    Raises:
        ValueError: another dtype, an index that is not in [0, N), or signatures of different lengths.
    """
    _check_pairs(signatures, offsets_N1, later_P, earlier_P)
    sizes = np.diff(offsets_N1)
    if sizes.size and (sizes.min() != sizes.max() or sizes.min() == 0):
        raise ValueError(f"agreement_pairs: expected signatures of one length, found {sizes.min()} to {sizes.max()}")
    agreement_P = np.zeros(later_P.size, dtype=np.float64)
    _agreement_pairs(signatures, offsets_N1, later_P.astype(np.int64), earlier_P.astype(np.int64), agreement_P)
    return agreement_P


def _check_pairs(
    values: NDArray[np.uint32],
    offsets_N1: NDArray[np.int64],
    later_P: NDArray[np.int64],
    earlier_P: NDArray[np.int64],
) -> None:
    if values.dtype != np.uint32 or offsets_N1.dtype != np.int64:
        raise ValueError(f"pairs: expected uint32 rows and int64 offsets, found {values.dtype} and {offsets_N1.dtype}")
    if later_P.shape != earlier_P.shape:
        raise ValueError(f"pairs: expected two ends of each, found {later_P.size} later and {earlier_P.size} earlier")
    num_documents = offsets_N1.size - 1
    for index_P in (later_P, earlier_P):
        if index_P.size and not (index_P.min() >= 0 and index_P.max() < num_documents):
            raise ValueError(f"pairs: expected indices below {num_documents}, found {index_P.min()} to {index_P.max()}")


@kernel
def _jaccard_pairs(
    shingles: NDArray[np.uint32],
    offsets_N1: NDArray[np.int64],
    later_P: NDArray[np.int64],
    earlier_P: NDArray[np.int64],
    jaccard_P: NDArray[np.float64],
) -> None:
    for p in range(later_P.size):
        left = shingles[offsets_N1[later_P[p]] : offsets_N1[later_P[p] + 1]]
        right = shingles[offsets_N1[earlier_P[p]] : offsets_N1[earlier_P[p] + 1]]
        shared = _shared(left, right)
        union = left.size + right.size - shared
        if union:
            jaccard_P[p] = shared / union


@kernel
def _shared(left: NDArray[np.uint32], right: NDArray[np.uint32]) -> int:
    """Returns how many numbers two sorted sets share; without branches on the data."""
    i, j, shared = 0, 0, 0
    while i < left.size and j < right.size:
        a, b = left[i], right[j]
        shared += a == b
        i += a <= b
        j += b <= a
    return shared


@kernel
def _agreement_pairs(
    signatures: NDArray[np.uint32],
    offsets_N1: NDArray[np.int64],
    later_P: NDArray[np.int64],
    earlier_P: NDArray[np.int64],
    agreement_P: NDArray[np.float64],
) -> None:
    for p in range(later_P.size):
        left = signatures[offsets_N1[later_P[p]] : offsets_N1[later_P[p] + 1]]
        right = signatures[offsets_N1[earlier_P[p]] : offsets_N1[earlier_P[p] + 1]]
        equal = 0
        for h in range(left.size):
            equal += left[h] == right[h]
        agreement_P[p] = equal / left.size
