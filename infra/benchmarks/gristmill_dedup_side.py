"""Our whole deduplication, a job with all other stages off; prints one JSON object.

Usage: python gristmill_dedup_side.py FOLDER. Reads FOLDER/texts/*.jsonl, leaves a run in FOLDER/run. The job runs in
this process on one thread, after a warm-up job on two texts. Times are CPU seconds (user and system, children too).
"""

import json
import os
import sys
from pathlib import Path

import gristmill

SPEC = """job: dedup
inputs:
  texts: {files: [texts/*.jsonl]}
edits: []
signals: []
runner: {mode: in_memory, workers: 1}
"""
WARM_UP_TEXTS = ["One two three four five six seven.", "One two three four five six eight."]


def run(folder: Path) -> dict[str, int]:
    """Runs the job in a folder that has texts/; returns its counts."""
    (folder / "dedup.yaml").write_text(SPEC, encoding="utf-8")
    finished = gristmill.run(folder / "dedup.yaml", output=str(folder / "run"))
    return dict(finished.manifest()["counts"])


def main() -> None:
    """Warms up, then runs over FOLDER."""
    folder = Path(sys.argv[1])
    (folder / "warm" / "texts").mkdir(parents=True)
    warm = "".join(json.dumps({"text": text}) + "\n" for text in WARM_UP_TEXTS)
    (folder / "warm" / "texts" / "texts.jsonl").write_text(warm, encoding="utf-8")
    run(folder / "warm")
    before = sum(os.times()[:4])
    counts = run(folder)
    seconds = sum(os.times()[:4]) - before
    (source,) = (folder / "texts").glob("*.jsonl")
    with source.open(encoding="utf-8") as lines:
        num_bytes = sum(len(json.loads(line)["text"].encode()) for line in lines)
    json.dump(
        {"bytes": num_bytes, "documents": counts["read"], "kept": counts["kept"], "cpu_seconds": {"all": seconds}},
        sys.stdout,
    )


if __name__ == "__main__":
    main()
