"""The Beam graphs. They read like the drawing in docs/architecture.md; each runs to the end before the next.

No PCollection here carries text: an element is a work unit's name, or a packed block of hashes and ranks.
A unit's text lives inside one call (docs/decisions/0001-one-unit-one-call.md).
"""

import contextlib
import io
import logging
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from curation import errors
from curation.errors import GristmillError
from pipelines.arrow_coder import register_record_batch_coder
from pipelines.deciding import decide_part
from pipelines.dedup_output import Output, OutputFile, write_outputs
from pipelines.emitting import tokenize_part
from pipelines.inputs.units import WorkUnit
from pipelines.judging import judge_part
from pipelines.linking import Keys, band_blocks, write_bands, write_candidates
from pipelines.local_worker import MODULE as LOCAL_WORKER
from pipelines.measuring import Job, measure_unit
from pipelines.memory import release_unused
from pipelines.spec import RunnerSpec
from pipelines.synthesis import NamedPart, synthesize_part
from pipelines.tokenize import PinnedTokenizer
from pipelines.verifying import write_links

PROCESSES_FROM_BYTES = 128 << 20
"""From this much input on, worker processes (about 6 s to start, measured) pay for themselves."""

_WORKER_ERROR = re.compile(r"^(?:curation\.errors\.)?(\w+): (.*?)(?: \[while running .*)?$", re.MULTILINE)

NamedUnit = tuple[str, WorkUnit]

register_record_batch_coder()


@contextlib.contextmanager
def graph(runner: RunnerSpec, *, input_bytes: int = 0, shuffles: bool = False) -> Iterator[beam.Pipeline]:
    """Yields an empty pipeline on the spec's runner and runs it when the block ends.

    Args:
        runner: from the spec.
        input_bytes: chooses threads or processes where the spec says `auto`.
        shuffles: the graph groups by key; `auto` then runs it on one thread. With several threads FnApiRunner
            once handed a block of a 3-million-document shuffle over empty (measured; the cause is not known).

    Raises:
        GristmillError: as a worker raised it.
    """
    log = logging.getLogger("apache_beam")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what a worker raises is raised here: Beam need not print it too
    try:
        workers, mode = _parallelism(runner, input_bytes, shuffles=shuffles)
        options = PipelineOptions(_options(runner, workers, mode))
        with (
            contextlib.redirect_stderr(io.StringIO()),  # worker threads print what they also raise
            beam.Pipeline(runner=_runner(runner.name, mode), options=options) as pipeline,
        ):
            yield pipeline
    except Exception as error:
        ours = _error_of_worker(f"{type(error).__name__}: {error}")
        if ours is None:
            raise
        raise ours from None
    finally:
        log.setLevel(level)


def _parallelism(runner: RunnerSpec, input_bytes: int, *, shuffles: bool) -> tuple[int, str]:
    """Returns the number of local workers and how they run."""
    workers = runner.workers or os.cpu_count() or 1
    if runner.mode != "auto":
        return workers, runner.mode
    if shuffles:
        return 1, "in_memory"
    return workers, "multi_processing" if input_bytes >= PROCESSES_FROM_BYTES and workers > 1 else "multi_threading"


def _options(runner: RunnerSpec, workers: int, mode: str) -> list[str]:
    options = [f"--runner={runner.name}", *runner.options]
    if runner.name == "FnApiRunner":
        options.append(f"--direct_num_workers={workers}")
        if mode != "multi_processing":  # that option would start Beam's own workers, which print
            options.append(f"--direct_running_mode={mode}")
    return options


def _runner(name: str, mode: str) -> PipelineRunner | None:
    """Returns a local runner whose workers are processes of ours; None: the one that the options name."""
    if name != "FnApiRunner" or mode != "multi_processing":
        return None
    command = f"{shlex.quote(sys.executable)} -m {LOCAL_WORKER}"
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))


def _error_of_worker(text: str) -> GristmillError | None:
    """Returns the error of ours that a worker's traceback ends with: Beam hands errors back as text."""
    found = _WORKER_ERROR.findall(text)
    kind = getattr(errors, found[-1][0], None) if found else None
    return kind(found[-1][1]) if isinstance(kind, type) and issubclass(kind, GristmillError) else None


class _MeasureUnit(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, element: NamedUnit) -> Iterator[str]:
        part, unit = element
        measure_unit(self.job, unit, part)
        release_unused()
        yield part


class _JudgePart(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, element: str) -> Iterator[str]:
        judge_part(self.job, element)
        release_unused()
        yield element


class _SynthesizePart(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, element: tuple[str, NamedPart]) -> Iterator[str]:
        part, made_of = element
        synthesize_part(self.job, part, made_of)
        release_unused()
        yield part


class _WriteBands(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, element: tuple[int, str]) -> Iterator[str]:
        index, part = element
        write_bands(self.job, index, part)
        yield part


class _BandBlocks(beam.DoFn):
    def __init__(self, job: Job, keys: Keys, chosen: range) -> None:
        self.job, self.keys, self.chosen = job, keys, chosen

    def process(self, element: str) -> Iterator[tuple[int, pa.RecordBatch]]:
        yield from band_blocks(self.job, element, self.keys, self.chosen)


