"""All that a run learns from its people, as one value: `learned/learned.json`, and tables beside it."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import InputError
from curation.intervals import Measure, share
from curation.review.reviewer_errors import Accuracy, ErrorRates, GoldAnswer, accuracies, error_rates
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
from pipelines.learning.facts import FACTS, FOLDER
from pipelines.learning.proposal import Proposal, propose
from pipelines.learning.rules import Audit, RuleEstimate, audit_of, dropped_rightly, rule_estimates
from pipelines.learning.sampled import sample_of
from pipelines.questions import spec_of
from pipelines.rundir import Run
from pipelines.standing import check_finished


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
    proposal: Proposal | None  # None where the run's spec cannot be read

    def facts(self) -> dict[str, object]:
        """Returns it as plain values; of the proposal what is to change and why, not the spec and the model."""
        plain = asdict(replace(self, proposal=None))
        del plain["proposal"]
        asked = self.proposal
        plain["thresholds"] = [asdict(item) for item in asked.thresholds] if asked else []
        plain["change"] = asdict(asked.change) if asked and asked.change else None
        plain["classifier"] = asdict(asked.classifier) if asked and asked.classifier else None
        found: dict[str, object] = json.loads(json.dumps(plain))
        return found


def learn(run: Run, *, seed: int = 0) -> Learned:
    """Returns what a finished run learns from its people; changes nothing.

    Args:
        run: the run.
        seed: of intervals, folds and training.

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
        proposal=_proposal(run, of, audit, errors, seed=seed),
    )


def _proposal(run: Run, of: Answered, audit: Audit, errors: ErrorRates | None, *, seed: int) -> Proposal | None:
    spec = spec_of(run)
    if spec is None:
        return None
    sample = sample_of(run, spec, of, audit, errors, seed=seed)
    return propose(run, spec, of, sample, errors, seed=seed)


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
    """Writes `learned/`: the facts, and a table each of rules and of disputes, where there are some."""
    run.store.write(FACTS, json.dumps(learned.facts(), indent=1).encode() + b"\n", replace=True)
    tables = {"rules": [_flat(asdict(rule)) for rule in learned.rules], "disputes": _dispute_rows(learned)}
    for name, rows in tables.items():
        path = f"{FOLDER}/{name}.parquet"
        if rows:
            content = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(rows), content)
            run.store.write(path, content.getvalue(), replace=True)
        elif run.store.exists(path):
            run.store.remove_file(path)  # of an earlier time


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
