"""The order in which a trainer meets documents: how often each is emitted, in which stage, and where.

`warmup` starts with easy documents: Zhang et al. 2025 (arXiv 2506.11300v2) find 18-45% fewer steps to the baseline
early on and up to 3.5% in the end. `anneal` keeps the best for the last tenth or fifth: Blakeney et al. 2024
(2406.03476), Feng et al. 2024 (2412.15285). `quality-ascending`: Luo et al. 2025 (2511.18903). `length-grow`: Li et
al. 2021 (2108.06084). `interleaved` goes from easy to hard several times. Randomness is keyed by (seed, doc_id), so the
order does not depend on how documents arrived.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.curriculum.keys import draws, id_words, rank_by
from curation.curriculum.scales import Scale, difficulty_of, quality_of

OrderName = Literal[
    "random", "warmup", "anneal", "warmup+anneal", "interleaved", "quality-ascending", "length-grow", "mixture"
]
NEED_QUALITY = ("anneal", "warmup+anneal", "quality-ascending")

ANNEAL_LR_FACTOR = 1 / 3
"""A judgement: decay, but not to nothing, while the best documents pass (arXiv 2511.18903 on decay and order)."""

SHUFFLED = "shuffled by (seed, doc_id)"

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What ordering needs of N documents; rows in any order.

    `ids`: binary(16), unique. `source_N`, `language_N` int: codes (unknown language: one code of its own).
    `num_tokens_N` int64 without EOS. `score_SN`: difficulty scores by name, `quality_N`: both float64, NaN where
    unknown. `weight_N` float64: mean number of emissions, not negative.
    """

    ids: pa.Array
    source_N: NDArray[np.integer]
    language_N: NDArray[np.integer]
    num_tokens_N: Int64Array
    score_SN: Mapping[str, Float64Array]
    quality_N: Float64Array
    weight_N: Float64Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: E emissions in training order, each a row number of the candidates.

    `is_sorted`: their order means something, so rows keep it. `budget`: tokens that it was to hold; None: what is left.
    """

    name: str
    ordering: str
    document_E: Int64Array
    is_sorted: bool = False
    lr_factor: float = 1.0
    budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Stages in training order, and the percentiles of the candidates that have one."""

    stages: tuple[Stage, ...]
    difficulty: Scale
    quality: Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Which order, and what it is made of; `difficulty` are the weights of the scores.

    `warmup_fraction` and `anneal_fraction` are shares of all tokens, `replay_fraction` is one of these stages' tokens.
    """

    order: OrderName = "random"
    difficulty: Mapping[str, float]
    warmup_fraction: float = 0.2
    anneal_fraction: float = 0.15
    replay_fraction: float = 0.0
    cycles: int = 4
    seed: int = 0


def order_documents(documents: Candidates, schedule: Schedule) -> Order:
    """Returns the stages of every order but `mixture`; a stage without documents is left out.

    Percentiles are among the documents that are emitted, so the same order comes out of these alone.
    Documents are placed in the anneal first (the best), then in the warm-up (the easiest of the rest), then as replay
    in these two, then at random. Each stage takes a document once, while its tokens stay within the stage's share of
    all emitted tokens. A document without a score, and further copies by a weight above 1, stand at random.
    """
    arranging = _Arranging(documents, schedule)
    stages = [stage for stage in arranging.stages() if stage.document_E.size]
    return Order(stages=tuple(stages), difficulty=arranging.difficulty, quality=arranging.quality)


def copies_of(ids: pa.Array, weight_N: Float64Array, *, seed: int) -> Int64Array:
    """Returns int64 (N,): how often each document is emitted.

    The integer part of the weight, and once more with the fraction as probability, drawn by (seed, doc_id).
    """
    whole = np.floor(weight_N)
    return (whole + (draws(ids, seed=seed, purpose="weight") < weight_N - whole)).astype(np.int64)


class _Arranging:
    """The state of one ordering: which emissions are placed already."""

    def __init__(self, documents: Candidates, schedule: Schedule) -> None:
        self._documents, self._schedule = documents, schedule
        self._words = id_words(documents.ids)
        self._copies = copies_of(documents.ids, documents.weight_N, seed=schedule.seed)
        emitted = {name: self._emitted(score_N) for name, score_N in documents.score_SN.items()}
        self.difficulty = difficulty_of(
            emitted, schedule.difficulty, language_N=documents.language_N, source_N=documents.source_N
        )
        self.quality = quality_of(self._emitted(documents.quality_N), language_N=documents.language_N)
        self._length = documents.num_tokens_N + 1
        self._is_placed = np.zeros(documents.num_tokens_N.size, dtype=bool)
        self._total = int((self._length * self._copies).sum())

    def _emitted(self, score_N: Float64Array) -> Float64Array:
        """Returns the scores of what is emitted: the order of a part of the candidates must not hang on the others."""
        return np.where(self._copies > 0, score_N, np.nan)

    def stages(self) -> list[Stage]:
        """Returns the stages, empty ones too."""
        schedule = self._schedule
        if schedule.order == "interleaved":
            return self._cycles()
        if schedule.order == "length-grow":
            return self._lengths()
        if schedule.order == "quality-ascending":
            return [self._by_quality()]
        anneal = self._best() if "anneal" in schedule.order else None
        warmup = self._easiest() if "warmup" in schedule.order else None
        anneal_replay, warmup_replay = (self._replay(of) for of in (anneal, warmup))
        stages = [
            self._warmup(warmup, warmup_replay),
            Stage(name="random", ordering=SHUFFLED, document_E=self._shuffled(self._unplaced())),
        ]
        if anneal is not None:
            chosen = self._shuffled(np.concatenate((anneal, anneal_replay)))
            words = f"the best {schedule.anneal_fraction:g} by quality{self._with_replay()}, {SHUFFLED}"
            stages.append(Stage(name="anneal", ordering=words, document_E=chosen, lr_factor=ANNEAL_LR_FACTOR))
        return stages

    def _warmup(self, easy: Int64Array | None, replay: Int64Array) -> Stage:
        easy = np.zeros(0, dtype=np.int64) if easy is None else easy
        place = np.concatenate(((np.arange(easy.size) + 0.5) / max(easy.size, 1), self._draws(replay, "place")))
        rows = np.concatenate((easy, replay))
        ordering = f"difficulty ascending{self._with_replay()}, ties by doc_id"
        return Stage(
            name="warmup", ordering=ordering, document_E=rows[rank_by(place, self._words[rows])], is_sorted=True
        )

    def _with_replay(self) -> str:
        share = self._schedule.replay_fraction
        return f", with {share:g} of the tokens at random" if share else ""

    def _best(self) -> Int64Array:
        return self._take(-self.quality.value_N, self._schedule.anneal_fraction)

    def _easiest(self) -> Int64Array:
        return self._take(self.difficulty.value_N, self._schedule.warmup_fraction)

    def _take(self, key_N: Float64Array, fraction: float) -> Int64Array:
        """Places the documents with the lowest keys, as many as fit into the share of a stage without its replay."""
        eligible = np.flatnonzero(~np.isnan(key_N) & (self._copies > 0) & ~self._is_placed)
        ranked = eligible[rank_by(key_N[eligible], self._words[eligible])]
        budget = fraction * (1 - self._schedule.replay_fraction) * self._total
        return self._place(ranked[: np.searchsorted(np.cumsum(self._length[ranked]), budget, side="right")])

    def _replay(self, stage_E: Int64Array | None) -> Int64Array:
        """Places documents at random beside those of a stage, so that they are `replay_fraction` of its tokens."""
        share = self._schedule.replay_fraction
        if stage_E is None or not share:
            return np.zeros(0, dtype=np.int64)
        budget = int(self._length[stage_E].sum()) * share / (1 - share)
        left = np.flatnonzero((self._copies > 0) & ~self._is_placed)
        left = left[rank_by(self._draws(left, "replay"), self._words[left])]
        return self._place(left[: np.searchsorted(np.cumsum(self._length[left]), budget, side="right")])

    def _place(self, rows: Int64Array) -> Int64Array:
        self._is_placed[rows] = True
        return rows

    def _unplaced(self) -> Int64Array:
        """Returns every emission that is not placed, copy by copy, in the order of the candidates."""
        left = self._copies - self._is_placed
        return np.repeat(np.arange(left.size), left)

    def _draws(self, rows: Int64Array, purpose: str) -> Float64Array:
        return draws(self._documents.ids.take(pa.array(rows)), seed=self._schedule.seed, purpose=purpose)

    def _shuffled(self, rows: Int64Array) -> Int64Array:
        """Sorts emissions by a number drawn by (seed, doc_id, which copy it is)."""
        return rows[rank_by(self._copy_draws(rows), self._words[rows])]

    def _copy_draws(self, rows: Int64Array) -> Float64Array:
        by_row = np.argsort(rows, kind="stable")
        ordered = rows[by_row]
        copy_E = np.empty_like(rows)
        copy_E[by_row] = (
            np.arange(rows.size) - np.searchsorted(ordered, ordered, side="left") + self._is_placed[ordered]
        )
        key_E = np.empty(rows.size)
        for copy in np.unique(copy_E):
            chosen = copy_E == copy
            key_E[chosen] = self._draws(rows[chosen], f"order/{copy}")
        return key_E

    def _sorted(self, scale_N: Float64Array) -> Int64Array:
        """Returns all emissions by a percentile; unknown ones and further copies at places drawn for them."""
        rows = self._unplaced()
        drawn = self._copy_draws(rows)
        is_first = np.append(True, rows[1:] != rows[:-1])[: rows.size]
        key = np.where(is_first & ~np.isnan(scale_N[rows]), scale_N[rows], drawn)
        return rows[rank_by(key, self._words[rows])]

    def _by_quality(self) -> Stage:
        return Stage(
            name="quality",
            ordering="quality ascending, ties by doc_id",
            document_E=self._sorted(self.quality.value_N),
            is_sorted=True,
        )

    def _cycles(self) -> list[Stage]:
        """Deals documents, easiest first, to the cycles in turn: each goes over the whole range of difficulty."""
        rows, cycles = self._sorted(self.difficulty.value_N), self._schedule.cycles
        ordering = "difficulty ascending within the cycle, ties by doc_id"
        return [
            Stage(name=f"cycle-{cycle + 1}", ordering=ordering, document_E=rows[cycle::cycles], is_sorted=True)
            for cycle in range(cycles)
        ]

    def _lengths(self) -> list[Stage]:
        """Cuts documents, shortest first, into stages of equal tokens, and shuffles each."""
        rows, steps = self._unplaced(), self._schedule.cycles
        rows = rows[rank_by(self._length[rows], self._words[rows])]
        middle = np.cumsum(self._length[rows]) - self._length[rows] / 2
        bounds = np.searchsorted(middle, np.arange(1, steps) * self._total / steps)
        ordering = f"length ascending by stage, {SHUFFLED}"
        return [
            Stage(name=f"length-{number + 1}", ordering=ordering, document_E=self._shuffled(part))
            for number, part in enumerate(np.split(rows, bounds))
        ]
