"""What a trained model has learnt, on documents it never saw: bits per byte by source, language and month, and more.

Perturbations are drawn anew from a seed, so a benchmark cannot be learnt by heart. Bits per byte count the text's bytes
but for the first token's, which nothing predicts; they compare models with different tokenizers.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from tokenizers import Tokenizer

from curation.errors import InputError
from curation.text.safe import visible
from trainer.attribution import Attribution, Memorised, attributed, memorised
from trainer.checkpoint import finished, load, model_state, read_saved
from trainer.model import ModelConfig, Transformer
from trainer.parallel import Ranks
from trainer.perturbing import DISTRACTOR, PERTURBATIONS, generator
from trainer.scoring import Scored, score
from trainer.shards import Shards
from trainer.train import AVERAGED, CHECKPOINTS

BINS = 10
FEWEST_BYTES = 256
"""Slices of fewer bytes are shown, but are not called the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A held-out document and the slices it belongs to, by axis."""

    doc_id: bytes
    text: str
    slices: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Documents that share a value: their bits per byte."""

    axis: str
    name: str
    documents: int
    bytes: int
    bits_per_byte: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturbed:
    """Bits per byte under a perturbation, how much more than without, and the slice that suffers most."""

    name: str
    bits_per_byte: float
    rise: float
    worst: str | None
    worst_rise: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Tokens by confidence: how often the likeliest token was right."""

    tokens: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All that was measured."""

    step: int
    seed: int
    slices: tuple[Slice, ...]
    perturbed: tuple[Perturbed, ...]
    bins: tuple[Bin, ...]
    calibration_error: float
    memorised: tuple[Memorised, ...]
    attributed: tuple[Attribution, ...]


def load_model(trained: Path) -> tuple[Transformer, int]:
    """Returns the model that `gristmill train` wrote into `trained`, and its step: the average where there is one.

    Raises:
        InputError: there is none.
        VerifyError: a file differs from its digest.
    """
    found = finished(trained / AVERAGED) or finished(trained / CHECKPOINTS)
    if not found:
        raise InputError(f"{trained}: expected checkpoints of `gristmill train`, found none")
    saved = read_saved(found[-1])
    described = saved.config["model"]
    assert isinstance(described, Mapping), "the configuration that training wrote"
    model = Transformer(ModelConfig(**{**described, "pattern": tuple(described["pattern"])}))
    ranks = Ranks(rank=0, world=1)
    with ranks.joined():
        load(saved, {"model": model_state(model)})
    return model.to(ranks.device).eval(), saved.step


