"""Which kept documents are held out for validation, taken before anything is ordered.

Documents that share a site, a cluster of near-duplicates or a family (a parent and what was derived
from it) form one group, transitively, and a group is on one side as a whole: else validation would measure memory.
A group is drawn by the hash of its first site, else of its first cluster, else of its first document.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.curriculum.keys import id_words, rank_by
from curation.identity import hash_bytes, type_of_id, uniform_of

TRAIN, VALIDATION = "train", "validation"

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What splitting needs of N kept documents, rows in any order: arrays of `binary(16)`, `site` a string array."""

    doc_id: pa.Array
    parent_id: pa.Array
    site: pa.Array
    cluster_id: pa.Array


def split_of(documents: Kept, *, fraction: float, seed: int) -> pa.Array:
    """Returns a string array (N,): `train` or `validation`, the same for every member of a group.

    A group with more documents than the whole split should have is never held out: one chain of clusters through
    large sites would otherwise take most of a corpus out of training. Documents made from others in it do not count:
    the split of a corpus stays what it was when some are made of it.

    Args:
        documents: the kept documents; nulls in the last three columns mean none.
        fraction: share of groups to hold out, in [0, 1].
        seed: of the draw.
    """
    groups = groups_of(documents)
    if not groups.size:
        return pa.array([], pa.string())
    counts = ~_has_parent(documents)
    largest = max(int(fraction * counts.sum()), 1)
    small = np.bincount(groups[counts], minlength=groups.size)[groups] <= largest
    member = _first_members(documents, groups)
    held = np.zeros(groups.size, dtype=bool)
    leaders = np.flatnonzero(member >= 0)
    keys = _keys(documents, member[leaders])
    held[leaders] = uniform_of(keys, seed=seed, purpose="validation") < fraction
    return pc.if_else(pa.array(held[groups] & small), VALIDATION, TRAIN)


def groups_of(documents: Kept) -> Int64Array:
    """Returns int64 (N,): the row number of the first member of each document's group.

    Every round each document takes the smallest label of its site, cluster and family, then the label of that
    label, until nothing changes.
    """
    links = [_codes(documents.site), _codes(documents.cluster_id), _families(documents)]
    label = np.arange(len(documents.doc_id), dtype=np.int64)
    while True:
        before = label.copy()
        for linked, code in links:
            smallest = np.full(int(code.max(initial=-1)) + 1, label.size, dtype=np.int64)
            np.minimum.at(smallest, code, label[linked])
            joined = smallest[code]
            np.minimum.at(label, label[linked], joined)
            np.minimum.at(label, linked, joined)
        label = label[label]
        if np.array_equal(label, before):
            return label


def _codes(values: pa.Array) -> tuple[Int64Array, Int64Array]:
    """Returns the rows with a value, and a dense code per such row."""
    valid = np.flatnonzero(pc.is_valid(values).to_numpy(zero_copy_only=False))
    encoded = values.take(pa.array(valid)).dictionary_encode()
    return valid, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _families(documents: Kept) -> tuple[Int64Array, Int64Array]:
    """Returns rows and codes so that a document shares a code with its parent and another with its children."""
    derived = np.flatnonzero(pc.is_valid(documents.parent_id).to_numpy(zero_copy_only=False))
    if not derived.size:
        return derived, derived
    rows = np.arange(len(documents.doc_id), dtype=np.int64)
    both = pa.concat_arrays([documents.doc_id, documents.parent_id.take(pa.array(derived))])
    _, code = _codes(both)
    return np.concatenate((rows, derived)), code


def _has_parent(documents: Kept) -> NDArray[np.bool_]:
    """Returns bool (N,): whether a document was made from another one of them."""
    found: NDArray[np.bool_] = pc.is_in(documents.parent_id, value_set=documents.doc_id).to_numpy(zero_copy_only=False)
    return found


def _first_members(documents: Kept, groups: Int64Array) -> Int64Array:
    """Returns int64 (N,): at each group's label the row whose key draws for it, elsewhere -1.

    That is the member with the first site by bytes; without sites, the first cluster; else the first id. One made from
    another member is never it.
    """
    words = id_words(documents.doc_id)
    num = groups.size
    site = _ranks(documents.site)
    cluster = _ranks(documents.cluster_id)
    key = np.where(site < num, site, np.where(cluster < num, num + cluster, 2 * num))
    order = rank_by(key + np.where(_has_parent(documents), 3 * num, 0), words)
    member = np.full(num, -1, dtype=np.int64)
    member[groups[order[::-1]]] = order[::-1]
    return member


def _ranks(values: pa.Array) -> Int64Array:
    """Returns int64 (N,): the rank of each value among the distinct ones, by bytes; N for null."""
    valid, code = _codes(values)
    distinct = values.take(pa.array(valid)).dictionary_encode().dictionary
    rank_of = np.empty(len(distinct), dtype=np.int64)
    rank_of[pc.array_sort_indices(distinct).to_numpy()] = np.arange(len(distinct))
    ranks = np.full(len(values), len(values), dtype=np.int64)
    ranks[valid] = rank_of[code]
    return ranks


def _keys(documents: Kept, rows: Int64Array) -> pa.Array:
    """Returns the 16-byte key that each of `rows` is drawn by."""
    sites, clusters = documents.site.take(pa.array(rows)), documents.cluster_id.take(pa.array(rows))
    hashed = pa.array(
        [None if site is None else hash_bytes(b"site\x00" + site.encode()) for site in sites.to_pylist()], type_of_id
    )
    return pc.coalesce(hashed, clusters, documents.doc_id.take(pa.array(rows)))
