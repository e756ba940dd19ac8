"""A small run with something of everything that people are asked about."""

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from curation.schema import PEOPLE_DECISIONS
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.rundir import Run
from pipelines.spec_file import load_spec
from tests.token_runs import tokenizer

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


def run_notes_to_shards(folder: Path, *, export: str = "append", order: str = "random", weight: float = 1.0) -> Path:
    """Runs the notes, each emitted `weight` times in the mean, up to training rows, with a small tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_bytes(tokenizer().content)
    spec = SPEC.replace("overlap_fraction: 0", f"overlap_fraction: 0, export: {export}") + SHARDS
    spec = spec.replace("gates: [quality]}", f"gates: [quality], weight: {weight}}}")
    spec = spec.replace("sequence_length", f"order: {order}, sequence_length")
    return run_notes(folder, spec=spec)


def answer(question: Mapping[str, object], decision: str, **changed: object) -> dict[str, object]:
    """A row of PEOPLE_DECISIONS: what somebody answered to a row of REVIEW_TASKS."""
    names = ("doc_id", "text_hash", "other_id", "review_key", "kind", "route", "inclusion_probability")
    number = int(str(question["priority"]))
    return {
        **{name: question[name] for name in names},
        "reviewer": "anna@example.org",
        "event": "answered",
        "decision": decision,
        "issues": [],
        "spans": [],
        "config_version": "0" * 12,
        "task_id": number,
        "annotation_id": number,
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
        **changed,
    }


def write_answers(run: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Adds a file of answers to a run."""
    folder = run / "people"
    folder.mkdir(exist_ok=True)
    table = pa.Table.from_pylist([dict(row) for row in rows], PEOPLE_DECISIONS)
    pq.write_table(table, folder / f"part-{len(list(folder.glob('*.parquet'))):06d}.parquet")


def questions(run: Path) -> list[dict[str, object]]:
    """The questions of a run, in their order."""
    return pq.read_table(run / "tasks").to_pylist()  # type: ignore[no-any-return]


def in_doubt(run: Path) -> list[dict[str, object]]:
    """The documents that people are asked about for doubt, in their order."""
    return [row for row in questions(run) if row["route"] == "doubt" and row["kind"] == "document"]


def exported(run: Run) -> set[bytes]:
    """Ids of the documents in the rows of the newest export, on both sides."""
    found = run.store.local_path(f"exports/{run.latest_export}")
    query = f"SELECT DISTINCT doc_id FROM '{found}/**/order.parquet'"
    return {row[0] for row in duckdb.sql(query).fetchall()}
