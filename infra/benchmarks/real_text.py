"""The text that benchmarks measure on: documents of the corpora, in an order drawn by hash.

Documents of 200 to 100,000 characters of $GRISTMILL_CORPORA/dev/text. The first bytes of the order are a random sample
of the whole, so that a slow tool may get fewer of them than a fast one.
"""

import gzip
import hashlib
import json
import os
from pathlib import Path


def texts(num_bytes: int) -> list[str]:
    """Returns documents of the corpora in their drawn order, `num_bytes` of UTF-8 at most."""
    folder = Path(os.environ["GRISTMILL_CORPORA"]) / "dev" / "text"
    drawn = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                text = json.loads(line)["text"]
                if 200 <= len(text) <= 100_000:
                    drawn.append((hashlib.sha256(f"{path.name} {number}".encode()).digest(), text))
    return up_to([text for _, text in sorted(drawn)], num_bytes)


def up_to(documents: list[str], num_bytes: int) -> list[str]:
    """Returns the first documents that have no more than `num_bytes` of UTF-8 together."""
    total = 0
    for index, text in enumerate(documents):
        total += len(text.encode())
        if total > num_bytes:
            return documents[:index]
    return documents


def write(documents: list[str], path: Path) -> dict[str, int]:
    """Writes documents as JSON lines; returns how many there are and their bytes."""
    path.write_text("".join(json.dumps(text) + "\n" for text in documents), encoding="utf-8")
    return {"documents": len(documents), "bytes": sum(len(text.encode()) for text in documents)}
