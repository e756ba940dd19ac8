"""`gristmill plan`: what a run would do and take, from a sample that is run in full.

The sample (`pipelines.sampling`) goes through every stage in a temporary folder, on one thread. Documents and rules are
scaled up input by input; CPU time stage by stage, after what a run of one document takes is set aside as fixed.
Duplicates are a range: those found within the sample, scaled, are a lower bound, as if copies lay side by side; were
they anywhere, a pair would be in the sample with the square of the sample's share, which gives the upper bound.
"""

import json
import math
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath

from curation.kernels.warming import warm
from pipelines.completing.forecast import ModelForecast, model_forecast
from pipelines.graphs import PROCESSES_FROM_BYTES
from pipelines.job import run_planned
from pipelines.measuring import Job, measure_unit
from pipelines.parts import read_part
from pipelines.progress import StageCpu
from pipelines.run_plan import RunPlan, plan_run
from pipelines.rundir import Run, open_run
from pipelines.sampling import SampledReader, account_for_rest, covered_fraction, shares, unit_weight
from pipelines.scaling import Footprint
from pipelines.spec import Columns, JobSpec, RunnerSpec
from pipelines.store import Store

WORKER_START_SECONDS = 2.9
"""CPU seconds until a worker process of the local runner can work (measured: a run of one document, 26.7 in four graphs
of two processes and 3.9 on one thread)."""
FOLDERS = ("measured", "signatures", "verdicts", "links", "decisions", "documents", "review", "tokens", "exports")
TINY = "one small document of a few words, to see what a run takes that has nothing to do"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleForecast:
    """A rule: documents that fail it, those that it is the first to drop, and how many of the sample failed."""

    rule: str
    fails: int
    drops: int
    sampled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run is expected to do and take; bytes and CPU seconds (of all processes together)."""

    input_files: int
    input_bytes: int
    documents: int
    sampled_documents: int
    dead_letters: int
    rules: tuple[RuleForecast, ...]
    dropped_by_rules: int
    in_review: int
    duplicates: tuple[int, int]
    kept: tuple[int, int]
    text_bytes: int
    shingles_per_document: float
    tokens: int | None
    cpu_seconds: dict[str, float]
    kernel_seconds: float
    driver_bytes: int
    worker_bytes: int
    disk_bytes: dict[str, int]
    passes: int
    shuffle_bytes: int
    model: ModelForecast | None  # of documents that a model writes; they are in no other figure

    @property
    def total_cpu_seconds(self) -> float:
        """All stages; without the kernels' compilation, which happens once per machine."""
        return sum(self.cpu_seconds.values())

    def facts(self) -> dict[str, object]:
        """Returns the fields as plain values."""
        return {**asdict(self), "total_cpu_seconds": self.total_cpu_seconds}


@dataclass(slots=True, kw_only=True)
class _Source:
    """What the sample says of one input."""

    reader: SampledReader
    scale: float = 1.0  # bytes of the input / bytes read
    seconds: float = 0.0  # of measuring, without reading

    @property
    def weight(self) -> float:
        """How many documents one of the sample stands for."""
        return self.reader.num_seen * self.scale / max(self.reader.num_kept, 1)

    @property
    def measure_seconds(self) -> float:
        """Of the whole input."""
        return self.reader.read_seconds * self.scale + self.seconds * self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fixed:
    """What a run takes whatever it reads: CPU seconds by stage, of loading, and of the rest."""

    stages: Mapping[str, float]
    rest: float
    load: float


@dataclass(slots=True, kw_only=True)
class _Sampled:
    """A finished run of the sample."""

    run: Run
    sources: dict[str, _Source] = field(default_factory=dict)
    stages: Mapping[str, float] = field(default_factory=dict)
    rest: float = 0.0
    source_of: dict[str, str] = field(default_factory=dict)  # by part


