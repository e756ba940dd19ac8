"""Reviewers whose errors are known, on labelled documents: what is learnt from them can be held against the truth.

Two experiments. `improved` sends 500 documents to a reviewer as a run would, trains the classifier anew on the answers,
and measures old and new on documents that neither saw. `audits` draws many audits of one corpus at once, as arrays
with a leading axis of draws, to count how often an interval holds what it is about.
"""

import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.identity import secure_hash, type_of_id
from curation.quality.scores import scorer_of
from curation.review.reviewer_errors import ErrorRates
from curation.review.rule_estimates import Counts, Estimates
from curation.review.selection import Candidates, SelectionKeys, select
from pipelines.classifiers.evaluation import raw_scores
from pipelines.classifiers.examples import EXAMPLE, Found, Splitting, examples_of, lines_for_training
from pipelines.classifiers.fitting import train_fasttext
from pipelines.classifiers.training import LABELS
from pipelines.learning.refitting import FEW, Labelled, Refit, precision_at, refit

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CORPORA: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "tweets": ("davidson_hate_offensive", lambda label: label == 2),
    "messages": ("sms_spam", lambda label: label == "ham"),
    "hatecheck": ("hatecheck", lambda label: label == "non-hateful"),
}
"""Name -> (file of dev/quality, whether a label means keep)."""
BAND = 0.3
"""Share of documents, those nearest to the threshold, that a run would send to review."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """N labelled documents."""

    text_N: NDArray[np.object_]
    is_keep_N: Mask

    def some(self, rows: NDArray[np.int64]) -> "Texts":
        """Returns some of them."""
        return Texts(text_N=self.text_N[rows], is_keep_N=self.is_keep_N[rows])


def read_texts(dev: Path, name: str) -> Texts:
    """Returns a corpus of dev/quality, each text once."""
    file, is_keep = CORPORA[name]
    labels: dict[str, bool] = {}
    with gzip.open(dev / "quality" / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            labels.setdefault(row["text"], is_keep(row["label"]))
    return Texts(text_N=np.array(list(labels), dtype=object), is_keep_N=np.array(list(labels.values()), dtype=bool))


@dataclass(frozen=True, kw_only=True)
class Reviewer:
    """How often a reviewer drops what is to be dropped, and what is to be kept."""

    detection: float = 1.0
    false_alarm: float = 0.0

    def drops(self, is_drop: Mask, draw: np.random.Generator) -> Mask:
        """Returns whether the reviewer would drop each document."""
        said: Mask = draw.random(is_drop.shape) < np.where(is_drop, self.detection, self.false_alarm)
        return said


@dataclass(frozen=True, kw_only=True)
class Improvement:
    """Precision on held-out documents, by true labels, of the old and the new classifier at the same keep share."""

    keep_share: float
    before: float
    after: float
    num_labels: int
    estimated: tuple[float | None, float | None, float | None]
    """The change that the reviewer's answers alone show, with its interval."""


