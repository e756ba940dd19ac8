"""Run directories that hold nothing but questions for people."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.identity import fingerprint, secure_hash
from curation.schema import REVIEW_TASKS

WORDS = "The mill on the river grinds what the farmers of the valley bring in autumn. "


def question(number: int, **changed: object) -> dict[str, object]:
    """A row of REVIEW_TASKS; its text says its number."""
    text = f"{WORDS * 3}Document {number}."
    row: dict[str, object] = {
        "kind": "document",
        "doc_id": secure_hash(b"document %d" % number),
        "text_hash": secure_hash(text.encode()),
        "other_id": None,
        "source": "web",
        "state": "review",
        "route": "doubt",
        "reason": "quality/num_words: 49 against 50",
        "inclusion_probability": 1.0,
        "priority": number,
        "num_reviewers": 1,
        "is_blind": False,
        "prediction": "keep",
        "about_privacy": False,
        "phone_regions": None,
        "text": text,
        "other_text": None,
        **changed,
    }
    return {"review_key": fingerprint([str(row["doc_id"]), str(row["kind"])])[:32], **row}


def run_with_questions(folder: Path, rows: Sequence[dict[str, object]]) -> Path:
    """A run directory that asks `rows`."""
    (folder / "tasks").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows), REVIEW_TASKS), folder / "tasks" / "part-000.parquet")
    return folder
