"""A bounded sample of a job's documents, drawn without knowing the files: what `gristmill plan` measures.

Two steps. Work units spread evenly over each input are read, each from its start up to a cap (a compressed stream has
no other place to start). Of what is read, documents are drawn by their id, so that the same files give the same sample.
Half of the budget is shared out equally among the inputs, so that a small one with gates of its own is seen too; half
by size.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.schema import ACCOUNT
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.files import InputFile
from pipelines.inputs.open import open_raw
from pipelines.inputs.parquet_pages import BadPage, row_groups
from pipelines.inputs.reading import read_unit, stream_of
from pipelines.inputs.units import PACKED_WEIGHT, Piece, WorkUnit
from pipelines.parts import read_part, write_part
from pipelines.spec import InputSpec, Limits
from pipelines.store import Store

READ_FACTOR = 16
"""So many times the sample's bytes are read at most to draw it from."""
UNIT_BYTES = 4 << 20
"""Aim for what is read of one unit; more units are chosen instead."""
RATIO_BYTES = 4 << 20
NOT_SAMPLED = "not_sampled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is taken of one input: the units to read, the cap of each in bytes, and the share of documents to keep."""

    units: tuple[WorkUnit, ...]
    cap_bytes: int
    rate: float


def shares(units: Sequence[WorkUnit], sample_bytes: int) -> dict[str, Share]:
    """Returns what to take of each input so that about `sample_bytes` of content are measured in all."""
    by_source: dict[str, list[WorkUnit]] = {}
    for unit in units:
        by_source.setdefault(unit.source, []).append(unit)
    sizes = {source: sum(map(unit_weight, own)) for source, own in by_source.items()}
    total = max(sum(sizes.values()), 1)
    chosen = {}
    for source, own in by_source.items():
        budget = sample_bytes / 2 / len(sizes) + sample_bytes / 2 * sizes[source] / total
        room = budget * READ_FACTOR
        count = len(own) if sizes[source] <= room else min(len(own), max(int(room // UNIT_BYTES), 1))
        spread = tuple(own[index * len(own) // count] for index in range(count))
        is_whole = sizes[source] <= room
        cap = 1 << 62 if is_whole else int(room / count)
        chosen[source] = Share(units=spread, cap_bytes=cap, rate=min(budget / max(min(sizes[source], room), 1), 1.0))
    return chosen


def unit_weight(unit: WorkUnit) -> float:
    """Returns about how many decompressed bytes a unit has."""
    return sum(_piece_weight(piece) for piece in unit.pieces)


def _piece_weight(piece: Piece) -> float:
    stored = max(piece.file.bytes, 0)
    if piece.file.format == "parquet":
        return stored * PACKED_WEIGHT
    if piece.file.compression not in (None, "none"):
        return stored * PACKED_WEIGHT
    return max((stored if piece.end is None else piece.end) - piece.start, 0)


@dataclass(slots=True, kw_only=True)
class SampledReader:
    """Reads units of one input as `read_unit` does, up to the cap of each, and keeps documents by their id."""

    share: Share
    num_seen: int = 0
    num_kept: int = 0
    read_seconds: float = 0.0
    own_seconds: float = 0.0  # of sampling itself, which a run does not spend

    def __call__(
        self, unit: WorkUnit, given: InputSpec, limits: Limits, accounts: Accounts, /
    ) -> Iterator[pa.RecordBatch]:
        """Yields the documents that are kept."""
        content = 0
        with closing(read_unit(unit, given, limits, accounts)) as batches:  # type: ignore[type-var]
            while content < self.share.cap_bytes:
                started = time.process_time()
                batch = next(batches, None)
                read = time.process_time()
                self.read_seconds += read - started
                if batch is None:
                    return
                content += batch.nbytes
                chosen = self._chosen(batch, accounts)
                self.own_seconds += time.process_time() - read
                yield chosen

    def _chosen(self, batch: pa.RecordBatch, accounts: Accounts) -> pa.RecordBatch:
        kept_N = is_drawn(batch["doc_id"], self.share.rate)
        rest = batch.filter(pa.array(~kept_N)).select(["path", "offset", "length_bytes"])
        for path, offset, length in zip(*(column.to_pylist() for column in rest.columns), strict=True):
            accounts.skipped(path, offset, length, NOT_SAMPLED)
        self.num_seen += batch.num_rows
        self.num_kept += int(kept_N.sum())
        return batch.filter(pa.array(kept_N))


def is_drawn(ids: pa.FixedSizeBinaryArray, rate: float) -> NDArray[np.bool_]:
    """Returns which ids (N,) are in a sample of this rate; a smaller rate draws some of the same."""
    if rate >= 1:
        return np.ones(len(ids), dtype=np.bool_)
    raw_N16 = np.frombuffer(ids.buffers()[1], dtype=np.uint8)[ids.offset * 16 : (ids.offset + len(ids)) * 16]
    return np.asarray(raw_N16.reshape(-1, 16)[:, :8].copy().view(">u8")[:, 0] < np.uint64(rate * 2.0**64))


def covered_fraction(unit: WorkUnit, accounts: pa.Table, limits: Limits) -> float:
    """Returns which share of a unit was read, by weight; a guess from the packing ratio where a stream was left."""
    rows = [row for row in accounts.to_pylist() if row["kind"] != "end"]
    ends = {row["path"] for row in accounts.to_pylist() if row["kind"] == "end"}
    weight = covered = 0.0
    for piece in unit.pieces:
        own = _piece_weight(piece) or 1.0
        reached = max((row["offset"] + row["length"] for row in rows if row["path"] == piece.file.path), default=0)
        weight += own
        if piece.file.path in ends:
            covered += own
        elif reached > piece.start:
            covered += own * min((reached - piece.start) / max(_end_of(piece, limits) - piece.start, 1), 1.0)
    return covered / weight


def _end_of(piece: Piece, limits: Limits) -> float:
    """Returns where a piece ends: in bytes of the decompressed stream (estimated if compressed), or rows."""
    if piece.end is not None:
        return piece.end
    if piece.file.format == "parquet":
        with closing(open_raw(piece.file)) as raw:
            try:
                return sum(group.num_rows for group in row_groups(raw))
            except BadPage:
                return 0
    if piece.file.compression in (None, "none"):
        return piece.file.bytes
    return piece.file.bytes * _packing_ratio(piece.file, limits)


def _packing_ratio(file: InputFile, limits: Limits) -> float:
    """Returns decompressed : stored bytes of the first MiBs, taken where all that was read has been given."""
    given = packed = 0
    with closing(open_raw(file)) as raw:
        stream = stream_of(raw, file, limits)
        before = 0
        for _ in stream:
            if stream.packed > packed:
                given, packed_before, packed = before, packed, stream.packed
                if packed_before and given > RATIO_BYTES:
                    return given / packed_before
            before = stream.position
    return before / max(stream.packed, 1)


def account_for_rest(store: Store, parts: Mapping[str, WorkUnit]) -> None:
    """Writes what the sample left unread into the accounts, so that the law of input holds for the sample's run."""
    rows: dict[tuple[str, str], list[tuple[int, int]]] = {}
    ended: dict[tuple[str, str], int] = {}
    for part in parts:
        for row in read_part(store, f"accounts/{part}.parquet").to_pylist():
            key = (row["source"], row["path"])
            if row["kind"] == "end":
                ended[key] = row["offset"]
            else:
                rows.setdefault(key, []).append((row["offset"], row["length"]))
    for unit in parts.values():
        for piece in unit.pieces:
            rows.setdefault((unit.source, piece.file.path), [])
    found: list[dict[str, object]] = []
    for (source, path), extents in rows.items():
        shared = {"source": source, "path": path, "count": 0}
        position = 0
        for offset, length in sorted(extents):
            if offset > position:
                gap = {"kind": "skipped", "reason": NOT_SAMPLED, "offset": position, "length": offset - position}
                found.append({**shared, **gap})
            position = max(position, offset + length)
        if (source, path) not in ended:
            found.append({**shared, "kind": "end", "reason": None, "offset": position, "length": 0})
    write_part(store, "accounts/rest.parquet", ACCOUNT, pa.Table.from_pylist(found, ACCOUNT).to_batches())
