"""All documents of a run as rows of small arrays on the driver: what linking and deciding work on.

Row i is the i-th document in part order. About 60 bytes a document; text is never here.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.dedup.linking import ids_of
from curation.errors import ConservationError
from pipelines.parts import read_part
from pipelines.spec import JobSpec
from pipelines.store import Store

STATES = {"kept": 0, "review": 1, "dropped": 2}
COLUMNS = ["doc_id", "source", "license", "fetch_time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """N documents in part order; `starts_P1[p]:starts_P1[p + 1]` are the rows of part p."""

    parts: tuple[str, ...]
    starts_P1: NDArray[np.int64]
    ids_N: NDArray[np.bytes_]  # S16
    text_hash_N: NDArray[np.bytes_]  # S16
    source_N: NDArray[np.int64]  # index of the input in the spec
    num_words_N: NDArray[np.int64]
    state_N: NDArray[np.uint8]  # 0 kept, 1 review, 2 dropped: by the gates alone
    licensed_N: NDArray[np.bool_]
    fetched_N: NDArray[np.int64]  # microseconds since 1970, or the smallest int64

    @property
    def num_documents(self) -> int:
        """N."""
        return int(self.ids_N.size)

    def rows(self, part_index: int) -> slice:
        """Returns the rows of one part."""
        return slice(int(self.starts_P1[part_index]), int(self.starts_P1[part_index + 1]))


def to_binary16(values: NDArray[np.bytes_], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """Returns S16 (N,) as binary(16); null where `null` is true."""
    buffer = pa.py_buffer(np.ascontiguousarray(values, dtype="S16").tobytes())
    validity = None
    if null is not None:
        validity = pa.array(~null).buffers()[1]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [validity, buffer])


def load_roster(store: Store, spec: JobSpec, parts: tuple[str, ...]) -> Roster:
    """Reads verdicts, signatures and provenance of every part.

    Raises:
        ConservationError: two documents have one id (a hash collision, or one file listed twice).
    """
    columns: dict[str, list[np.ndarray]] = {}
    for part in parts:
        for name, values in _part_columns(store, spec, part).items():
            columns.setdefault(name, []).append(values)
    sizes = [values.size for values in columns.get("ids_N", [])]
    arrays = {name: np.concatenate(values) for name, values in columns.items()}
    roster = Roster(parts=parts, starts_P1=np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))), **arrays)
    _check_unique(roster.ids_N)
    return roster


def _part_columns(store: Store, spec: JobSpec, part: str) -> dict[str, np.ndarray]:
    measured = read_part(store, f"measured/{part}.parquet", COLUMNS)
    signatures = read_part(store, f"signatures/{part}.parquet", ["text_hash", "num_words"])
    verdicts = read_part(store, f"verdicts/{part}.parquet", ["state"])
    order = {name: index for index, name in enumerate(spec.inputs)}
    states = [STATES[state] for state in verdicts["state"].to_pylist()]
    never = np.iinfo(np.int64).min
    return {
        "ids_N": ids_of(measured["doc_id"].combine_chunks()),
        "text_hash_N": ids_of(signatures["text_hash"].combine_chunks()),
        "source_N": np.array([order[name] for name in measured["source"].to_pylist()], dtype=np.int64),
        "num_words_N": signatures["num_words"].to_numpy().astype(np.int64),
        "state_N": np.array(states, dtype=np.uint8),
        "licensed_N": measured["license"].is_valid().to_numpy(),
        "fetched_N": pc.fill_null(measured["fetch_time"].cast(pa.int64()), never).to_numpy(),
    }


def _check_unique(ids: NDArray[np.bytes_]) -> None:
    ordered = np.sort(ids)
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    if twice.size:
        raise ConservationError(
            f"document id {ordered[twice[0]].hex()}: expected once, found twice ({twice.size} such ids); "
            "is one file matched by two patterns of an input?"
        )
