"""Which documents a report shows: for each state and reason those with the smallest ids.

A `doc_id` is a hash, so the smallest ids are a random choice that every run of the same input repeats, and DuckDB keeps
only a few per group while it scans.
"""

from dataclasses import dataclass

import duckdb

from pipelines.answers import Sample
from pipelines.questions import samples
from pipelines.report.protection import masked_excerpts
from pipelines.rundir import Run

EXCERPT_CHARS = 480
KEPT_SOURCES, DROPPED_RULES, REVIEW_REASONS = 8, 12, 6
PER_GROUP = 2
LONGEST_SPAN_CHARS = 4096
"""Read beyond an excerpt, so that personal data at its end is known for what it is: a private key is the longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleGroup:
    """Samples of one state that one rule decided (kept: of one source)."""

    state: str
    name: str
    num_documents: int
    samples: list[Sample]


GROUPS = """
SELECT {name} AS name, count(*) AS documents, arg_min(doc_id, doc_id, {most}) AS ids FROM decisions
WHERE state = $state GROUP BY 1 ORDER BY documents DESC, name LIMIT $groups
"""


def sample_groups(run: Run, connection: duckdb.DuckDBPyConnection) -> list[SampleGroup]:
    """Returns the documents to show, by state and reason, the largest groups first."""
    wanted = (
        ("kept", "source", KEPT_SOURCES),
        ("review", "coalesce(decided_by, '')", REVIEW_REASONS),
        ("dropped", "coalesce(decided_by, '')", DROPPED_RULES),
    )
    found = [
        (state, name, documents, [bytes(item) for item in ids])
        for state, column, groups in wanted
        for name, documents, ids in connection.execute(
            GROUPS.format(name=column, most=PER_GROUP), {"state": state, "groups": groups}
        ).fetchall()
    ]
    chosen = samples(run, [item for *_, ids in found for item in ids], chars=EXCERPT_CHARS + LONGEST_SPAN_CHARS)
    for sample, text in zip(chosen, masked_excerpts(run, [one["excerpt"] for one in chosen]), strict=True):
        sample["excerpt"] = text[:EXCERPT_CHARS]
    shown = {sample["document"]["doc_id"]: sample for sample in chosen}
    return [
        SampleGroup(
            state=state,
            name=name,
            num_documents=documents,
            samples=[shown[item.hex()] for item in ids if item.hex() in shown],
        )
        for state, name, documents, ids in found
    ]
