"""Which documents an optimiser step saw, and which steps saw a document, from the columns of an export."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import InputError
from curation.identity import type_of_id
from pipelines.exported import Exported

PIECES = ("row", "stage", "doc_ids", "doc_sources", "doc_lens", "continued")


def documents_of_step(exported: Exported, step: int, *, global_batch: int) -> list[dict[str, object]]:
    """Returns the pieces of documents in a step, in order; the steps go on over epochs.

    Args:
        exported: the export that was trained on.
        step: number of the step, from 0.
        global_batch: rows per step over all ranks.

    Raises:
        InputError: the export is empty.
    """
    steps = -(-exported.num_rows // global_batch)
    if not steps:
        raise InputError(f"{exported.folder}: expected rows, found none")
    first = step % steps * global_batch
    rows = exported.rows((pc.field("row") >= first) & (pc.field("row") < first + global_batch), PIECES)
    return [piece for row in rows.to_pylist() for piece in _pieces(row)]


def _pieces(row: dict[str, object]) -> Iterator[dict[str, object]]:
    columns = [row[name] for name in ("doc_ids", "doc_sources", "doc_lens")]
    for place, (doc_id, source, length) in enumerate(zip(*columns, strict=True)):
        yield {
            "row": row["row"],
            "stage": row["stage"],
            "doc_id": doc_id.hex(),
            "source": source,
            "tokens": length,
            "continued": bool(row["continued"]) and place == 0,
        }


def steps_of_documents(exported: Exported, doc_ids: Iterable[bytes], *, global_batch: int) -> list[dict[str, object]]:
    """Returns the pieces of some documents, in training order, with the step of the first epoch that takes each.

    Args:
        exported: the export.
        doc_ids: the documents.
        global_batch: rows per step over all ranks.
    """
    wanted = set(doc_ids)
    ids = pa.array(sorted(wanted), type_of_id)
    numbers = [np.zeros(0, dtype=np.int64)]
    for table in exported.groups(["row", "doc_ids"]):
        lists = table["doc_ids"].combine_chunks()
        hits = np.flatnonzero(pc.is_in(lists.flatten(), ids).to_numpy(zero_copy_only=False))
        parents = pc.list_parent_indices(lists).to_numpy()
        numbers.append(table["row"].to_numpy()[np.unique(parents[hits])])
    rows = exported.rows(pc.field("row").isin(pa.array(np.concatenate(numbers), pa.int64())), PIECES)
    return [
        piece | {"step": row["row"] // global_batch}
        for row in rows.to_pylist()
        for piece in _pieces(row)
        if bytes.fromhex(str(piece["doc_id"])) in wanted
    ]
