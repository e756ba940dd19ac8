"""Scores of documents made comparable: mid-rank percentiles within groups, combined by weight, and how they agree.

Difficulty is compared within (language, source), since scripts and markup differ in redundancy; quality within the
language only, because the best of a bad source is not good. Groups with few documents fall back to a wider one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_GROUP_DOCUMENTS = 200
"""Fewer scored documents than this are no scale to rank by; the next wider group is used."""

LEVELS = ("language_source", "language", "all")
NO_LEVEL = -1

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Percentiles of N documents: `value_N` float64 in (0, 1), NaN where unknown; `level_N` int8 into LEVELS, or -1."""

    value_N: Float64Array
    level_N: NDArray[np.int8]


def difficulty_of(
    score_SN: Mapping[str, Float64Array],
    weight_S: Mapping[str, float],
    *,
    language_N: NDArray[np.integer],
    source_N: NDArray[np.integer],
) -> Scale:
    """Returns the mean percentile of each document's known scores, by weight; the level is the widest one used.

    Args:
        score_SN: scores by name, NaN where unknown.
        weight_S: weight of each score; of a negative one, high values count as easy.
        language_N: codes of languages (unknown: one code of its own).
        source_N: codes of sources.
    """
    source = source_N.astype(np.int64)
    pair = language_N.astype(np.int64) * (int(source.max(initial=0)) + 1) + source
    groups = {0: pair, 1: language_N.astype(np.int64), 2: np.zeros_like(source)}
    total, weights = np.zeros(source.size), np.zeros(source.size)
    level = np.full(source.size, NO_LEVEL, dtype=np.int8)
    for name, weight in weight_S.items():
        scale = _scale(score_SN[name], groups)
        known = ~np.isnan(scale.value_N) & (weight != 0)
        total[known] += abs(weight) * (scale.value_N[known] if weight > 0 else 1 - scale.value_N[known])
        weights[known] += abs(weight)
        level[known] = np.maximum(level[known], scale.level_N[known])
    with np.errstate(invalid="ignore"):
        return Scale(value_N=np.where(weights > 0, total / weights, np.nan), level_N=level)


def quality_of(quality_N: Float64Array, *, language_N: NDArray[np.integer]) -> Scale:
    """Returns the percentile of each quality within its language, else among all; high is good."""
    language = language_N.astype(np.int64)
    return _scale(quality_N, {1: language, 2: np.zeros_like(language)})


def _scale(value_N: Float64Array, groups: Mapping[int, Int64Array]) -> Scale:
    """Returns percentiles within the narrowest group of MIN_GROUP_DOCUMENTS scored documents; `groups` by level."""
    percentile, level = np.full(value_N.size, np.nan), np.full(value_N.size, NO_LEVEL, dtype=np.int8)
    scored = np.flatnonzero(~np.isnan(value_N))
    for number in sorted(groups, reverse=True):
        found, size = percentiles(groups[number][scored], value_N[scored])
        enough = (size >= MIN_GROUP_DOCUMENTS) | (number == len(LEVELS) - 1)
        percentile[scored[enough]], level[scored[enough]] = found[enough], number
    return Scale(value_N=percentile, level_N=level)


def percentiles(group_N: Int64Array, value_N: Float64Array) -> tuple[Float64Array, Int64Array]:
    """Returns each value's mid-rank percentile within its group, and the size of the group; equal values tie."""
    order = np.lexsort((value_N, group_N))
    group, value = group_N[order], value_N[order]
    first, last = np.searchsorted(group, group, side="left"), np.searchsorted(group, group, side="right")
    new = np.ones(group.size, dtype=bool)
    new[1:] = (group[1:] != group[:-1]) | (value[1:] != value[:-1])
    tie = np.cumsum(new) - 1
    tie_start = np.flatnonzero(new)
    tie_stop = np.append(tie_start[1:], group.size)
    middle = (tie_start + tie_stop)[tie] / 2 - first
    percentile, size = np.empty(group.size), np.empty(group.size, dtype=np.int64)
    percentile[order], size[order] = middle / (last - first), last - first
    return percentile, size


def spearman(score_SN: Sequence[Float64Array]) -> list[list[float | None]]:
    """Returns (S, S) rank correlations, each over the documents that have both scores.

    None where fewer than two have both, or one of the scores is the same for all.
    """
    return [[_correlation(one_N, other_N) for other_N in score_SN] for one_N in score_SN]


def _correlation(one_N: Float64Array, other_N: Float64Array) -> float | None:
    both = ~np.isnan(one_N) & ~np.isnan(other_N)
    whole = np.zeros(int(both.sum()), dtype=np.int64)
    ranks = [percentiles(whole, value_N[both])[0] - 0.5 for value_N in (one_N, other_N)]
    spread = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return round(float((ranks[0] * ranks[1]).sum()) / spread, 6) if spread > 0 else None
