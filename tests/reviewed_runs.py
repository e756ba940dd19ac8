"""A small run with something of everything that people are asked about."""

import json
import random
from pathlib import Path

from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.spec_file import load_spec

SPEC = """
job: notes
inputs: {notes: {files: [notes.jsonl], gates: [quality]}}
gates:
  quality:
    rules: [{signal: num_words, min: 50, review_within: 5}]
signals: [statistics, gopher_quality]
dedup: {near: {min_jaccard: 0.7, review_within: 0.1, canaries: 0, bands: 40, rows: 4}}
validation: {fraction: 0}
review: {budget: 40, audit_fraction: 0.5, overlap_fraction: 0}
runner: {mode: in_memory, workers: 1}
"""
SHARDS = """
shards: {tokenizer: tokenizer.json, sequence_length: 128, rows_per_group: 16, rows_per_file: 64}
"""
KEPT, SHORT, DOUBTFUL, ALIKE = range(0, 80), range(80, 100), range(100, 120), (120, 121)


def note(number: int) -> str:
    """The text of a note: random words, as many as its place says."""
    draw = random.Random(number)
    size = 200 if number in KEPT else 20 if number in SHORT else 46 + number % 9 if number in DOUBTFUL else 100
    if number == ALIKE[1]:
        words = note(ALIKE[0]).split()
        return " ".join([*words[:90], *(f"other{index}" for index in range(15))])
    return " ".join(f"w{draw.randrange(5000)}" for _ in range(size))


def write_notes(folder: Path) -> None:
    """Writes `notes.jsonl`."""
    rows = [{"id": str(number), "text": note(number)} for number in range(ALIKE[1] + 1)]
    (folder / "notes.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def run_notes(folder: Path, *, spec: str = SPEC) -> Path:
    """Runs the notes and returns the run directory."""
    folder.mkdir(parents=True, exist_ok=True)
    write_notes(folder)
    (folder / "job.yaml").write_text(spec)
    run = folder / "run"
    job = load_spec(folder / "job.yaml")
    run_job(job, spec_path=folder / "job.yaml", output=str(run), limit=None, settings=(), progress=silent())
    return run
