"""The stage `synthesize`: documents made from kept ones, before anything is decided for good.

What the run would keep without them is decided first, under `work/`. Kept documents that are not held out are parents.
Each generator reads each part of the run once and writes its children as a part of its own, measured like any other,
so a generator that fails costs the others nothing. Then all documents are judged, linked and decided together:
synthetic ones rank last and join no clusters of others, so what was decided first stands (`pipelines.parents`).
"""

from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curation.errors import SchemaError, SpecError
from curation.synthesis.children import Generator, with_parent_text
from curation.synthesis.mined import MinedTasks
from pipelines.completing.addresses import check_endpoint
from pipelines.completing.completer import Completer
from pipelines.completing.generator import asker_of, completions_of, model_of
from pipelines.configured import asks_model
from pipelines.faults import reach
from pipelines.linking import load_array
from pipelines.measuring import Job, measured_schema, write_measured
from pipelines.parts import read_batches
from pipelines.spec import JobSpec

if TYPE_CHECKING:
    from pipelines.completing.asking import Counts

PARENTS = "work/parents"
PARENTS_PER_BATCH = 256
PREFIX = "part-synthetic"
MODEL = "model"
"""The generator that asks a model: on the driver, where one place counts what is under way and what is spent."""

NamedPart = tuple[str, str]
"""Names of a generator and of the part of its parents."""


def generators_of(spec: JobSpec) -> dict[str, Generator]:
    """Returns the generators of a job by name; each writes parts of its own."""
    if spec.synthesis is None:
        return {}
    mined, model = spec.synthesis.mined, model_of(spec)
    found: dict[str, Generator] = {"mined": MinedTasks(seed=spec.seed, **asdict(mined))} if mined else {}
    return {**found, MODEL: model} if model else found


def check_synthesis(spec: JobSpec) -> None:
    """Raises SpecError when a generator reads what the job does not measure."""
    if asks_model(spec):
        import_module("tenacity")  # a missing extra is told before anything is read
        given = completions_of(spec)
        check_endpoint(given.endpoint, given.network)
    for name, generator in generators_of(spec).items():
        try:
            if isinstance(generator, MinedTasks):
                generator.output_schema(measured_schema(spec))
        except SchemaError as error:
            raise SpecError(f"synthesis.{name}: {error}") from None


def synthetic_parts(spec: JobSpec, parts: tuple[str, ...]) -> dict[str, NamedPart]:
    """Returns what each part of synthetic documents is made by and from, by its name, in the order of names."""
    made = {f"{PREFIX}-{name}-{part.partition('-')[2]}": (name, part) for name in generators_of(spec) for part in parts}
    return dict(sorted(made.items()))


def ask_model(job: Job, parts: dict[str, NamedPart], completer: Completer | None = None) -> "Counts":
    """Writes the parts of the documents that a model writes, one after another; returns what was asked.

    Raises:
        Paused: the model cannot be asked any more; parts that are written stay, and so does every answer.
    """
    with asker_of(completions_of(job.spec), completer) as asker:
        generator = model_of(job.spec, asker.answers_to)
        assert generator is not None, "a job that has parts of a model has a model"
        for part, (_, source) in parts.items():
            write_measured(job, part, _children(job, generator, source))
        return asker.counts


def synthesize_part(job: Job, part: str, made_of: NamedPart) -> None:
    """Writes `measured/` and `signatures/` of the children that one generator makes of one part (idempotent)."""
    reach("in_synthesis")
    name, source = made_of
    write_measured(job, part, _children(job, generators_of(job.spec)[name], source))


def _children(job: Job, generator: Generator, part: str) -> Iterator[pa.RecordBatch]:
    rows = np.asarray(load_array(job.store, f"{PARENTS}/{part}.npy"))
    start = 0
    for batch in read_batches(job.store, f"measured/{part}.parquet"):
        mine = rows[(rows >= start) & (rows < start + batch.num_rows)] - start
        start += batch.num_rows
        for first in range(0, mine.size, PARENTS_PER_BATCH):
            parents = batch.take(pa.array(mine[first : first + PARENTS_PER_BATCH]))
            children = generator.children(parents)
            if children.num_rows:
                yield with_parent_text(children, parents)
