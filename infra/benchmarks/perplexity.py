"""Measures training an n-gram model on English and scoring texts by it.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/perplexity.py [--rounds 5]

Prose: English of $GRISTMILL_CORPORA/dev/text, 8 MB, in batches of 400 documents; the model is of trigrams of the
first half, and what is scored is the second half. Figures are 10^6 bytes of UTF-8 text per CPU-second (user and
system), after a warm-up: `training`, from words to file; `signal`, from text to both columns, with the words found
anew; `words found`, the same where another signal has found them before. Figures are medians. Writes
infra/benchmarks/results/perplexity.json.
"""

import dataclasses
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from gristmill_side import seconds
from heuristics import batches_of, texts_of
from records import arguments, circumstances, save

from curation.quality.ngram_model import write_model
from curation.quality.ngram_training import train_ngrams
from curation.quality.perplexity import ModelOfLanguage, Perplexity
from curation.text.words import words_of

PASSES = 5


def trained(texts: pa.Array) -> bytes:
    """Returns the file of a model of trigrams of some texts."""
    words = words_of(texts)
    model = train_ngrams(words.word_hash_W, words.word_offsets_N1, order=3)
    return write_model(dataclasses.replace(model, cut_offs=(200.0, 1000.0)))


def training_speed(texts: pa.Array) -> float:
    """Returns MB of text trained on per CPU-second."""
    words_of(texts)
    before = seconds()
    trained(texts)
    return texts.nbytes / 1e6 / (seconds() - before)


def scoring_speeds(step: Perplexity, batches: list[pa.RecordBatch]) -> tuple[float, float]:
    """Returns MB of text scored per CPU-second, with the words found anew and with words that were there."""
    anew = there = 0.0
    for batch in batches * PASSES:
        words_of(pa.array([""]))
        before = seconds()
        step(batch)
        anew += seconds() - before
        before = seconds()
        step(batch)
        there += seconds() - before
    num_bytes = PASSES * sum(batch["text"].nbytes for batch in batches)
    return num_bytes / 1e6 / anew, num_bytes / 1e6 / there


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    chosen = arguments(__doc__, rounds=5)
    texts = texts_of("en")
    sizes = np.cumsum([len(text.encode()) for text in texts])
    half = int(np.searchsorted(sizes, sizes[-1] / 2))
    training, batches = pa.array(texts[:half]), batches_of(texts[half:])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        path.write_bytes(trained(training))
        step = Perplexity(models=(ModelOfLanguage(language="any", model=str(path)),))
        scoring_speeds(step, batches)
        rounds = []
        for _ in range(chosen.rounds):
            anew, there = scoring_speeds(step, batches)
            rounds.append({"training": training_speed(training), "signal": anew, "words found": there})
        model_bytes = path.stat().st_size
    figures = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    result = {
        **circumstances("numba", "numpy", "pyarrow"),
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system), after warm-up",
        "trained_bytes": int(sizes[half - 1]),
        "model_bytes": model_bytes,
        "figures": figures,
        "rounds": rounds,
    }
    path = Path(save("perplexity", result))
    print(*(f"{name} {value:.1f}" for name, value in figures.items()), f"; {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
