"""Which kept documents are held out: `curation.curriculum.split` over the whole run, on the driver."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.curriculum.split import VALIDATION, Kept, split_of
from pipelines.clustering import Clustering
from pipelines.deciding import KEPT
from pipelines.parts import read_part
from pipelines.roster import Roster, to_binary16
from pipelines.spec import JobSpec
from pipelines.store import Store

COLUMNS = ["parent_id", "site"]


def split_documents(
    store: Store, spec: JobSpec, roster: Roster, clustering: Clustering, state_N: NDArray[np.uint8]
) -> NDArray[np.int8]:
    """Returns int8 (N,): 1 for kept documents that are held out, else 0."""
    kept = state_N == KEPT
    split_N = np.zeros(state_N.size, dtype=np.int8)
    if not kept.any() or not spec.validation.fraction:
        return split_N
    tables = [
        read_part(store, f"measured/{part}.parquet", COLUMNS).filter(pa.array(kept[roster.rows(index)]))
        for index, part in enumerate(roster.parts)
    ]
    table = pa.concat_tables(tables).combine_chunks()
    cluster = clustering.cluster_N[kept]
    documents = Kept(
        doc_id=to_binary16(roster.ids_N[kept]),
        **{name: table[name].combine_chunks() for name in COLUMNS},
        cluster_id=to_binary16(roster.ids_N[cluster], cluster < 0),
    )
    split = split_of(documents, fraction=spec.validation.fraction, seed=spec.seed)
    split_N[kept] = pc.equal(split, VALIDATION).to_numpy(zero_copy_only=False)
    return split_N
