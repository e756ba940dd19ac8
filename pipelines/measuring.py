"""The stage `measure`: one work unit, from raw bytes to measured text and signatures.

A unit is read, extracted, edited and measured batch by batch and written as four parts of one name. The
accounts part is written last: a unit whose accounts are published is done, and a resumed run skips it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.dedup.linking import shingle_sets
from curation.plan import extract_step, measure_plan
from curation.schema import (
    ACCOUNT,
    DEAD_LETTER,
    DOCUMENT,
    EXACT_KEY_FIELDS,
    PAGE_EXTRACTORS,
    PAGE_FIELDS,
    SIGNATURE_FIELDS,
    SIGNATURES,
)
from curation.step import Plan
from curation.synthesis.children import PARENT_TEXT
from pipelines.artifacts import Artifact, local_files
from pipelines.configured import LocalFile, closing_steps, configured_steps
from pipelines.inputs.reading import Accounts, read_unit
from pipelines.inputs.units import WorkUnit
from pipelines.parts import write_part
from pipelines.scoring import score_steps
from pipelines.spec import InputSpec, JobSpec, Limits
from pipelines.spool import Spool
from pipelines.store import HashingFile, Store

SIGNATURE_NAMES = frozenset(field.name for field in (*SIGNATURE_FIELDS, *EXACT_KEY_FIELDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker needs to know: small, picklable, the same for every unit."""

    spec: JobSpec
    fingerprint: str
    store: Store
    artifacts: tuple[Artifact, ...] = ()  # files that measuring reads
    stores_text: bool = True  # false: `text` is empty wherever the run stores it


def plan_of(spec: JobSpec, files: Mapping[str, LocalFile] | None = None) -> Plan:
    """Returns the plan that every extracted document passes: edits, signals, signature.

    Args:
        spec: the job.
        files: where the files that steps read are, by the name in the spec; without, the plan knows its schema only.
    """
    return measure_plan(
        phases=(spec, *spec.phases),
        configured=configured_steps(spec, files),
        closing=closing_steps(spec, files),
        near=spec.dedup.near,
        equal_by=spec.dedup.kinds,
        scores=score_steps(spec, files or {}),
    )


def given_schema(spec: JobSpec) -> pa.Schema:
    """Returns the schema of what the plan measures: documents, and what is known beside of pages and of children."""
    has_pages = any(given.extractor in PAGE_EXTRACTORS for given in spec.inputs.values())
    parents = () if spec.synthesis is None else (PARENT_TEXT,)
    return pa.schema([*DOCUMENT, *(PAGE_FIELDS if has_pages else ()), *parents])


def measured_schema(spec: JobSpec) -> pa.Schema:
    """Returns the schema of `measured/`: provenance, text, edits and signals."""
    schema = plan_of(spec).output_schema(given_schema(spec))
    return pa.schema([field for field in schema if field.name not in {*SIGNATURE_NAMES, PARENT_TEXT.name}])


class Reader(Protocol):
    """Yields a unit's records, as `pipelines.inputs.reading.read_unit` does."""

    def __call__(
        self, unit: WorkUnit, given: InputSpec, limits: Limits, accounts: Accounts, /
    ) -> Iterator[pa.RecordBatch]:
        """Yields batches of READ; what becomes no row goes to `accounts`."""
        ...


def measure_unit(job: Job, unit: WorkUnit, part: str, *, read: Reader = read_unit) -> None:
    """Writes `measured/`, `signatures/`, `dead_letter/` and `accounts/` of one unit (idempotent).

    Args:
        job: the job.
        unit: what to read.
        part: the name of what is written.
        read: another reader reads a sample.
    """
    if job.store.exists(f"accounts/{part}.parquet"):
        return
    accounts = Accounts(source=unit.source)
    write_measured(job, part, documents_of(job.spec, unit, accounts, read=read))
    write_part(job.store, f"dead_letter/{part}.parquet", DEAD_LETTER, accounts.dead_letter_table().to_batches())
    write_part(job.store, f"accounts/{part}.parquet", ACCOUNT, accounts.accounts_table().to_batches())


def write_measured(job: Job, part: str, documents: Iterator[pa.RecordBatch]) -> None:
    """Writes `measured/` and `signatures/` of one part from batches of DOCUMENT (idempotent).

    Those of synthetic documents have `PARENT_TEXT` beside.
    """
    with Spool(SIGNATURES) as signatures:
        with job.store.publish(shingles_file(part)) as shingles:
            batches = _measured(job, documents, _Signatures(table=signatures, shingles=shingles))
            write_part(job.store, f"measured/{part}.parquet", measured_schema(job.spec), batches)
        write_part(job.store, f"signatures/{part}.parquet", SIGNATURES, signatures.batches())


