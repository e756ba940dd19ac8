"""A new spec from what people answered, for a person to accept: other thresholds, and a classifier trained anew.

Nothing of the run changes. The spec lies in `learned/` with the model beside it; `gristmill run` makes of it what any
spec becomes.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.errors import InputError
from curation.identity import type_of_id, uniform_of
from curation.intervals import Measure
from curation.quality.gates import Rule
from curation.quality.scores import scorer_of
from curation.review.reviewer_errors import ErrorRates
from curation.text.safe import visible
from pipelines.classifiers.evaluation import raw_scores
from pipelines.classifiers.reviewers import COLUMNS, labelled_documents
from pipelines.classifiers.training import LABELS
from pipelines.learning.answered import Answered
from pipelines.learning.refitting import Labelled, Refit, refit
from pipelines.learning.sampled import NUM_FOLDS, Sample
from pipelines.learning.thresholds import Fitted, Threshold, fit_thresholds, kept_precision, threshold_of
from pipelines.lookup import parts_of, rows_of
from pipelines.progress import silent
from pipelines.rule_settings import changed_spec
from pipelines.rundir import Run
from pipelines.scoring import QUALITY
from pipelines.spec import JobSpec
from pipelines.spec_file import dump_spec
from pipelines.spec_paths import moved
from pipelines.spec_signals import ClassifierSpec
from pipelines.starts import last_start
from pipelines.whatif import Question, what_if

MODEL, CALIBRATION = "learned/classifier/model.bin", "learned/classifier/calibration.json"
REVIEWED = "reviewed"
"""The signal of a model that takes the place of the package's."""
NUM_SCORED = 2000
"""Documents that the old and the new classifier are compared on, for the threshold that keeps the same share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """The classifier trained anew beside the one of the run; `rule` is the gate's rule that reads its score."""

    rule: str
    signal_before: str
    signal_after: str
    threshold_before: float
    threshold_after: float
    num_labels: int
    num_positive: int
    keep_share: float
    precision_before: Measure
    precision_after: Measure
    change: Measure
    is_proposed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What the proposed thresholds do together: documents that the gates keep, and how many of them people would."""

    settings: tuple[str, ...]
    kept_before: int
    kept_after: int
    num_documents: int
    precision_before: Measure
    precision_after: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Other thresholds and another classifier, proposed or looked at and found no better."""

    spec: JobSpec
    thresholds: tuple[Threshold, ...]
    change: Change | None
    classifier: Classifier | None
    model: Refit | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        return self.change is None and (self.classifier is None or not self.classifier.is_proposed)


def propose(run: Run, spec: JobSpec, of: Answered, sample: Sample, errors: ErrorRates | None, *, seed: int) -> Proposal:
    """Returns what people's answers ask to change in the spec of a run.

    Args:
        run: the run.
        spec: its spec.
        of: its questions and answers.
        sample: its judged documents.
        errors: of reviewers; None: they are taken at their word.
        seed: of training.
    """
    judging = _judging_classifier(spec)
    model = _refit(run, judging, of, sample, seed=seed) if judging else None
    classifier = _classifier(run, judging, model) if judging and model else None
    replaced = judging[1].signal if judging and classifier and classifier.is_proposed else None
    fitted = [item for item in fit_thresholds(spec, sample) if item.bound.signal != replaced]
    found = [threshold_of(item, sample) for item in fitted]
    chosen = [item for item, threshold in zip(fitted, found, strict=True) if threshold.is_proposed]
    change = _change(run, spec, chosen, sample, errors) if chosen else None
    after = changed_spec(spec, change.settings) if change else spec
    if judging and classifier and classifier.is_proposed:
        after = _with_classifier(after, judging, classifier)
    return Proposal(spec=after, thresholds=tuple(found), change=change, classifier=classifier, model=model)


def _judging_classifier(spec: JobSpec) -> tuple[str, Rule] | None:
    """Returns (gate, rule) of the first rule that keeps what a fastText classifier scores high."""
    for name, rule in _rules(spec):
        is_ours = rule.signal in spec.classifiers or (rule.signal == QUALITY and spec.quality_model is not None)
        if is_ours and rule.min is not None and rule.max is None:
            return name, rule
    return None


def _rules(spec: JobSpec) -> Iterator[tuple[str, Rule]]:
    return ((name, rule) for name, gate in spec.gates.items() for rule in gate.rules)


def _refit(run: Run, judging: tuple[str, Rule], of: Answered, sample: Sample, *, seed: int) -> Refit | None:
    rule = judging[1]
    people = run.dataset("people").to_table(list(COLUMNS))
    is_gold = pc.is_in(people["doc_id"], pa.array(sorted(of.gold), type_of_id))
    found = labelled_documents(people.filter(pc.invert(is_gold)), run=run.store.uri)
    ids = [doc_id for table in found.tables for doc_id in table["doc_id"].to_pylist()]
    rows = rows_of(run, "measured", parts_of(run, ids), columns=["doc_id", rule.column])
    scores = {doc_id: float(str(value)) for doc_id, row in rows.items() if (value := row[rule.column]) is not None}
    weights = dict(zip(sample.columns["doc_id"].to_pylist(), sample.weight_M.tolist(), strict=True))
    assert rule.min is not None, "the rule has this bound"
    return refit(Labelled(found=found, score=scores, weight=weights), threshold=rule.min, seed=seed)


