"""What other thresholds would have kept: a finished run judged again from its stored signals, without text.

The gates themselves judge, so their survivors are exact. After deduplication there is an estimate, or the exact answer
where the stored signatures are linked again (`pipelines.deciding_again`): which documents take part in deduplication
follows from the verdicts, so the links of the run do not answer it.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.errors import InputError, SpecError
from curation.routing import judge
from curation.schema import VERDICTS
from pipelines.changes import Change, changes, judged_reasons, stored_reasons
from pipelines.comparison import Comparison, Estimates, cells, compared, token_ratios
from pipelines.estimating import estimated_ends, kept_shares
from pipelines.judging import gates_of, judged_columns
from pipelines.parts import read_part
from pipelines.progress import Progress
from pipelines.questions import spec_of
from pipelines.rule_settings import changed_spec
from pipelines.rundir import Run, connect
from pipelines.spec import JobSpec
from pipelines.standing import OUTCOME, columns, has_tokens, part_names, standing

SIZE = "text_bytes"
"""Column of `signatures/` that tokens are estimated from, by the tokens per byte of the same source."""


class WhatIf(TypedDict):
    """The answer of `gristmill whatif`."""

    run: str
    settings: list[str]
    exact: bool  # of `result`; `gates` is always exact
    gates: Comparison  # by the gates alone
    result: Comparison  # after deduplication
    samples: list[Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a run.

    Attributes:
        settings: as `pipelines.rule_settings.changed_spec` takes them.
        exact: link again from stored signatures.
        count: samples of each kind of change.
        seed: another seed shows other documents.
    """

    settings: tuple[str, ...]
    exact: bool = False
    count: int = 3
    seed: int = 0


def run_spec(run: Run) -> JobSpec:
    """Returns the spec of a run.

    Raises:
        InputError: there is none that this version reads.
    """
    spec = spec_of(run)
    if spec is None:
        raise InputError(
            f"{run.store.uri}/spec.yaml: expected the spec of a run of this version, found none or another"
        )
    return spec


def what_if(run: Run, question: Question, *, progress: Progress) -> WhatIf:
    """Returns what the settings would change in a finished run; changes nothing in it.

    Raises:
        SpecError: a setting is wrong, or one of `dedup` comes without `exact`.
        InputError: the run is unfinished, its spec cannot be read, or `exact` is asked of a run that is not local.
    """
    before = run_spec(run)
    after = changed_spec(before, question.settings)
    if after.dedup != before.dedup and not question.exact:
        raise SpecError("--set dedup: expected --exact beside it, found none; only linking again answers it")
    if question.exact:
        with _decided_again(run, after, progress) as again:
            return _answer(run, question, after, again)
    return _answer(run, question, after, None)


@contextmanager
def _decided_again(run: Run, spec: JobSpec, progress: Progress) -> Iterator[Run]:
    from pipelines.deciding_again import decide_again  # noqa: PLC0415 - Beam takes seconds to import

    with tempfile.TemporaryDirectory(prefix="gristmill-whatif-") as folder:
        yield decide_again(run, spec, Path(folder), progress=progress)


def _answer(run: Run, question: Question, spec: JobSpec, again: Run | None) -> WhatIf:
    known, gates = standing(run), columns(run, "verdicts", OUTCOME)
    is_new, shares = np.zeros(known.num_rows, dtype=np.bool_), {}
    if again is not None:
        judged, ends = (columns(again, folder, OUTCOME) for folder in ("verdicts", "decisions"))
        reasons = stored_reasons(again)
    else:
        judged = _judged(run, spec)
        ends, is_new = estimated_ends(known, columns(run, "decisions", ["survivor_id"])["survivor_id"], gates, judged)
        shares = kept_shares(known["source"], gates, known)
        reasons = judged_reasons(run, gates_of(spec), judged_columns(spec))
    with connect() as connection:
        by_gates = _compared(connection, _sides(known, gates, judged), has_tokens=False)
        sides = _sides(known, known, ends, is_new=is_new, size=columns(run, "signatures", [SIZE])[SIZE])
        result = _compared(connection, sides, has_tokens=has_tokens(run), shares=shares)
        reasons_of = (stored_reasons(run), reasons)
        samples = changes(connection, [run], reasons_of, count=question.count, seed=question.seed)
    return WhatIf(
        run=run.store.uri,
        settings=list(question.settings),
        exact=again is not None,
        gates=by_gates,
        result=result,
        samples=samples,
    )


def _judged(run: Run, spec: JobSpec) -> pa.Table:
    """Returns OUTCOME of every document by the gates of `spec`."""
    gates, names = gates_of(spec), judged_columns(spec)
    verdicts = [
        judge(batch.select(names), gates).select(list(OUTCOME))
        for part in part_names(run)
        for batch in read_part(run.store, f"measured/{part}.parquet", names).combine_chunks().to_batches()
    ]
    return pa.Table.from_batches(verdicts, pa.schema([VERDICTS.field(name) for name in OUTCOME]))


def _sides(
    known: pa.Table,
    before: pa.Table,
    after: pa.Table,
    *,
    is_new: NDArray[np.bool_] | None = None,
    size: pa.ChunkedArray | None = None,
) -> pa.Table:
    """Returns the table that `pipelines.comparison.cells` reads."""
    return pa.table(
        {
            "doc_id": known["doc_id"],
            "source": known["source"],
            **{f"{name}_{side}": known[name] for name in ("language", "domain") for side in ("before", "after")},
            "before": before["state"],
            "before_by": before["decided_by"],
            "after": after["state"],
            "after_by": after["decided_by"],
            "is_new": np.zeros(known.num_rows, dtype=np.bool_) if is_new is None else is_new,
            **{f"tokens_{side}": known["tokens"] for side in ("before", "after")},
            "size": pa.nulls(known.num_rows, pa.int64()) if size is None else size,
        }
    )


def _compared(
    connection: duckdb.DuckDBPyConnection,
    sides: pa.Table,
    *,
    has_tokens: bool,
    shares: Mapping[str | None, float] | None = None,
) -> Comparison:
    connection.register("sides", sides)
    estimates = Estimates(kept_share=shares or {}, tokens_per_size=token_ratios(connection))
    return compared(cells(connection), tokens=(has_tokens, has_tokens), estimates=estimates)