def forecast(spec: JobSpec, *, root: Path, sample_bytes: int, scratch: Path | None = None) -> Forecast:
    """Returns what a run of `spec` is expected to do and take; writes nothing but a temporary folder.

    Args:
        spec: the job.
        root: folder that relative paths start from.
        sample_bytes: content to measure, about; up to `READ_FACTOR` times as much is read.
        scratch: where the temporary folder is made; null: where the system has such.

    Raises:
        GristmillError: as `run_job` raises it.
    """
    started = time.process_time()
    kernels = _compile_kernels()
    plan = plan_run(spec, root=root, digests=False)
    quiet = replace(
        spec,
        runner=RunnerSpec(mode="in_memory", workers=1),
        limits=replace(spec.limits, max_bad_fraction=1.0),
        synthesis=replace(spec.synthesis, model=None) if spec.synthesis else None,  # a forecast asks nothing
    )
    with tempfile.TemporaryDirectory(prefix="gristmill-plan-", dir=scratch) as folder:
        fixed = _fixed(quiet, root, Path(folder))
        sampled = _run_sample(replace(plan, spec=quiet), Store(f"{folder}/sample"), sample_bytes)
        return _scaled_up(plan, sampled, fixed, kernels=kernels, startup=started)


def _compile_kernels() -> float:
    """Compiles the kernels that have not been on this machine, in a process of its own; returns its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = multiprocessing.get_context("spawn").Process(target=warm)
    process.start()
    process.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _fixed(spec: JobSpec, root: Path, folder: Path) -> _Fixed:
    """Runs one document twice: the first time loads what the second has."""
    (folder / "tiny.jsonl").write_text(f"{json.dumps({'text': TINY})}\n", encoding="utf-8")
    files = (str(folder / "tiny.jsonl"),)
    inputs = {
        name: replace(given, files=files, format="jsonl", columns=Columns()) for name, given in spec.inputs.items()
    }
    plan = plan_run(replace(spec, inputs=inputs), root=root)
    taken, stages = [], StageCpu()
    for name in ("first", "second"):
        stages = StageCpu()
        started = time.process_time()
        run_planned(plan, store=Store(str(folder / name)), asked={}, progress=stages)
        taken.append(time.process_time() - started)
    rest = taken[1] - sum(stages.seconds.values())
    return _Fixed(stages=stages.seconds, rest=rest, load=max(taken[0] - taken[1], 0.0))


def _run_sample(plan: RunPlan, store: Store, sample_bytes: int) -> _Sampled:
    """Runs the sample to its end; the reading and measuring of each input is timed apart."""
    job = Job(spec=plan.spec, fingerprint=plan.fingerprint, store=store, artifacts=plan.artifacts)
    names = {unit.index: part for part, unit in plan.units}
    sampled = _Sampled(run=Run(store))
    taken = shares([unit for _, unit in plan.units], sample_bytes)
    for source, share in taken.items():
        of_source = sampled.sources[source] = _Source(reader=SampledReader(share=share))
        covered = 0.0
        for unit in share.units:
            started = time.process_time()
            measure_unit(job, unit, names[unit.index], read=of_source.reader)
            of_source.seconds += time.process_time() - started
            accounts = read_part(store, f"accounts/{names[unit.index]}.parquet")
            covered += unit_weight(unit) * covered_fraction(unit, accounts, plan.spec.limits)
        of_source.seconds -= of_source.reader.read_seconds + of_source.reader.own_seconds
        whole = sum(unit_weight(unit) for _, unit in plan.units if unit.source == source)
        of_source.scale = whole / covered if covered else 1.0
    units = {names[unit.index]: unit for share in taken.values() for unit in share.units}
    account_for_rest(store, units)
    files = {(unit.source, piece.file.uri) for unit in units.values() for piece in unit.pieces}
    own = replace(
        plan,
        units=tuple(units.items()),
        files=tuple((source, file) for source, file in plan.files if (source, file.uri) in files),
    )
    stages = StageCpu()
    started = time.process_time()
    run_planned(own, store=store, asked={}, progress=stages)
    sampled.source_of = {part: unit.source for part, unit in units.items()}
    sampled.stages, sampled.run = stages.seconds, open_run(store.uri)
    sampled.rest = time.process_time() - started - sum(stages.seconds.values())
    return sampled


def _scaled_up(plan: RunPlan, sampled: _Sampled, fixed: _Fixed, *, kernels: float, startup: float) -> Forecast:
    spec, found, weights = plan.spec, _found(sampled), {name: of.weight for name, of in sampled.sources.items()}
    documents = sum(weights[source] * count for source, _, _, count in found.decided)
    measured = sum(count for *_, count in found.decided)
    by_documents = documents / measured if measured else 1.0
    by_rules = found.weighed(weights, lambda state, by: state == "dropped" and not _is_duplicate(state, by))
    review = found.weighed(weights, lambda state, _: state == "review")
    duplicates = duplicate_range(
        found=round(found.weighed(dict.fromkeys(weights, 1.0), _is_duplicate)),
        scaled=found.weighed(weights, _is_duplicate),
        share=1 / by_documents,
        most=documents - by_rules,
    )
    disk, disk_factor = _disk(sampled, weights)
    tokens = {source: float(count) for source, count in found.tokens}
    by_tokens = _factor(tokens, weights)
    footprint = Footprint(
        num_documents=round(documents),
        shingles_per_document=found.shingles,
        near=spec.dedup.near,
        memory_bytes=spec.limits.memory_bytes,
    )
    factors = {"decide": disk_factor, "tokenize": by_tokens, "emit": by_tokens}
    stages = {
        name: _scaled(seconds, fixed.stages.get(name, 0.0), factors.get(name, by_documents))
        for name, seconds in sampled.stages.items()
    }
    cpu = {
        "start": startup + fixed.load + _worker_start(plan),
        "measure": fixed.stages.get("measure", 0.0) + sum(of.measure_seconds for of in sampled.sources.values()),
        **stages,
        "rest": _scaled(sampled.rest, fixed.rest, by_documents),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    left = round(documents - by_rules - review)
    kept = (max(left - duplicates[1], 0), left - duplicates[0])
    return Forecast(
        input_files=len(plan.files),
        input_bytes=plan.input_bytes,
        documents=round(documents),
        sampled_documents=measured,
        dead_letters=round(sum(sampled.sources[source].scale * count for source, count in found.dead)),
        rules=_rules(found, weights),
        dropped_by_rules=round(by_rules),
        in_review=round(review),
        duplicates=duplicates,
        kept=kept,
        text_bytes=round(sum(weights[source] * size for source, size in found.text)),
        shingles_per_document=found.shingles,
        tokens=round(sum(tokens.values()) * by_tokens) if spec.shards is not None else None,
        cpu_seconds=cpu,
        kernel_seconds=kernels,
        driver_bytes=peak + footprint.driver_bytes + footprint.pass_bytes,
        worker_bytes=peak,
        disk_bytes=disk,
        passes=footprint.num_passes,
        shuffle_bytes=footprint.shuffle_bytes,
        model=model_forecast(spec, sampled.run, weights, kept=kept),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the tables of the sample's run say, by input."""

    decided: list[tuple[str, str, str, int]]  # source, state, what decided, documents
    failed: list[tuple[str, str, int]]  # source, rule, documents
    dead: list[tuple[str, int]]
    tokens: list[tuple[str, int]]
    text: list[tuple[str, int]]  # source, bytes of text
    shingles: float

    def weighed(self, weights: Mapping[str, float], chosen: Callable[[str, str], bool]) -> float:
        """Returns how many documents of the whole have a state and a deciding rule that are `chosen`."""
        return sum(weights[source] * count for source, state, rule, count in self.decided if chosen(state, rule))


