"""The documents that take part in linking, in the order of survivors, and all that is known of them without comparing.

Each column is read for its purpose and let go: what a policy does not use is not read.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.dedup.criteria import column_of
from curation.dedup.exact import ExactLinks, Groups, equal_documents, exact_links
from curation.dedup.families import parents_of
from curation.dedup.linking import ids_of
from curation.dedup.preference import Key, key_of, rank_of
from curation.dedup.scopes import scope_codes
from curation.kernels.families import nearest_ancestors
from pipelines.measuring import Job
from pipelines.policy import scope_column
from pipelines.roster import DROPPED_BY_GATES, IN_REVIEW, Roster

KEYS = {
    "exact_raw": ("measured", "raw_hash"),
    "exact_text": ("signatures", "text_hash"),
    "exact_words": ("signatures", "words_hash"),
    "url": ("signatures", "url_hash"),
}
"""Folder and column of what documents are equal by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """R documents in the order of survivors."""

    rows_R: NDArray[np.int32]  # of the roster
    kinds: tuple[str, ...]  # of groups, in the order of `exact`
    exact: ExactLinks
    scope_R: NDArray[np.int32]  # empty: one scope for all
    parent_R: NDArray[np.int32]  # nearest ancestor that takes part; empty: nobody has one
    num_synthetic: int  # of the R, the last ones


def rank_documents(job: Job, roster: Roster) -> Ranked:
    """Returns the documents that no gate dropped, ranked by the spec's preferences."""
    dedup = job.spec.dedup
    rows = np.flatnonzero(roster.state_N != DROPPED_BY_GATES).astype(np.int32)
    synthetic_M = synthetic_documents(job, roster)[rows]
    last_M = 2 * synthetic_M.astype(np.uint8) + (roster.state_N[rows] == IN_REVIEW) * (dedup.undecided == "keep")
    rank_M = rank_of(
        [_key(job, roster, criterion)[rows] for criterion in dedup.prefer],
        doc_id_N=roster.ids_N[rows],
        last_N=last_M if last_M.any() else None,
    )
    rows_R = np.empty_like(rows)
    rows_R[rank_M] = rows
    scope_R = _scopes(job, roster, rows_R)
    parent_R = _ancestors(job, roster, rows_R)
    groups = [_groups(job, roster, rows_R, KEYS[kind], scope_R) for kind in dedup.kinds]
    shared = dedup.kinds.index("exact_text") if "exact_text" in dedup.kinds else None
    exact = exact_links(groups, size=rows_R.size, parent_N=parent_R, shared_kind=shared)
    return Ranked(
        rows_R=rows_R,
        kinds=dedup.kinds,
        exact=exact,
        scope_R=scope_R,
        parent_R=parent_R,
        num_synthetic=int(synthetic_M.sum()),
    )


def synthetic_documents(job: Job, roster: Roster) -> NDArray[np.bool_]:
    """Returns bool (N,): the documents that a generator made."""
    if job.spec.synthesis is None:
        return np.zeros(roster.num_documents, dtype=bool)
    made = [column.is_valid() for column in roster.pieces(job.store, "measured", "generator")]
    return np.concatenate([np.zeros(0, dtype=bool), *(column.to_numpy(zero_copy_only=False) for column in made)])


def _key(job: Job, roster: Roster, criterion: str) -> Key:
    """Returns what a criterion compares, of every document of the roster."""
    name = column_of(criterion)
    if name is None:
        return np.arange(roster.num_documents, dtype=np.int32)  # rows are in the order of the input
    folder = "signatures" if name == "text_bytes" else "measured"
    sources, licenses = tuple(job.spec.inputs), job.spec.dedup.licenses
    columns = roster.pieces(job.store, folder, name)
    keys = [key_of(criterion, column, sources=sources, licenses=licenses) for column in columns]
    return np.concatenate(keys or [np.zeros(0)])


def _scopes(job: Job, roster: Roster, rows_R: NDArray[np.int32]) -> NDArray[np.int32]:
    name = scope_column(job.spec.dedup)
    if name is None:
        return np.zeros(0, dtype=np.int32)
    return scope_codes(roster.pieces(job.store, "measured", name))[rows_R]


def _ancestors(job: Job, roster: Roster, rows_R: NDArray[np.int32]) -> NDArray[np.int32]:
    parent_N = parent_rows(job, roster)
    if not parent_N.size:
        return parent_N
    rank_N = np.full(roster.num_documents, -1, dtype=np.int32)
    rank_N[rows_R] = np.arange(rows_R.size, dtype=np.int32)
    return nearest_ancestors(parent_N, rank_N, rows_R.size)


def parent_rows(job: Job, roster: Roster) -> NDArray[np.int32]:
    """Returns int32 (N,): the row of each document's parent, -1 without; empty where nobody has one."""
    children, parents = [np.zeros(0, np.int64)], [np.zeros(0, "S16")]
    for index, column in enumerate(roster.pieces(job.store, "measured", "parent_id")):
        if column.null_count < len(column):
            children.append(roster.rows(index).start + np.flatnonzero(column.is_valid()))
            parents.append(ids_of(column.drop_null()))
    if len(children) == 1:
        return np.zeros(0, dtype=np.int32)
    return parents_of(roster.ids_N, np.concatenate(children), np.concatenate(parents))


def _groups(
    job: Job, roster: Roster, rows_R: NDArray[np.int32], place: tuple[str, str], scope_R: NDArray[np.int32]
) -> Groups:
    key_N = np.zeros(roster.num_documents, dtype="S16")
    has_key_N = np.zeros(roster.num_documents, dtype=np.bool_)
    for index, column in enumerate(roster.pieces(job.store, *place)):
        rows = roster.rows(index).start + np.flatnonzero(column.is_valid())
        key_N[rows], has_key_N[rows] = ids_of(column.drop_null()), True
    return equal_documents(key_N[rows_R], has_key_N=has_key_N[rows_R], scope_N=scope_R if scope_R.size else None)
