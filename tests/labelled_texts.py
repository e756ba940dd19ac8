"""Labelled documents drawn from two vocabularies that overlap: enough for a classifier to learn something from."""

import json
import random
from pathlib import Path

OWN = {
    "good": ["theorem", "proof", "history", "river", "century", "method", "species", "treaty", "island", "energy"],
    "bad": ["lol", "click", "free", "win", "omg", "subscribe", "cheap", "haha", "buy", "follow"],
}
COMMON = [
    "the",
    "a",
    "of",
    "and",
    "to",
    "in",
    "is",
    "was",
    "for",
    "with",
    "it",
    "on",
    "as",
    "by",
    "at",
    "from",
    "this",
    "that",
    "be",
    "are",
]


def drawn_rows(label: str, count: int, *, seed: int = 1, sites: int = 0) -> list[dict[str, str]]:
    """Returns `count` documents; with `sites`, each has a URL on one of so many hosts."""
    draw = random.Random(f"{label} {seed}")
    other = OWN["bad" if label == "good" else "good"]
    rows = []
    for number in range(count):
        size = draw.randint(12, 40)
        words = [draw.choice(OWN[label] if draw.random() < 0.3 else COMMON) for _ in range(size)]
        words += [draw.choice(other) for _ in range(draw.randint(0, 3))]
        row = {"id": f"{label}-{number}", "text": " ".join(words) + f" {label[0]}{number % 7}."}
        if sites:
            row["url"] = f"https://s{draw.randrange(sites)}.{label}.example/{number}"
        rows.append(row)
    return rows


def write_jsonl(path: Path, rows: list[dict[str, str]]) -> Path:
    """Writes one document a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
