"""Reviewers' decisions on the documents of a run as labelled examples: keep is positive, drop is negative.

Of one reviewer and document the last answer counts, then the majority of reviewers; a draw is left out.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from curation.errors import InputError
from curation.identity import secure_hash, type_of_id
from curation.schema import PEOPLE_DECISIONS
from pipelines.classifiers.examples import EXAMPLE, Found
from pipelines.rundir import open_run

KEEP, DROP = "keep", "drop"
COLUMNS = ("doc_id", "decision", "reviewer", "text_hash", "kind", "event", "annotation_id")
NEEDED = ("doc_id", "decision")
"""The rest may be missing: one reviewer then, and rows that are all answers on documents."""
BATCH_ROWS = 1024

Row = dict[str, object]
Votes = dict[bytes, dict[object, Row]]


def read_decisions(path: Path, *, run: str) -> Found:
    """Returns the documents of a run that reviewers decided on, with their text as the run measured it.

    Args:
        path: a Parquet file, or a folder of them, with columns of `curation.schema.PEOPLE_DECISIONS`: `doc_id` and
            `decision` at least.
        run: the run directory.

    Raises:
        InputError: the table cannot be read or lacks a column, or there is no such run.
    """
    found = labelled_documents(_rows(path), run=run)
    return replace(found, files=({"source": "decisions", "path": path.name, "bytes": None, "xxh3_128": None},))


def labelled_documents(decisions: pa.Table, *, run: str) -> Found:
    """Returns the documents of a run that reviewers decided on.

    Args:
        decisions: the columns COLUMNS.
        run: the run directory.

    Raises:
        InputError: there is no such run.
    """
    votes, left_out = _votes(decisions)
    labels, hashes = {}, {}
    for identifier, by_reviewer in votes.items():
        counts = Counter(row["decision"] for row in by_reviewer.values())
        if counts[KEEP] == counts[DROP]:
            left_out["reviewers_disagree"] += 1
            continue
        labels[identifier] = counts[KEEP] > counts[DROP]
        hashes[identifier] = {row["text_hash"] for row in by_reviewer.values() if row["text_hash"] is not None}
    tables = _documents(run, labels, hashes, left_out)
    left_out["not_in_run"] += len(labels) - sum(table.num_rows for table in tables) - left_out["text_changed"]
    return Found(
        tables=tuple(tables),
        left_out=tuple((reason, count) for reason, count in sorted(left_out.items()) if count),
    )


def _rows(path: Path) -> pa.Table:
    try:
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]  # a run keeps its ledger beside them
        dataset = ds.dataset([str(file) for file in files], format="parquet")
        known = [name for name in COLUMNS if name in dataset.schema.names]
        table = dataset.to_table(columns=known)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path}: expected a Parquet table of decisions, found none that can be read ({error})"
        ) from None
    for index, name in enumerate(known):
        wanted, found = PEOPLE_DECISIONS.field(name).type, table.schema.field(name).type
        try:
            table = table.set_column(index, name, table[name].cast(wanted))
        except pa.ArrowException:
            raise InputError(f"{path}: expected the column {name!r} as {wanted}, found {found}") from None
    missing = [name for name in COLUMNS if name not in known]
    if set(missing) & set(NEEDED):
        raise InputError(f"{path}: expected the columns {', '.join(NEEDED)}, found {', '.join(dataset.schema.names)}")
    for name in missing:
        table = table.append_column(name, pa.nulls(table.num_rows, PEOPLE_DECISIONS.field(name).type))
    return table


def _votes(table: pa.Table) -> tuple[Votes, Counter[str]]:
    """Returns (the answer that holds by document and reviewer, answers that are no label by reason).

    The last row of an annotation holds; a skipped or deleted one says nothing.
    """
    last: dict[object, Row] = {}
    left_out: Counter[str] = Counter()
    for number, row in enumerate(table.to_pylist()):
        if row["kind"] in {None, "document"} and row["doc_id"] is not None:
            annotation = row["annotation_id"]
            last[("row", number) if annotation is None else annotation] = row
        else:
            left_out["not_on_a_document"] += 1
    votes: Votes = {}
    for row in last.values():
        if row["event"] in {None, "answered"} and row["decision"] in {KEEP, DROP}:
            identifier = row["doc_id"]
            assert isinstance(identifier, bytes), "the column's type"
            votes.setdefault(identifier, {})[row["reviewer"]] = row
        else:
            left_out["neither_keep_nor_drop"] += 1
    return votes, left_out


def _documents(
    run: str, labels: dict[bytes, bool], hashes: dict[bytes, set[object]], left_out: Counter[str]
) -> list[pa.Table]:
    measured = open_run(run).dataset("measured")
    language = "signal.language" if "signal.language" in measured.schema.names else "declared_language"
    columns = ["doc_id", "source", "site", "license", language, "text"]
    wanted = pa.array(sorted(labels), type_of_id)
    tables = []
    for batch in measured.to_batches(columns=columns, filter=pc.field("doc_id").isin(wanted), batch_size=BATCH_ROWS):
        ids = batch["doc_id"].to_pylist()
        same = [
            not hashes[n] or secure_hash(text.as_buffer()) in hashes[n]
            for n, text in zip(ids, batch["text"], strict=True)
        ]
        left_out["text_changed"] += same.count(False)
        labelled = [*batch.columns, pa.array([labels[identifier] for identifier in ids], pa.bool_())]
        tables.append(pa.table(labelled, schema=EXAMPLE).filter(pa.array(same, pa.bool_())))
    return tables
