"""Measures the signals of the recipe `fineweb` (language id aside) by script, and against datatrove on English.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/heuristics.py [--rounds 5]

Text by script: documents of $GRISTMILL_CORPORA/dev/text, 8 MB each; where there is less of a script it is repeated.
Figures are 10^6 bytes of UTF-8 text per CPU-second (user and system), after a warm-up: `signals`, all of the recipe on
one text with one pass over its words; `recipe`, the same in its two phases, with C4's edit and a second pass over the
words of what that leaves; and for English datatrove's same filters, each over all documents by its own `run`, on the
first megabyte. Rounds alternate; figures are medians. Writes infra/benchmarks/results/heuristics.json; exits 1 where a
target is missed.
"""

import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from peers import HERE, measure, python_of, version_of
from real_text import up_to, write
from records import arguments, circumstances, save, verdict

from curation.plan import EDITS
from curation.quality.c4 import C4
from curation.quality.fineweb import FineWeb
from curation.quality.gopher import GopherQuality, GopherRepetition
from curation.schema import EDIT
from curation.step import Step

NUM_BYTES, PEER_BYTES, BATCH = 8_000_000, 1_000_000, 400
GOPHER: tuple[Step, ...] = (GopherRepetition(), GopherQuality())
TASKS: dict[str, tuple[Step, ...]] = {
    "signals": (*GOPHER, C4(), FineWeb()),
    "recipe": (*GOPHER, EDITS["c4_lines_any_end"], C4(), FineWeb()),
}
FILES = {
    "en": ("medquad_qa", "standardebooks", "nltk_inaugural_genesis_abc"),
    "de": ("law_de_gesetze",),
    "ru": ("xquad_wiki", "manpages"),
    "zh": ("xquad_wiki", "manpages"),
    "ar": ("xquad_wiki", "udhr"),
}
TARGETS = {"en": 150.0, "slowest": 90.0, "ratio": 500.0}


def texts_of(language: str) -> list[str]:
    """Returns NUM_BYTES of documents that the corpora label with a language, repeated if need be."""
    folder, found = Path(os.environ["GRISTMILL_CORPORA"]) / "dev" / "text", []
    for name in FILES[language]:
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = map(json.loads, lines)
            found += [row["text"] for row in rows if str(row.get("lang", language)).startswith(language)]
    repeats = 1 + NUM_BYTES // sum(len(text.encode()) for text in found)
    return up_to(found * repeats, NUM_BYTES)


def batches_of(texts: list[str]) -> list[pa.RecordBatch]:
    """Returns the documents as batches with no edits yet."""
    groups = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
    none = [pa.array([[] for _ in group], pa.list_(EDIT)) for group in groups]
    return [
        pa.record_batch({"text": pa.array(group, pa.string()), "edits": edits})
        for group, edits in zip(groups, none, strict=True)
    ]


def speed(steps: tuple[Step, ...], batches: list[pa.RecordBatch]) -> float:
    """Returns MB per CPU-second of the steps over all batches."""
    before = time.process_time()  # os.times counts hundredths, of which all signals take a handful
    for batch in batches:
        for step in steps:
            batch = step(batch)  # noqa: PLW2901
    used = time.process_time() - before
    return sum(pc.sum(pc.binary_length(batch["text"])).as_py() for batch in batches) / 1e6 / used


def one_round(scripts: dict[str, list[pa.RecordBatch]], python: Path, sample: Path) -> dict[str, dict[str, float]]:
    """Returns MB per CPU-second by task and script, and datatrove's on English."""
    speeds = {task: {name: speed(steps, found) for name, found in scripts.items()} for task, steps in TASKS.items()}
    peer = measure([python, HERE / "datatrove_filters_side.py", sample])
    return {**speeds, "datatrove": {"en": peer["bytes"] / 1e6 / peer["cpu_seconds"]["fineweb"]}}


def missed(figures: dict[str, dict[str, float]], ratio: float) -> list[str]:
    """Returns one line for each target that was not reached."""
    found = {"en": figures["signals"]["en"], "slowest": min(figures["signals"].values()), "ratio": ratio}
    return [
        f"{name}: expected at least {TARGETS[name]:g}, found {found[name]:.1f}"
        for name in TARGETS
        if found[name] < TARGETS[name]
    ]


def main() -> int:
    """Runs all rounds, writes the result and prints a table."""
    chosen = arguments(__doc__, rounds=5)
    python = python_of("datatrove")
    texts = {language: texts_of(language) for language in FILES}
    scripts = {language: batches_of(of_language) for language, of_language in texts.items()}
    for steps in TASKS.values():
        speed(steps, scripts["en"][:1])
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder, "sample.jsonl")
        sizes = write(up_to(texts["en"], PEER_BYTES), sample)
        rounds = [one_round(scripts, python, sample) for _ in range(chosen.rounds)]
    figures = {
        task: {name: statistics.median(of[task][name] for of in rounds) for name in rounds[0][task]}
        for task in rounds[0]
    }
    ratio = statistics.median(of["signals"]["en"] / of["datatrove"]["en"] for of in rounds)
    result = {
        **circumstances("numba", "numpy", "pyarrow"),
        "peer": version_of("datatrove"),
        "peer_text": sizes,
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system), after warm-up",
        "figures": figures,
        "ratio": ratio,
        "targets": TARGETS,
        "missed": missed(figures, ratio),
        "rounds": rounds,
    }
    path = save("heuristics", result)
    for task, row in figures.items():
        print(f"{task:10}", *(f"{name} {value:8.2f}" for name, value in row.items()))
    print(f"signals on English: {ratio:.0f} times datatrove")
    return verdict(result["missed"], path)


if __name__ == "__main__":
    sys.exit(main())
