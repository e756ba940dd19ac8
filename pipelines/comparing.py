"""Two finished runs compared, document by document, by their ids: an id says source, path and place in the input."""

from typing import TypedDict

import duckdb

from pipelines.changes import Change, changes, stored_reasons
from pipelines.comparison import Comparison, Estimates, cells, compared
from pipelines.rundir import Run, connect
from pipelines.standing import has_tokens, standing

SIDES = """
CREATE TEMP TABLE sides AS
SELECT doc_id, coalesce(b.source, a.source) AS source, a.language AS language_before, b.language AS language_after,
  a.domain AS domain_before, b.domain AS domain_after, a.state AS before, a.decided_by AS before_by,
  b.state AS after, b.decided_by AS after_by, false AS is_new,
  a.tokens AS tokens_before, b.tokens AS tokens_after, 0 AS size
FROM standing_before a FULL JOIN standing_after b USING (doc_id)
"""

FILES = """
SELECT count(*) FILTER (b.path IS NULL), count(*) FILTER (a.path IS NULL),
  count(*) FILTER (a.digest IS DISTINCT FROM b.digest AND a.path IS NOT NULL AND b.path IS NOT NULL)
FROM files_before a FULL JOIN files_after b USING (source, path)
"""


class Inputs(TypedDict):
    """Input files of one run only, those that both name and that differ, and whether tokens mean the same."""

    only_before: int
    only_after: int
    changed: int
    same_tokenizer: bool | None  # null: one of the runs counted no tokens


class RunComparison(TypedDict):
    """The answer of `gristmill compare`."""

    before: str
    after: str
    inputs: Inputs
    result: Comparison
    samples: list[Change]


def compare_runs(before: Run, after: Run, *, count: int = 3, seed: int = 0) -> RunComparison:
    """Returns what differs between two finished runs.

    Args:
        before: a run.
        after: another one.
        count: samples of each kind of change.
        seed: another seed shows other documents.

    Raises:
        InputError: one of them is unfinished.
    """
    with connect() as connection:
        for name, run in (("before", before), ("after", after)):
            connection.register(f"standing_{name}", standing(run))
            connection.register(f"files_{name}", run.dataset("files"))
        connection.execute(SIDES)
        counts = (has_tokens(before), has_tokens(after))
        result = compared(cells(connection), tokens=counts, estimates=Estimates())
        reasons = (stored_reasons(before), stored_reasons(after))
        samples = changes(connection, [before, after], reasons, count=count, seed=seed)
        inputs = _inputs(connection, before, after)
    return RunComparison(before=before.store.uri, after=after.store.uri, inputs=inputs, result=result, samples=samples)


def _inputs(connection: duckdb.DuckDBPyConnection, before: Run, after: Run) -> Inputs:
    row = connection.execute(FILES).fetchone()
    assert row is not None, "an aggregate without GROUP BY has one row"
    tokenizers = [_tokenizer(run) for run in (before, after)]
    same = tokenizers[0] == tokenizers[1] if all(tokenizers) else None
    return Inputs(only_before=row[0], only_after=row[1], changed=row[2], same_tokenizer=same)


def _tokenizer(run: Run) -> str | None:
    """Returns the sha256 of the tokenizer of the newest export."""
    name = f"exports/{run.latest_export}/tokenizer.json"
    return run.store.digest(name).sha256 if run.store.exists(name) else None
