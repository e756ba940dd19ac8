"""`gristmill dedup`: duplicates of any JSONL or Parquet files, by the same run with every other stage off.

The run lies beside the output while it works (`OUT.run`) and is removed at the end. What stays is `OUT.gristmill.json`,
written last: what was asked for, the counts, the dead letters, and size and sha256 of every file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from curation.errors import InputError, SpecError
from curation.identity import fingerprint
from pipelines import graphs
from pipelines.dedup_output import Codec, Output, OutputFile
from pipelines.guessing import columns_of, names_of
from pipelines.inputs.files import InputFile
from pipelines.job import RunResult, run_planned
from pipelines.lock import run_lock
from pipelines.measuring import Job
from pipelines.progress import Progress, watched
from pipelines.run_plan import RunPlan, plan_run
from pipelines.rundir import open_run
from pipelines.spec import Columns, DedupSpec, InputSpec, JobSpec, Limits, NearSpec, ValidationSpec
from pipelines.store import Store

SOURCE = "files"
CODECS: Mapping[str, Codec] = {".parquet": "parquet", ".jsonl.gz": "gzip", ".jsonl.zst": "zstd", ".jsonl": "none"}
FILE_SUFFIXES = frozenset({".gz", ".zst", ".json", ".csv", ".tsv", ".txt", ".arrow", ".ndjson"})
LISTED_DEAD_LETTERS = 10_000
"""Dead letters that the manifest of an output lists one by one; it counts them all."""
WITHOUT_TEXT = frozenset({"empty_text", "text_missing", "text_not_string"})
"""Reasons of records that are in the output without a verdict."""
KEY = "ledger/output-key"
LOOKED_FILES = 8
BATCH_BYTES = 2 << 20
"""So that what is found in a batch stays in the cache: there are few steps, and a batch costs little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `gristmill dedup` was asked for."""

    inputs: tuple[str, ...]
    output: str
    text_column: str = "text"
    near: NearSpec | None = field(default_factory=NearSpec)
    only_kept: bool = False
    prefix: str = ""
    keep_run: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplicated:
    """What came of it; `reused` where the output was there already."""

    output: str
    counts: dict[str, int]
    dead_letters: dict[str, int]  # by reason
    run: str | None
    reused: bool


def dedup_job(request: Request) -> JobSpec:
    """Returns the job: exact and near duplicates, and nothing else."""
    given = InputSpec(
        files=request.inputs,
        columns=Columns(text=request.text_column, id=None, url=None, language=None, license=None, date=None),
        extra=False,
        extract="none",
    )
    near = request.near
    if near is not None and not request.keep_run:
        near = replace(near, canaries=0)  # their report would go with the run
    return JobSpec(
        job="dedup",
        inputs={SOURCE: given},
        edits=(),
        signals=(),
        limits=Limits(batch_bytes=BATCH_BYTES),
        dedup=DedupSpec(near=near, prefer=("first",)),
        validation=ValidationSpec(fraction=0.0),
    )


def dedup_files(request: Request, spec: JobSpec, *, progress: Progress) -> Deduplicated:
    """Writes the input's records with verdicts; goes on where an earlier attempt stopped.

    Args:
        request: what was asked for.
        spec: `dedup_job(request)`, perhaps with settings changed.
        progress: told about stages.

    Raises:
        InputError: an input is neither JSONL nor Parquet, lacks the text column, or is missing.
        SpecError: the output is there already and is not that of this request.
        TooManyBadRecords: dead letters above `limits.max_bad_fraction`.
    """
    plan = plan_run(spec, root=Path())
    _check_inputs([file for _, file in plan.files], spec.inputs[SOURCE])
    target = _target(request, plan)
    run = Store(f"{request.output.rstrip('/')}.run")
    plan = _stored(plan, run, request)
    was_there = run.exists("fingerprint")
    with run_lock(run, "output-lock"):
        try:
            done = target.claimed(run, force=request.force)
        except SpecError:
            if not was_there:
                run.remove("")
            raise
        is_new = done is None
        if done is None:
            result = run_planned(plan, store=run, asked={"command": "dedup"}, progress=progress)
            _write(plan, result, target, progress)
            done = target.finish(result)
        if not request.keep_run and (is_new or not was_there):
            run.remove("")
    return Deduplicated(
        output=request.output, run=run.uri if run.exists("manifest.json") else None, reused=not is_new, **done
    )


def _stored(plan: RunPlan, run: Store, request: Request) -> RunPlan:
    """Returns the plan with or without text in the run: without, unless it stays, or was begun with it."""
    begun = run.read("fingerprint").decode().strip() if run.exists("fingerprint") else None
    return plan if request.keep_run or begun == plan.fingerprint else plan.without_text()


def _check_inputs(files: Sequence[InputFile], given: InputSpec) -> None:
    for file in files:
        if file.format not in {None, "jsonl", "parquet"}:
            raise InputError(f"{file.path}: expected JSONL or Parquet, found {file.format}; gristmill run reads it")
        if file.format == "jsonl" and file.compression == "lz4":
            raise InputError(f"{file.path}: expected JSONL, plain or by gzip or zstd, found lz4; pack it anew")
    lines = [file for file in files if file.format == "jsonl"]
    for file in (*lines[:: max(len(lines) // LOOKED_FILES, 1)], *(file for file in files if file.format == "parquet")):
        _check_text_column(file, given.columns.text)


def _check_text_column(file: InputFile, name: str) -> None:
    names = names_of(file)
    if not names or name in names:
        return
    found = columns_of(file)
    advice = f"it seems to be in {found.text!r}: --text-column {found.text}" if found else "give --text-column NAME"
    listed = ", ".join(names)[:200]
    raise InputError(f"{file.path}: expected the text in column {name!r}, found columns {listed}; {advice}")


def _target(request: Request, plan: RunPlan) -> "_Target":
    out = request.output.rstrip("/")
    folder, _, name = out.rpartition("/")
    store = Store(folder or ("/" if request.output.startswith("/") else "."))
    suffix = next((suffix for suffix in CODECS if name.endswith(suffix)), None)
    readable = {file.uri for _, file in plan.files if file.format == "jsonl" or (file.format and names_of(file))}
    pieces = [(part, piece) for part, unit in plan.units for piece in unit.pieces if piece.file.uri in readable]
    if suffix is not None and not request.output.endswith("/"):
        files = [OutputFile(name=name, codec=CODECS[suffix], pieces=tuple(pieces))]
    elif any(name.endswith(wrong) for wrong in FILE_SUFFIXES) and not request.output.endswith("/"):
        raise SpecError(
            f"{request.output}: expected a folder or a name that ends in {', '.join(CODECS)}, found {name!r}"
        )
    else:
        files = [
            OutputFile(name=f"{name}/{path}", codec=_codec(own[0][1].file), pieces=tuple(own))
            for path, group in groupby(pieces, lambda item: item[1].file.path)
            for own in [list(group)]
        ]
    inputs = {file.uri for _, file in plan.files}
    for file in files:
        if store.is_local and str(store.local_path(file.name)) in inputs:
            raise SpecError(
                f"{request.output}: expected a place of its own, found the input {file.name}; choose another -o"
            )
    output = Output(store=store, only_kept=request.only_kept, prefix=request.prefix)
    key = fingerprint([plan.fingerprint, request.only_kept, request.prefix, [file.name for file in files]])
    return _Target(output=output, name=name, key=key, files=tuple(files))


def _codec(file: InputFile) -> Codec:
    packed: dict[str | None, Codec] = {"gzip": "gzip", "zstd": "zstd"}
    return "parquet" if file.format == "parquet" else packed.get(file.compression, "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The files to write; `key` names the request, and so a finished output."""

    output: Output
    name: str
    key: str
    files: tuple[OutputFile, ...]

    @property
    def manifest(self) -> str:
        return f"{self.name}.gristmill.json"

    def claimed(self, run: Store, *, force: bool) -> dict[str, dict[str, int]] | None:
        """Makes the output this request's; returns what is told of a finished one, None where there is work to do."""
        store = self.output.store
        before = json.loads(store.read(self.manifest)) if store.exists(self.manifest) else None
        if (
            before is not None
            and before["key"] == self.key
            and all(self._is_as_written(item) for item in before["files"])
        ):
            return {"counts": before["counts"], "dead_letters": before["dead_letters"]}
        is_started = run.exists(KEY) and run.read(KEY).decode() == self.key
        there = [item["name"] for item in before["files"]] if before else [file.name for file in self.files]
        there = [name for name in [*there, self.manifest] if store.exists(name)]
        if there and not force and not is_started:
            raise SpecError(
                f"{store.uri}/{there[0]}: expected nothing, or an unfinished output of this request, found another "
                "file; choose another -o, or replace it with --force"
            )
        if not is_started:
            for name in there:
                store.remove_file(name)
            if force:
                for name in run.names(""):
                    run.remove_file(name)
            run.write(KEY, self.key.encode(), replace=True)
        return None

    def _is_as_written(self, item: Mapping[str, object]) -> bool:
        name = str(item["name"])
        return self.output.store.exists(name) and self.output.store.size(name) == item["bytes"]

    def finish(self, result: RunResult) -> dict[str, dict[str, int]]:
        """Writes the manifest of the output; returns its counts."""
        store = self.output.store
        written = [store.digest(file.name) for file in self.files]
        told = _counted(result)
        content = {
            "key": self.key,
            "fingerprint": result.fingerprint,
            **told,
            "dead_letter": _listed_dead_letters(result.run),
            "files": [{"name": item.name, "bytes": item.bytes, "sha256": item.sha256} for item in written],
        }
        store.write(self.manifest, json.dumps(content, indent=1, sort_keys=True).encode() + b"\n", replace=True)
        return told


