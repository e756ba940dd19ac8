"""The driver: one loop over the stages of a run, each published before the next starts.

Kill it anywhere and start it again: units and parts that are published are not done again, and what is done
again gives the same bytes. `manifest.json` is written last; a run without it is unfinished.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import apache_beam as beam

from curation.errors import SpecError, TooManyBadRecords
from pipelines import graphs
from pipelines.asking import write_questions
from pipelines.borderline import write_pairs
from pipelines.canaries import write_canaries
from pipelines.completing.completer import Paused
from pipelines.conservation import check_conservation
from pipelines.contaminated_items import write_contaminated_items
from pipelines.decided import decide_documents
from pipelines.emitting import export_run
from pipelines.faults import reach
from pipelines.inputs.units import WorkUnit
from pipelines.ledger import Ledger
from pipelines.lock import run_lock
from pipelines.manifest import count_documents, read_manifest, write_manifest
from pipelines.measuring import Job
from pipelines.memory import release_unused, thawed_afterwards
from pipelines.parents import choose_parents
from pipelines.parts import read_part, write_part
from pipelines.progress import Progress, watched
from pipelines.report import write_report
from pipelines.run_plan import FILES, RunPlan, plan_run
from pipelines.spec import JobSpec
from pipelines.spec_file import dump_spec
from pipelines.spec_text import local_settings
from pipelines.store import Store
from pipelines.synthesis import MODEL, NamedPart, ask_model, synthetic_parts
from pipelines.tokenize import load_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run; `reused` when it had been finished before."""

    run: Store
    fingerprint: str
    counts: dict[str, int]
    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Driver:
    """What every stage needs."""

    job: Job
    plan: RunPlan
    progress: Progress
    ledger: Ledger

    @property
    def synthetic(self) -> dict[str, NamedPart]:
        """What the parts of synthetic documents are made by and from, by name."""
        return synthetic_parts(self.job.spec, self.plan.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts, in the order of documents everywhere."""
        return (*self.plan.parts, *self.synthetic)


def run_job(
    spec: JobSpec,
    *,
    spec_path: Path | None,
    output: str | None,
    limit: int | None,
    settings: tuple[str, ...],
    progress: Progress,
) -> RunResult:
    """Runs a job to its manifest, going on from whatever an earlier attempt published.

    Args:
        spec: the job.
        spec_path: the spec's file; relative paths start from its folder (None: from the working directory).
        output: run directory, a path or URL; None: `runs/<job>-<fingerprint8>`.
        limit: at most this many documents, a deterministic sample.
        settings: `--set` settings, already applied to `spec`; recorded in the ledger.
        progress: told about stages.

    Raises:
        SpecError: the spec cannot run, or `output` holds another run.
        TooManyBadRecords: dead letters above `limits.max_bad_fraction`.
        ConservationError: a law does not hold.
    """
    root = spec_path.parent if spec_path else Path()
    plan = plan_run(spec, root=root, limit=limit)
    store = Store(output or f"runs/{spec.job}-{plan.fingerprint[:8]}")
    asked: dict[str, object] = {"root": str(root.absolute()), "limit": limit, "settings": list(settings)}
    return run_planned(plan, store=store, asked=asked, progress=progress)


def run_planned(plan: RunPlan, *, store: Store, asked: Mapping[str, object], progress: Progress) -> RunResult:
    """Runs a plan to its manifest in `store`; see `run_job`.

    Args:
        plan: from `plan_run`.
        store: the run directory.
        asked: how it was asked for; recorded in the ledger.
        progress: told about stages.
    """
    spec = plan.spec
    with run_lock(store), thawed_afterwards():
        store.sweep()
        done = _claim(store, plan)
        if done is not None:
            return RunResult(run=store, fingerprint=plan.fingerprint, counts=done, reused=True)
        ledger = Ledger(store)
        ledger.start(fingerprint=plan.fingerprint, runner=spec.runner.name, local=local_settings(spec), **asked)
        job = Job(
            spec=spec,
            fingerprint=plan.fingerprint,
            store=store,
            artifacts=plan.artifacts,
            stores_text=plan.stores_text,
        )
        counts = _run_stages(_Driver(job=job, plan=plan, progress=progress, ledger=ledger))
        ledger.record("finished")
    return RunResult(run=store, fingerprint=plan.fingerprint, counts=counts, reused=False)


def _claim(store: Store, plan: RunPlan) -> dict[str, int] | None:
    """Makes the run directory this plan's; returns the counts of a finished run, else None."""
    if store.exists("fingerprint"):
        found = store.read("fingerprint").decode().strip()
        if found != plan.fingerprint:
            raise SpecError(
                f"{store.uri}: holds another run (fingerprint {found[:8]}, this one is {plan.fingerprint[:8]}): "
                "the spec or an input changed; choose another --output or remove it"
            )
    else:
        store.write("fingerprint", plan.fingerprint.encode() + b"\n")
    manifest = read_manifest(store)
    return manifest.counts if manifest else None


def _run_stages(driver: _Driver) -> dict[str, int]:
    job, store = driver.job, driver.job.store
    store.write("spec.yaml", dump_spec(job.spec).encode())
    write_part(store, "inputs/files.parquet", FILES, driver.plan.files_table().to_batches())
    _measure(driver)
    _check_bad_fraction(driver)
    _judge(driver, driver.plan.parts)
    if driver.synthetic:
        _synthesize(driver)
        _judge(driver, driver.parts)
    decided = decide_documents(job, driver.parts, driver.progress, beside_links=write_canaries)
    driver.ledger.record("linked", links=decided.clustering.num_links)
    write_pairs(store, decided.roster, decided.clustering)
    if decided.asked is not None and job.stores_text:  # else there is nothing to show
        write_questions(job, decided.roster, decided.clustering, decided.asked)
    hot_buckets = decided.clustering.hot_buckets
    del decided  # the next stages have no use for whole-run arrays
    release_unused()
    _run_parts(driver, "decide", "review", driver.parts, lambda p, parts: graphs.decide(p, job, parts))
    check_conservation(store)
    write_contaminated_items(job)
    release_unused()
    export = None
    if job.spec.shards is not None and driver.plan.tokenizer is not None:
        tokenizer = load_tokenizer(driver.plan.tokenizer, eos=job.spec.shards.eos)
        _run_parts(
            driver, "tokenize", "tokens", driver.parts, lambda p, parts: graphs.tokenize(p, job, parts, tokenizer)
        )
        driver.progress.start("emit", 1, "parts")
        export = export_run(job, driver.parts, tokenizer)
        driver.progress.finish(f"export {export.name}")
    store.remove("work")
    counts = count_documents(store, export)
    reach("before_manifest")
    write_manifest(job, counts, hot_buckets=hot_buckets, export=export)
    if job.stores_text:  # else the run is gone before anybody could read it
        write_report(store.uri)
    return counts


def _measure(driver: _Driver) -> None:
    done = {name.rsplit("/", 1)[1] for name in driver.job.store.names("accounts", ".parquet")}
    units = [(part, unit) for part, unit in driver.plan.units if f"{part}.parquet" not in done]
    if not units:
        return
    sizes = {part: _stored_bytes(unit) for part, unit in driver.plan.units}
    with (
        _watched(driver, "measure", "accounts", sizes, "bytes"),
        graphs.graph(driver.job.spec.runner, input_bytes=driver.plan.input_bytes) as pipeline,
    ):
        graphs.measure(pipeline, driver.job, units)
    driver.ledger.record("measured", units=len(units), units_before=len(done))


def _judge(driver: _Driver, parts: tuple[str, ...]) -> None:
    _run_parts(driver, "judge", "verdicts", parts, lambda p, missing: graphs.judge(p, driver.job, missing))


def _synthesize(driver: _Driver) -> None:
    """Makes documents of those that the run would keep without them."""
    job, made = driver.job, driver.synthetic
    if not all(job.store.exists(f"signatures/{part}.parquet") for part in made):
        choose_parents(job, driver.plan.parts, driver.progress)
        release_unused()
    asked = {part: made_of for part, made_of in made.items() if made_of[0] == MODEL}
    _run_parts(
        driver,
        "synthesize",
        "signatures",
        tuple(part for part in made if part not in asked),
        lambda p, parts: graphs.synthesize(p, job, [(part, made[part]) for part in parts]),
    )
    missing = {part: of for part, of in asked.items() if not job.store.exists(f"signatures/{part}.parquet")}
    if missing:
        _ask(driver, missing)


def _ask(driver: _Driver, parts: dict[str, NamedPart]) -> None:
    """Asks the model, last of all generators: where it pauses, all that does not need it is done."""
    driver.progress.start("ask", len(parts), "parts")
    try:
        counts = ask_model(driver.job, parts)
    except Paused as error:
        driver.ledger.record("paused", stage="synthesize", generator=MODEL, why=str(error))
        run = driver.job.store.uri
        raise Paused(
            f"synthesis.model is paused, the run is unfinished: {error}; go on with: gristmill resume {run}"
        ) from None
    driver.ledger.record("asked", **asdict(counts))
    driver.progress.finish(f"{counts.answered} answers, {counts.kept} known, {counts.refused} refused")


def _stored_bytes(unit: WorkUnit) -> int:
    """Returns about how many stored bytes a unit reads (a cut of a Parquet file counts rows: too few to matter)."""
    return sum(
        max((file.bytes if piece.end is None else piece.end) - piece.start, 0)
        for piece in unit.pieces
        for file in [piece.file]
    )


def _run_parts(
    driver: _Driver,
    stage: str,
    folder: str,
    parts: tuple[str, ...],
    build: Callable[[beam.Pipeline, list[str]], beam.PCollection],
) -> None:
    """Runs a graph over the parts whose last file of this stage is not published yet."""
    missing = [part for part in parts if not driver.job.store.exists(f"{folder}/{part}.parquet")]
    if not missing:
        return
    with _watched(driver, stage, folder, dict.fromkeys(parts, 1), "parts"):
        big = driver.plan.input_bytes if stage == "tokenize" else 0
        with graphs.graph(driver.job.spec.runner, input_bytes=big) as pipeline:
            build(pipeline, missing)
    driver.ledger.record(stage, parts=len(missing))


@contextlib.contextmanager
def _watched(driver: _Driver, stage: str, folder: str, sizes: dict[str, int], unit: str) -> Iterator[None]:
    """Reports progress from the parts that workers publish, until the block ends."""

    def published() -> int:
        names = (name.rsplit("/", 1)[1].removesuffix(".parquet") for name in driver.job.store.names(folder, ".parquet"))
        return sum(sizes.get(name, 0) for name in names)

    with watched(driver.progress, stage, unit, sum(sizes.values()), published):
        yield
    driver.progress.finish(f"{len(sizes)} parts")


def _check_bad_fraction(driver: _Driver) -> None:
    documents, reasons = 0, Counter[str]()
    for part in driver.plan.parts:
        accounts = read_part(driver.job.store, f"accounts/{part}.parquet", ["kind", "reason", "count"]).to_pydict()
        for kind, reason, count in zip(accounts["kind"], accounts["reason"], accounts["count"], strict=True):
            documents += count * (kind in {"document", "skipped"})
            reasons[reason] += count * (kind == "dead_letter")
    most, dead = driver.job.spec.limits.max_bad_fraction, reasons.total()
    if dead > most * (documents + dead):
        reason, count = min(reasons.items(), key=lambda item: (-item[1], item[0] or ""))
        raise TooManyBadRecords(
            f"{dead} of {documents + dead} records are dead letters, {count} of them {reason}, above "
            f"limits.max_bad_fraction {most}; see {driver.job.store.uri}/dead_letter or raise the limit"
        )