def _found(sampled: _Sampled) -> _Found:
    queries = {
        "decided": "SELECT source, state, coalesce(decided_by, ''), count(*) FROM decisions GROUP BY ALL ORDER BY ALL",
        "failed": "SELECT source, f.rule, count(*) FROM (SELECT source, unnest(failed) AS f FROM decisions) "
        "GROUP BY ALL ORDER BY ALL",
        "dead": "SELECT source, sum(count)::BIGINT FROM accounts WHERE kind = 'dead_letter' GROUP BY 1 ORDER BY 1",
        "text": "SELECT source, coalesce(sum(strlen(text)), 0)::BIGINT FROM measured GROUP BY 1 ORDER BY 1",
        "tokens": "SELECT source, sum(num_tokens + 1)::BIGINT FROM tokens GROUP BY 1 ORDER BY 1",
    }
    with sampled.run.connect() as connection:
        rows = {name: connection.sql(query).fetchall() for name, query in queries.items()}
    stored = sum(sampled.run.store.size(name) for name in sampled.run.store.names("signatures", ".shingles"))
    return _Found(**rows, shingles=stored / 4 / max(sum(row[3] for row in rows["decided"]), 1))


def _is_duplicate(state: str, rule: str) -> bool:
    return state == "dropped" and rule.startswith("dedup/")


