"""Our deduplication, of texts in memory and of JSONL to JSONL; prints one JSON object.

Usage: python gristmill_dedup_side.py FOLDER. Reads FOLDER/texts/*.jsonl, writes FOLDER/kept.jsonl: `all` is
`gristmill dedup --drop`. `in_memory` is `gristmill.deduplicate` of the same texts as an Arrow array. Both in this
process on one thread, after a warm-up on two texts. Times are CPU seconds (user and system, children too).
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from gristmill_side import seconds

import gristmill
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
    gristmill.deduplicate(pa.array(WARM_UP_TEXTS, pa.large_string()))
    start = seconds()
    counts = run(folder)
    spent = {"all": seconds() - start}
    (source,) = (folder / "texts").glob("*.jsonl")
    with source.open(encoding="utf-8") as lines:
        texts = pa.array((json.loads(line)["text"] for line in lines), pa.large_string())
    start = seconds()
    kept = int(gristmill.deduplicate(texts).kept_N.sum())
    spent["in_memory"] = seconds() - start
    found = {"bytes": texts.buffers()[2].size, "documents": counts["read"], "kept": counts["kept"]}
    json.dump(found | {"kept_in_memory": kept, "cpu_seconds": spent}, sys.stdout)


if __name__ == "__main__":
    main()
