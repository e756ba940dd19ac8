"""The numbers of a report, from the written tables by DuckDB: integer aggregates and a full ORDER BY, no clock.

Nothing here joins tables or reads text, so that the report of a large run stays within DuckDB's memory limit: what was
dropped is what was measured less what lies in `documents/` and `review/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from pipelines.rundir import Run

MOST_GROUPS = 24
"""Rows of a table; the groups after them are one row `others`."""

Values = Mapping[str, object] | Sequence[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """What became of every record; all but `input_files` and `input_bytes` are numbers of records or tokens."""

    input_files: int
    input_bytes: int
    skipped: int
    dead_letters: int
    read: int
    gated: int  # dropped by a gate
    exact: int
    url: int
    near: int
    held: int  # in review only because a cluster is undecided
    borderline: int  # in review only because a pair is almost similar enough, or barely
    review: int  # in review for reasons of its own
    kept: int
    train: int
    validation: int
    tokens: int
    train_tokens: int
    text_bytes: int

    @property
    def dropped(self) -> int:
        """Documents dropped by gates or as duplicates."""
        return self.gated + self.exact + self.url + self.near

    @property
    def records(self) -> int:
        """All records found in the input."""
        return self.skipped + self.dead_letters + self.read


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Documents of one source, language or licence; `num_groups` above 1: a row of many small ones."""

    name: str | None
    num_groups: int
    read: int
    kept: int
    review: int

    @property
    def dropped(self) -> int:
        """Documents that are neither kept nor in review."""
        return self.read - self.kept - self.review


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Records of one kind that never became documents; `num_groups` above 1: a row of many small ones."""

    name: str | None
    num_groups: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Clusters of one range of sizes."""

    name: str
    clusters: int
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCounts:
    """What one rule did."""

    failed: int = 0  # documents that failed it (drops only)
    alone: int = 0  # of them, those that failed nothing else
    decided: int = 0  # documents that it decided, as the first in stage order: dropped
    review: int = 0  # documents that it sent to review


FUNNEL = """
SELECT (SELECT count(*) FROM files), (SELECT coalesce(sum(greatest(bytes, 0)), 0) FROM files)::BIGINT,
  (SELECT coalesce(sum(count), 0) FROM accounts WHERE kind = 'skipped')::BIGINT,
  (SELECT coalesce(sum(count), 0) FROM accounts WHERE kind = 'dead_letter')::BIGINT,
  count(*),
  count(*) FILTER (state = 'dropped' AND NOT starts_with(coalesce(decided_by, ''), 'dedup/')),
  count(*) FILTER (state = 'dropped' AND starts_with(decided_by, 'dedup/exact_')),
  count(*) FILTER (state = 'dropped' AND decided_by = 'dedup/url'),
  count(*) FILTER (state = 'dropped' AND decided_by = 'dedup/near'),
  count(*) FILTER (state = 'review' AND decided_by = 'dedup/cluster_undecided'),
  count(*) FILTER (state = 'review' AND decided_by = 'dedup/near_borderline'),
  count(*) FILTER (state = 'review' AND NOT starts_with(coalesce(decided_by, ''), 'dedup/')),
  count(*) FILTER (state = 'kept'),
  count(*) FILTER (split = 'train'), count(*) FILTER (split = 'validation'),
  (SELECT coalesce(sum(num_tokens), 0) FROM tokens)::BIGINT,
  (SELECT coalesce(sum(num_tokens), 0) FROM tokens WHERE split = 'train')::BIGINT,
  (SELECT coalesce(sum(text_bytes), 0) FROM tokens)::BIGINT
FROM decisions
"""

GROUPS = """
WITH sides AS (
  SELECT {column} AS name, 1 AS read, 0 AS kept, 0 AS review FROM measured
  UNION ALL SELECT {column}, 0, 1, 0 FROM documents
  UNION ALL SELECT {column}, 0, 0, 1 FROM review),
named AS (SELECT name, sum(read)::BIGINT AS read, sum(kept)::BIGINT AS kept, sum(review)::BIGINT AS review
          FROM sides GROUP BY name),
ranked AS (SELECT *, least(row_number() OVER (ORDER BY read DESC, name NULLS LAST), $most + 1) AS place FROM named)
SELECT any_value(name), count(*), sum(read)::BIGINT, sum(kept)::BIGINT, sum(review)::BIGINT
FROM ranked GROUP BY place ORDER BY place
"""

REASONS = """
WITH named AS (SELECT {column} AS name, sum({count})::BIGINT AS count FROM {table} GROUP BY 1),
ranked AS (SELECT *, least(row_number() OVER (ORDER BY count DESC, name NULLS LAST), $most + 1) AS place FROM named)
SELECT any_value(name), count(*), sum(count)::BIGINT FROM ranked GROUP BY place ORDER BY place
"""

