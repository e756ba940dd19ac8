"""Precision and recall of each rule of a run, from what people answered about its random kept and dropped documents.

What is estimated is said of the documents that the gates kept or dropped: copies and documents in review are neither.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Measure
from curation.review.reviewer_errors import ErrorRates
from curation.review.rule_estimates import Estimates, counts_of, precision, recall
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
    decided_by_S: tuple[str, ...]  # the rule that dropped a stratum; empty: kept
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
        decided_by_S=tuple(name[1] for name in names),
        unjudged=tuple(name[1] or "kept" for name, found in judged.items() if not found),
    )


_AUDITED = """
SELECT review_key, tasks.doc_id, route, inclusion_probability, decisions.decided_by,
       list_transform(failed, lambda item: item.rule)
FROM tasks JOIN decisions ON tasks.doc_id = decisions.doc_id
WHERE route <> '{doubt}' ORDER BY priority
"""
_TAKEN = """
SELECT decided_by, rule, count(*), count(*) FILTER (num_failed = 1)
FROM (SELECT decided_by, unnest(names) AS rule, len(names) AS num_failed
      FROM (SELECT decided_by, list_distinct(list_transform(failed, lambda item: item.rule)) AS names
            FROM decisions WHERE state = 'dropped' AND NOT starts_with(decided_by, 'dedup/')))
GROUP BY decided_by, rule ORDER BY decided_by, rule
"""


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """How many documents each rule took, of all and of each stratum of an audit."""

    count: Mapping[str, int]
    by_stratum: Mapping[tuple[str, str], int]  # by (what decided, rule)

    def table(self, names: list[str], audit: Audit) -> NDArray[np.float64]:
        """Returns float64 (R, S)."""
        rows = [[self.by_stratum.get((decided, rule), 0) for decided in audit.decided_by_S] for rule in names]
        return np.array(rows, dtype=np.float64).reshape(len(names), len(audit.decided_by_S))


def _taken(run: Run) -> tuple[_Taken, _Taken]:
    """Returns what each rule took, and what it took that failed no other."""
    found = []
    rows = run.sql(_TAKEN).fetchall()
    for place in (2, 3):
        count: Counter[str] = Counter()
        for row in rows:
            count[row[1]] += row[place]
        found.append(_Taken(count=count, by_stratum={(row[0], row[1]): row[place] for row in rows}))
    return found[0], found[1]


def rule_estimates(run: Run, audit: Audit, errors: ErrorRates | None) -> list[RuleEstimate]:
    """Returns precision and recall of every rule that dropped a document, those that took most first."""
    everything, alone = _taken(run)
    names = sorted(everything.count, key=lambda rule: (-everything.count[rule], rule))
    if not names or not audit.doc_ids:
        return []
    fails_RM = np.array([[rule in failed for failed in audit.failed] for rule in names], dtype=bool)
    only_M = np.array([len(failed) == 1 for failed in audit.failed], dtype=bool)
    found = (
        _judged(audit, names, everything, fails_RM, errors),
        _judged(audit, names, alone, fails_RM & only_M, errors),
    )
    return [
        RuleEstimate(rule=rule, alone=one, among_others=other) for rule, one, other in zip(names, *found, strict=True)
    ]


def _judged(
    audit: Audit, names: list[str], taken: _Taken, fired_RM: NDArray[np.bool_], errors: ErrorRates | None
) -> list[Judged]:
    counts = counts_of(audit.stratum_M, fired_RM, audit.said_M, audit.population_S, taken.table(names, audit))
    precisions, recalls = precision(counts, errors), recall(counts, errors)
    return [
        Judged(
            num_documents=taken.count[rule],
            num_judged=int(fired_RM[row].sum()),
            precision=measure_at(precisions, row),
            recall=measure_at(recalls, row),
        )
        for row, rule in enumerate(names)
    ]


def dropped_rightly(audit: Audit, errors: ErrorRates | None) -> tuple[Measure, Measure]:
    """Returns precision and recall of all rules together: of what they drop, and of what is to be dropped."""
    fired_RM = np.array([[bool(failed) for failed in audit.failed]], dtype=bool)
    is_dropped_S = np.array([bool(decided) for decided in audit.decided_by_S], dtype=bool)
    taken_RS = np.where(is_dropped_S, audit.population_S, 0.0)[None]
    counts = counts_of(audit.stratum_M, fired_RM, audit.said_M, audit.population_S, taken_RS)
    return measure_at(precision(counts, errors), 0), measure_at(recall(counts, errors), 0)


def measure_at(found: Estimates, row: int) -> Measure:
    """Returns one of several estimates; null where it says nothing."""
    value, low, high = (float(item[row]) for item in (found.value, found.low, found.high))
    return (
        Measure(value=None if np.isnan(value) else value, low=low, high=high)
        if not np.isnan(low)
        else Measure(value=None)
    )
