"""The three conservation laws, checked on the written tables by DuckDB.

*Input*: the extents of each file tile its decompressed bytes (Parquet: rows), and the documents among them are
those of `measured/`. *Documents*: every measured document has one decision, and kept, dropped and review are
exactly the rows of `documents/`, the dropped decisions and `review/`. *Tokens*: those of kept documents are
those in the rows of the export, less declared overlaps and repeats (`pipelines.token_law`).
"""

from collections.abc import Iterable

import duckdb

from curation.errors import ConservationError
from pipelines.rundir import Run, open_run
from pipelines.store import Store

INPUT_LAW = """
WITH extents AS (
    SELECT source, path, kind, "offset", length, count,
           lag("offset" + length, 1, 0) OVER (PARTITION BY source, path ORDER BY "offset", length, kind) AS expected
    FROM accounts WHERE kind <> 'end' AND length > 0),
ends AS (SELECT source, path, max("offset") AS total, count(*) AS num_ends
         FROM accounts WHERE kind = 'end' GROUP BY ALL),
covered AS (SELECT source, path, max("offset" + length) AS covered FROM extents GROUP BY ALL)
SELECT source, path, 'extent at ' || "offset" || ' starts where ' || expected || ' was expected' AS finding
    FROM extents WHERE "offset" <> expected
UNION ALL
SELECT source, path, 'covered up to ' || coalesce(covered, 0) || ' of ' || total
    FROM ends LEFT JOIN covered USING (source, path) WHERE coalesce(covered, 0) <> total
UNION ALL
SELECT source, path, num_ends || ' ends, expected one' FROM ends WHERE num_ends <> 1
UNION ALL
SELECT source, path, 'never read to its end' FROM files ANTI JOIN ends USING (source, path)
ORDER BY ALL LIMIT 5
"""

INPUT_COUNTS = """
WITH accounted AS (
    SELECT source, path, sum(count) AS documents FROM accounts WHERE kind = 'document' GROUP BY ALL),
written AS (SELECT source, path, count(*) AS documents FROM measured WHERE parent_id IS NULL GROUP BY ALL)
SELECT coalesce(a.source, w.source) AS source, coalesce(a.path, w.path) AS path,
       coalesce(a.documents, 0) || ' documents accounted for, ' || coalesce(w.documents, 0) || ' measured' AS finding
FROM accounted a FULL JOIN written w USING (source, path)
WHERE coalesce(a.documents, 0) <> coalesce(w.documents, 0) ORDER BY ALL LIMIT 5
"""

DEAD_EXTENTS = """
SELECT 'dead letters' AS source, '' AS path, accounted || ' accounted for, ' || written || ' written' AS finding
FROM (SELECT coalesce(sum(length), 0) AS accounted FROM accounts WHERE kind = 'dead_letter'),
     (SELECT coalesce(sum(length), 0) AS written FROM dead_letter) WHERE accounted <> written
"""

DOCUMENT_LAW = """
WITH sides AS (
    SELECT doc_id, 'measured' AS side FROM measured
    UNION ALL SELECT doc_id, 'decided' FROM decisions
    UNION ALL SELECT doc_id, 'placed' FROM documents
    UNION ALL SELECT doc_id, 'placed' FROM review
    UNION ALL SELECT doc_id, 'placed' FROM decisions WHERE state = 'dropped'),
counted AS (
    SELECT doc_id, count(*) FILTER (side = 'measured') AS measured, count(*) FILTER (side = 'decided') AS decided,
           count(*) FILTER (side = 'placed') AS placed
    FROM sides GROUP BY doc_id)
SELECT hex(doc_id) AS source, '' AS path,
       'measured ' || measured || ', decided ' || decided || ', kept, dropped or in review ' || placed AS finding
FROM counted WHERE measured <> 1 OR decided <> 1 OR placed <> 1 ORDER BY ALL LIMIT 5
"""

UNEXPLAINED = """
SELECT hex(doc_id) AS source, '' AS path, 'dropped without a failed rule' AS finding
FROM decisions WHERE (state = 'dropped' AND (len(failed) = 0 OR decided_by IS NULL))
   OR (state = 'review' AND (len(review_reasons) = 0 OR decided_by IS NULL)) ORDER BY ALL LIMIT 5
"""

ORPHANS = """
SELECT hex(c.doc_id) AS source, '' AS path, 'synthetic and kept, but what it was made of is not' AS finding
FROM measured c JOIN decisions d USING (doc_id) LEFT JOIN decisions p ON p.doc_id = c.parent_id
WHERE c.generator IS NOT NULL AND c.extractor = 'synthesis' AND d.state = 'kept' AND p.state IS DISTINCT FROM 'kept'
ORDER BY ALL LIMIT 5
"""
"""What people rewrote of a synthetic document has that one as its parent, and stays when it goes."""


def findings(run: Run) -> list[str]:
    """Returns what breaks the laws of input and of documents; empty when both hold."""
    broken: list[str] = []
    made = (ORPHANS,) if "generator" in run.measured.schema.names else ()  # earlier versions wrote no such column
    laws = (
        ("input", (INPUT_LAW, INPUT_COUNTS, DEAD_EXTENTS)),
        ("documents", (DOCUMENT_LAW, UNEXPLAINED, *made)),
    )
    with run.connect() as connection:
        for law, queries in laws:
            for query in queries:
                broken += [f"law of {law}: {line}" for line in _lines(connection, query)]
    return broken


def _lines(connection: duckdb.DuckDBPyConnection, query: str) -> Iterable[str]:
    for source, path, finding in connection.sql(query).fetchall():
        yield f"{source} {path}: {finding}".replace(" :", ":")


def check_conservation(store: Store) -> None:
    """Raises ConservationError when a law does not hold; names the law and the first places."""
    broken = findings(open_run(store.uri))
    if broken:
        raise ConservationError("; ".join(broken))
