"""datatrove's four stages of MinHash deduplication; runs in datatrove's own venv, prints one JSON object.

Usage: python datatrove_dedup_side.py FOLDER. FOLDER/texts holds one JSONL file; signatures, buckets, clusters and kept
text are left beside it. Signatures that lie there already are used. Every stage is called by its own `run`, in this
process, with its defaults (14 x 8 over 5-grams). Times are CPU seconds (user and system, children too).
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

WARM_UP_TEXTS = ["One two three four five six.", "Seven eight nine ten eleven twelve."]


def seconds() -> float:
    """Returns CPU seconds of this process and its children so far."""
    return sum(os.times()[:4])


def stages(folder: str) -> dict[str, Callable[[], Iterable[object]]]:
    """Returns the four stages, each to be run to its end."""
    config = MinhashConfig()
    texts, signatures, buckets, clusters, kept = (
        f"{folder}/{name}" for name in ("texts", "signatures", "buckets", "clusters", "kept")
    )

    def sign() -> Iterable[object]:
        if os.path.exists(signatures):
            return ()
        return MinhashDedupSignature(signatures, config).run(JsonlReader(texts).run(), 0, 1) or ()

    def match() -> Iterable[object]:
        stage = MinhashDedupBuckets(signatures, buckets, config=config)
        for rank in range(config.num_buckets):
            stage.run(None, rank, config.num_buckets)
        return ()

    def cluster() -> Iterable[object]:
        return MinhashDedupCluster(buckets, clusters, config, save_cluster_id=True).run(None, 0, 1) or ()

    def keep() -> Iterable[object]:
        found = MinhashDedupFilter(clusters).run(JsonlReader(texts).run(), 0, 1)
        return JsonlWriter(kept, compression=None).run(found, 0, 1) or ()

    return {"signatures": sign, "buckets": match, "clusters": cluster, "filter": keep}


def measured(folder: str) -> dict[str, float]:
    """Runs all stages; returns CPU seconds of each."""
    found = {}
    for name, stage in stages(folder).items():
        before = seconds()
        for _ in stage():
            pass
        found[name] = seconds() - before
    return found


def main() -> None:
    """Warms up on two texts, then runs the stages over FOLDER."""
    folder = Path(sys.argv[1])
    warm = folder / "warm"
    (warm / "texts").mkdir(parents=True)
    (warm / "texts" / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in WARM_UP_TEXTS))
    measured(str(warm))
    by_stage = measured(str(folder))
    with next((folder / "texts").glob("*.jsonl")).open(encoding="utf-8") as lines:
        sizes = [len(json.loads(line)["text"].encode()) for line in lines]
    with next((folder / "kept").glob("*.jsonl")).open(encoding="utf-8") as lines:
        kept = sum(1 for _ in lines)
    cpu_seconds = {"all": sum(by_stage.values()), **by_stage}
    json.dump({"bytes": sum(sizes), "documents": len(sizes), "kept": kept, "cpu_seconds": cpu_seconds}, sys.stdout)


if __name__ == "__main__":
    main()
