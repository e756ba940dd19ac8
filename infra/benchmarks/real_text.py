"""The text that benchmarks measure on: documents of the corpora, in an order drawn by hash.

Documents of 200 to 100,000 characters of $GRISTMILL_CORPORA/dev/text. The first bytes of the order are a random sample
of the whole, so that a slow tool may get fewer of them than a fast one.
"""

import gzip
import hashlib
import json
import os
import string
from collections.abc import Iterator
from itertools import count
from pathlib import Path

LETTERS = string.ascii_lowercase
STEPS = (1, 3, 5, 7, 9, 11, 15, 17, 19, 21, 23, 25)


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


def varied(documents: list[str], num_bytes: int) -> Iterator[str]:
    """Yields `documents`, then varied copies of them, until `num_bytes` of UTF-8 are passed.

    A copy has its letters a to z exchanged for others, in another way each time round: lengths of words, repetition and
    duplicates stay as they are in real text, and no copy is a duplicate of another. Texts of which less than half
    is such letters are not copied.
    """
    total = 0
    latin = [text for text in documents if 2 * sum(map(text.count, LETTERS)) >= len(text)]
    for copy in count():
        table = _exchange(copy)
        for text in latin if copy else documents:
            total += len(text.encode())
            if total > num_bytes:
                return
            yield text.translate(table)


def _exchange(copy: int) -> dict[int, int]:
    """Returns letter -> letter: `step * letter + shift` modulo 26, of which there are 312 with `step` prime to 26."""
    step, shift = STEPS[copy % len(STEPS)], copy // len(STEPS)
    if shift >= len(LETTERS):
        raise ValueError(f"expected at most {len(STEPS) * len(LETTERS)} copies, found {copy + 1}")
    to = [LETTERS[(step * place + shift) % len(LETTERS)] for place in range(len(LETTERS))]
    upper = str.maketrans(LETTERS.upper(), "".join(to).upper())
    return str.maketrans(LETTERS, "".join(to)) | upper
