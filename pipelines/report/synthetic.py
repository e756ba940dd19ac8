"""What the report says of synthetic documents: counts by template and language, what took them, and samples."""

from dataclasses import dataclass

import duckdb

from pipelines.answers import Sample
from pipelines.exported import LATEST, open_export
from pipelines.questions import samples
from pipelines.report.protection import masked_excerpts
from pipelines.report.samples import EXCERPT_CHARS, LONGEST_SPAN_CHARS
from pipelines.rundir import Run

MOST = 40
SAMPLED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRow:
    """Documents of one generator, template and language."""

    generator: str
    template: str
    language: str
    made: int
    kept: int
    review: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """All synthetic documents of a run; `removed` are (rule, documents) that it took; tokens are those emitted."""

    rows: list[MadeRow]
    removed: list[tuple[str, int]]
    samples: list[tuple[str, Sample]]
    max_fraction: float | None
    tokens: int
    all_tokens: int
    left_out: int


ROWS = """
SELECT generator, coalesce(template, ''), coalesce({language}, ''), count(*),
       count(*) FILTER (state = 'kept'), count(*) FILTER (state = 'review'), count(*) FILTER (state = 'dropped')
FROM decisions JOIN measured USING (doc_id) WHERE generator IS NOT NULL
GROUP BY ALL ORDER BY 4 DESC, 1, 2, 3 LIMIT $most
"""
REMOVED = """
SELECT decided_by, count(*) FROM decisions JOIN measured USING (doc_id)
WHERE generator IS NOT NULL AND state <> 'kept' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $most
"""
SAMPLES = """
SELECT template, min(doc_id) FROM decisions JOIN measured USING (doc_id)
WHERE generator IS NOT NULL AND state = 'kept' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT $most
"""


def synthetic_of(run: Run, connection: duckdb.DuckDBPyConnection) -> Synthetic | None:
    """Returns what the run made; None where it made nothing."""
    names = run.measured.schema.names
    if "generator" not in names:
        return None
    language = '"signal.language"' if "signal.language" in names else "NULL"
    found = connection.execute(ROWS.format(language=language), {"most": MOST}).fetchall()
    if not found:
        return None
    manifest = open_export(run.store.uri).manifest if run.store.exists(LATEST) else {}
    totals, most = manifest.get("totals", {}), manifest.get("max_synthetic_fraction")
    assert isinstance(totals, dict), "the exporter wrote it"
    return Synthetic(
        rows=[MadeRow(**dict(zip(MadeRow.__dataclass_fields__, row, strict=True))) for row in found],
        removed=connection.execute(REMOVED, {"most": MOST}).fetchall(),
        samples=_samples(run, connection),
        max_fraction=most if isinstance(most, float) else None,
        tokens=int(totals.get("synthetic", 0)),
        all_tokens=int(totals.get("tokens", 0)) - int(totals.get("overlaps", 0)),
        left_out=int(totals.get("synthetic_left_out", 0)),
    )


def _samples(run: Run, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, Sample]]:
    """Returns one kept document of each template, that with the smallest id, masked as other excerpts are."""
    found = connection.execute(SAMPLES, {"most": SAMPLED}).fetchall()
    names = {bytes(doc_id).hex(): str(template) for template, doc_id in found}
    chosen = samples(run, [bytes(doc_id) for _, doc_id in found], chars=EXCERPT_CHARS + LONGEST_SPAN_CHARS)
    for sample, text in zip(chosen, masked_excerpts(run, [one["excerpt"] for one in chosen]), strict=True):
        sample["excerpt"] = text[:EXCERPT_CHARS]
    return [(names[sample["document"]["doc_id"]], sample) for sample in chosen]
