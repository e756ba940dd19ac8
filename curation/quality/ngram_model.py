"""An n-gram model of words as flat arrays, and its file: an npz archive that is checked as it is read."""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.archive import ERRORS, read_archive, write_archive
from curation.errors import ArtifactError
from curation.kernels.ngrams import MAX_ORDER, Hashes, NgramTable, log_probabilities, ngram_table
from curation.text.words import words_of

FORMAT = "gristmill-ngram-model-1"
MIN_ORDER, NUM_CUT_OFFS = 2, 2
LOWEST = -100.0
"""Bound of every logarithm in a file: with it no perplexity is infinite. e^-100 is less than one word in any corpus."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramModel:
    """G n-grams in back-off form; all logarithms are natural."""

    order: int
    """Words of the longest n-gram."""
    unknown: float
    """Log-probability of a word that is not in the model."""
    cut_offs: tuple[float, ...]
    """Largest perplexities of head and of middle; empty: not calibrated."""
    hash_G: Hashes
    """Ascending."""
    value_G2: Floats
    """See `NgramTable.value_T2`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A model that is ready to score."""

    model: NgramModel
    table: NgramTable

    def perplexities(self, texts: pa.Array, is_chosen_N: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Returns float64 (N,): exp(-mean log-probability of a word); 1 where not chosen or without a word."""
        words = words_of(texts)
        sum_N = log_probabilities(
            words.word_hash_W,
            words.word_offsets_N1,
            is_chosen_N,
            self.table,
            order=self.model.order,
            unknown=self.model.unknown,
        )
        perplexity_N: NDArray[np.float64] = np.exp(-sum_N / np.maximum(words.num_words_N, 1))
        return perplexity_N


def scorer_of(model: NgramModel) -> Scorer:
    """Returns a scorer; its table takes 32 to 64 bytes per n-gram."""
    return Scorer(model=model, table=ngram_table(model.hash_G, model.value_G2))


def write_model(model: NgramModel) -> bytes:
    """Returns the model as a file, the same bytes for the same model."""
    about = {"format": FORMAT, "order": model.order, "unknown": model.unknown, "cut_offs": list(model.cut_offs)}
    return write_archive(about, {"hash_G": model.hash_G, "value_G2": model.value_G2})


def read_model(content: bytes, *, name: str) -> NgramModel:
    """Returns the model in a file's bytes.

    Raises:
        ArtifactError: it is none, or its parts contradict each other.
    """
    try:
        arrays = read_archive(content, names=("about", "hash_G", "value_G2"))
        about = json.loads(arrays.pop("about").tobytes())
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']!r}")
        model = NgramModel(
            order=int(about["order"]),
            unknown=float(about["unknown"]),
            cut_offs=tuple(map(float, about["cut_offs"])),
            **arrays,
        )
        _check(model)
    except ERRORS as error:
        raise ArtifactError(
            f"{name}: expected an n-gram model, found {type(error).__name__}: {error}; "
            "gristmill perplexity train makes one"
        ) from None
    return model


def _check(model: NgramModel) -> None:
    """Raises ValueError where the parts of a file are not those of a model."""
    if not MIN_ORDER <= model.order <= MAX_ORDER:
        raise ValueError(f"order {model.order}")
    if model.hash_G.dtype != np.uint64 or model.hash_G.ndim != 1:
        raise ValueError(f"hash_G of {model.hash_G.dtype} {model.hash_G.shape}")
    if model.value_G2.dtype != np.float32 or model.value_G2.shape != (model.hash_G.size, 2):
        raise ValueError(f"value_G2 of {model.value_G2.dtype} {model.value_G2.shape}")
    if model.hash_G[:1].sum() == 0 or np.any(model.hash_G[1:] <= model.hash_G[:-1]):
        raise ValueError("hashes that are none, zero or out of order")
    if not LOWEST <= model.unknown <= 0 or not np.all((model.value_G2 >= LOWEST) & (model.value_G2 <= 0)):
        raise ValueError(f"logarithms outside [{LOWEST:g}, 0]")
    cut_offs = model.cut_offs
    if len(cut_offs) not in (0, NUM_CUT_OFFS) or not all(0 < cut < np.inf for cut in cut_offs):
        raise ValueError(f"cut-offs {cut_offs}")
    if cut_offs and cut_offs[0] > cut_offs[1]:
        raise ValueError(f"cut-offs {cut_offs} out of order")