def _write(plan: RunPlan, result: RunResult, target: _Target, progress: Progress) -> None:
    job = Job(spec=plan.spec, fingerprint=plan.fingerprint, store=result.run)
    store = target.output.store
    missing = [file for file in target.files if not store.exists(file.name)]
    if not missing:
        return
    by_part = groupby(missing, lambda file: file.pieces[0][0] if len(file.pieces) == 1 else file.name)
    elements = [tuple(files) for _, files in by_part]
    with (
        watched(progress, "write", "files", len(target.files), lambda: sum(store.exists(f.name) for f in target.files)),
        graphs.graph(plan.spec.runner, input_bytes=plan.input_bytes) as pipeline,
    ):
        graphs.write_records(pipeline, job, target.output, elements)
    progress.finish(f"{len(target.files)} files")


def _counted(result: RunResult) -> dict[str, dict[str, int]]:
    """Returns the counts that are told; records that are in the output without a verdict are no dead letters here."""
    names = ("input_files", "read", "kept", "exact_duplicates", "near_duplicates")
    with open_run(result.run.uri).connect() as connection:
        clusters = connection.sql("SELECT count(DISTINCT cluster_id) FROM decisions").fetchall()[0][0]
        unread = connection.sql(
            "SELECT coalesce(reason, ''), sum(count)::BIGINT FROM accounts "
            "WHERE kind = 'dead_letter' OR reason = 'empty_text' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    without_text = sum(count for reason, count in unread if reason in WITHOUT_TEXT)
    counts = {name: result.counts[name] for name in names}
    dead = {reason: count for reason, count in unread if reason not in WITHOUT_TEXT}
    return {"counts": {**counts, "clusters": clusters, "without_text": without_text}, "dead_letters": dead}


def _listed_dead_letters(run: Store) -> list[dict[str, object]]:
    found = open_run(run.uri).dead_letter.head(
        LISTED_DEAD_LETTERS, columns=["path", "offset", "length", "reason", "detail"]
    )
    rows: list[dict[str, object]] = found.to_pylist()
    return rows