def _classifier(run: Run, judging: tuple[str, Rule], model: Refit) -> Classifier:
    gate, rule = judging
    assert rule.min is not None, "the rule has this bound"
    after = REVIEWED if rule.signal == QUALITY else rule.signal
    return Classifier(
        rule=f"{gate}/{rule.label}",
        signal_before=rule.signal,
        signal_after=after,
        threshold_before=rule.min,
        threshold_after=_same_share(run, rule, model),
        num_labels=model.num_labels,
        num_positive=model.num_positive,
        keep_share=model.keep_share,
        precision_before=model.before,
        precision_after=model.after,
        change=model.change,
        is_proposed=model.is_better,
    )


def _same_share(run: Run, rule: Rule, model: Refit) -> float:
    """Returns the threshold of the new score above which as many documents lie as did above the old one's."""
    table = run.measured.to_table(["doc_id", rule.column], filter=pc.field(rule.column).is_valid())
    ids = table["doc_id"].combine_chunks()
    draw = uniform_of(ids, seed=0, purpose="review/same-share")
    chosen = table.take(pa.array(np.sort(np.argsort(draw, kind="stable")[:NUM_SCORED])))
    rows = rows_of(run, "measured", parts_of(run, chosen["doc_id"].to_pylist()), columns=["doc_id", "text"])
    texts = pa.array([rows[doc_id]["text"] for doc_id in chosen["doc_id"].to_pylist()], pa.string())
    scorer = scorer_of(model.model, name=REVIEWED, labels=LABELS, calibration=None)
    new_N = model.calibration.apply(raw_scores(scorer, texts))
    return _quantile(chosen[rule.column].to_numpy() < rule.min, new_N)


def _quantile(is_dropped_N: NDArray[np.bool_], new_N: NDArray[np.float64]) -> float:
    place = min(int(is_dropped_N.sum()), new_N.size - 1)
    return float(np.sort(new_N)[place])


def _change(run: Run, spec: JobSpec, chosen: list[Fitted], sample: Sample, errors: ErrorRates | None) -> Change:
    settings = tuple(item.bound.setting(item.overall) for item in chosen)
    by_fold = [
        changed_spec(spec, tuple(item.bound.setting(item.by_fold[fold]) for item in chosen))
        for fold in range(NUM_FOLDS)
    ]
    before, after = kept_precision(spec, by_fold, sample, errors)
    gates = what_if(run, Question(settings=settings, count=0), progress=silent())["gates"]
    return Change(
        settings=settings,
        kept_before=gates["before"]["kept"],
        kept_after=gates["after"]["kept"],
        num_documents=gates["before"]["read"],
        precision_before=before,
        precision_after=after,
    )


def _with_classifier(spec: JobSpec, judging: tuple[str, Rule], found: Classifier) -> JobSpec:
    """Returns `spec` with the new model where the rule reads it; its path is that in the run until it is written."""
    name, rule = judging
    gate = spec.gates[name]
    changed = replace(rule, signal=found.signal_after, min=found.threshold_after)
    rules = tuple(changed if item.label == rule.label else item for item in gate.rules)
    before = spec.classifiers.get(rule.signal)
    languages = before.languages if before else ("en",)
    model = ClassifierSpec(model=MODEL, calibration=CALIBRATION, languages=languages)
    return replace(
        spec,
        gates=spec.gates | {name: replace(gate, rules=rules)},
        classifiers=spec.classifiers | {found.signal_after: model},
    )


def write_proposal(run: Run, proposal: Proposal, path: Path) -> None:
    """Writes the proposed spec, and the model that it names into the run.

    Args:
        run: the run.
        proposal: not empty.
        path: of the spec; its relative paths start from there.
    """
    spec = proposal.spec
    try:
        spec = moved(spec, root=last_start(run.store).root, folder=path.parent)
    except InputError:
        spec = proposal.spec  # the run does not say where its relative paths start
    classifier, model = proposal.classifier, proposal.model
    if classifier is not None and classifier.is_proposed and model is not None:
        contents = {MODEL: model.model, CALIBRATION: model.calibration.to_json()}
        for name, content in contents.items():
            run.store.write(name, content, replace=True)
        places = {name: os.path.relpath(run.store.local_path(name), path.absolute().parent) for name in contents}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        named = replace(
            spec.classifiers[classifier.signal_after],
            model=places[MODEL],
            sha256=digests[MODEL],
            calibration=places[CALIBRATION],
            calibration_sha256=digests[CALIBRATION],
        )
        spec = replace(spec, classifiers=spec.classifiers | {classifier.signal_after: named})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"# {visible(line)}\n" for line in _reasons(proposal)) + dump_spec(spec), encoding="utf-8")


def _reasons(proposal: Proposal) -> Iterator[str]:
    yield "Proposed by `gristmill review learn` from what people answered; the run's own spec is unchanged."
    for item in proposal.thresholds:
        if item.is_proposed:
            yield f"{item.rule}: {item.key} {item.after!r}, was {item.before!r}"
    found = proposal.classifier
    if found is not None and found.is_proposed:
        yield (
            f"{found.rule}: min {found.threshold_after:.6g} of {found.signal_after}, trained on {found.num_labels} "
            f"decisions; was {found.threshold_before!r} of {found.signal_before}"
        )