def shingles_file(part: str) -> str:
    """Returns the name of the raw file of a part's shingle sets."""
    return f"signatures/{part}.shingles"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signatures:
    """Where the signatures of a unit go: shingle sets to a raw file, the rest to a table."""

    table: Spool
    shingles: HashingFile

    def add(self, batch: pa.RecordBatch) -> None:
        values, offsets_N1 = shingle_sets(batch["shingles"])
        self.shingles.write(values[offsets_N1[0] : offsets_N1[-1]].tobytes())
        columns = {name: batch[name] for name in SIGNATURES.names if name != "num_shingles"}
        columns["num_shingles"] = pa.array(np.diff(offsets_N1))
        self.table.add(pa.RecordBatch.from_pydict(columns, schema=SIGNATURES))


def _measured(job: Job, documents: Iterator[pa.RecordBatch], signatures: _Signatures) -> Iterator[pa.RecordBatch]:
    plan = plan_of(job.spec, local_files(job.artifacts))
    schema = measured_schema(job.spec)
    whole = given_schema(job.spec)
    for given in documents:
        batch = plan(given if given.schema.names == whole.names else _filled(given, whole))
        signatures.add(batch)
        batch = batch.select(schema.names)
        yield batch if job.stores_text else _without_text(batch)


def _filled(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Returns the batch with the columns of `schema`, null where it has none."""
    known = set(batch.schema.names)
    columns = [batch[item.name] if item.name in known else pa.nulls(batch.num_rows, item.type) for item in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _without_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    index = batch.schema.get_field_index("text")
    return batch.set_column(index, batch.schema.field(index), pa.repeat(pa.scalar("", pa.string()), batch.num_rows))


def documents_of(
    spec: JobSpec, unit: WorkUnit, accounts: Accounts, *, read: Reader = read_unit
) -> Iterator[pa.RecordBatch]:
    """Yields batches of DOCUMENT: read, sampled and extracted; the rest goes to `accounts`."""
    given = spec.inputs[unit.source]
    extract = extract_step(
        given.extract,
        extractor=given.extractor,
        comments=given.comments,
        trafilatura=given.trafilatura,
        gate=given.gate,
        gate_below=given.gate_below,
    )
    sample = _Sample(limit=unit.limit)
    for raw in read(unit, given, spec.limits, accounts):
        chosen = sample.take(raw, accounts)
        if chosen.num_rows:
            yield from _extracted(extract(chosen), given, accounts)


@dataclass(slots=True)
class _Sample:
    """Keeps the first `limit` records of a unit; the others are accounted for as skipped."""

    limit: int | None
    taken: int = 0

    def take(self, batch: pa.RecordBatch, accounts: Accounts) -> pa.RecordBatch:
        if self.limit is None:
            return batch
        room = max(self.limit - self.taken, 0)
        chosen, rest = batch.slice(0, room), batch.slice(room)
        self.taken += chosen.num_rows
        for path, offset, length in zip(
            *(rest[name].to_pylist() for name in ("path", "offset", "length_bytes")), strict=True
        ):
            accounts.skipped(path, offset, length, "limit")
        return chosen


def _extracted(batch: pa.RecordBatch, given: InputSpec, accounts: Accounts) -> Iterator[pa.RecordBatch]:
    """Yields the rows that have text; the others become dead letters, or skipped where they are empty."""
    failed = batch["extract_error"].is_valid()
    empty = pc.and_(pc.invert(failed), pc.equal(pc.fill_null(pc.binary_length(batch["text"]), 0), 0))
    bad = pc.or_(failed, empty)
    for row in batch.select(["path", "offset", "length_bytes", "extract_error"]).filter(bad).to_pylist():
        where = (row["path"], row["offset"], row["length_bytes"])
        if row["extract_error"] is None:
            accounts.skipped(*where, "empty_text")
        else:
            reason, _, detail = row["extract_error"].partition(": ")
            accounts.dead_letter(*where, reason, detail)
    schema = pa.schema([*DOCUMENT, *(PAGE_FIELDS if given.extractor in PAGE_EXTRACTORS else ())])
    good = (batch.filter(pc.invert(bad)) if bad.true_count else batch).select(schema.names)
    for path, rows in _by_path(good):
        accounts.documents(path, rows["offset"].to_numpy(), rows["length_bytes"].to_numpy())
    if good.num_rows:
        yield pa.RecordBatch.from_arrays(good.columns, schema=schema)


def _by_path(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields runs of rows of one path, in order."""
    if not batch.num_rows:
        return
    paths = np.asarray(batch["path"].to_pylist(), dtype=object)
    starts = np.concatenate(([0], np.flatnonzero(paths[1:] != paths[:-1]) + 1, [paths.size]))
    for start, stop in pairwise(starts):
        yield paths[start], batch.slice(start, stop - start)
