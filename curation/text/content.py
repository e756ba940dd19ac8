"""Which blocks of a page are its main content: features of blocks, boosted trees, a cut-off.

The packaged model is made by infra/make_extraction_model.py from pages whose content people marked; it holds thresholds
and weights, no text. A page keeps the blocks whose score is above the model's cut-off. Two further rules are for pages
that the model is unsure of (one short story, a stub); a model uses either. Where few words are left, what is near the
best score is kept. Or what is more probable than half the F1 to be expected of the best choice: to keep it raises that
F1 (Lipton, Elkan & Narayanaswamy 2014, "Optimal Thresholding of Classifiers to Maximize F1 Measure", theorem 1). Blocks
that repeat earlier ones stay: to drop them raised F1 on articles by .001 and lowered it on Readability's pages by .03.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.archive import ERRORS, read_archive, write_archive
from curation.errors import ArtifactError
from curation.kernels.boosted_trees import Trees, checked, tree_scores
from curation.kernels.fasttext_labels import SIGMOID_BOUND, SIGMOID_STEPS, sigmoid_table
from curation.kernels.html_blocks import Blocks
from curation.kernels.html_features import FEATURES, block_features
from curation.kernels.html_tokens import Tokens
from curation.text.main_blocks import Choice, by_words_and_links

PACKAGED_MODEL = Path(__file__).resolve().parent / "models" / "content.npz"
PACKAGED_SHA256 = "817dfbae33db688835fc896615e258aaec166785270422996de0912736cc651d"
FORMAT = "gristmill main content, 2"
MAX_BLOCKS = 20_000
"""More blocks are left to the rule by words and links, whose name `extractor` then has: features and trees would take
more than half a second. The largest of 980 real pages has 6,220."""
MIN_PROBABILITY = 0.02
"""Less is content on no page: else one without content would give all it has."""
_WORDS = FEATURES.index("words")
_PROBABILITY = sigmoid_table().astype(np.float64)
"""A table, since `np.exp` may differ in its last bit from one processor to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Where content begins; chosen on held-out pages of the training folds."""

    score: float
    """A block above it is content."""
    few_words: float
    """With fewer words kept than this..."""
    margin: float
    """...blocks above the page's best score less this are content."""
    share: float
    """Blocks more probable than this share of the F1 to be expected are content; 0: none for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentModel:
    """Trees over `FEATURES`, and the cuts."""

    trees: Trees
    cuts: Cuts
    sha256: str

    @property
    def name(self) -> str:
        """Of the model, by its file; part of `extractor`."""
        return f"content/{self.sha256[:12]}"

    def __call__(
        self, page: NDArray[np.uint8], tokens: Tokens, blocks: Blocks, size_B3: NDArray[np.int64], /
    ) -> Choice:
        """Returns the choice of a page's blocks (see `main_blocks.Chooser`)."""
        if blocks.first_B.size > MAX_BLOCKS:
            return by_words_and_links(size_B3)
        content = main_content(page, tokens, blocks, self)
        return Choice(keep_B=content.keep_B, by=self.name, confidence=content.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a model says of a page's B blocks."""

    keep_B: NDArray[np.bool_]
    score_B: NDArray[np.float64]
    """Log-odds of being content."""
    confidence: float
    """0 to 1: mean distance of scores to the cut-off, by words; 0.5 is a distance of 1. 0 without words."""


def main_content(page: NDArray[np.uint8], tokens: Tokens, blocks: Blocks, model: ContentModel) -> Content:
    """Returns which blocks of a page are main content.

    Args:
        page: uint8 (N,), HTML in UTF-8.
        tokens: `html_tokens(page)`.
        blocks: `html_blocks(tokens)`.
        model: `packaged_model()` or another.
    """
    features_BF = block_features(page, tokens, blocks)
    score_B = tree_scores(features_BF, model.trees)
    return decided(score_B, features_BF, model.cuts)


def decided(score_B: NDArray[np.float64], features_BF: NDArray[np.float32], cuts: Cuts) -> Content:
    """Returns what follows from scores and features by the cuts."""
    words_B = features_BF[:, _WORDS].astype(np.float64)
    keep_B = score_B > cuts.score
    if score_B.size and words_B[keep_B].sum() < cuts.few_words:
        keep_B |= score_B > score_B.max() - cuts.margin
    if score_B.size and cuts.share:
        keep_B |= _worth_keeping(score_B - cuts.score, words_B, cuts.share)
    distance_B = np.abs(score_B - cuts.score)
    total = words_B.sum()
    confidence = float((words_B * (distance_B / (1 + distance_B))).sum() / total) if total else 0.0
    return Content(keep_B=keep_B, score_B=score_B, confidence=confidence)


def _worth_keeping(logit_B: NDArray[np.float64], words_B: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Returns the blocks more probable than `share` of the best F1, by words, that keeping the first few would have."""
    steps_B = np.floor((logit_B + SIGMOID_BOUND) * (SIGMOID_STEPS / (2 * SIGMOID_BOUND)))
    probability_B = _PROBABILITY[np.clip(steps_B, 0, SIGMOID_STEPS).astype(np.int64)]
    best_first = np.argsort(-logit_B, kind="stable")
    right_B, kept_B = np.cumsum((probability_B * words_B)[best_first]), np.cumsum(words_B[best_first])
    f1_B = 2 * right_B / np.maximum(kept_B + right_B[-1], 1e-9)
    is_worth_B: NDArray[np.bool_] = probability_B > max(share * f1_B.max(), MIN_PROBABILITY)
    return is_worth_B


@cache
def packaged_model() -> ContentModel:
    """Returns the package's model.

    Raises:
        ArtifactError: the file is not the one that this version was released with.
    """
    return read_model(PACKAGED_MODEL.read_bytes(), name=PACKAGED_MODEL.name, sha256=PACKAGED_SHA256)


def write_model(trees: Trees, cuts: Cuts) -> bytes:
    """Returns a model's file, the same bytes for the same model."""
    about = {
        "format": FORMAT,
        "features": hashlib.sha256("\n".join(FEATURES).encode()).hexdigest(),
        "score": cuts.score,
        "few_words": cuts.few_words,
        "margin": cuts.margin,
        "share": cuts.share,
    }
    return write_archive(about, trees._asdict())


def read_model(content: bytes, *, name: str, sha256: str | None = None) -> ContentModel:
    """Returns the model of a file.

    Raises:
        ArtifactError: it is none, is for other features, or has another digest than `sha256`.
    """
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ArtifactError(
            f"{name}: expected a model of main content of sha256 {sha256}, found {found}; install the package again"
        )
    try:
        arrays = read_archive(content, names=("about", *Trees._fields))
        about = json.loads(arrays["about"].tobytes())
        cuts = Cuts(**{key: float(about[key]) for key in Cuts.__slots__})
        trees = checked(Trees(*(arrays[field] for field in Trees._fields)), num_features=len(FEATURES))
        if not np.isfinite([cuts.score, cuts.few_words, cuts.margin, cuts.share]).all():
            raise ValueError("cuts that are no numbers")
        is_ours = (
            about["format"] == FORMAT and about["features"] == hashlib.sha256("\n".join(FEATURES).encode()).hexdigest()
        )
    except ERRORS as error:
        raise ArtifactError(f"{name}: expected a model of main content, found {error}; make it again") from None
    if not is_ours:
        raise ArtifactError(
            f"{name}: expected a model for this version's features; make it again (infra/make_extraction_model.py)"
        )
    return ContentModel(trees=trees, cuts=cuts, sha256=found)
