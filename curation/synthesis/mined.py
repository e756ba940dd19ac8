"""Tasks that a document holds already, found by rules: no model, the same in every run.

After Cheng et al. 2023 (AdaptLLM, arXiv 2309.09530, section 3), who mine reading-comprehension tasks from raw text by
patterns. Of the tasks that a document offers, few are taken: different kinds first, none that shares a paragraph with
another, so that siblings are no near-duplicates. Python strings here: of a document, 100,000 characters are read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from curation.setting import key
from curation.step import require
from curation.synthesis import tasks
from curation.synthesis.children import Child, Origin, children_of, with_children
from curation.synthesis.code import code_tasks
from curation.synthesis.draws import Draws
from curation.synthesis.outline import outline_of
from curation.synthesis.tables import table_text
from curation.synthesis.tasks import Miner, Task
from curation.synthesis.wording import wording_of

GENERATOR = "mined"
LANGUAGE, SCORE = "signal.language", "signal.language_score"
MIN_SCORE = 0.65
"""Of a language label (as FineWeb has it): below, a text in another language reads as one that we have words for."""
CANDIDATES = 24
"""Tasks of one kind that are looked at in one document."""

TemplateName = Literal[
    "faq",
    "heading",
    "definition",
    "summary",
    "title",
    "table_text",
    "code_from_docstring",
    "docstring_from_code",
    "reason",
    "connective",
    "cloze",
    "sentence_order",
]
TEMPLATES: tuple[TemplateName, ...] = get_args(TemplateName)
MINERS: dict[str, Miner] = {
    "faq": tasks.faq,
    "heading": tasks.heading,
    "definition": tasks.definition,
    "summary": tasks.summary,
    "title": tasks.title,
    "table_text": table_text,
    "reason": tasks.reason,
    "connective": tasks.connective,
    "cloze": tasks.cloze,
    "sentence_order": tasks.sentence_order,
}


def languages_of(batch: pa.RecordBatch) -> pa.Array:
    """Returns the language of each document, null where its score, if it was measured, is low."""
    if SCORE not in batch.schema.names:
        return batch[LANGUAGE]
    is_sure = pc.fill_null(pc.greater_equal(batch[SCORE], MIN_SCORE), True)
    return pc.if_else(is_sure, batch[LANGUAGE], pa.scalar(None, pa.string()))


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedKeys:
    """Tasks mined by rules: keys of a spec."""

    templates: tuple[TemplateName, ...] = key(TEMPLATES, "kinds of tasks that are looked for")
    max_children: int = key(3, "tasks that are made of one document at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedTasks(MinedKeys):
    """Adds the tasks that each document holds, by rules, behind it: up to `max_children`, chosen by `seed`."""

    seed: int = 0

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns the schema unchanged; reads `signal.language`."""
        require(schema, "text", pa.string())
        return require(schema, LANGUAGE, pa.string())

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns each document followed by its tasks."""
        return with_children(batch, self.children(batch))

    def children(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the tasks as documents, in the order of their parents."""
        found: list[Child] = []
        columns = (batch["doc_id"], batch["text"], languages_of(batch))
        for row, (doc_id, text, language) in enumerate(zip(*columns, strict=True)):
            chosen = self._chosen(doc_id.as_py(), text.as_py(), language.as_py())
            found += [
                Child(parent=row, origin=self._origin(task.template, language.as_py()), index=index, text=task.text)
                for index, task in chosen
            ]
        return children_of(batch, found)

    def _chosen(self, doc_id: bytes, text: str, language: str | None) -> list[tuple[int, Task]]:
        """Returns the tasks that are taken, each with its number among those of its kind, kinds in turn."""
        draws = Draws(self.seed, doc_id)
        offered = {name: list(enumerate(found)) for name, found in self._offered(text, language, draws).items()}
        queues = [draws.shuffled(offered[name], f"choice/{name}") for name in draws.shuffled(list(offered), "kinds")]
        chosen: list[tuple[int, Task]] = []
        used: set[int] = set()
        for turn in range(CANDIDATES):
            for index, task in (queue[turn] for queue in queues if turn < len(queue)):
                if len(chosen) < self.max_children and not used & task.blocks:
                    chosen.append((index, task))
                    used |= task.blocks
        return chosen

    def _offered(self, text: str, language: str | None, draws: Draws) -> dict[str, list[Task]]:
        """Returns the candidates of each kind that there are, kinds in the order of `TEMPLATES`."""
        wording = wording_of(language)
        found: dict[str, list[Task]] = {}
        if wording is not None:
            outline = outline_of(text, wording)
            for name in (name for name in TEMPLATES if name in MINERS and name in self.templates):
                found[name] = list(islice(MINERS[name](outline, wording, draws), CANDIDATES))
        for task in self._code(text, language, draws):
            found.setdefault(task.template, []).append(task)
        return {name: offered[:CANDIDATES] for name, offered in found.items() if offered}

    def _code(self, text: str, language: str | None, draws: Draws) -> Iterator[Task]:
        wording = wording_of(language) or wording_of("en")
        assert wording is not None, "there are English phrases"
        if '"""' in text or "'''" in text:
            yield from (task for task in code_tasks(text, wording, draws) if task.template in self.templates)

    def _origin(self, template: str, language: str | None) -> Origin:
        wording = wording_of(language) or wording_of("en")
        assert wording is not None, "there are English phrases"
        return Origin(
            generator=GENERATOR,
            template=template,
            template_hash=wording.hash_of(template),
            seed=self.seed,
            parameters={"language": wording.language},
        )