CLUSTERS = """
WITH sizes AS (SELECT count(*) AS size FROM decisions WHERE cluster_id IS NOT NULL GROUP BY cluster_id)
SELECT CASE WHEN size <= 4 THEN size::VARCHAR WHEN size < 10 THEN '5 to 9' WHEN size < 100 THEN '10 to 99'
            WHEN size < 1000 THEN '100 to 999' ELSE '1,000 or more' END AS name,
       count(*), sum(size)::BIGINT
FROM sizes GROUP BY name ORDER BY min(size)
"""

LARGEST = """
SELECT cluster_id, count(*) AS size, count(*) FILTER (state = 'kept') AS kept FROM decisions
WHERE cluster_id IS NOT NULL GROUP BY cluster_id ORDER BY size DESC, cluster_id LIMIT $most
"""

CHAINS = """
SELECT count(*), arg_min(doc_id, (survivor_jaccard, doc_id)), arg_min(survivor_id, (survivor_jaccard, doc_id)),
  min(survivor_jaccard) FROM decisions WHERE chained
"""

FAILED = """
SELECT item.rule, count(*), count(*) FILTER (num_failed = 1)
FROM (SELECT unnest(failed) AS item, len(failed) AS num_failed FROM decisions) GROUP BY 1 ORDER BY 1
"""

DECIDED = """
SELECT decided_by, count(*) FILTER (state = 'dropped'), count(*) FILTER (state = 'review')
FROM decisions WHERE decided_by IS NOT NULL GROUP BY 1 ORDER BY 1
"""


def funnel(connection: duckdb.DuckDBPyConnection) -> Funnel:
    """Returns what became of every record."""
    row = connection.execute(FUNNEL).fetchone()
    assert row is not None, "an aggregate without GROUP BY has one row"
    return Funnel(**dict(zip(Funnel.__dataclass_fields__, (int(value) for value in row), strict=True)))


def groups(run: Run, connection: duckdb.DuckDBPyConnection, column: str, *, most: int = MOST_GROUPS) -> list[Group]:
    """Returns documents by a text column of `measured`, most frequent first; empty where a run lacks the column."""
    if column not in run.measured.schema.names:
        return []
    query = GROUPS.format(column='"' + column.replace('"', '""') + '"')
    rows = connection.execute(query, {"most": most}).fetchall()
    names = tuple(Group.__dataclass_fields__)
    return [Group(**dict(zip(names, row, strict=True))) for row in rows]


def reasons(
    connection: duckdb.DuckDBPyConnection, kind: str, *, by: str = "reason", most: int = MOST_GROUPS
) -> list[Reason]:
    """Returns records that never became documents, most frequent first.

    Args:
        connection: of the run.
        kind: skipped or dead_letter.
        by: reason or path.
        most: rows before `others`.
    """
    table = f"(SELECT reason, source || ': ' || path AS path, count FROM accounts WHERE kind = '{kind}')"  # noqa: S608
    query = REASONS.format(column=by, count="count", table=table)
    rows = connection.execute(query, {"most": most}).fetchall()
    return [Reason(name=name, num_groups=num_groups, count=count) for name, num_groups, count in rows]


def clusters(connection: duckdb.DuckDBPyConnection) -> list[Sizes]:
    """Returns clusters by size, smallest first."""
    rows = connection.execute(CLUSTERS).fetchall()
    return [Sizes(name=name, clusters=count, documents=documents) for name, count, documents in rows]


def largest_clusters(connection: duckdb.DuckDBPyConnection, *, most: int) -> list[tuple[bytes, int, int]]:
    """Returns (id of the earliest member, documents, kept documents) of the largest clusters."""
    return [(bytes(item), size, kept) for item, size, kept in connection.execute(LARGEST, {"most": most}).fetchall()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Documents that only others join to their survivor, and the one that is least like it."""

    count: int
    doc_id: bytes
    survivor_id: bytes
    jaccard: float


def chains(connection: duckdb.DuckDBPyConnection) -> Chains | None:
    """Returns what was removed although it is less similar to its survivor than links must be; None: nothing."""
    row = connection.execute(CHAINS).fetchone()
    if row is None or row[0] == 0:
        return None
    return Chains(count=row[0], doc_id=bytes(row[1]), survivor_id=bytes(row[2]), jaccard=row[3])


def rule_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, RuleCounts]:
    """Returns what every rule did, by the name that decisions carry (`<gate>/<rule>`)."""
    failed = {rule: (count, alone) for rule, count, alone in connection.execute(FAILED).fetchall()}
    decided = {rule: (dropped, review) for rule, dropped, review in connection.execute(DECIDED).fetchall()}
    found = {}
    for rule in sorted(failed.keys() | decided.keys()):
        count, alone = failed.get(rule, (0, 0))
        dropped, review = decided.get(rule, (0, 0))
        found[rule] = RuleCounts(failed=count, alone=alone, decided=dropped, review=review)
    return found
