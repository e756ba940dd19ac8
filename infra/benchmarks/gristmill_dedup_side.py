"""Our deduplication of JSONL, `gristmill dedup --drop`; prints one JSON object.

Usage: python gristmill_dedup_side.py FOLDER. Reads FOLDER/texts/*.jsonl, writes FOLDER/kept.jsonl. The job runs in this
process on one thread, after a warm-up on two texts. Times are CPU seconds (user and system, children too).
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from pipelines.dedup_files import Request, dedup_files, dedup_job
from pipelines.progress import silent
from pipelines.spec import RunnerSpec

WARM_UP_TEXTS = ["One two three four five six seven.", "One two three four five six eight."]


def run(folder: Path) -> dict[str, int]:
    """Deduplicates a folder's texts; returns the counts."""
    request = Request(inputs=(str(folder / "texts" / "*.jsonl"),), output=str(folder / "kept.jsonl"), only_kept=True)
    spec = replace(dedup_job(request), runner=RunnerSpec(mode="in_memory", workers=1))
    return dedup_files(request, spec, progress=silent()).counts


def main() -> None:
    """Warms up, then runs over FOLDER."""
    folder = Path(sys.argv[1])
    warm = folder / "warm"
    (warm / "texts").mkdir(parents=True)
    (warm / "texts" / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in WARM_UP_TEXTS))
    run(warm)
    before = sum(os.times()[:4])
    counts = run(folder)
    cpu_seconds = {"all": sum(os.times()[:4]) - before}
    (source,) = (folder / "texts").glob("*.jsonl")
    with source.open(encoding="utf-8") as lines:
        num_bytes = sum(len(json.loads(line)["text"].encode()) for line in lines)
    found = {"bytes": num_bytes, "documents": counts["read"], "kept": counts["kept"], "cpu_seconds": cpu_seconds}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
