"""`links/`: pairs of documents that are the same, or nearly, each with its kind, similarity and threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.schema import LINK_KINDS, LINKS
from pipelines.measuring import Job
from pipelines.parts import write_part
from pipelines.roster import to_binary16
from pipelines.spec import DedupSpec

LINKS_PER_PART = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRows:
    """P links between documents by rank; `later_P > earlier_P`."""

    later_P: NDArray[np.int32]
    earlier_P: NDArray[np.int32]
    kind_P: NDArray[np.uint8]
    jaccard_P: NDArray[np.float64]  # NaN: not a matter of words

    @classmethod
    def of(
        cls,
        one_P: NDArray[np.int32],
        other_P: NDArray[np.int32],
        kind_P: NDArray[np.uint8],
        jaccard_P: NDArray[np.float64],
    ) -> Self:
        """Returns links between documents given in any order; those of a document with itself are left out."""
        chosen = one_P != other_P
        one, other = one_P[chosen], other_P[chosen]
        ends = {"later_P": np.maximum(one, other), "earlier_P": np.minimum(one, other)}
        return cls(**ends, kind_P=kind_P[chosen], jaccard_P=jaccard_P[chosen])

    @classmethod
    def same(cls, one_P: NDArray[np.int32], other_P: NDArray[np.int32], kind: int, jaccard: float) -> Self:
        """Returns links of one kind and similarity."""
        return cls.of(one_P, other_P, np.full(one_P.size, kind, dtype=np.uint8), np.full(one_P.size, jaccard))

    @classmethod
    def joined(cls, rows: Sequence["LinkRows"]) -> Self:
        """Returns all links sorted by (later, earlier, kind), each once."""
        later, earlier, kind, jaccard = (
            np.concatenate([getattr(part, name) for part in rows]) for name in cls.__dataclass_fields__
        )
        order = np.lexsort((kind, earlier, later))
        later, earlier, kind = later[order], earlier[order], kind[order]
        first = np.ones(order.size, dtype=np.bool_)
        first[1:] = (later[1:] != later[:-1]) | (earlier[1:] != earlier[:-1]) | (kind[1:] != kind[:-1])
        return cls(later_P=later[first], earlier_P=earlier[first], kind_P=kind[first], jaccard_P=jaccard[order[first]])


def thresholds(dedup: DedupSpec) -> NDArray[np.float64]:
    """Returns float64, by kind of link: the similarity that it needs; NaN where nothing is compared."""
    near = dedup.near.min_jaccard if dedup.near else np.nan
    known = {"exact_text": 1.0, "exact_words": 1.0, "near": near, "near_borderline": near}
    return np.array([known.get(kind, np.nan) for kind in LINK_KINDS])


def write_links_table(job: Job, links: LinkRows, ids_N: NDArray[np.bytes_], rows_R: NDArray[np.int32]) -> int:
    """Publishes `links/` and returns how many links it has.

    Args:
        job: the job.
        links: by rank.
        ids_N: ids of all documents.
        rows_R: each rank's place in `ids_N`.
    """
    kinds, threshold_of = pa.array(LINK_KINDS), thresholds(job.spec.dedup)
    for number, start in enumerate(range(0, max(links.later_P.size, 1), LINKS_PER_PART)):
        chosen = slice(start, start + LINKS_PER_PART)
        kind = links.kind_P[chosen]
        columns = [
            to_binary16(ids_N[rows_R[links.later_P[chosen]]]),
            to_binary16(ids_N[rows_R[links.earlier_P[chosen]]]),
            kinds.take(pa.array(kind)),
            pa.array(links.jaccard_P[chosen], from_pandas=True),
            pa.array(threshold_of[kind], from_pandas=True),
        ]
        batch = pa.RecordBatch.from_arrays(columns, schema=LINKS)
        write_part(job.store, f"links/part-{number:05d}-{job.fingerprint[:8]}.parquet", LINKS, [batch])
    return int(links.later_P.size)
