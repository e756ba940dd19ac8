"""Which documents are kept, dropped or shown to people, by the gates alone.

A document is dropped when a rule with action `drop` failed and the value is clearly beyond the bound;
it goes to review when its only entries are near a bound or come from rules with action `review`. A clear
failure outweighs any doubt: people are asked only where their answer can change the outcome.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.quality.gates import Gate
from curation.schema import VERDICT, VERDICTS

STATES = pa.array(["kept", "review", "dropped"])
KEPT, REVIEW, DROPPED = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GatesOfSource:
    """The gates of one input, in stage order: the first that fails is the one that decided."""

    source: str
    gates: tuple[Gate, ...]


def judge(batch: pa.RecordBatch, sources: tuple[GatesOfSource, ...]) -> pa.RecordBatch:
    """Returns VERDICTS for a batch of signals: every failed rule, the state, and what decided it.

    Args:
        batch: has `doc_id`, `source` and the signals that the gates read; no text.
        sources: gates by input; an input that is not listed has none.
    """
    if batch.num_rows == 0:
        return pa.RecordBatch.from_pylist([], schema=VERDICTS)
    present = frozenset(pc.unique(batch["source"]).to_pylist())
    verdicts = [
        (f"{gate.name}/", _restricted(gate, of_source.source)(batch)[f"verdict.{gate.name}"])
        for of_source in sources
        if of_source.source in present
        for gate in of_source.gates
    ]
    rows, entries = _merge(verdicts)
    return _decide(batch["doc_id"], rows, entries)


def _restricted(gate: Gate, source: str) -> Gate:
    """Returns `gate` for documents of `source` only (never for more sources than it named)."""
    allowed = (source,) if not gate.when.source or source in gate.when.source else ("",)
    return replace(gate, when=replace(gate.when, source=allowed))


def _merge(verdicts: list[tuple[str, pa.ListArray]]) -> tuple[np.ndarray, pa.StructArray]:
    """Returns all entries by row, rules named `<gate>/<rule>`, in stage order within a row."""
    rows, structs = [np.zeros(0, np.int64)], [pa.array([], VERDICT)]
    for prefix, lists in verdicts:
        entries = lists.flatten()
        lengths = np.diff(lists.offsets.to_numpy())
        rows.append(np.repeat(np.arange(lengths.size), lengths))
        named = pc.binary_join_element_wise(prefix, entries.field("rule"), "")
        structs.append(
            pa.StructArray.from_arrays(
                [named, *(entries.field(field.name) for field in list(VERDICT)[1:])], fields=list(VERDICT)
            )
        )
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    return row[order], pa.concat_arrays(structs).take(pa.array(order))


def _decide(ids: pa.Array, rows: np.ndarray, entries: pa.StructArray) -> pa.RecordBatch:
    num_rows = len(ids)
    drops = np.asarray(pc.equal(entries.field("action"), "drop").to_numpy(zero_copy_only=False), dtype=bool)
    state = np.full(num_rows, KEPT)
    state[rows[~drops]] = REVIEW
    state[rows[drops]] = DROPPED
    decisive = drops == (state[rows] == DROPPED)  # in a dropped row only its drops decide
    first = np.full(num_rows, -1, dtype=np.int64)
    first[rows[decisive][::-1]] = np.flatnonzero(decisive)[::-1]
    offsets = np.zeros(num_rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=num_rows), out=offsets[1:])
    return pa.RecordBatch.from_arrays(
        [
            ids,
            STATES.take(pa.array(state)),
            entries.field("rule").take(pa.array(first, mask=first < 0)),
            pa.ListArray.from_arrays(pa.array(offsets), entries, type=pa.list_(VERDICT)),
        ],
        schema=VERDICTS,
    )
