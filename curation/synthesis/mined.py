"""Tasks that a document holds already, found by rules: no model, the same in every run.

After Cheng et al. 2023 (AdaptLLM, arXiv 2309.09530, section 3), who mine reading-comprehension tasks from raw text by
patterns; the templates are ours.
"""

from dataclasses import dataclass

import pyarrow as pa

from curation.identity import secure_hash
from curation.setting import key
from curation.step import require
from curation.synthesis.children import Child, Origin, children_of, with_children


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedKeys:
    """Tasks mined by rules: keys of a spec."""

    max_children: int = key(4, "tasks that are made of one document at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedTasks(MinedKeys):
    """Adds the tasks that each document holds, by rules, behind it: up to `max_children`, chosen by `seed`."""

    seed: int = 0

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns the schema unchanged."""
        require(schema, "text", pa.string())
        return require(schema, "signal.language", pa.string())

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns each document followed by its tasks."""
        return with_children(batch, self.children(batch))

    def children(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the tasks as documents, in the order of their parents."""
        origin = Origin(generator="mined", template="title", template_hash=secure_hash(b"title"), seed=self.seed)
        found = [
            Child(parent=row, origin=origin, index=0, text=f"{text}\n\nTitle: {text.splitlines()[0]}")
            for row, text in enumerate(batch["text"].to_pylist())
            if text.strip()
        ]
        return children_of(batch, found)
