"""What stored tables say about every document of a run, in part order, as columns; text is not read.

`measured/`, `decisions/`, `verdicts/` and `signatures/` hold the same documents in the same order, and `tokens/` the
kept ones of them: columns are put beside each other and nothing is joined.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import InputError, VerifyError
from pipelines.parts import read_part
from pipelines.rundir import Run

LANGUAGE = "signal.language"
OUTCOME = ("state", "decided_by")


def check_finished(run: Run) -> None:
    """Raises InputError unless the run is finished."""
    if not run.manifest():
        raise InputError(f"{run.store.uri}: expected a finished run, found no manifest.json; gristmill resume ends it")


def part_names(run: Run) -> tuple[str, ...]:
    """Returns the names of the parts of a run, in unit order."""
    return tuple(name.rsplit("/", 1)[1].removesuffix(".parquet") for name in run.parts("measured"))


def has_tokens(run: Run) -> bool:
    """Returns whether the run counted tokens."""
    return bool(run.parts("tokens"))


def columns(run: Run, folder: str, names: Sequence[str]) -> pa.Table:
    """Returns columns of `measured`, `decisions`, `verdicts`, `signatures` or `tokens`, of all parts in unit order."""
    return pa.concat_tables([read_part(run.store, f"{folder}/{part}.parquet", list(names)) for part in part_names(run)])


def standing(run: Run) -> pa.Table:
    """Returns `doc_id`, `source`, `domain`, `language`, `state`, `decided_by` and `tokens` of every document.

    `tokens` is null for what is not kept, and everywhere where the run counted none.

    Raises:
        InputError: the run is unfinished.
        VerifyError: the tables are not of the same documents.
    """
    check_finished(run)
    is_measured = LANGUAGE in run.measured.schema.names
    measured = columns(run, "measured", ["source", "domain", *([LANGUAGE] if is_measured else [])])
    decided = columns(run, "decisions", ["doc_id", *OUTCOME])
    if measured.num_rows != decided.num_rows:
        raise VerifyError(
            f"{run.store.uri}: expected a decision for each document, found {decided.num_rows} for "
            f"{measured.num_rows}; gristmill verify says more"
        )
    language = measured[LANGUAGE] if is_measured else pa.nulls(decided.num_rows, pa.string())
    return pa.table(
        {
            "doc_id": decided["doc_id"],
            "source": measured["source"],
            "domain": measured["domain"],
            "language": language,
            **{name: decided[name] for name in OUTCOME},
            "tokens": _tokens(run, decided),
        }
    )


def _tokens(run: Run, decided: pa.Table) -> pa.Array:
    if not has_tokens(run):
        return pa.nulls(decided.num_rows, pa.int64())
    stored = columns(run, "tokens", ["doc_id", "num_tokens"])
    kept = pc.equal(decided["state"], "kept").to_numpy()
    if not stored["doc_id"].equals(decided["doc_id"].filter(pa.array(kept))):
        raise VerifyError(
            f"{run.store.uri}/tokens: expected the kept documents in their order, found others; "
            "gristmill verify says more"
        )
    tokens = np.zeros(kept.size, dtype=np.int64)
    tokens[kept] = stored["num_tokens"].to_numpy()
    return pa.array(tokens, mask=~kept)
