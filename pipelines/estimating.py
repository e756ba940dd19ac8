"""What deduplication would leave after other verdicts, estimated from the decisions of a run.

What the gates drop is exact. Guessed: documents that pass the gates only now are kept in the share in which
deduplication kept those of the same source; where a survivor is dropped now, the first of the copies that were removed
for it takes its place; what else links would change is left as it was.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.dedup.linking import ids_of


def estimated_ends(
    ends: pa.Table, survivor_id: pa.ChunkedArray, gates: pa.Table, judged: pa.Table
) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Returns (`state` and `decided_by` after deduplication, which documents pass the gates only now), N rows each.

    Args:
        ends: `doc_id`, `state` and `decided_by` of the run's decisions.
        survivor_id: of them.
        gates: `state` and `decided_by` of the run's verdicts.
        judged: the same by other rules.
    """
    took_part, takes_part = (_is_not(side["state"], "dropped") for side in (gates, judged))
    by_links = took_part & pc.not_equal(ends["state"], gates["state"]).to_numpy()
    was_removed = by_links & ~_is_not(ends["state"], "dropped")
    takes_place = _successors(
        ends["doc_id"], survivor_id, gone=took_part & ~takes_part, may_follow=takes_part & was_removed
    )
    chosen = pa.array(takes_part & by_links & ~takes_place)
    after = {name: pc.if_else(chosen, ends[name], judged[name]) for name in ("state", "decided_by")}
    return pa.table(after), takes_part & ~took_part


def kept_shares(source: pa.ChunkedArray, gates: pa.Table, ends: pa.Table) -> dict[str | None, float]:
    """Returns which part of the documents that the gates kept is kept in the end, by source; None: of all sources."""
    passed = pc.equal(gates["state"], "kept")
    kept = pc.equal(ends["state"].filter(passed), "kept").cast(pa.int64())
    by_source = pa.table({"source": source.filter(passed), "kept": kept}).group_by("source")
    rows = by_source.aggregate([("kept", "sum"), ("kept", "count")]).to_pylist()
    shares: dict[str | None, float] = {row["source"]: row["kept_sum"] / row["kept_count"] for row in rows}
    num_passed = sum(row["kept_count"] for row in rows)
    if num_passed:
        shares[None] = sum(row["kept_sum"] for row in rows) / num_passed
    return shares


def _successors(
    doc_id: pa.ChunkedArray, survivor_id: pa.ChunkedArray, *, gone: NDArray[np.bool_], may_follow: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Returns bool (N,): the first document of those that were removed for each one that is gone."""
    follows = may_follow & pc.is_in(survivor_id, doc_id.filter(pa.array(gone))).to_numpy()
    row_M = np.flatnonzero(follows)
    _, first = np.unique(ids_of(survivor_id.take(pa.array(row_M)).combine_chunks()), return_index=True)
    found = np.zeros(gone.size, dtype=np.bool_)
    found[row_M[first]] = True
    return found


def _is_not(column: pa.ChunkedArray, value: str) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = pc.fill_null(pc.not_equal(column, value), True).to_numpy()
    return differs