def _factor(amounts: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Returns the whole's amount by the sample's, given by source."""
    total = sum(amounts.values())
    return sum(weights[source] * amount for source, amount in amounts.items()) / total if total else 1.0


def _scaled(seconds: float, fixed: float, factor: float) -> float:
    return fixed + max(seconds - fixed, 0.0) * factor


def _rules(found: _Found, weights: Mapping[str, float]) -> tuple[RuleForecast, ...]:
    fails: dict[str, float] = {}
    counted: dict[str, int] = {}
    for source, rule, count in found.failed:
        if not rule.startswith("dedup/"):
            fails[rule] = fails.get(rule, 0.0) + weights[source] * count
            counted[rule] = counted.get(rule, 0) + count
    return tuple(
        RuleForecast(
            rule=rule,
            fails=round(fails[rule]),
            drops=round(found.weighed(weights, lambda state, by, rule=rule: state == "dropped" and by == rule)),  # type: ignore[misc]
            sampled=counted[rule],
        )
        for rule in sorted(fails, key=lambda rule: (-fails[rule], rule))
    )


def duplicate_range(*, found: int, scaled: float, share: float, most: float) -> tuple[int, int]:
    """Returns the least and the most documents that deduplication may remove.

    Args:
        found: removed within the sample.
        scaled: the same, each counted as often as a document of its input stands for.
        share: of the documents that are in the sample.
        most: documents that take part.

    The upper bound takes two standard deviations more than was found, and three where nothing was (the rule of three).
    """
    if share >= 1:
        return found, found
    high = (found + 2 * math.sqrt(found) + 3) / share**2
    return round(scaled), max(round(min(high, most)), round(scaled))


def _worker_start(plan: RunPlan) -> float:
    """Returns the CPU seconds of starting worker processes."""
    spec = plan.spec
    workers = spec.runner.workers or os.cpu_count() or 1
    if spec.runner.mode == "multi_processing":
        graphs = 4 + (spec.shards is not None)
    elif spec.runner.mode == "auto" and plan.input_bytes >= PROCESSES_FROM_BYTES and workers > 1:
        graphs = 1 + (spec.shards is not None)
    else:
        return 0.0
    return workers * graphs * WORKER_START_SECONDS


def _disk(sampled: _Sampled, weights: Mapping[str, float]) -> tuple[dict[str, int], float]:
    """Returns the bytes of each folder of the whole run, and the factor of text: measured bytes of whole by sample."""
    store, sizes, text = sampled.run.store, {}, 1.0
    for folder in FOLDERS:
        amounts: dict[str, float] = {}
        for name in store.names(folder):
            source = sampled.source_of.get(PurePosixPath(name).name.split(".")[0], "")
            amounts[source] = amounts.get(source, 0.0) + store.size(name)
        shared = amounts.pop("", 0.0)
        factor = _factor(amounts, weights)
        text = factor if folder == "measured" else text
        sizes[folder] = round(sum(amounts.values()) * factor + shared * text)
    return sizes, text
