"""All that a run learns from its people, as one value: `learned/learned.json`, and tables beside it."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import InputError
from curation.intervals import Measure, share
from curation.review.reviewer_errors import Accuracy, GoldAnswer, accuracies, error_rates
from pipelines.learning.answered import (
    Answered,
    Dispute,
    Field,
    Pair,
    QueueState,
    answered,
    disputes,
    field_agreement,
    gold_answers,
    pair_agreement,
    queue_states,
)
from pipelines.learning.rules import RuleEstimate, audit_of, dropped_rightly, rule_estimates
from pipelines.rundir import Run
from pipelines.standing import check_finished

FOLDER = "learned"
FACTS = f"{FOLDER}/learned.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How often answers are right, by gold; null measures where there is no gold of that kind."""

    num_gold: int
    num_answers: int
    detection: Measure  # of documents to be dropped, answers that say so
    false_alarm: Measure  # of documents to be kept, answers that say drop
    is_corrected_for: bool  # gold of both kinds: the errors are taken out of estimates


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What people's answers say about themselves and about the rules."""

    num_answers: int
    num_skipped: int
    num_audited: int
    queue: tuple[QueueState, ...]
    agreement: tuple[Field, ...]
    pairs: tuple[Pair, ...]
    trust: Trust
    reviewers: tuple[Accuracy, ...]
    disputes: tuple[Dispute, ...]
    rules: tuple[RuleEstimate, ...]
    precision: Measure  # of all rules together: of what they drop, to be dropped
    recall: Measure  # of what is to be dropped, dropped
    unjudged: tuple[str, ...]  # rules, or `kept`, of whose documents nobody judged one yet

    def facts(self) -> dict[str, object]:
        """Returns it as plain values."""
        found: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return found


def learn(run: Run, *, seed: int = 0) -> Learned:
    """Returns what a finished run learns from its people; changes nothing.

    Raises:
        InputError: the run is unfinished, or nobody answered anything.
    """
    check_finished(run)
    of = answered(run)
    if not of.answers:
        raise InputError(f"{run.store.uri}: expected answers of people, found none; gristmill review pull fetches them")
    known, audit = gold_answers(of), audit_of(run, of)
    errors = error_rates(known)
    precision, recall = dropped_rightly(audit, errors)
    return Learned(
        num_answers=len(of.answers),
        num_skipped=of.num_skipped,
        num_audited=len(audit.doc_ids),
        queue=tuple(queue_states(of)),
        agreement=tuple(field_agreement(of, seed=seed)),
        pairs=tuple(pair_agreement(of, seed=seed)),
        trust=_trust(of, known, is_corrected_for=errors is not None),
        reviewers=tuple(accuracies(known)),
        disputes=tuple(disputes(of, run)),
        rules=tuple(rule_estimates(run, audit, errors)),
        precision=precision,
        recall=recall,
        unjudged=audit.unjudged,
    )


def _trust(of: Answered, known: Sequence[GoldAnswer], *, is_corrected_for: bool) -> Trust:
    of_drop = [answer.says_drop for answer in known if answer.is_drop]
    of_keep = [answer.says_drop for answer in known if not answer.is_drop]
    return Trust(
        num_gold=len(of.gold),
        num_answers=len(known),
        detection=share(sum(of_drop), len(of_drop)),
        false_alarm=share(sum(of_keep), len(of_keep)),
        is_corrected_for=is_corrected_for,
    )


def write_learned(run: Run, learned: Learned) -> None:
    """Writes `learned/`: the facts, and a table each of rules and of disputes."""
    run.store.write(FACTS, json.dumps(learned.facts(), indent=1).encode() + b"\n", replace=True)
    tables = {"rules": [_flat(asdict(rule)) for rule in learned.rules], "disputes": _dispute_rows(learned)}
    for name, rows in tables.items():
        content = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), content)
        run.store.write(f"{FOLDER}/{name}.parquet", content.getvalue(), replace=True)


def _flat(value: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Returns nested values as one row: `alone.precision.low` is a column."""
    row: dict[str, object] = {}
    for name, item in value.items():
        row |= _flat(item, f"{prefix}{name}.") if isinstance(item, Mapping) else {f"{prefix}{name}": item}
    return row


def _dispute_rows(learned: Learned) -> list[dict[str, object]]:
    return [
        {**asdict(dispute), "answers": sorted(f"{who}: {what}" for who, what in dispute.answers.items())}
        for dispute in learned.disputes
    ]
