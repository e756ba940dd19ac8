"""Rows of numbers that lie end to end in one raw file per part, read by rank: shingle sets, or signatures.

Verification needs two sets per pair, from anywhere in the run, so they are stored uncompressed and read one by one.
They are read, not memory-mapped: pages of a map that was touched here and there would stay in memory.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.store import Store

PLACE = np.dtype([("part", "<u4"), ("count", "<u4"), ("offset", "<i8")])
"""Where a row lies: index of its part, how many uint32 it has, and how many lie before it in the part's file."""

ITEM_BYTES = 4
OPEN_FILES = 64


def places_of(part_index: int, counts_N: NDArray[np.int64]) -> NDArray[np.void]:
    """Returns PLACE (N,) of rows that lie end to end in the file of one part."""
    places = np.empty(counts_N.size, dtype=PLACE)
    places["part"], places["count"] = part_index, counts_N
    places["offset"] = np.cumsum(counts_N) - counts_N
    return places


@dataclass(slots=True, kw_only=True)
class StoredRows:
    """Reads rows by their places; keeps the last files open.

    Attributes:
        store: the run.
        names: the raw file of each part.
        places_R: PLACE (R,), the place of each rank's row.
    """

    store: Store
    names: tuple[str, ...]
    places_R: NDArray[np.void]
    _files: "OrderedDict[int, pa.NativeFile]" = field(default_factory=OrderedDict)

    def of(self, ranks: NDArray[np.integer]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Returns (values uint32, offsets int64 (n + 1,)): the rows of `ranks`, in their order."""
        places = self.places_R[ranks]
        found = [b""] * ranks.size
        for at in np.lexsort((places["offset"], places["part"])).tolist():
            part, count, offset = places[at].item()
            if count:
                found[at] = self._open(part).read_at(ITEM_BYTES * count, ITEM_BYTES * offset)
        offsets = np.zeros(ranks.size + 1, dtype=np.int64)
        np.cumsum(places["count"], out=offsets[1:])
        return np.frombuffer(b"".join(found), dtype="<u4"), offsets

    def num_items(self, ranks: NDArray[np.integer]) -> NDArray[np.int64]:
        """Returns how many numbers each rank's row has."""
        counts: NDArray[np.int64] = self.places_R["count"][ranks].astype(np.int64)
        return counts

    def _open(self, part: int) -> pa.NativeFile:
        if part in self._files:
            self._files.move_to_end(part)
        else:
            self._files[part] = self.store.open(self.names[part])
            if len(self._files) > OPEN_FILES:
                self._files.popitem(last=False)[1].close()
        return self._files[part]
