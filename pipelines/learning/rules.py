"""Precision and recall of each rule of a run, from what people answered about its random kept and dropped documents.

What is estimated is said of the documents that the gates kept or dropped: copies and documents in review are neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Measure
from curation.review.reviewer_errors import ErrorRates
from curation.review.rule_estimates import Counts, Estimates, counts_of, precision, recall
from curation.review.selection import DOUBT
from curation.schema import REVIEW_ROUTES
from pipelines.learning.answered import Answered, says_drop
from pipelines.rundir import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How often a rule is right about some documents: all that fail it, or those that fail no other."""

    num_documents: int
    num_judged: int
    precision: Measure  # of these, to be dropped
    recall: Measure  # of all to be dropped, these


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEstimate:
    """A rule by itself, and among the others: what they would miss without it."""

    rule: str
    alone: Judged
    among_others: Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """M documents of the random slices that people judged, in S strata.

    `said_M` is the share of a document's reviewers who would drop it; `failed` the rules of gates that it fails.
    """

    doc_ids: tuple[bytes, ...]
    stratum_M: NDArray[np.int64]
    said_M: NDArray[np.float64]
    failed: tuple[frozenset[str], ...]
    population_S: NDArray[np.float64]
    unjudged: tuple[str, ...]
    """Strata of which nobody judged a document yet: nothing is said about them."""


def audit_of(run: Run, of: Answered) -> Audit:
    """Returns the random slices as far as people have come with them.

    They are in random order among the questions, so what is answered is still a random sample: its size over that of
    the stratum takes the place of the probability with which its question was drawn.
    """
    drawn: dict[tuple[str, str], list[tuple[bytes, str, frozenset[str]]]] = {}
    population: dict[tuple[str, str], float] = {}
    query = _AUDITED.format(doubt=REVIEW_ROUTES[DOUBT])
    for key, doc_id, route, probability, decided_by, failed in run.sql(query).fetchall():
        stratum = (route, decided_by or "")
        drawn.setdefault(stratum, []).append((doc_id, key, frozenset(failed)))
        population[stratum] = population.get(stratum, 0.0) + 1 / probability
    answers = of.by_question
    judged = {name: [row for row in rows if row[1] in answers] for name, rows in sorted(drawn.items())}
    names = [name for name, rows in judged.items() if rows]
    rows = [(place, row) for place, name in enumerate(names) for row in judged[name]]
    said = [[says_drop(answer) for answer in answers[key]] for _, (_, key, _) in rows]
    return Audit(
        doc_ids=tuple(doc_id for _, (doc_id, _, _) in rows),
        stratum_M=np.array([place for place, _ in rows], dtype=np.int64),
        said_M=np.array([sum(votes) / len(votes) for votes in said], dtype=np.float64),
        failed=tuple(failed for _, (_, _, failed) in rows),
        population_S=np.array([round(population[name]) for name in names], dtype=np.float64),
        unjudged=tuple(name[1] or "kept" for name, found in judged.items() if not found),
    )


_AUDITED = """
SELECT review_key, tasks.doc_id, route, inclusion_probability, decisions.decided_by,
       list_transform(failed, lambda item: item.rule)
FROM tasks JOIN decisions ON tasks.doc_id = decisions.doc_id
WHERE route <> '{doubt}' ORDER BY priority
"""
_TAKEN = """
SELECT rule, count(*), count(*) FILTER (only_one)
FROM (SELECT unnest(list_distinct(list_transform(failed, lambda item: item.rule))) AS rule,
             len(list_distinct(list_transform(failed, lambda item: item.rule))) = 1 AS only_one
      FROM decisions WHERE state = 'dropped')
WHERE NOT starts_with(rule, 'dedup/') GROUP BY rule ORDER BY rule
"""


def rule_estimates(run: Run, audit: Audit, errors: ErrorRates | None) -> list[RuleEstimate]:
    """Returns precision and recall of every rule that dropped a document, those that took most first."""
    taken = {rule: (count, only) for rule, count, only in run.sql(_TAKEN).fetchall()}
    names = sorted(taken, key=lambda rule: (-taken[rule][0], rule))
    if not names or not audit.doc_ids:
        return []
    alone = _judged(audit, names, {rule: taken[rule][0] for rule in names}, errors, only=False)
    among = _judged(audit, names, {rule: taken[rule][1] for rule in names}, errors, only=True)
    return [
        RuleEstimate(rule=rule, alone=one, among_others=other)
        for rule, one, other in zip(names, alone, among, strict=True)
    ]


def _judged(
    audit: Audit, names: list[str], num_taken: Mapping[str, int], errors: ErrorRates | None, *, only: bool
) -> list[Judged]:
    fired_RM = np.array(
        [[rule in failed and (not only or len(failed) == 1) for failed in audit.failed] for rule in names], dtype=bool
    )
    counts = counts_of(audit.stratum_M, fired_RM, audit.said_M, audit.population_S)
    precisions, recalls = precision(counts, errors), recall(counts, errors)
    return [
        Judged(
            num_documents=num_taken[rule],
            num_judged=int(fired_RM[row].sum()),
            precision=measure_at(precisions, row),
            recall=measure_at(recalls, row),
        )
        for row, rule in enumerate(names)
    ]


def dropped_rightly(audit: Audit, errors: ErrorRates | None) -> tuple[Measure, Measure]:
    """Returns precision and recall of all rules together: of what they drop, and of what is to be dropped."""
    counts = all_counts(audit)
    return measure_at(precision(counts, errors), 0), measure_at(recall(counts, errors), 0)


def all_counts(audit: Audit) -> Counts:
    """Returns what was found about the one rule that drops what any rule drops."""
    fired_RM = np.array([[bool(failed) for failed in audit.failed]], dtype=bool)
    return counts_of(audit.stratum_M, fired_RM, audit.said_M, audit.population_S)


def measure_at(found: Estimates, row: int) -> Measure:
    """Returns one of several estimates; null where it says nothing."""
    value, low, high = (float(item[row]) for item in (found.value, found.low, found.high))
    return (
        Measure(value=None if np.isnan(value) else value, low=low, high=high)
        if not np.isnan(low)
        else Measure(value=None)
    )
