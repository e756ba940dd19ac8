"""Judged documents with what the gates read of them: what thresholds and classifiers are fitted to.

Besides the random slices there are the documents in doubt, which are closest to the thresholds. They are asked about
by what is at stake, not at random, so they stand for themselves only.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.identity import type_of_id, uniform_of
from curation.review.reviewer_errors import ErrorRates
from curation.review.selection import DOUBT
from curation.routing import judge
from curation.schema import REVIEW_ROUTES
from pipelines.judging import gates_of, judged_columns
from pipelines.learning.answered import Answered, says_drop
from pipelines.learning.rules import Audit
from pipelines.lookup import parts_of, rows_of
from pipelines.rundir import Run
from pipelines.spec import JobSpec

NUM_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Sample:
    """M judged documents in S strata; `columns` are what the gates read of each.

    `said_M` is the share of reviewers who would drop it; `drop_M` the same without their errors: 1 on average where it
    is to be dropped, 0 where not, and outside [0, 1] for a single document. `fold_M` deals them to NUM_FOLDS.
    """

    columns: pa.RecordBatch
    stratum_M: NDArray[np.int64]
    population_S: NDArray[np.float64]
    said_M: NDArray[np.float64]
    drop_M: NDArray[np.float64]
    fold_M: NDArray[np.int64]

    @cached_property
    def weight_M(self) -> NDArray[np.float64]:
        """Documents that each stands for."""
        sampled_S = np.bincount(self.stratum_M, minlength=self.population_S.size)
        weight: NDArray[np.float64] = (self.population_S / np.maximum(sampled_S, 1))[self.stratum_M]
        return weight

    def verdicts(self, spec: JobSpec) -> pa.RecordBatch:
        """Returns what the gates of a spec say of each."""
        return judge(self.columns.select(judged_columns(spec)), gates_of(spec))


def sample_of(run: Run, spec: JobSpec, of: Answered, audit: Audit, errors: ErrorRates | None, *, seed: int) -> Sample:
    """Returns all judged documents that the run has its measurements of.

    Args:
        run: the run.
        spec: of the run.
        of: its questions and answers.
        audit: the random slices.
        errors: of reviewers; None: they are taken at their word.
        seed: deals documents to folds.
    """
    doubt = _doubtful(run, of)
    names = sorted(doubt)
    ids = [*audit.doc_ids, *(doc_id for name in names for doc_id, _ in doubt[name])]
    first = audit.population_S.size
    stratum = [*audit.stratum_M.tolist(), *(first + n for n, name in enumerate(names) for _ in doubt[name])]
    said = [*audit.said_M.tolist(), *(share for name in names for _, share in doubt[name])]
    columns = judged_columns(spec)
    rows = rows_of(run, "measured", parts_of(run, ids), columns=columns)
    schema = pa.schema([run.measured.schema.field(name) for name in columns])
    said_M = np.array(said, dtype=np.float64)
    draw = uniform_of(pa.array(ids, type_of_id), seed=seed, purpose="review/folds")
    return Sample(
        columns=pa.RecordBatch.from_pylist([rows[doc_id] for doc_id in ids], schema),
        stratum_M=np.array(stratum, dtype=np.int64),
        population_S=np.concatenate((audit.population_S, [float(len(doubt[name])) for name in names])),
        said_M=said_M,
        drop_M=_corrected(said_M, errors),
        fold_M=(draw * NUM_FOLDS).astype(np.int64),
    )


_DOUBTFUL = f"""
SELECT review_key, tasks.doc_id, decisions.decided_by FROM tasks JOIN decisions ON tasks.doc_id = decisions.doc_id
WHERE route = '{REVIEW_ROUTES[DOUBT]}' AND kind = 'document' AND NOT starts_with(decisions.decided_by, 'dedup/')
ORDER BY priority
"""  # noqa: S608 - a constant of ours


def _doubtful(run: Run, of: Answered) -> dict[str, list[tuple[bytes, float]]]:
    """Returns (id, share of reviewers who would drop it) of judged documents in doubt, by the rule that doubts."""
    answers, found = of.by_question, dict[str, list[tuple[bytes, float]]]()
    for key, doc_id, rule in run.sql(_DOUBTFUL).fetchall():
        if key in answers:
            votes = [says_drop(answer) for answer in answers[key]]
            found.setdefault(rule, []).append((doc_id, sum(votes) / len(votes)))
    return found


def _corrected(said_M: NDArray[np.float64], errors: ErrorRates | None) -> NDArray[np.float64]:
    if errors is None or errors.detection <= errors.false_alarm:
        return said_M
    corrected: NDArray[np.float64] = (said_M - errors.false_alarm) / (errors.detection - errors.false_alarm)
    return corrected
