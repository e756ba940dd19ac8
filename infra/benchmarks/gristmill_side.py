"""Our side of against_datatrove.py: the real steps on Arrow batches; prints one JSON object.

Usage: python gristmill_side.py TEXTS.jsonl. Times are CPU seconds (user and system, children too).
"""

import json
import os
import sys

import pyarrow as pa

from curation.dedup.minhash import MinHash
from curation.quality.gopher import GopherQuality, GopherRepetition
from curation.quality.language import Language
from curation.step import Step

BATCH_BYTES = 4_000_000
WARM_UP_DOCUMENTS = 20

GOPHER: tuple[Step, ...] = (GopherQuality(), GopherRepetition())
TASKS: dict[str, tuple[Step, ...]] = {
    "language": (Language(),),
    "gopher": GOPHER,
    "minhash": (MinHash(),),
    "without_language": (*GOPHER, MinHash()),
    "all": (Language(), *GOPHER, MinHash()),
}


def batches(texts: list[str]) -> list[pa.RecordBatch]:
    """Returns the texts as record batches of about BATCH_BYTES."""
    groups: list[list[str]] = [[]]
    room = BATCH_BYTES
    for text in texts:
        if room < 0:
            groups.append([])
            room = BATCH_BYTES
        groups[-1].append(text)
        room -= len(text.encode())
    return [pa.record_batch({"text": pa.array(group, pa.string())}) for group in groups]


def seconds() -> float:
    """Returns CPU seconds of this process and its children so far."""
    return sum(os.times()[:4])


def run(steps: tuple[Step, ...], of_batches: list[pa.RecordBatch]) -> None:
    """Runs all steps of a task, batch by batch."""
    for batch in of_batches:
        for step in steps:
            batch = step(batch)  # noqa: PLW2901


def main() -> None:
    """Warms up, then measures each task."""
    with open(sys.argv[1], encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    prepared = batches(texts)
    measured = {}
    for task, of_task in TASKS.items():
        run(of_task, batches(texts[:WARM_UP_DOCUMENTS]))
        before = seconds()
        run(of_task, prepared)
        measured[task] = seconds() - before
    num_bytes = sum(len(text.encode()) for text in texts)
    json.dump({"bytes": num_bytes, "documents": len(texts), "cpu_seconds": measured}, sys.stdout)


if __name__ == "__main__":
    main()
