"""A model as a generator of documents: its questions go to an asker, answers become children."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from curation.errors import SpecError
from curation.synthesis.recipes.requests import Request, Response
from curation.synthesis.recipes.written import ModelWriter
from pipelines.completing.answers import Answers
from pipelines.completing.budget import Budget, Pace, Prices
from pipelines.completing.completer import Completer
from pipelines.spec import CompletionsSpec, JobSpec

if TYPE_CHECKING:
    from pipelines.completing.asking import Asker

Ask = Callable[[Iterable[Request]], Iterator[Response | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Makes documents of the answers that `ask` gives; see `curation.synthesis.children.Generator`."""

    writer: ModelWriter
    ask: Ask

    def children(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the children of a batch of kept documents.

        Raises:
            Paused: a request was not answered.
        """
        return self.writer.children_from(batch, list(self.ask(self.writer.requests_of(batch))))


def unasked(requests: Iterable[Request]) -> Iterator[Response | None]:
    """Stands for a model where a job is only planned."""
    raise AssertionError("a plan asks nothing")


def model_of(spec: JobSpec, ask: Ask = unasked) -> Asked | None:
    """Returns the generator of a job's model, if it has one."""
    if spec.synthesis is None or spec.synthesis.model is None:
        return None
    return Asked(writer=ModelWriter(keys=spec.synthesis.model, seed=spec.seed), ask=ask)


@contextlib.contextmanager
def asker_of(given: CompletionsSpec, completer: Completer | None = None) -> Iterator["Asker"]:
    """Yields what asks the server of a job; `completer` stands in for the server."""
    from pipelines.completing.asking import Asker  # noqa: PLC0415 - of the extra `synthesis`
    from pipelines.completing.endpoint import Endpoint, key_of_environment  # noqa: PLC0415

    answers = Answers(Path(given.answers) if given.answers else cache_file())
    endpoint = Endpoint(
        url=given.endpoint,
        network=given.network,
        read_seconds=given.timeout_seconds,
        connections=given.concurrency,
        key=key_of_environment(),
    )
    prices = Prices(prompt=given.prompt_price, completion=given.completion_price)
    try:
        yield Asker(
            completer=completer or endpoint,
            answers=answers,
            budget=Budget(max_tokens=given.max_total_tokens, max_cost=given.max_cost, prices=prices),
            pace=Pace(per_second=given.requests_per_second, now=time.monotonic, sleep=time.sleep),
            concurrency=given.concurrency,
            attempts=given.attempts,
        )
    finally:
        endpoint.close()
        answers.close()


def cache_file() -> Path:
    """Returns where answers are kept unless the spec says otherwise."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "gristmill" / "completions" / "answers.sqlite"


def completions_of(spec: JobSpec) -> CompletionsSpec:
    """Returns where the model of a job is asked.

    Raises:
        SpecError: the spec does not say.
    """
    if spec.completions is None:
        raise SpecError(
            "synthesis.model: expected completions.endpoint, the server to ask, found none; add completions:"
        )
    return spec.completions
