"""rensa's deduplicator as its documentation recommends it; runs in rensa's own venv, prints one JSON object.

Usage: python rensa_dedup_side.py FOLDER. Reads FOLDER/texts/*.jsonl, writes FOLDER/kept.jsonl. Its documentation's
example splits on spaces; here each document's tokens are its 5-word shingles, which all sides of the benchmark compare.
Times are CPU seconds (user and system, children and threads too).
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rensa import RMinHashDeduplicator

WORD = re.compile(r"\w+")
NGRAM = 5
BATCH = 1000
WARM_UP_DOCUMENTS = 20


def shingles(text: str) -> list[str]:
    """Returns the 5-word shingles of a text."""
    words = WORD.findall(text.lower())
    return [" ".join(words[start : start + NGRAM]) for start in range(len(words) - NGRAM + 1)]


def deduplicate(texts: list[str]) -> Iterator[str]:
    """Yields the texts that stay; one without a shingle stays always."""
    dedup = RMinHashDeduplicator(threshold=0.7, num_perm=128, use_lsh=True)
    for start in range(0, len(texts), BATCH):
        found = [(str(start + index), shingles(text)) for index, text in enumerate(texts[start : start + BATCH])]
        compared = [item for item in found if item[1]]
        stays = dict(zip((name for name, _ in compared), dedup.add_pairs(compared), strict=True))
        yield from (texts[int(name)] for name, _ in found if stays.get(name, True))


def run(source: Path, target: Path, most: int | None = None) -> dict[str, object]:
    """Reads, deduplicates and writes; returns counts, and the CPU seconds of all and of deduplication alone."""
    start = cpu_seconds()
    with source.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines][:most]
    before = cpu_seconds()
    kept = list(deduplicate(texts))
    after = cpu_seconds()
    with target.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps({"text": text}) + "\n" for text in kept)
    seconds = {"all": cpu_seconds() - start, "in_memory": after - before}
    num_bytes = sum(len(text.encode()) for text in texts)
    return {"bytes": num_bytes, "documents": len(texts), "kept": len(kept), "cpu_seconds": seconds}


def cpu_seconds() -> float:
    """Returns user and system time of the process, its threads and its finished children."""
    return sum(os.times()[:4])


def main() -> None:
    """Warms up, then runs over FOLDER."""
    folder = Path(sys.argv[1])
    (source,) = (folder / "texts").glob("*.jsonl")
    run(source, folder / "warm.jsonl", WARM_UP_DOCUMENTS)
    json.dump(run(source, folder / "kept.jsonl"), sys.stdout)


if __name__ == "__main__":
    main()
