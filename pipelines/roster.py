"""All documents of a run as rows of small arrays on the driver: what linking and deciding work on.

Row i is the i-th document in part order. 17 bytes a document stay; a column that only one stage asks for is
read for that stage (`Roster.pieces`) and let go. Text is never here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.dedup.linking import ids_of
from curation.errors import ConservationError
from pipelines.parts import read_part
from pipelines.store import Store

STATES = pa.array(["kept", "review", "dropped"])
"""In the order of their codes."""
IN_REVIEW, DROPPED_BY_GATES = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """N documents in part order; `starts_P1[p]:starts_P1[p + 1]` are the rows of part p."""

    parts: tuple[str, ...]
    starts_P1: NDArray[np.int64]
    ids_N: NDArray[np.bytes_]  # S16
    state_N: NDArray[np.uint8]  # 0 kept, 1 review, 2 dropped: by the gates alone

    @property
    def num_documents(self) -> int:
        """N."""
        return int(self.ids_N.size)

    def rows(self, part_index: int) -> slice:
        """Returns the rows of one part."""
        return slice(int(self.starts_P1[part_index]), int(self.starts_P1[part_index + 1]))

    def pieces(self, store: Store, folder: str, name: str) -> Iterator[pa.Array]:
        """Yields one stored column, part by part.

        Args:
            store: the run.
            folder: `measured`, `signatures` or `verdicts`.
            name: the column.
        """
        for part in self.parts:
            yield _column(store, folder, part, name)


def to_binary16(values: NDArray[np.bytes_], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """Returns S16 (N,) as binary(16); null where `null` is true."""
    buffer = pa.py_buffer(np.ascontiguousarray(values, dtype="S16").tobytes())
    validity = None
    if null is not None:
        validity = pa.array(~null).buffers()[1]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [validity, buffer])


def load_roster(store: Store, parts: tuple[str, ...]) -> Roster:
    """Reads ids and verdicts of every part.

    Raises:
        ConservationError: two documents have one id (a hash collision, or one file listed twice).
    """
    ids = [ids_of(_column(store, "measured", part, "doc_id")) for part in parts]
    states = [_codes(_column(store, "verdicts", part, "state")) for part in parts]
    sizes = [values.size for values in ids]
    roster = Roster(
        parts=parts,
        starts_P1=np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))),
        ids_N=np.concatenate([np.zeros(0, "S16"), *ids]),
        state_N=np.concatenate([np.zeros(0, np.uint8), *states]),
    )
    _check_unique(roster.ids_N)
    return roster


def _column(store: Store, folder: str, part: str, name: str) -> pa.Array:
    column = read_part(store, f"{folder}/{part}.parquet", [name])[name].combine_chunks()
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column


def _codes(states: pa.Array) -> NDArray[np.uint8]:
    codes: NDArray[np.uint8] = pc.index_in(states, STATES).cast(pa.uint8()).to_numpy(zero_copy_only=False)
    return codes


def _check_unique(ids: NDArray[np.bytes_]) -> None:
    """Sorts the first half of each id alone: the second is looked at only where first halves are equal."""
    high_N = np.ascontiguousarray(ids).view(np.uint64)[::2]
    ordered = np.sort(high_N)
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    same = np.sort(ids[np.isin(high_N, shared)]) if shared.size else ids[:0]
    twice = np.flatnonzero(same[1:] == same[:-1])
    if twice.size:
        raise ConservationError(
            f"document id {same[twice[0]].hex()}: expected once, found twice ({twice.size} such ids); "
            "is one file matched by two patterns of an input?"
        )
