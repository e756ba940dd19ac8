"""Documents that are equal by a key: the same raw content, text, words or URL, each a kind of link of its own.

A key is a 16-byte hash that is proof enough (BLAKE2b-128). Documents are numbered by their rank in the order of
survivors (`curation.dedup.preference.rank_of`): "earlier" means "preferred".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.identity import ID_BYTES
from curation.kernels.bands import MAX_EARLIER
from curation.kernels.families import groups_of_relatives, unrelated_pairs

Numbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """G groups of two documents at least: `member_M[bounds_G1[g]:bounds_G1[g + 1]]`, ascending."""

    member_M: Numbers
    bounds_G1: NDArray[np.int64]

    def of(self, chosen_G: NDArray[np.bool_]) -> "Groups":
        """Returns the chosen groups."""
        sizes_G = np.diff(self.bounds_G1)
        bounds_G1 = np.concatenate(([0], np.cumsum(sizes_G[chosen_G], dtype=np.int64)))
        return Groups(member_M=self.member_M[np.repeat(chosen_G, sizes_G)], bounds_G1=bounds_G1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactLinks:
    """Links of N documents that are equal by one of K keys.

    Attributes:
        group_KN: int32 (K, N): group of each document by kind, numbered over all kinds; -1 for none.
        node_N: int32: the earliest document that has the same near links, by their text: often itself.
        later_L: int32: pairs of groups that hold relatives, which are listed pair by pair.
        earlier_L: int32, smaller.
        kind_L: uint8, the kind of each.
    """

    group_KN: Numbers
    node_N: Numbers
    later_L: Numbers
    earlier_L: Numbers
    kind_L: NDArray[np.uint8]


def equal_documents(
    key_N: NDArray[np.bytes_], *, has_key_N: NDArray[np.bool_] | None = None, scope_N: Numbers | None = None
) -> Groups:
    """Returns the groups of documents that have one key and one scope.

    Args:
        key_N: dtype S16 (`curation.dedup.linking.ids_of` a column makes it).
        has_key_N: false for documents that take no part; None: all have a key.
        scope_N: code of each document's scope; None: one scope for all.

    Raises:
        ValueError: another dtype.
    """
    if key_N.dtype != np.dtype(f"S{ID_BYTES}"):
        raise ValueError(f"equal_documents: expected S{ID_BYTES} keys, found {key_N.dtype}")
    number_M = np.arange(key_N.size) if has_key_N is None else np.flatnonzero(has_key_N)
    keys = [*np.ascontiguousarray(key_N[number_M]).view(np.uint64).reshape(-1, 2).T]
    keys += [] if scope_N is None else [scope_N[number_M]]
    order_M = np.lexsort(keys)  # stable: members stay ascending
    differs = np.ones(order_M.size + 1, dtype=np.bool_)
    differs[1:-1] = np.logical_or.reduce([(key := column[order_M])[1:] != key[:-1] for column in keys])
    starts = np.flatnonzero(differs)
    several_G = np.diff(starts) > 1
    return Groups(member_M=number_M[order_M].astype(np.int32), bounds_G1=starts).of(several_G)


def exact_links(kinds: Sequence[Groups], *, size: int, parent_N: Numbers, shared_kind: int | None) -> ExactLinks:
    """Returns the links of documents that are equal, none between a document and its ancestor.

    Args:
        kinds: groups by kind, the kind that decides first first.
        size: N.
        parent_N: nearest ancestor of each document (`curation.kernels.families`); empty: nobody has one.
        shared_kind: kind whose members have equal near links (equal texts); None: there is none.
    """
    group_KN = np.full((len(kinds), size), -1, dtype=np.int32)
    alone_N = np.zeros(size, dtype=np.bool_)  # documents whose links must be their own
    if parent_N.size:
        alone_N |= parent_N >= 0
        alone_N[parent_N[parent_N >= 0]] = True
    later, earlier, kind_of = [], [], []
    num_groups = 0
    for kind, groups in enumerate(kinds):
        related_G = groups_of_relatives(parent_N, groups.member_M, groups.bounds_G1)
        plain, listed = groups.of(~related_G), groups.of(related_G)
        sizes_G = np.diff(plain.bounds_G1)
        group_KN[kind, plain.member_M] = np.repeat(np.arange(num_groups, num_groups + sizes_G.size), sizes_G)
        num_groups += sizes_G.size
        alone_N[listed.member_M] = True
        pairs = unrelated_pairs(parent_N, listed.member_M, listed.bounds_G1, max_earlier=MAX_EARLIER)
        later.append(pairs[0])
        earlier.append(pairs[1])
        kind_of.append(np.full(pairs[0].size, kind, dtype=np.uint8))
    node_N = np.arange(size, dtype=np.int32)
    if shared_kind is not None:
        _share(group_KN[shared_kind], alone_N, node_N)
    none = np.zeros(0, dtype=np.int32)
    return ExactLinks(
        group_KN=group_KN,
        node_N=node_N,
        later_L=np.concatenate((none, *later)),
        earlier_L=np.concatenate((none, *earlier)),
        kind_L=np.concatenate((np.zeros(0, dtype=np.uint8), *kind_of)),
    )


def _share(group_N: Numbers, alone_N: NDArray[np.bool_], node_N: Numbers) -> None:
    """Gives each document the number of the earliest of its group, where neither has links of its own."""
    sharing = np.flatnonzero((group_N >= 0) & ~alone_N)
    groups, first = np.unique(group_N[sharing], return_index=True)
    node_N[sharing] = sharing[first[np.searchsorted(groups, group_N[sharing])]]
