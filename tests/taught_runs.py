"""A run whose rules are wrong in known ways, and reviewers who know better.

Half of its documents are good. Its classifier learnt from few labels, many of them wrong; its rule on length drops texts
of 20 to 29 words, which people keep where they are good.
"""

import random
from collections.abc import Mapping
from pathlib import Path

from pipelines.classifiers.fitting import Training, train_fasttext
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.spec_file import load_spec
from tests.labelled_texts import drawn_rows, write_jsonl
from tests.reviewed_runs import answer, questions, write_answers

SPEC = """
job: taught
inputs: {texts: {files: [texts.jsonl], gates: [quality]}}
classifiers: {taste: {model: weak.bin}}
gates:
  quality:
    rules: [{signal: taste, min: 0.5}, {signal: num_words, min: 30}]
signals: [gopher_quality]
dedup: {near: null}
review: {budget: 600, audit_fraction: 1, overlap_fraction: 0}
runner: {mode: in_memory, workers: 1}
"""
NUM_EACH, LEAST_WORDS = 600, 20


def run_texts(folder: Path) -> Path:
    """Runs the texts and returns the run directory."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = drawn_rows("good", NUM_EACH) + drawn_rows("bad", NUM_EACH)
    write_jsonl(folder / "texts.jsonl", rows)
    (folder / "weak.bin").write_bytes(weak_model())
    (folder / "job.yaml").write_text(SPEC)
    run = folder / "run"
    spec = load_spec(folder / "job.yaml")
    run_job(spec, spec_path=folder / "job.yaml", output=str(run), limit=None, settings=(), progress=silent())
    return run


def weak_model() -> bytes:
    """A classifier from 120 labels, of which four in ten are wrong."""
    draw = random.Random(5)
    rows = [(row["text"], label) for label in ("good", "bad") for row in drawn_rows(label, 60, seed=9)]
    draw.shuffle(rows)
    names = {"good": "positive", "bad": "negative"}
    other = {"good": "bad", "bad": "good"}
    lines = (f"__label__{names[other[of] if draw.random() < 0.4 else of]} {text}\n" for text, of in rows)
    return train_fasttext(lines, Training(epochs=20, min_count=1, buckets=2000, quantize=False))


def right_decision(question: Mapping[str, object]) -> str:
    """What an expert says of a text: its last word tells which kind it was drawn as."""
    text = str(question["text"])
    is_good = text.rsplit(maxsplit=1)[-1].startswith("g")
    return "keep" if is_good and len(text.split()) >= LEAST_WORDS else "drop"


def answer_all(run: Path, *, error: float) -> list[dict[str, object]]:
    """One reviewer, wrong as often as said, answers every question; returns the questions."""
    draw, asked, rows = random.Random(6), questions(run), []
    for question in asked:
        said = right_decision(question)
        if draw.random() < error:
            said = "keep" if said == "drop" else "drop"
        rows.append(answer(question, said))
    write_answers(run, rows)
    return asked