class _WriteCandidates(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[int]:
        key, blocks = element
        write_candidates(self.job, key, blocks)
        yield key


class _WriteLinks(beam.DoFn):
    def __init__(self, job: Job, parts: tuple[str, ...]) -> None:
        self.job, self.parts = job, parts

    def process(self, element: tuple[int, int]) -> Iterator[int]:
        start, stop = element
        write_links(self.job, range(start, stop), self.parts)
        release_unused()
        yield start


class _DecidePart(beam.DoFn):
    def __init__(self, job: Job) -> None:
        self.job = job

    def process(self, element: str) -> Iterator[str]:
        decide_part(self.job, element)
        release_unused()
        yield element


class _TokenizePart(beam.DoFn):
    def __init__(self, job: Job, tokenizer: PinnedTokenizer) -> None:
        self.job, self.tokenizer = job, tokenizer

    def process(self, element: str) -> Iterator[str]:
        tokenize_part(self.job, element, self.tokenizer)
        release_unused()
        yield element


class _WriteOutputs(beam.DoFn):
    def __init__(self, job: Job, output: Output) -> None:
        self.job, self.output = job, output

    def process(self, element: tuple[OutputFile, ...]) -> Iterator[str]:
        write_outputs(self.job, self.output, element)
        release_unused()
        yield element[0].name


def measure(pipeline: beam.Pipeline, job: Job, units: list[NamedUnit]) -> beam.PCollection:
    """Work units -> measured text, signatures, dead letters, accounts."""
    return (
        pipeline
        | "WorkUnits" >> beam.Create(units)
        | "MeasureUnit" >> beam.ParDo(_MeasureUnit(job)).with_output_types(str)
    )


def judge(pipeline: beam.Pipeline, job: Job, parts: list[str]) -> beam.PCollection:
    """Signals -> verdicts."""
    return pipeline | "Parts" >> beam.Create(parts) | "JudgePart" >> beam.ParDo(_JudgePart(job)).with_output_types(str)


def synthesize(pipeline: beam.Pipeline, job: Job, parts: list[tuple[str, NamedPart]]) -> beam.PCollection:
    """Kept documents -> synthetic ones, measured, with signatures."""
    return (
        pipeline
        | "Parts" >> beam.Create(parts)
        | "SynthesizePart" >> beam.ParDo(_SynthesizePart(job)).with_output_types(str)
    )


def bands(pipeline: beam.Pipeline, job: Job, parts: list[tuple[int, str]]) -> beam.PCollection:
    """Signatures -> band hashes of the documents that take part."""
    return (
        pipeline | "Parts" >> beam.Create(parts) | "WriteBands" >> beam.ParDo(_WriteBands(job)).with_output_types(str)
    )


def candidates(pipeline: beam.Pipeline, job: Job, parts: list[str], *, keys: Keys, chosen: range) -> beam.PCollection:
    """Band hashes -> packed blocks of (band hash, rank) -> pairs that share a band; ids and hashes only."""
    return (
        pipeline
        | "BandParts" >> beam.Create(parts)
        | "BandBlocks" >> beam.ParDo(_BandBlocks(job, keys, chosen)).with_output_types(tuple[int, pa.RecordBatch])
        | "ByBandAndPartition" >> beam.GroupByKey()
        | "WriteCandidates" >> beam.ParDo(_WriteCandidates(job)).with_output_types(int)
    )


def links(pipeline: beam.Pipeline, job: Job, parts: tuple[str, ...], ranges: list[tuple[int, int]]) -> beam.PCollection:
    """Pairs, by ranges of rank -> verified links."""
    return (
        pipeline
        | "Ranges" >> beam.Create(ranges)
        | "WriteLinks" >> beam.ParDo(_WriteLinks(job, parts)).with_output_types(int)
    )


def decide(pipeline: beam.Pipeline, job: Job, parts: list[str]) -> beam.PCollection:
    """Measured text + its own decisions -> kept documents, review rows."""
    return (
        pipeline | "Parts" >> beam.Create(parts) | "DecidePart" >> beam.ParDo(_DecidePart(job)).with_output_types(str)
    )


def tokenize(pipeline: beam.Pipeline, job: Job, parts: list[str], tokenizer: PinnedTokenizer) -> beam.PCollection:
    """Kept documents -> token store, in input order."""
    return (
        pipeline
        | "Parts" >> beam.Create(parts)
        | "TokenizePart" >> beam.ParDo(_TokenizePart(job, tokenizer)).with_output_types(str)
    )


def write_records(
    pipeline: beam.Pipeline, job: Job, output: Output, files: list[tuple[OutputFile, ...]]
) -> beam.PCollection:
    """Input files + decisions -> the same records with verdicts."""
    return (
        pipeline
        | "OutputFiles" >> beam.Create(files)
        | "WriteOutputs" >> beam.ParDo(_WriteOutputs(job, output)).with_output_types(str)
    )