def held_out(run: Path, *, most: int) -> list[HeldOut]:
    """Returns at most `most` documents of the run's validation split, spread evenly over it by id.

    Raises:
        InputError: the run has no such documents.
    """
    documents = ds.dataset(run / "documents")
    language = "signal.language"
    names = ["doc_id", "source", "text", *({language, "fetch_time"} & set(documents.schema.names))]
    ids = documents.to_table(columns=["doc_id"], filter=ds.field("split") == "validation").sort_by("doc_id")["doc_id"]
    if not len(ids):
        raise InputError(f"{run}: expected held-out documents, found none; set validation_fraction in the spec")
    chosen = ids.take(np.arange(0, len(ids), -(-len(ids) // most)))
    rows = documents.to_table(columns=names, filter=ds.field("doc_id").isin(chosen)).sort_by("doc_id").to_pylist()
    return [
        HeldOut(
            doc_id=row["doc_id"],
            text=row["text"],
            slices={
                "source": row["source"],
                "language": row.get(language) or "unknown",
                "month": f"{row['fetch_time']:%Y-%m}" if row.get("fetch_time") else "unknown",
            },
        )
        for row in rows
    ]


class _Scorer:
    """Texts to losses: tokenizer and model together."""

    def __init__(self, model: Transformer, shards: Shards) -> None:
        self.model, self.length = model, shards.manifest.sequence_length
        self._tokenizer = Tokenizer.from_file(str(shards.root / "tokenizer.json"))

    def tokens(self, texts: Sequence[str]) -> tuple[list[NDArray[np.int64]], list[int]]:
        """Returns token ids of each text, and its bytes but for the first token's."""
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ids = [np.array(each.ids, dtype=np.int64) for each in encoded]
        sizes = [
            len(text[each.offsets[0][1] :].encode()) if each.ids else 0
            for text, each in zip(texts, encoded, strict=True)
        ]
        return ids, sizes

    def bits(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Returns the bits of each text, and the bytes they stand for."""
        ids, sizes = self.tokens(texts)
        scored = score(self.model, ids, length=self.length)
        return np.array([each.loss_N.sum() / math.log(2) for each in scored]), np.array(sizes)

    def after(self, prefixes: Sequence[str], texts: Sequence[str]) -> NDArray[np.float64]:
        """Returns the bits of each text (but its first token) after a prefix that fills at most half a row."""
        before, _ = self.tokens(prefixes)
        ids, _ = self.tokens(texts)
        both = [np.concatenate((prefix[-(self.length // 2) :], text)) for prefix, text in zip(before, ids, strict=True)]
        scored = score(self.model, both, length=self.length)
        return np.array(
            [
                each.loss_N[len(each.loss_N) - max(len(text) - 1, 0) :].sum() / math.log(2)
                for each, text in zip(scored, ids, strict=True)
            ]
        )


def evaluate(model: Transformer, shards: Shards, documents: Sequence[HeldOut], *, step: int, seed: int) -> Evaluation:
    """Returns everything measured of `model`, which was trained on `shards`, with `documents` that it never saw."""
    scorer = _Scorer(model, shards)
    texts = [document.text for document in documents]
    ids, sizes = scorer.tokens(texts)
    scored = score(model, ids, length=scorer.length)
    bits_N, bytes_N = np.array([each.loss_N.sum() / math.log(2) for each in scored]), np.array(sizes)
    bins = calibration(scored)
    return Evaluation(
        step=step,
        seed=seed,
        slices=tuple(_slices(documents, bits_N, bytes_N)),
        perturbed=tuple(_perturbed(scorer, documents, bits_N, bytes_N, seed=seed)),
        bins=bins,
        calibration_error=sum(each.tokens * abs(each.confidence - each.right) for each in bins)
        / max(sum(each.tokens for each in bins), 1),
        memorised=tuple(memorised(model, shards)),
        attributed=tuple(attributed(shards, ids, [each.loss_N for each in scored])),
    )


def _members(documents: Sequence[HeldOut]) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Returns which documents each slice has."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, document in enumerate(documents):
        for axis, name in (("all", "all"), *document.slices.items()):
            found.setdefault((axis, name), []).append(number)
    return {key: np.array(numbers) for key, numbers in sorted(found.items())}


def _slices(documents: Sequence[HeldOut], bits_N: NDArray[np.float64], bytes_N: NDArray[np.int64]) -> Iterable[Slice]:
    for (axis, name), numbers in _members(documents).items():
        size = int(bytes_N[numbers].sum())
        bits = float(bits_N[numbers].sum()) / max(size, 1)
        yield Slice(axis=axis, name=name, documents=len(numbers), bytes=size, bits_per_byte=bits)


def _perturbed(
    scorer: _Scorer,
    documents: Sequence[HeldOut],
    bits_N: NDArray[np.float64],
    bytes_N: NDArray[np.int64],
    *,
    seed: int,
) -> Iterable[Perturbed]:
    for name, change in PERTURBATIONS.items():
        texts = [change(each.text, generator(seed, each.doc_id, name)) for each in documents]
        yield _rise(name, documents, (bits_N, bytes_N), scorer.bits(texts))
    others = [generator(seed, each.doc_id, DISTRACTOR).choice(documents).text for each in documents]
    yield _rise(
        DISTRACTOR,
        documents,
        (bits_N, bytes_N),
        (scorer.after(others, [each.text for each in documents]), bytes_N),
    )


def _rise(
    name: str,
    documents: Sequence[HeldOut],
    clean: tuple[NDArray[np.float64], NDArray[np.int64]],
    changed: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> Perturbed:
    """Compares bits per byte with and without a perturbation, over all and slice by slice."""

    def rate(of: tuple[NDArray[np.float64], NDArray[np.int64]], numbers: NDArray[np.int64]) -> float:
        return float(of[0][numbers].sum() / max(of[1][numbers].sum(), 1))

    members = _members(documents)
    rises = {key: rate(changed, numbers) - rate(clean, numbers) for key, numbers in members.items()}
    everything = ("all", "all")
    known = [key for key, at in members.items() if key != everything and clean[1][at].sum() >= FEWEST_BYTES]
    worst = max(known, key=lambda key: rises[key], default=None)
    return Perturbed(
        name=name,
        bits_per_byte=rate(changed, members[everything]),
        rise=rises[everything],
        worst=None if worst is None else f"{worst[0]} {worst[1]}",
        worst_rise=None if worst is None else rises[worst],
    )


def calibration(scored: Sequence[Scored]) -> tuple[Bin, ...]:
    """Returns tokens by confidence in ten equal ranges (arXiv 1706.04599, section 2); empty ones are left out."""
    confidence_N = np.concatenate([np.zeros(0), *(each.confidence_N for each in scored)])
    is_right_N = np.concatenate([np.zeros(0, dtype=bool), *(each.is_right_N for each in scored)])
    bin_N = np.minimum((confidence_N * BINS).astype(np.int64), BINS - 1)
    return tuple(
        Bin(
            tokens=int((bin_N == number).sum()),
            confidence=float(confidence_N[bin_N == number].mean()),
            right=float(is_right_N[bin_N == number].mean()),
        )
        for number in np.unique(bin_N)
    )


def as_json(found: Evaluation) -> dict[str, object]:
    """Returns an evaluation as plain JSON values."""
    return dataclasses.asdict(found)


def page(found: Evaluation, documents: Sequence[HeldOut]) -> str:
    """Returns `eval.html`: tables and plots of an evaluation."""
    environment = Environment(
        loader=PackageLoader("trainer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda text: visible(str(text))
    hardest = sorted(found.attributed, key=lambda each: -(each.loss_unseen or 0.0))[:20]
    return environment.get_template("eval.html").render(found=found, documents=documents, hardest=hardest)
