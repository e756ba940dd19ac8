"""The numbers of a report, from the written tables by DuckDB: integer aggregates, full ORDER BY, no clock."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np

from pipelines.rundir import Run

MOST_GROUPS = 30
SAMPLES = 4
EXCERPT_CHARS = 600
NUM_BINS = 40
FEW_BINS_FROM = 0.001

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """One signal's distribution: counts of documents per bin of [low, high]; values outside are in the outer bins."""

    signal: str
    low: float
    high: float
    counts: tuple[int, ...]
    known: int
    thresholds: tuple[tuple[str, float], ...]


def rows(connection: duckdb.DuckDBPyConnection, query: str, values: list[object] | None = None) -> list[Row]:
    """Returns the rows of a query as mappings."""
    cursor = connection.execute(query, values or [])
    names = [item[0] for item in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


FUNNEL = """
SELECT (SELECT coalesce(sum(count), 0) FROM accounts WHERE kind = 'skipped')::BIGINT AS skipped,
       (SELECT count(*) FROM dead_letter) AS dead_letters,
       count(*) AS read,
       count(*) FILTER (state = 'dropped' AND NOT starts_with(decided_by, 'dedup/')) AS dropped_by_gates,
       count(*) FILTER (decided_by = 'dedup/exact') AS exact_duplicates,
       count(*) FILTER (decided_by = 'dedup/near') AS near_duplicates,
       count(*) FILTER (decided_by = 'dedup/cluster_undecided') AS held,
       count(*) FILTER (state = 'review') AS review,
       count(*) FILTER (state = 'kept') AS kept,
       count(*) FILTER (split = 'train') AS train,
       count(*) FILTER (split = 'validation') AS validation
FROM decisions
"""

BY_RULE = """
SELECT decided_by AS rule, state, count(*) AS documents FROM decisions
WHERE decided_by IS NOT NULL GROUP BY ALL ORDER BY documents DESC, rule, state
"""

BEFORE_AFTER = """
SELECT coalesce({column}, '(unknown)') AS name, count(*) AS read, count(*) FILTER (d.state = 'kept') AS kept,
       count(*) FILTER (d.state = 'review') AS review
FROM measured m JOIN decisions d USING (doc_id) GROUP BY 1 ORDER BY read DESC, name
"""

CLUSTERS = """
WITH sizes AS (SELECT count(*) AS size FROM decisions WHERE cluster_id IS NOT NULL GROUP BY cluster_id)
SELECT CASE WHEN size <= 4 THEN size::VARCHAR WHEN size < 8 THEN '5 to 7' WHEN size < 16 THEN '8 to 15'
            WHEN size < 64 THEN '16 to 63' ELSE '64 and more' END AS name,
       count(*) AS clusters, sum(size)::BIGINT AS documents, min(size) AS smallest
FROM sizes GROUP BY 1 ORDER BY smallest
"""

DEAD = """
SELECT source, reason, count(*) AS letters, min(path) AS path FROM dead_letter
GROUP BY ALL ORDER BY letters DESC, source, reason
"""

SKIPPED = """
SELECT source, reason, sum(count)::BIGINT AS records FROM accounts WHERE kind = 'skipped'
GROUP BY ALL ORDER BY records DESC, source, reason
"""


def with_others(items: list[Row], name: str, counts: tuple[str, ...]) -> list[Row]:
    """Returns at most MOST_GROUPS rows; the rest is one row that says how many it stands for."""
    if len(items) <= MOST_GROUPS:
        return items
    rest = items[MOST_GROUPS - 1 :]
    others: Row = {count: sum(int(str(row[count])) for row in rest) for count in counts}
    return [*items[: MOST_GROUPS - 1], others | {name: f"{len(rest):,} others"}]


def samples(connection: duckdb.DuckDBPyConnection, state: str) -> list[Row]:
    """Returns SAMPLES documents of a state: those with the smallest md5 of their id, from different sources first."""
    ids = connection.execute("SELECT doc_id, source FROM decisions WHERE state = ? ORDER BY doc_id", [state]).fetchall()
    ranked = sorted(ids, key=lambda item: hashlib.md5(item[0], usedforsecurity=False).digest())
    seen: dict[str, int] = {}
    order = []
    for doc_id, source in ranked:
        seen[source] = seen.get(source, 0) + 1
        order.append((seen[source], len(order), doc_id))
    chosen = [doc_id for _, _, doc_id in sorted(order)[:SAMPLES]]
    return [_sample(connection, doc_id) for doc_id in chosen]


def _sample(connection: duckdb.DuckDBPyConnection, doc_id: bytes) -> Row:
    found = rows(
        connection,
        f"SELECT doc_id, source, path, url, text[:{EXCERPT_CHARS}] AS excerpt, length(text) AS chars FROM measured WHERE doc_id = ?",  # noqa: S608
        [doc_id],
    )[0]
    decision = rows(connection, "SELECT * EXCLUDE (source) FROM decisions WHERE doc_id = ?", [doc_id])[0]
    return found | decision | {"doc_id": doc_id.hex()}


def histograms(run: Run, thresholds: Mapping[str, tuple[tuple[str, float], ...]]) -> list[Histogram]:
    """Returns the distribution of every signal that a rule judges."""
    connection = run.connect()
    names = [name for name in run.dataset("measured").schema.names if name.removeprefix("signal.") in thresholds]
    found = []
    for name in names:
        signal = name.removeprefix("signal.")
        histogram = _histogram(connection, name, thresholds[signal])
        if histogram is not None:
            found.append(histogram)
    return found


def _histogram(
    connection: duckdb.DuckDBPyConnection, column: str, thresholds: tuple[tuple[str, float], ...]
) -> Histogram | None:
    row = connection.execute(
        f'SELECT count("{column}"), min("{column}"), quantile_disc("{column}", 0.99) FROM measured'  # noqa: S608
    ).fetchone()
    if row is None or not row[0]:
        return None
    known, low, high = row
    bounds = [bound for _, bound in thresholds]
    low, high = min([low, *bounds]), max([high, *(bound for bound in bounds if bound <= max(high, 1) * 4)])
    high = high if high > low else low + 1.0
    width = (high - low) / NUM_BINS
    counts = np.zeros(NUM_BINS, dtype=np.int64)
    binned = connection.execute(
        f'SELECT least(greatest(floor(("{column}" - ?) / ?)::BIGINT, 0), {NUM_BINS - 1}) AS bin, count(*) '  # noqa: S608
        f'FROM measured WHERE "{column}" IS NOT NULL GROUP BY bin ORDER BY bin',
        [low, width],
    ).fetchall()
    for index, count in binned:
        counts[index] = count
    return Histogram(
        signal=column.removeprefix("signal."), low=low, high=high, counts=tuple(counts.tolist()), known=known,
        thresholds=tuple(item for item in thresholds if low <= item[1] <= high),
    )  # fmt: skip
