"""Synthetic documents as rows: what a generator hands over, and what becomes of it.

The contract of a generator (`Generator`; `pipelines/synthesis.py` calls it, `generators_of` there makes them of the
spec). It is given a batch of kept documents: the columns of `curation.schema.DOCUMENT` and every signal that the job
measured, never a synthetic document. `children` returns DOCUMENT rows, made by `children_of`, in the order of their
parents. It must be a function of each row alone (batches are cut anywhere, and a killed part is made again): the same
rows give the same bytes. A generator of rules is pure. One that asks a model splits into `requests_of(batch)` and
`children_from(batch, responses)`, both pure, and holds a completer whose cache makes the answers a function of the
request. A document that gets no child is no error.

What happens then is no generator's business: children pass the edits, signals, gates and signatures of every document,
under the gates of their parent's input. While they are measured the batch has one more column, `PARENT_TEXT` (null for
documents that are not synthetic), so that a signal can compare a child with its parent. They rank behind all other
documents, so no document is removed for one; near-duplicates among siblings are found as among any documents; a parent
and its child are never linked. The curriculum caps their share.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.identity import child_id, fingerprint, secure_hash, type_of_id
from curation.schema import DOCUMENT

PARENT_TEXT = pa.field("parent_text", pa.string())
"""The text that the parent left with: there while a job that makes synthetic documents is measured, never stored."""

EXTRACTOR = "synthesis"
INHERITED = (
    "source", "domain", "path", "offset", "length_bytes", "site", "fetch_time", "license", "license_from", "opt_out",
    "declared_language",
)  # fmt: skip
"""What a child has of its parent. Not its URL and ids: they name the parent, and would make siblings duplicates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What made a document: `template_hash` is a digest (16 bytes) of the template's text and version."""

    generator: str
    template: str
    template_hash: bytes
    seed: int
    model: str | None = None
    parameters: Mapping[str, str | int | float] = field(default_factory=dict)

    def recipe(self) -> str:
        """Returns the digest that ids of children are made of."""
        return fingerprint(
            [self.generator, self.template_hash.hex(), self.seed, self.model, dict(sorted(self.parameters.items()))]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One document that was made from row `parent` of a batch; `index` counts those of one origin and parent."""

    parent: int
    origin: Origin
    index: int
    text: str


@runtime_checkable
class Generator(Protocol):
    """Makes documents from documents; see the contract above."""

    def children(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the DOCUMENT rows that are made of a batch of kept documents, in the order of their parents."""
        ...


def children_of(batch: pa.RecordBatch, children: Sequence[Child]) -> pa.RecordBatch:
    """Returns DOCUMENT rows with the provenance of their parents, in the order given.

    A lone surrogate in a text becomes a question mark.

    Args:
        batch: the parents; has the columns of DOCUMENT.
        children: in the order of their parents.
    """
    parent = pa.array([child.parent for child in children], pa.int64())
    parent_ids = batch["doc_id"].take(parent)
    texts = [child.text.encode(errors="replace") for child in children]
    columns = {item.name: pa.nulls(len(children), item.type) for item in DOCUMENT}
    columns |= {name: batch[name].take(parent) for name in INHERITED}
    columns |= _origins([child.origin for child in children])
    columns |= {
        "doc_id": pa.array(_ids(parent_ids.to_pylist(), children), type_of_id),
        "parent_id": parent_ids,
        "extractor": pa.repeat(pa.scalar(EXTRACTOR), len(children)),
        "raw_hash": pa.array([secure_hash(text) for text in texts], type_of_id),
        "text": pa.array([text.decode() for text in texts], pa.string()),
        "edits": pa.array([[] for _ in texts], DOCUMENT.field("edits").type),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in DOCUMENT.names], schema=DOCUMENT)


def _ids(parents: Sequence[bytes], children: Sequence[Child]) -> list[bytes]:
    recipes = {id(child.origin): child.origin.recipe() for child in children}
    return [
        child_id(parent, recipe=recipes[id(child.origin)], index=child.index)
        for parent, child in zip(parents, children, strict=True)
    ]


def _origins(origins: Sequence[Origin]) -> dict[str, pa.Array]:
    return {
        "generator": pa.array([origin.generator for origin in origins], pa.string()),
        "model": pa.array([origin.model for origin in origins], pa.string()),
        "template": pa.array([origin.template for origin in origins], pa.string()),
        "template_hash": pa.array([origin.template_hash for origin in origins], type_of_id),
        "seed": pa.array([origin.seed for origin in origins], pa.int64()),
        "parameters": pa.array([_json(origin.parameters) for origin in origins], pa.string()),
    }


def _json(parameters: Mapping[str, object]) -> str | None:
    return json.dumps(dict(parameters), sort_keys=True, ensure_ascii=True, allow_nan=False) if parameters else None


def with_children(batch: pa.RecordBatch, children: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the rows of a batch, each followed by its children: what a Derive step returns.

    Columns of the batch that `children` lacks are null in a child's row.
    """
    added = {name: children[name] for name in children.schema.names}
    arrays = [
        pa.concat_arrays([batch[item.name], added.get(item.name, pa.nulls(children.num_rows, item.type))])
        for item in batch.schema
    ]
    both = pa.RecordBatch.from_arrays(arrays, schema=batch.schema)
    place = np.concatenate((np.arange(batch.num_rows), parent_rows(batch, children)))
    return both.take(pa.array(np.argsort(place, kind="stable")))


def parent_rows(batch: pa.RecordBatch, children: pa.RecordBatch) -> NDArray[np.int64]:
    """Returns int64 (C,): the row of `batch` that each child's `parent_id` names."""
    rows = pc.index_in(children["parent_id"], value_set=batch["doc_id"])
    return np.asarray(rows.to_numpy(zero_copy_only=False), dtype=np.int64)


def with_parent_text(children: pa.RecordBatch, parents: pa.RecordBatch) -> pa.RecordBatch:
    """Returns children with `PARENT_TEXT`, the text of their rows in `parents`."""
    texts = parents["text"].take(pa.array(parent_rows(parents, children)))
    return children.append_column(PARENT_TEXT, texts.cast(PARENT_TEXT.type))
