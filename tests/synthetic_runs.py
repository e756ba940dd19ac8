"""A small run that makes documents of those that it keeps."""

import json
import random
from pathlib import Path

from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.spec_file import load_spec
from tests.token_runs import tokenizer

SPEC = """
job: valleys
inputs: {notes: {files: [notes.jsonl], gates: [size], license: CC0-1.0}}
gates: {size: {rules: [{signal: num_chars, min: 400}]}}
signals: [language, statistics]
dedup: {near: {canaries: 0, bands: 5, rows: 4}, exact: [text]}
validation: {fraction: 0.1}
limits: {unit_bytes: 16KiB}
shards: {tokenizer: tokenizer.json, sequence_length: 128}
runner: {mode: in_memory, workers: 1}
"""
SYNTHESIS = "synthesis: {max_fraction: 0.15}\n"
PLACES = ("Aldbury", "Harrow", "Mersel", "Thornby", "Wickham", "Easton", "Marlow", "Selby", "Denholm", "Ripley")
THINGS = ("market", "bridge", "school", "library", "harbour", "orchard", "railway", "museum", "garden", "theatre")
DEEDS = ("opened", "closed", "moved", "expanded", "burned down", "was rebuilt", "was sold", "was painted")


def valley(number: int) -> str:
    """A note of twelve sentences in two paragraphs; every tenth repeats another, every seventh is short."""
    draw = random.Random(number - number % 10 if number % 10 == 9 else number)
    lines = [
        f"The {draw.choice(THINGS)} of {draw.choice(PLACES)} {draw.choice(DEEDS)} in {draw.randrange(1700, 2020)} "
        f"because the {draw.choice(THINGS)} of {draw.choice(PLACES)} {draw.choice(DEEDS)} too."
        for _ in range(2 if number % 7 == 6 else 12)
    ]
    return f"{' '.join(lines[:6])}\n\n{' '.join(lines[6:])}"


def write_valleys(folder: Path, *, num: int = 60, spec: str = SPEC + SYNTHESIS) -> Path:
    """Writes input, tokenizer and spec; returns the spec's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_bytes(tokenizer().content)
    rows = [{"id": str(number), "url": f"https://n{number}.example/", "text": valley(number)} for number in range(num)]
    (folder / "notes.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "job.yaml").write_text(spec)
    return folder / "job.yaml"


def run_valleys(folder: Path, *, spec: str = SPEC + SYNTHESIS) -> Path:
    """Runs the notes and returns the run directory."""
    path = write_valleys(folder, spec=spec)
    run = folder / "run"
    run_job(load_spec(path), spec_path=path, output=str(run), limit=None, settings=(), progress=silent())
    return run
