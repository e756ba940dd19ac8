"""What asking a model would take, told from the questions that a sample of documents makes; nothing is asked.

Prompts are counted by the job's own tokenizer where it has one, which need not be the model's. Answers are counted at
their limit, as a budget books them: how long a model writes is not known before it writes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curation.synthesis.recipes.written import ModelWriter
from pipelines.completing.budget import Prices
from pipelines.completing.generator import completions_of
from pipelines.rundir import Run
from pipelines.spec import JobSpec

PARENTS_PER_BATCH = 256
BYTES_PER_TOKEN = 4.0
"""Where the job has no tokenizer: about what byte-pair encodings have of English text."""
Range = tuple[int, int]
"""Least and most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelForecast:
    """Requests, tokens and money, each at least and at most; answers that are kept already are not taken off."""

    requests: Range
    prompt_tokens: Range
    answer_tokens: Range  # were every answer as long as it may be
    cost: tuple[float, float]
    max_total_tokens: int | None
    max_cost: float | None

    @property
    def pauses(self) -> bool:
        """Whether a budget of the spec might end before the questions do."""
        tokens = self.prompt_tokens[1] + self.answer_tokens[1]
        return (self.max_total_tokens is not None and tokens > self.max_total_tokens) or (
            self.max_cost is not None and self.cost[1] > self.max_cost
        )


def model_forecast(spec: JobSpec, run: Run, weights: Mapping[str, float], *, kept: Range) -> ModelForecast | None:
    """Returns what the model of a job would be asked; None where it has none.

    Args:
        spec: the job.
        run: of the sample, in which no model was asked.
        weights: how many documents of the whole one of the sample stands for, by input.
        kept: documents of the whole that the run keeps, at least and at most; the sample says the most.
    """
    if spec.synthesis is None or spec.synthesis.model is None:
        return None
    writer, given = ModelWriter(keys=spec.synthesis.model, seed=spec.seed), completions_of(spec)
    requests = prompt_bytes = 0.0
    for source, batch in _parents(run):
        asked = writer.requests_of(batch)
        requests += weights[source] * len(asked)
        prompt_bytes += weights[source] * sum(one.num_tokens_at_most() - one.max_tokens for one in asked)
    prompts = prompt_bytes / (_bytes_per_token(run) or BYTES_PER_TOKEN)
    least = kept[0] / kept[1] if kept[1] else 1.0
    prices = Prices(prompt=given.prompt_price, completion=given.completion_price)
    shares = (least, 1.0)
    num_requests, num_prompt, num_answer = (
        _scaled(amount, shares) for amount in (requests, prompts, requests * spec.synthesis.model.max_tokens)
    )
    return ModelForecast(
        requests=num_requests,
        prompt_tokens=num_prompt,
        answer_tokens=num_answer,
        cost=(prices.of(num_prompt[0], num_answer[0]), prices.of(num_prompt[1], num_answer[1])),
        max_total_tokens=given.max_total_tokens,
        max_cost=given.max_cost,
    )


def _scaled(amount: float, shares: tuple[float, float]) -> Range:
    return round(amount * shares[0]), round(amount * shares[1])


def _parents(run: Run) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields the kept documents of a run that others are made of, in batches of one input each."""
    query = "SELECT source, text FROM documents WHERE generator IS NULL AND split = 'train' ORDER BY source, doc_id"
    with run.connect() as connection:
        for batch in connection.sql(query).to_arrow_reader(PARENTS_PER_BATCH):
            for source in pc.unique(batch["source"]).to_pylist():
                yield source, batch.filter(pc.equal(batch["source"], source))


def _bytes_per_token(run: Run) -> float | None:
    query = "SELECT sum(strlen(text)), sum(num_tokens) FROM documents JOIN tokens USING (doc_id)"
    if not run.store.names("tokens"):
        return None
    ((size, tokens),) = run.sql(query).fetchall()
    return size / tokens if tokens else None
