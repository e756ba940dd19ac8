"""Which documents come from which others, by their ids."""

import numpy as np
from numpy.typing import NDArray


def parents_of(
    doc_id_N: NDArray[np.bytes_], child_C: NDArray[np.int64], parent_id_C: NDArray[np.bytes_]
) -> NDArray[np.int32]:
    """Returns int32 (N,): each document's parent among the N, -1 where it has none or the parent is not there.

    Empty where nobody has a parent there. See `curation.kernels.families` for what it is good for.

    Args:
        doc_id_N: S16, unique (`curation.dedup.linking.ids_of`).
        child_C: the documents that name a parent.
        parent_id_C: S16, the parents that they name.
    """
    order_N = np.argsort(doc_id_N)
    place_C = np.searchsorted(doc_id_N, parent_id_C, sorter=order_N)
    found_C = order_N[np.minimum(place_C, order_N.size - 1)] if order_N.size else place_C
    known_C = doc_id_N[found_C] == parent_id_C
    if not known_C.any():
        return np.zeros(0, dtype=np.int32)
    parent_N = np.full(doc_id_N.size, -1, dtype=np.int32)
    parent_N[child_C[known_C]] = found_C[known_C]
    return parent_N
