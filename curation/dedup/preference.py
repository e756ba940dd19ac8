"""The order of survivors: which of two copies is preferred, by an ordered list of criteria and last by id."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Key = NDArray[np.generic]
Number = TypeVar("Number", bound=np.generic)

_OLDEST = np.iinfo(np.int64).min


def key_of(criterion: str, column: pa.Array, *, sources: Sequence[str] = (), licenses: Sequence[str] = ()) -> Key:
    """Returns (N,): smaller is preferred; NaN for a signal that is null, which sorts last.

    Args:
        criterion: any of `curation.dedup.criteria` but `first`.
        column: the one that it reads.
        sources: names of the inputs in order.
        licenses: preferred licences (SPDX expressions, case does not matter), the best first.
    """
    if criterion == "source":
        return _places(column, sources)
    if criterion == "licensed":
        place_N = _places(pc.utf8_lower(pc.utf8_trim_whitespace(column)), [name.strip().lower() for name in licenses])
        return np.where(_numbers(column.is_valid(), np.bool_), place_N, np.int32(len(licenses) + 1))
    if criterion == "longest":
        return -_numbers(column, np.int64)
    if criterion == "newest":
        return ~_numbers(pc.fill_null(column.cast(pa.int64()), _OLDEST), np.int64)  # ~x = -x - 1: no overflow
    values_N = _numbers(column, np.float64)
    return values_N if criterion.startswith("-") else -values_N


def _places(column: pa.Array, names: Sequence[str]) -> NDArray[np.int32]:
    """Returns each value's place among `names`, len(names) for those that are not there."""
    places = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return _numbers(pc.fill_null(places, len(names)), np.int32)


def _numbers(column: pa.Array, dtype: type[Number]) -> NDArray[Number]:
    numbers: NDArray[Number] = column.to_numpy(zero_copy_only=False).astype(dtype, copy=False)
    return numbers


def rank_of(
    keys: Sequence[Key], *, doc_id_N: NDArray[np.bytes_], last_N: NDArray[np.bool_] | NDArray[np.uint8] | None = None
) -> NDArray[np.int32]:
    """Returns int32 (N,): each document's place, 0 for the most preferred.

    A total order: it depends on the documents and the policy, never on the order they come in.

    Args:
        keys: of the criteria, the most important first (`key_of`); smaller is preferred.
        doc_id_N: S16, unique (`curation.dedup.linking.ids_of`): decides between equals.
        last_N: documents that come after all others; of numbers, the largest come last.
    """
    high_N, low_N = np.ascontiguousarray(doc_id_N).view(">u8").reshape(-1, 2).T
    ordered = [low_N, high_N, *reversed(keys), *([] if last_N is None else [last_N])]
    rank_N = np.empty(doc_id_N.size, dtype=np.int32)
    rank_N[np.lexsort(ordered)] = np.arange(rank_N.size, dtype=np.int32)
    return rank_N
