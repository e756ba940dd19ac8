"""Made-up finished runs that the gates judged: for questions about thresholds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.quality.gates import Rule, When
from pipelines.judging import judge_part
from pipelines.measuring import Job
from pipelines.rundir import Run, open_run
from pipelines.spec import GateSpec, InputSpec, JobSpec
from pipelines.store import Store
from tests.rundirs import Doc, write_run

EDGES = JobSpec(
    job="edges",
    inputs={"web": InputSpec(files=("data/*",), gates=("edges",))},
    gates={
        "edges": GateSpec(
            rules=(
                Rule(signal="alpha_word_fraction", min=0.1),
                Rule(signal="dup_line_fraction", max=0.9),
                Rule(signal="num_words", min=2, max=1000),
                Rule(signal="num_chars", min=1, review_within=0.5, when=When(language=("en", "de"))),
                Rule(signal="language", one_of=("en", "de", "th")),
            )
        )
    },
)
PASSING = {"alpha_word_fraction": 0.5, "dup_line_fraction": 0.5, "num_words": 100.0, "num_chars": 100.0}


def judged_run(folder: Path, docs: Sequence[Doc], spec: JobSpec) -> Run:
    """Writes a finished run whose documents end as the gates say, without copies."""
    write_run(folder, docs, spec=spec)
    part = next((folder / "measured").iterdir()).stem
    store = Store(str(folder))
    judge_part(Job(spec=spec, fingerprint="0" * 64, store=store), part)
    verdicts = pq.read_table(folder / "verdicts" / f"{part}.parquet").to_pylist()
    ends = [
        replace(
            doc,
            state=row["state"],
            decided_by=row["decided_by"],
            failed=tuple(entry for entry in row["entries"] if entry.pop("action") == "drop"),
        )
        for doc, row in zip(docs, verdicts, strict=True)
    ]
    write_run(folder, ends, spec=spec)
    text_bytes = pa.array([len(doc.text.encode()) for doc in docs])
    signatures = pa.table({"doc_id": [row["doc_id"] for row in verdicts], "text_bytes": text_bytes})
    (folder / "signatures").mkdir(exist_ok=True)
    pq.write_table(signatures, folder / "signatures" / f"{part}.parquet")
    return open_run(folder)
