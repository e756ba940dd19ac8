"""Measures the search for personal data, all kinds, and the masking of it.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/privacy.py [--rounds 5]

Prose: English of $GRISTMILL_CORPORA/dev/text; German statutes and manual pages beside it, which have many digits and
many addresses. 8 MB each, in batches of 400 documents, five times. Figures are 10^6 bytes of UTF-8 text per CPU-second
(user and system), after a warm-up: `signal`, counts and spans; `signal and mask`, with the text replaced, which finds
the spans there. Figures are medians. Writes infra/benchmarks/results/privacy.json; exits 1 where the target, on prose,
is missed.
"""

import gzip
import json
import os
import statistics
import sys
from pathlib import Path

import pyarrow as pa
from gristmill_side import seconds
from heuristics import batches_of, texts_of
from real_text import up_to
from records import arguments, circumstances, save, verdict

from curation.privacy.masking import MaskPersonalData
from curation.privacy.personal_data import PersonalData
from curation.step import Step

NUM_BYTES, PASSES, TARGET = 8_000_000, 5, 30.0
TASKS: dict[str, tuple[Step, ...]] = {
    "signal": (PersonalData(),),
    "signal and mask": (PersonalData(), MaskPersonalData()),
}


def documents(name: str) -> list[str]:
    """Returns documents of one file of the corpora, NUM_BYTES at most."""
    path = Path(os.environ["GRISTMILL_CORPORA"], "dev", "text", f"{name}.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return up_to([json.loads(line)["text"] for line in lines], NUM_BYTES)


def speed(steps: tuple[Step, ...], batches: list[pa.RecordBatch]) -> float:
    """Returns MB of text that comes in per CPU-second."""
    before = seconds()
    for batch in batches * PASSES:
        for step in steps:
            batch = step(batch)  # noqa: PLW2901
    return PASSES * sum(batch["text"].nbytes for batch in batches) / 1e6 / (seconds() - before)


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    chosen = arguments(__doc__, rounds=5)
    texts = {"prose": texts_of("en"), "statutes": documents("law_de_gesetze"), "manuals": documents("manpages")}
    batches = {name: batches_of(found) for name, found in texts.items()}
    for steps in TASKS.values():
        for found in batches.values():
            speed(steps, found)
    rounds = [
        {task: {name: speed(steps, found) for name, found in batches.items()} for task, steps in TASKS.items()}
        for _ in range(chosen.rounds)
    ]
    figures = {task: {name: statistics.median(one[task][name] for one in rounds) for name in batches} for task in TASKS}
    missed = [
        f"{task} on prose: expected at least {TARGET:g}, found {row['prose']:.1f}"
        for task, row in figures.items()
        if row["prose"] < TARGET
    ]
    result = {
        **circumstances("google-re2", "numba", "phonenumbers", "pyarrow"),
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system), after warm-up",
        "figures": figures,
        "target": TARGET,
        "missed": missed,
        "rounds": rounds,
    }
    path = save("privacy", result)
    for task, row in figures.items():
        print(f"{task:16}", *(f"{name} {value:.1f}" for name, value in row.items()))
    return verdict(missed, path)


if __name__ == "__main__":
    sys.exit(main())
