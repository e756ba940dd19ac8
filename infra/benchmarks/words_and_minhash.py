"""Measures words and MinHash signatures by script: MB per CPU-second, on one thread, against the targets.

Usage: GRISTMILL_CORPORA=... python infra/benchmarks/words_and_minhash.py [--rounds 7]

The text is real (see TEXTS): the rows of a file are joined by line feeds, as some are sentences, and cut into documents
of 5,000 characters; the whole is repeated until it has about 16 MB of UTF-8, in batches of 4 MB. How often is in the
result; it matters little, as these kernels look nothing up by content. Arrow arrays are made beforehand. What is timed,
each from Arrow text:

- `words`: the words kernel alone: starts, lengths, characters and hashes of words, line feeds, counts.
- `signatures`: words, shingle sets of 5 words, and signatures of 112 permutations (14 x 8).
- `signatures_fineweb`: the same with FineWeb's normalisation.
- `step`: the MinHash step as a run calls it: `signatures` with BLAKE2b-128 of each text, and Arrow columns of all that.

User and system seconds of the process; after a warm-up, rounds over all texts; the figure is the
median of the rounds. Writes infra/benchmarks/results/words_and_minhash.json; exits 1 where a target is missed.
"""

import gzip
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
from gristmill_side import batches
from records import arguments, circumstances, save, verdict

from curation.dedup.minhash import MinHash
from curation.kernels.minhash import sketch
from curation.kernels.simplified import simplified_hashes
from curation.kernels.words import words
from curation.text.words import text_buffers

TEXTS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "English": (("standardebooks", ()), ("medquad_qa", ())),
    "German": (("law_de_gesetze", ()),),
    "Russian": (("xquad_wiki", ("ru",)), ("udhr", ("rus",))),
    "Chinese": (("xquad_wiki", ("zh",)), ("udhr", ("cmn_hans", "cmn_hant"))),
    "Arabic": (("udhr", ("arb",)), ("tatoeba_laser", ("ara",))),
    "Thai": (("udhr", ("tha", "tha2")), ("tatoeba_laser", ("tha",))),
}
"""Files of dev/text, and which of their documents by `lang` or, in `udhr`, `id`; none: all."""

PIECE_CHARS, TEXT_BYTES = 5_000, 16_000_000
TARGETS: dict[str, dict[str, float]] = {
    "words": {"English": 700, "Russian": 350, "Chinese": 350, "Arabic": 350},
    "signatures": {"English": 400, "German": 180, "Russian": 180, "Chinese": 180, "Arabic": 180, "Thai": 180},
}


def documents(sources: tuple[tuple[str, tuple[str, ...]], ...]) -> list[str]:
    """Returns the documents of a language, cut to PIECE_CHARS, up to TEXT_BYTES."""
    found, room = [], TEXT_BYTES
    for text in ("\n".join(rows(name, chosen)) for name, chosen in sources):
        for start in range(0, len(text), PIECE_CHARS):
            found.append(text[start : start + PIECE_CHARS])
            room -= len(found[-1].encode())
            if room < 0:
                return found
    return found


def rows(name: str, chosen: tuple[str, ...]) -> Iterator[str]:
    """Yields the texts of a file of the corpora."""
    path = Path(os.environ["GRISTMILL_CORPORA"]) / "dev" / "text" / f"{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if not chosen or row.get("lang") in chosen or row["id"] in chosen:
                yield row["text"]


def only_words(batch: pa.RecordBatch) -> None:
    """The words of a batch."""
    words(*text_buffers(batch["text"]))


def signatures(batch: pa.RecordBatch) -> None:
    """Words, shingle sets and signatures."""
    found = words(*text_buffers(batch["text"]))
    sketch(found.hash_W, found.word_offsets_N1, ngram=5, num_permutations=112, seed=1)


def signatures_fineweb(batch: pa.RecordBatch) -> None:
    """The same of words as FineWeb simplifies them."""
    values, offsets_N1 = text_buffers(batch["text"])
    found = words(values, offsets_N1)
    hash_W = simplified_hashes(values, offsets_N1, found)
    sketch(hash_W, found.word_offsets_N1, ngram=5, num_permutations=112, seed=1)


TASKS: dict[str, Callable[[pa.RecordBatch], object]] = {
    "words": only_words,
    "signatures": signatures,
    "signatures_fineweb": signatures_fineweb,
    "step": MinHash(),
}


def seconds(task: Callable[[pa.RecordBatch], object], of_batches: list[pa.RecordBatch]) -> float:
    """Returns the CPU seconds of a task on all batches."""
    before = time.process_time()
    for batch in of_batches:
        task(batch)
    return time.process_time() - before


def main() -> int:
    """Measures all texts in rounds and writes the result."""
    rounds = arguments(__doc__, rounds=7).rounds
    texts, prepared = {}, {}
    for language, sources in TEXTS.items():
        once = documents(sources)
        size = sum(len(text.encode()) for text in once)
        times = max(1, TEXT_BYTES // size)
        texts[language] = {"documents": len(once), "bytes": size, "repeated": times}
        prepared[language] = batches(once * times)
        for task in TASKS.values():
            task(prepared[language][0])
    measured: dict[str, dict[str, list[float]]] = {task: {language: [] for language in TEXTS} for task in TASKS}
    for _ in range(rounds):
        for language, of_batches in prepared.items():
            size = texts[language]["bytes"] * texts[language]["repeated"]
            for task, function in TASKS.items():
                measured[task][language].append(size / 1e6 / seconds(function, of_batches))
    medians = {task: {name: statistics.median(found) for name, found in of.items()} for task, of in measured.items()}
    missed = [
        f"{task}, {language}: {medians[task][language]:.0f} MB per CPU-second, expected {target:g}"
        for task, of_task in TARGETS.items()
        for language, target in of_task.items()
        if medians[task][language] < target
    ]
    result = circumstances("numba", "numpy", "pyarrow") | {
        "unit": "10^6 bytes of UTF-8 text per CPU-second (user and system), one thread, median of rounds",
        "texts": texts,
        "tasks": medians,
        "targets": TARGETS,
        "missed": missed,
        "rounds": measured,
    }
    print(f"{'MB per CPU-second':20}" + "".join(f"{language:>10}" for language in TEXTS))
    for task, of_task in medians.items():
        print(f"{task:20}" + "".join(f"{speed:10.0f}" for speed in of_task.values()))
    path = save("words_and_minhash", result)
    return verdict(missed, path)


if __name__ == "__main__":
    sys.exit(main())
