"""Boosted trees for main content: rows of the gold pages, LightGBM on one thread, cuts on held-out folds.

The cuts for a set of training folds come from scores of pages that the scoring model has not seen, all inside these
folds: for each of them, a model of the others. Chosen is what does best, compared with other extractors on the same
pages, where it does worst: else a little more on one set of pages is bought with much on another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise, product

import lightgbm
import numpy as np
from numpy.typing import NDArray

from curation.kernels.boosted_trees import Trees, tree_scores
from curation.kernels.html_block_texts import block_texts
from curation.kernels.html_blocks import html_blocks
from curation.kernels.html_features import block_features
from curation.kernels.html_tokens import html_tokens
from curation.text.charset import decode
from curation.text.content import Cuts, decided
from infra.extraction.gold import Page
from infra.extraction.labels import labels
from infra.extraction.scores import accuracy, mean_overlap, overlap, segment_hits

SETTINGS = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.06,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbose": -1,
}
NUM_TREES = 150
SCORES = (0.0, 0.3, 0.6, 0.9, 1.2)
UNSURE = ((40.0, 1.0, 0.0), (80.0, 2.0, 0.0), (120.0, 3.0, 0.0), (0.0, 0.0, 0.5))
"""Few words, margin and share (see `Cuts`)."""
RIVALS = {"article": "trafilatura", "segments": "trafilatura", "readability": "resiliparse"}
"""Whom each measure is compared with: the better of the two on that set."""
GIVEN = {"article": 0.005}
"""What is given away at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A gold page as rows."""

    page: Page
    texts: tuple[str, ...]
    features_BF: NDArray[np.float32]
    content_B: NDArray[np.bool_]
    weight_B: NDArray[np.float64]
    peers: dict[str, str]
    """Texts by trafilatura and resiliparse."""


def sample(page: Page, peers: dict[str, tuple[str, float]]) -> Sample:
    """Returns the rows of a page; `peers`: what other extractors make of it."""
    data = np.frombuffer(decode(page.raw, declared=page.charset, is_html=True).text.encode(), np.uint8)
    tokens = html_tokens(data)
    blocks = html_blocks(tokens)
    found = block_texts(tokens, blocks)
    values = found.values.tobytes()
    texts = tuple(
        " ".join(values[begin:end].decode(errors="replace").split())
        for begin, end in pairwise(found.offsets_D1[:-1].tolist())
    )
    content_B, weight_B = labels(page, list(texts), peers)
    return Sample(
        page=page,
        texts=texts,
        features_BF=block_features(data, tokens, blocks),
        content_B=content_B,
        weight_B=weight_B,
        peers={name: peers[name][0] for name in ("trafilatura", "resiliparse")},
    )


def trained(samples: Iterable[Sample]) -> Trees:
    """Returns the trees of a model of these pages, the same for the same pages."""
    chosen = list(samples)
    weight = np.concatenate([one.weight_B for one in chosen])
    features = np.concatenate([one.features_BF for one in chosen])[weight > 0]
    content = np.concatenate([one.content_B for one in chosen])[weight > 0]
    data = lightgbm.Dataset(features, content.astype(np.float64), weight=weight[weight > 0])
    return flat_trees(lightgbm.train(SETTINGS, data, NUM_TREES))


def flat_trees(booster: lightgbm.Booster) -> Trees:
    """Returns a booster's trees. Its thresholds become the largest float32 not above them: features are float32."""
    feature: list[int] = []
    threshold: list[float] = []
    child: list[tuple[int, int]] = []
    value: list[float] = []
    root: list[int] = []

    def place(node: dict) -> int:
        if "leaf_value" in node:
            value.append(node["leaf_value"])
            return ~(len(value) - 1)
        number = len(feature)
        feature.append(node["split_feature"])
        threshold.append(node["threshold"])
        child.append((0, 0))
        child[number] = place(node["left_child"]), place(node["right_child"])
        return number

    for tree in booster.dump_model()["tree_info"]:
        root.append(place(tree["tree_structure"]))
    exact = np.array(threshold, np.float64)
    nearest = exact.astype(np.float32)
    lower = np.where(nearest.astype(np.float64) > exact, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    return Trees(
        feature_N=np.array(feature, np.int16),
        threshold_N=lower.astype(np.float32),
        child_N2=np.array(child, np.int32).reshape(-1, 2),
        value_L=np.array(value, np.float64),
        root_R=np.array(root, np.int32),
    )


def text_of(one: Sample, score_B: NDArray[np.float64], cuts: Cuts) -> str:
    """Returns the main content by scores and cuts: kept blocks, a line each."""
    keep_B = decided(score_B, one.features_BF, cuts).keep_B
    return "\n".join(text for text, is_kept in zip(one.texts, keep_B, strict=True) if is_kept)


def measures(samples: list[Sample], texts: list[str]) -> dict[str, float]:
    """Returns F1 on articles and on pages of Readability, and accuracy on segments."""
    found = {}
    for name in ("article", "readability"):
        pairs = [overlap(text, one.page.text) for one, text in zip(samples, texts, strict=True) if one.page.set == name]
        found[name] = mean_overlap(pairs).f1
    hits = [
        segment_hits(text, one.page) for one, text in zip(samples, texts, strict=True) if one.page.set == "segments"
    ]
    return found | {"segments": accuracy(np.array(hits))}


def held_out_scores(samples: list[Sample], folds: Iterable[int]) -> list[NDArray[np.float64]]:
    """Returns scores of each page by a model of the pages of the other `folds`; of pages outside `folds`, none."""
    inside = set(folds)
    models = {
        fold: trained(one for one in samples if one.page.fold in inside and one.page.fold != fold)
        for fold in sorted(inside)
    }
    return [
        tree_scores(one.features_BF, models[one.page.fold]) if one.page.fold in inside else np.zeros(0)
        for one in samples
    ]


def chosen_cuts(samples: list[Sample], scores: list[NDArray[np.float64]]) -> Cuts:
    """Returns the cuts with the best worst margin, given scores of models that did not see the pages."""
    peers = {name: measures(samples, [one.peers[name] for one in samples]) for name in set(RIVALS.values())}
    least = {measure: peers[name][measure] - GIVEN.get(measure, 0.0) for measure, name in RIVALS.items()}
    tried = []
    for score, (few_words, margin, share) in product(SCORES, UNSURE):
        cuts = Cuts(score=score, few_words=few_words, margin=margin, share=share)
        ours = measures(samples, [text_of(one, score_B, cuts) for one, score_B in zip(samples, scores, strict=True)])
        tried.append((min(ours[measure] - least[measure] for measure in least), cuts))
    return max(tried, key=lambda pair: pair[0])[1]
