"""Texts that other extractors make of the gold pages: made once in their venv, kept under .cache/extraction."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path

from infra.benchmarks.peers import REPOSITORY, python_of, requirements_of
from infra.extraction.gold import Page

NAME = "extraction"
SIDE = Path(__file__).with_name("peer_side.py")


def peer_texts(pages: list[Page]) -> dict[str, dict[str, tuple[str, float]]]:
    """Returns by page and method the text and the CPU seconds of making it."""
    folder = REPOSITORY / ".cache" / "extraction"
    folder.mkdir(parents=True, exist_ok=True)
    made_by = hashlib.sha256(SIDE.read_bytes() + requirements_of(NAME).read_bytes())
    for page in pages:
        made_by.update(hashlib.sha256(page.raw).digest())
    output = folder / f"peers-{made_by.hexdigest()[:16]}.jsonl"
    if not output.exists():
        given, unfinished = folder / "pages.jsonl", output.with_suffix(".unfinished")
        with given.open("w", encoding="utf-8") as file:
            file.writelines(
                json.dumps({"id": page.id, "raw": base64.b64encode(page.raw).decode()}) + "\n" for page in pages
            )
        subprocess.run([python_of(NAME), SIDE, given, unfinished], check=True)
        given.unlink()
        unfinished.rename(output)
    with output.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["id"]: {name: (text, seconds) for name, (text, seconds) in row["found"].items()} for row in rows}
