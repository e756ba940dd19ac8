"""Borderline pairs: the driver notes where the other document of each lies, and workers read an excerpt of it.

The two documents of a pair may lie in any two parts; of the other one's part only the row groups are read that
hold such documents.
"""

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.dedup.survivors import BORDERLINE
from curation.identity import type_of_id
from pipelines.clustering import Clustering
from pipelines.parts import read_part, write_part
from pipelines.roster import Roster, to_binary16
from pipelines.store import Store

PAIRS = pa.schema(
    [
        pa.field("doc_id", type_of_id, nullable=False),
        pa.field("other_part", pa.string(), nullable=False),
        pa.field("other_row", pa.int64(), nullable=False),
    ]
)


def write_pairs(store: Store, roster: Roster, clustering: Clustering) -> None:
    """Publishes, for each part that has borderline documents, where the documents lie that they may be copies of."""
    rows = np.flatnonzero(clustering.outcome_N == BORDERLINE)
    others = clustering.linked_N[rows].astype(np.int64)
    part_of, other_part_of = (np.searchsorted(roster.starts_P1, found, side="right") - 1 for found in (rows, others))
    names = pa.array(roster.parts, pa.string())
    for index in np.unique(part_of).tolist():
        mine = part_of == index
        other_rows = others[mine] - roster.starts_P1[other_part_of[mine]]
        columns = [
            to_binary16(roster.ids_N[rows[mine]]),
            names.take(pa.array(other_part_of[mine])),
            pa.array(other_rows),
        ]
        batch = pa.RecordBatch.from_arrays(columns, schema=PAIRS)
        write_part(store, _name(roster.parts[index]), PAIRS, [batch])


def linked_texts(store: Store, part: str, *, chars: int) -> dict[bytes, str]:
    """Returns the start of the other document's text by the id of each borderline document of a part.

    Args:
        store: the run.
        part: the part.
        chars: longest excerpt, in code points.
    """
    if not store.exists(_name(part)):
        return {}
    wanted: dict[str, dict[int, list[bytes]]] = defaultdict(lambda: defaultdict(list))
    for row in read_part(store, _name(part)).to_pylist():
        wanted[row["other_part"]][row["other_row"]].append(row["doc_id"])
    found: dict[bytes, str] = {}
    for other_part, asked in wanted.items():
        texts = _texts_of(store, other_part, sorted(asked), chars)
        found |= {doc_id: texts[row] for row, ids in asked.items() for doc_id in ids}
    return found


def _texts_of(store: Store, part: str, rows: list[int], chars: int) -> dict[int, str]:
    found: dict[int, str] = {}
    with store.open(f"measured/{part}.parquet") as source, pq.ParquetFile(source, pre_buffer=False) as file:
        start = 0
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            here = [row for row in rows if start <= row < stop]
            if here:
                text = file.read_row_group(group, columns=["text"])["text"].take([row - start for row in here])
                found |= dict(zip(here, pc.utf8_slice_codeunits(text, 0, chars).to_pylist(), strict=True))
            start = stop
    return found


def _name(part: str) -> str:
    return f"work/borderline/{part}.parquet"
