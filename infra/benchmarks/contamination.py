"""Measures decontamination: the words of a text and their lookup in an index of 100,000 evaluation items.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/contamination.py [--rounds 5]

Items: those of $GRISTMILL_CORPORA/dev/benchmarks, then passages of 40 words of English text whose letters are
exchanged, so that none is in the text that is measured. That text: 8 MB of English documents, five times. Figures are
10^6 bytes of UTF-8 text per CPU-second (user and system), after a warm-up: `signal`, with its own pass over the words;
`words`, that pass alone. By words per run. Figures are medians. Writes infra/benchmarks/results/contamination.json;
exits 1 where the target is missed.
"""

import gzip
import hashlib
import json
import os
import statistics
import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from gristmill_side import seconds
from heuristics import batches_of, texts_of
from real_text import varied
from records import arguments, circumstances, save, verdict

from curation.contamination.contamination import Contamination
from curation.contamination.index import build_index, write_index
from curation.text.words import words_of

NUM_ITEMS, WORDS_PER_ITEM, PASSES, TARGET = 100_000, 40, 5, 100.0
NGRAMS = (8, 13)


def items() -> list[str]:
    """Returns the text of NUM_ITEMS items."""
    found: list[str] = []
    for path in sorted(Path(os.environ["GRISTMILL_CORPORA"], "dev", "benchmarks").glob("*.jsonl.gz")):
        if not path.name.startswith("planted"):
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                found += [json.loads(line)["text"] for line in lines]
    english = texts_of("en")
    for text in islice(varied(english, 1 << 40), len(english), None):
        words = text.split()
        found += [" ".join(words[at : at + WORDS_PER_ITEM]) for at in range(0, len(words), WORDS_PER_ITEM)]
        if len(found) >= NUM_ITEMS:
            break
    return found[:NUM_ITEMS]


def speeds(step: Contamination, batches: list[pa.RecordBatch]) -> dict[str, float]:
    """Returns MB per CPU-second of the step, and of the words that it begins with."""
    size = PASSES * sum(batch["text"].nbytes for batch in batches) / 1e6
    started = seconds()
    for batch in batches * PASSES:
        step(batch)
    signal = seconds() - started
    started = seconds()
    for batch in batches * PASSES:
        words_of(batch["text"])
    words = seconds() - started
    return {"signal": size / signal, "words": size / words}


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    chosen = arguments(__doc__, rounds=5)
    passages, batches = pa.array(items(), pa.string()), batches_of(texts_of("en"))
    numbers, names = np.arange(NUM_ITEMS), pa.array(map(str, range(NUM_ITEMS)), pa.string())
    rounds: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        steps = {}
        runs = {}
        for ngram in NGRAMS:
            index = build_index(passages, numbers, names, ngram=ngram)
            runs[str(ngram)] = int(index.hash_G.size)
            path = Path(folder, f"{ngram}.npz")
            content = write_index(index)
            path.write_bytes(content)
            steps[str(ngram)] = Contamination(index=str(path), sha256=hashlib.sha256(content).hexdigest())
            steps[str(ngram)](batches[0])
        for _ in range(chosen.rounds):
            for name, step in steps.items():
                rounds.setdefault(name, []).append(speeds(step, batches))
    figures = {
        name: {what: statistics.median(one[what] for one in found) for what in found[0]}
        for name, found in rounds.items()
    }
    missed = [
        f"{name} words: expected at least {TARGET:g}, found {row['signal']:.1f}"
        for name, row in figures.items()
        if row["signal"] < TARGET
    ]
    result = {
        **circumstances("numba", "numpy", "pyarrow"),
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system), after warm-up",
        "items": NUM_ITEMS,
        "runs_of_words": runs,
        "figures": figures,
        "target": TARGET,
        "missed": missed,
        "rounds": rounds,
    }
    path = save("contamination", result)
    for name, row in figures.items():
        print(f"{name:>3} words, {runs[name]:,} runs:", *(f"{what} {value:.1f}" for what, value in row.items()))
    return verdict(missed, path)


if __name__ == "__main__":
    sys.exit(main())
