"""Which documents people are asked about: those in doubt, by what is at stake, and a random slice of the others.

A document in doubt counts its doubt (1 at a threshold, 0 at the edge of the band that goes to review) times its size;
at most so many of one cluster, source and language are asked about. The slices of kept and of dropped documents are
simple random samples, of dropped ones within each rule, with known inclusion probabilities, so that precision and
recall of rules can be estimated by weighting (Horvitz and Thompson 1952). They are spread evenly over the order of
asking: wherever people stop, the slice they answered is still a random one.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.identity import uniform_of
from curation.setting import key

DOUBT, AUDIT_KEPT, AUDIT_DROPPED, SENT = 0, 1, 2, 3
"""Places in `curation.schema.REVIEW_ROUTES`; documents are sent by people, who choose them by hand."""
NOT_AUDITED = -1

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionKeys:
    """Who is asked about: keys of a spec."""

    budget: int = key(1000, "documents and pairs that people are asked about at most; 0: nobody is asked")
    audit_fraction: float = key(0.2, "share of the budget for random kept and dropped documents, half each")
    per_cluster: int = key(1, "documents in doubt of one cluster at most; 0: any number")
    per_source: int = key(0, "documents in doubt of one input at most; 0: any number")
    per_language: int = key(0, "documents in doubt of one language at most; 0: any number")
    overlap_fraction: float = key(0.1, "share of the documents that two people are asked about, unknown to them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """N documents.

    `doubt_N` float64 in [0, 1], NaN for those that are not asked about for doubt; `size_N` int64 bytes; the groups
    int64, -1 for none; `kept_N` bool; `stratum_N` int64: the rule that dropped it, -1 where it is not to be audited.
    """

    ids: pa.Array
    doubt_N: NDArray[np.float64]
    size_N: Int64Array
    cluster_N: Int64Array
    source_N: Int64Array
    language_N: Int64Array
    kept_N: NDArray[np.bool_]
    stratum_N: Int64Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """T documents in the order of asking: rows of the candidates, why, how probable that was, how many reviewers."""

    row_T: Int64Array
    route_T: NDArray[np.int8]
    probability_T: NDArray[np.float64]
    num_reviewers_T: NDArray[np.int32]


def select(candidates: Candidates, keys: SelectionKeys, *, seed: int) -> Selection:
    """Returns whom to ask about; the same whatever the order of candidates."""
    num_audited = int(keys.budget * keys.audit_fraction)
    kept = _sample(candidates, np.where(candidates.kept_N, 0, NOT_AUDITED), num_audited // 2, "audit/kept", seed)
    dropped = _sample(candidates, candidates.stratum_N, num_audited - num_audited // 2, "audit/dropped", seed)
    doubt = _doubtful(candidates, keys, keys.budget - kept[0].size - dropped[0].size)
    row = np.concatenate((doubt, kept[0], dropped[0]))
    route = np.repeat(
        np.array([DOUBT, AUDIT_KEPT, AUDIT_DROPPED], np.int8), [doubt.size, kept[0].size, dropped[0].size]
    )
    probability = np.concatenate((np.ones(doubt.size), kept[1], dropped[1]))
    audit = _shuffled(candidates, np.concatenate((kept[0], dropped[0])), seed)
    place = np.concatenate((_spread(doubt.size), _spread(audit.size)[np.argsort(audit, kind="stable")]))
    order = np.lexsort((route, place))
    ids = candidates.ids.take(pa.array(row[order]))
    is_shared = uniform_of(ids, seed=seed, purpose="review/overlap") < keys.overlap_fraction
    return Selection(
        row_T=row[order],
        route_T=route[order],
        probability_T=probability[order],
        num_reviewers_T=np.where(is_shared, 2, 1).astype(np.int32),
    )


def _spread(count: int) -> NDArray[np.float64]:
    """Returns `count` places evenly over (0, 1)."""
    return (np.arange(count) + 0.5) / max(count, 1)


def _shuffled(candidates: Candidates, rows: Int64Array, seed: int) -> Int64Array:
    """Returns positions in `rows`, in random order."""
    draw = uniform_of(candidates.ids.take(pa.array(rows)), seed=seed, purpose="audit/order")
    return np.argsort(draw, kind="stable")


def _sample(
    candidates: Candidates, stratum_N: Int64Array, wanted: int, purpose: str, seed: int
) -> tuple[Int64Array, NDArray[np.float64]]:
    """Returns rows and inclusion probabilities of simple random samples, as equal over strata as their sizes allow."""
    rows = np.flatnonzero(stratum_N != NOT_AUDITED)
    if not rows.size or wanted <= 0:
        return np.zeros(0, np.int64), np.zeros(0)
    draw = uniform_of(candidates.ids.take(pa.array(rows)), seed=seed, purpose=f"review/{purpose}")
    names, stratum = np.unique(stratum_N[rows], return_inverse=True)
    size_S = np.bincount(stratum, minlength=names.size)
    take_S = shares(size_S, wanted)
    order = np.lexsort((draw, stratum))
    start_S = np.concatenate(([0], np.cumsum(size_S)))[:-1]
    place = np.arange(rows.size) - start_S[stratum[order]]
    chosen = order[place < take_S[stratum[order]]]
    return rows[chosen], (take_S / size_S)[stratum[chosen]]


def shares(size_S: Int64Array, wanted: int) -> Int64Array:
    """Returns how many to take of each stratum: equal shares, what small ones cannot give going to the others."""
    take_S = np.zeros_like(size_S)
    left = min(wanted, int(size_S.sum()))
    while left:
        open_S = np.flatnonzero(take_S < size_S)
        each = max(left // open_S.size, 1)
        for stratum in open_S:
            more = min(each, int(size_S[stratum] - take_S[stratum]), left)
            take_S[stratum] += more
            left -= more
    return take_S


def _doubtful(candidates: Candidates, keys: SelectionKeys, wanted: int) -> Int64Array:
    """Returns rows in doubt, most at stake first, within the limits per group."""
    rows = np.flatnonzero(~np.isnan(candidates.doubt_N))
    at_stake = candidates.doubt_N[rows] * candidates.size_N[rows]
    ids = np.array(candidates.ids.take(pa.array(rows)).to_pylist(), dtype="S16")
    limits = (
        (candidates.cluster_N, keys.per_cluster),
        (candidates.source_N, keys.per_source),
        (candidates.language_N, keys.per_language),
    )
    used: list[dict[int, int]] = [{} for _ in limits]
    chosen: list[int] = []
    for row in rows[np.lexsort((ids, -at_stake))].tolist():
        if len(chosen) >= wanted:
            break
        groups = [int(group_N[row]) for group_N, _ in limits]
        full = (
            most and group >= 0 and counts.get(group, 0) >= most
            for group, counts, (_, most) in zip(groups, used, limits, strict=True)
        )
        if any(full):
            continue
        for group, counts in zip(groups, used, strict=True):
            counts[group] = counts.get(group, 0) + 1
        chosen.append(row)
    return np.array(chosen, dtype=np.int64)
