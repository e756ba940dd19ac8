"""Stages as a table of mixtures: how many tokens each takes, from which groups of documents, and in which order.

A group is the documents of one (source, language, domain). Its share of a stage is proportional to its tokens to the
power 1/temperature (Conneau et al. 2020, arXiv 1911.02116, section 3.1) times the weights that name it; caps and the
epochs that a source may have move what is too much to the other groups in proportion (water-filling). Within a group
documents come in an order drawn from the seed, which goes on from stage to stage and is drawn anew for each epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.curriculum.keys import draws, id_words, rank_by
from curation.curriculum.order import SHUFFLED, Candidates, Order, Stage
from curation.curriculum.scales import Scale, difficulty_of, quality_of
from curation.setting import documented, key

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A weight and bounds for the documents that all given keys name."""

    source: str | None = key(None, "of this input; null: of any")
    language: str | None = key(None, "in this language; null: in any")
    domain: str | None = key(None, "of inputs with this domain; null: of any")
    weight: float = key(1.0, "multiplies the share of the stage that these documents get; 0: none")
    max_fraction: float = key(1.0, "share of the stage at most, of each source, language and domain that is meant")


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureStage:
    """One stage of a mixture."""

    name: str = field(metadata=documented("name of the stage: letters, digits, - and _"))
    tokens: int = field(
        metadata=documented("budget, EOS included; never exceeded, and short of by one document at most")
    )
    temperature: float = key(1.0, "1: groups by their tokens; above: more even")
    shares: tuple[Share, ...] = key((), "weights and bounds; a group that several name gets the product")
    max_epochs: float = key(1.0, "how often the tokens of a source may have been emitted by the end of this stage")
    order: Literal["random", "difficulty", "quality"] = key("random", "order within the stage; ascending")
    lr_factor: float = key(1.0, "suggested factor of the learning rate, for the manifest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """G groups of documents: `group_N` int64; the names of each group; `domain` null where its source has none."""

    group_N: Int64Array
    names: tuple[tuple[str, str | None, str | None], ...]


def groups_of(
    documents: Candidates, *, sources: Sequence[str], languages: Sequence[str], domains: Sequence[str | None]
) -> Groups:
    """Returns the groups that occur; `domains` beside `sources`."""
    width = len(languages) + 1
    code = documents.source_N.astype(np.int64) * width + documents.language_N.astype(np.int64) + 1
    codes, group_N = np.unique(code, return_inverse=True)
    names = [
        (sources[item // width], languages[item % width - 1] if item % width else None, domains[item // width])
        for item in codes.tolist()
    ]
    return Groups(group_N=group_N.astype(np.int64), names=tuple(names))


def mix_documents(
    documents: Candidates, stages: Sequence[MixtureStage], groups: Groups, *, difficulty: dict[str, float], seed: int
) -> Order:
    """Returns the stages of a mixture, one for each of `stages` that gets documents.

    Args:
        documents: the candidates; their weights play no part.
        stages: the table.
        groups: of the candidates.
        difficulty: weights of the scores.
        seed: of every draw.
    """
    scales = (
        difficulty_of(documents.score_SN, difficulty, language_N=documents.language_N, source_N=documents.source_N),
        quality_of(documents.quality_N, language_N=documents.language_N),
    )
    mixing = _Mixing(documents, groups, scales, seed)
    found = [mixing.stage(stage, number) for number, stage in enumerate(stages)]
    return Order(
        stages=tuple(stage for stage in found if stage.document_E.size), difficulty=scales[0], quality=scales[1]
    )


def shares_of(
    stage: MixtureStage,
    names: Sequence[tuple[str, str | None, str | None]],
    *,
    tokens_G: Float64Array,
    left_G: Float64Array,
) -> Float64Array:
    """Returns float64 (G,): the tokens of the stage that each group is to give, at most `left_G` of each.

    They add up to the budget, or to less where bounds leave too little.
    """
    weight_G = np.where(tokens_G > 0, tokens_G ** (1 / stage.temperature), 0.0)
    most_G = left_G.astype(np.float64)
    for share in stage.shares:
        wanted = (share.source, share.language, share.domain)
        is_meant = np.array(
            [all(w is None or w == have for w, have in zip(wanted, name, strict=True)) for name in names], dtype=bool
        )
        weight_G[is_meant] *= share.weight
        most_G[is_meant] = np.minimum(most_G[is_meant], share.max_fraction * stage.tokens)
    return _filled(stage.tokens, weight_G, most_G)


def _filled(budget: float, weight_G: Float64Array, most_G: Float64Array) -> Float64Array:
    """Splits `budget` by weight; what a group may not take goes to the others, until all is given or all are full."""
    given_G = np.zeros(weight_G.size)
    is_open = (weight_G > 0) & (most_G > 0)
    while is_open.any():
        rest = budget - given_G[~is_open].sum()
        given_G[is_open] = rest * weight_G[is_open] / weight_G[is_open].sum()
        is_full = is_open & (given_G >= most_G)
        if not is_full.any():
            break
        given_G[is_full] = most_G[is_full]
        is_open &= ~is_full
    return given_G


class _Mixing:
    """Where each group stands: how far into which epoch."""

    def __init__(self, documents: Candidates, groups: Groups, scales: tuple[Scale, Scale], seed: int) -> None:
        self._documents, self._groups, self._seed = documents, groups, seed
        self._scale = {"difficulty": scales[0].value_N, "quality": scales[1].value_N}
        self._words = id_words(documents.ids)
        self._length = documents.num_tokens_N + 1
        num = len(groups.names)
        self._rows = [np.flatnonzero(groups.group_N == group) for group in range(num)]
        self._tokens_G = np.bincount(groups.group_N, weights=self._length, minlength=num).astype(np.float64)
        self._given_G = np.zeros(num)
        self._waiting: list[Int64Array] = [np.zeros(0, dtype=np.int64) for _ in range(num)]
        self._epoch = [0] * num

    def stage(self, stage: MixtureStage, number: int) -> Stage:
        """Returns the next stage; what its groups cannot give exactly, other documents that fit give."""
        left_G = np.maximum(stage.max_epochs * self._tokens_G - self._given_G, 0)
        wanted_G = shares_of(stage, self._groups.names, tokens_G=self._tokens_G, left_G=left_G)
        taken = [self._take(group, int(wanted_G[group])) for group in range(wanted_G.size)]
        for group in np.argsort(-wanted_G, kind="stable"):  # the rest, from the largest share down
            short = stage.tokens - sum(int(self._length[rows].sum()) for rows in taken)
            rest = min(short, int(left_G[group] - self._length[taken[group]].sum()))
            if wanted_G[group] > 0 and rest > 0:
                taken[group] = np.concatenate((taken[group], self._take(int(group), rest)))
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *taken])
        drawn = self._draws(rows, f"stage/{number}")
        scale = self._scale.get(stage.order, np.full(self._length.size, np.nan))[rows]
        key = np.where(np.isnan(scale), drawn, scale)
        is_sorted = stage.order != "random"
        return Stage(
            name=stage.name,
            ordering=f"{stage.order} ascending, ties by doc_id" if is_sorted else SHUFFLED,
            document_E=rows[rank_by(key, self._words[rows])],
            is_sorted=is_sorted,
            lr_factor=stage.lr_factor,
            budget=stage.tokens,
        )

    def _take(self, group: int, budget: int) -> Int64Array:
        """Takes documents of a group while they fit into `budget` tokens, epoch by epoch; smaller ones fill it up."""
        taken = []
        while budget > 0 and self._rows[group].size:
            if not self._waiting[group].size:
                self._waiting[group] = self._epoch_of(group)
            rows = self._waiting[group]
            count = int(np.searchsorted(np.cumsum(self._length[rows]), budget, side="right"))
            fits = np.zeros(rows.size, dtype=bool)
            fits[:count] = True
            left = budget - int(self._length[rows[:count]].sum())
            for place in count + np.flatnonzero(self._length[rows[count:]] <= left):
                if self._length[rows[place]] <= left:
                    fits[place], left = True, left - int(self._length[rows[place]])
            taken.append(rows[fits])
            self._waiting[group] = rows[~fits]
            self._given_G[group] += budget - left
            if not fits.all():
                break
            budget = left
        return np.concatenate([np.zeros(0, dtype=np.int64), *taken])

    def _epoch_of(self, group: int) -> Int64Array:
        rows = self._rows[group]
        drawn = self._draws(rows, f"epoch/{self._epoch[group]}")
        self._epoch[group] += 1
        return rows[rank_by(drawn, self._words[rows])]

    def _draws(self, rows: Int64Array, purpose: str) -> Float64Array:
        return draws(self._documents.ids.take(pa.array(rows)), seed=self._seed, purpose=purpose)