def improved(
    texts: Texts, reviewer: Reviewer, *, seed: int, num_labels: int = 500, num_old: int = 200, num_held_out: int = 2500
) -> Improvement:
    """Returns what a review does to a classifier of `num_old` labels."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(texts.is_keep_N.size)
    old, held_out, pool = (texts.some(rows) for rows in np.split(order, [num_old, num_old + num_held_out]))
    model = _trained(old, seed)
    pool_N, held_N = (_scores(model, part) for part in (pool, held_out))
    threshold = float(np.quantile(pool_N, 1 - old.is_keep_N.mean()))
    labelled = _reviewed(pool, pool_N, threshold, reviewer, draw, num_labels=num_labels, seed=seed)
    new = refit(labelled, threshold=threshold, seed=seed)
    assert new is not None, "there are enough labels"
    keep_share = float((held_N >= threshold).mean())
    ones = np.ones((1, held_N.size))
    before, after = (
        float(precision_at(score_N, held_out.is_keep_N, ones, keep_share)[0])
        for score_N in (held_N, _scores(new.model, held_out))
    )
    return Improvement(
        keep_share=keep_share,
        before=before,
        after=after,
        num_labels=new.num_labels,
        estimated=_change(new),
    )


def _change(new: Refit) -> tuple[float | None, float | None, float | None]:
    return new.change.value, new.change.low, new.change.high


def _trained(texts: Texts, seed: int) -> bytes:
    found = Found(tables=(_table(texts, texts.is_keep_N),))
    examples = examples_of([found], Splitting(validation_fraction=0, test_fraction=0))
    return train_fasttext(lines_for_training(examples), FEW)


def _scores(model: bytes, texts: Texts) -> Floats:
    scorer = scorer_of(model, name="simulated", labels=LABELS, calibration=None)
    return raw_scores(scorer, pa.array(texts.text_N.tolist(), pa.string()))


def _ids(texts: Texts) -> list[bytes]:
    return [secure_hash(text.encode()) for text in texts.text_N]


def _table(texts: Texts, is_positive_N: Mask) -> pa.Table:
    count = texts.is_keep_N.size
    ids = pa.array(_ids(texts), type_of_id)
    names = pa.array(["simulated"] * count)
    nothing = pa.nulls(count, pa.string())
    columns = [ids, names, nothing, nothing, nothing, pa.array(texts.text_N.tolist()), pa.array(is_positive_N)]
    return pa.table(columns, schema=EXAMPLE)


def _reviewed(
    pool: Texts,
    score_N: Floats,
    threshold: float,
    reviewer: Reviewer,
    draw: np.random.Generator,
    *,
    num_labels: int,
    seed: int,
) -> Labelled:
    """Returns the documents that a run asks about, labelled by a reviewer who errs."""
    distance_N = np.abs(score_N - threshold)
    edge = np.quantile(distance_N, BAND)
    doubt_N = np.where(distance_N <= edge, 1 - distance_N / max(edge, 1e-12), np.nan)
    kept_N = np.isnan(doubt_N) & (score_N >= threshold)
    nothing = np.full(score_N.size, -1, dtype=np.int64)
    candidates = Candidates(
        ids=pa.array(_ids(pool), type_of_id),
        doubt_N=doubt_N,
        size_N=np.ones(score_N.size, dtype=np.int64),
        cluster_N=nothing,
        source_N=nothing,
        language_N=nothing,
        kept_N=kept_N,
        stratum_N=np.where(np.isnan(doubt_N) & ~kept_N, 0, -1),
    )
    chosen = select(candidates, SelectionKeys(budget=num_labels, audit_fraction=0.5, overlap_fraction=0), seed=seed)
    asked = pool.some(chosen.row_T)
    said_T = ~reviewer.drops(~asked.is_keep_N, draw)
    ids = _ids(asked)
    return Labelled(
        found=Found(tables=(_table(asked, said_T),)),
        score=dict(zip(ids, score_N[chosen.row_T].tolist(), strict=True)),
        weight=dict(zip(ids, (1 / chosen.probability_T).tolist(), strict=True)),
    )


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """N documents and R rules; the first rule that takes a document is its stratum, 0 that of kept ones."""

    is_drop_N: Mask
    fired_RN: Mask

    @property
    def stratum_N(self) -> NDArray[np.int64]:
        """Of each document."""
        return np.where(self.fired_RN.any(0), self.fired_RN.argmax(0) + 1, 0)

    @property
    def taken_RS(self) -> Floats:
        """How many documents of each stratum each rule takes."""
        in_NS = self.stratum_N[:, None] == np.arange(len(self.fired_RN) + 1)
        taken: Floats = self.fired_RN.astype(np.float64) @ in_NS
        return taken

    @property
    def precision_R(self) -> Floats:
        """The truth."""
        return np.array([self.is_drop_N[fired].mean() for fired in self.fired_RN])

    @property
    def recall_R(self) -> Floats:
        """The truth."""
        return np.array([fired[self.is_drop_N].mean() for fired in self.fired_RN])

    def only(self) -> "Ruled":
        """Returns the same strata, of which each rule is asked only for what no other takes."""
        return Only(is_drop_N=self.is_drop_N, fired_RN=self.fired_RN & (self.fired_RN.sum(0) == 1), of=self)


@dataclass(frozen=True, kw_only=True)
class Only(Ruled):
    """What each rule alone takes, in the strata of all."""

    of: Ruled

    @property
    def stratum_N(self) -> NDArray[np.int64]:
        """Of each document."""
        return self.of.stratum_N


RULES: Sequence[tuple[str, Callable[[str], bool]]] = (
    ("insults", lambda text: bool(re.search(r"\b(?:bitch|hoe|pussy|nigga|fag|cunt|trash)\w*", text, re.IGNORECASE))),
    ("shouting", lambda text: sum(letter.isupper() for letter in text) > 0.1 * len(text)),
    ("answers", lambda text: text.startswith(("RT ", "!", "@", '"@'))),
    ("short", lambda text: len(text.split()) < 7),
)
"""Rules of the kind that people write for tweets: one good, three more or less bad."""


def ruled(texts: Texts) -> Ruled:
    """Returns labelled documents judged by RULES."""
    fired = np.array([[takes(text) for text in texts.text_N] for _, takes in RULES])
    return Ruled(is_drop_N=~texts.is_keep_N, fired_RN=fired)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """How many documents are drawn, how often, and who judges them."""

    num_kept: int
    num_each_rule: int
    num_draws: int
    reviewer: Reviewer
    seed: int


def audits(of: Ruled, audit: Audit) -> Counts:
    """Returns what `num_draws` independent audits find: arrays (draws, rules, strata)."""
    draw = np.random.default_rng(audit.seed)
    stratum_N = of.stratum_N
    population_S = np.bincount(stratum_N, minlength=len(of.fired_RN) + 1).astype(np.float64)
    wanted_S = np.array([audit.num_kept, *[audit.num_each_rule] * len(of.fired_RN)])
    sampled_S = np.minimum(wanted_S, population_S)
    fired, fired_said, said = [], [], []
    for stratum, size in enumerate(sampled_S.astype(int).tolist()):
        rows = np.flatnonzero(stratum_N == stratum)
        keys = draw.random((audit.num_draws, rows.size), dtype=np.float32)
        chosen_DM = rows[np.argpartition(keys, min(size, rows.size - 1), axis=1)[:, :size]]
        said_DM = audit.reviewer.drops(of.is_drop_N[chosen_DM], draw)
        fired_RDM = of.fired_RN[:, chosen_DM]
        fired.append(fired_RDM.sum(2).T)
        fired_said.append((fired_RDM & said_DM).sum(2).T)
        said.append(said_DM.sum(1))
    return Counts(
        population_S=population_S,
        sampled_S=sampled_S,
        fired_S=np.stack(fired, axis=-1).astype(np.float64),
        fired_said_S=np.stack(fired_said, axis=-1).astype(np.float64),
        said_S=np.stack(said, axis=-1)[:, None, :].astype(np.float64),
        taken_S=of.taken_RS,
    )


def gold(num_drop: int, num_keep: int, audit: Audit) -> ErrorRates:
    """Returns what the reviewer of an audit answers to gold, drawn anew for each audit: arrays (draws, 1)."""
    draw = np.random.default_rng(audit.seed + 1)
    size = (audit.num_draws, 1)
    return ErrorRates(
        num_drop=np.asarray(np.float64(num_drop)),
        said_of_drop=draw.binomial(num_drop, audit.reviewer.detection, size).astype(np.float64),
        num_keep=np.asarray(np.float64(num_keep)),
        said_of_keep=draw.binomial(num_keep, audit.reviewer.false_alarm, size).astype(np.float64),
    )


def coverage(found: Estimates, truth_R: Floats) -> Floats:
    """Returns in what share of the draws the interval of each rule holds the truth, (R,)."""
    held: Floats = ((found.low <= truth_R) & (truth_R <= found.high)).mean(0)
    return held
