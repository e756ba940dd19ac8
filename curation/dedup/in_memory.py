"""Deduplication of texts in memory, in one call: what a run decides for the same texts, for notebooks and other loops.

The kernels are those of a run and so is every decision (dedup.prefer: [first]); what is missing is what needs a run:
stored signatures, passes under a memory limit, review, other policies.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.exact import equal_documents, exact_links
from curation.dedup.linking import ids_of, shingle_sets, signature_matrix
from curation.dedup.minhash import MinHash
from curation.dedup.survivors import REMOVED, SurvivorInput, survivors
from curation.kernels.bands import RANK_BITS, band_hashes, merged_pairs, packed_pairs
from curation.kernels.jaccard import jaccard_pairs

FINEWEB = MinHash()

Numbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """What became of N texts, and the L near links between them.

    Attributes:
        kept_N: bool.
        survivor_N: int32, the text that a removed one was removed for; -1 where it stays.
        cluster_N: int32, the first text that links join it to; -1 for one without a link.
        later_L: int32, ascending.
        earlier_L: int32, smaller.
        jaccard_L: float64, exact, of the shingle sets.
        hot_buckets: buckets in which the cap on comparisons left out a pair.
    """

    kept_N: NDArray[np.bool_]
    survivor_N: Numbers
    cluster_N: Numbers
    later_L: Numbers
    earlier_L: Numbers
    jaccard_L: NDArray[np.float64]
    hot_buckets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    text_hash_N: NDArray[np.bytes_]  # S16
    row_K: Numbers  # the texts that have a signature
    hash_KB: NDArray[np.uint64]
    shingles: NDArray[np.uint32]
    offsets_N1: NDArray[np.int64]


def deduplicate(
    texts: pa.Array | pa.ChunkedArray,
    *,
    minhash: MinHash = FINEWEB,
    min_jaccard: float = 0.7,
    exact: bool = True,
    rule: Literal["earlier", "component"] = "earlier",
    batch_bytes: int = 16 << 20,
) -> Duplicates:
    """Returns which of N texts stay; of two copies the first does.

    Args:
        texts: `string` or `large_string`; null counts as the empty text. Never written.
        minhash: shingles, bands and rows.
        min_jaccard: smallest similarity of two shingle sets that links them.
        exact: link equal texts (BLAKE2b-128) too, also those without a shingle.
        rule: see `curation.dedup.survivors`.
        batch_bytes: text signed at once; does not change the result.

    Memory: 4 bytes a shingle, 8 a band and text, and what one batch takes.

    Raises:
        TypeError: `texts` are not strings.
    """
    signed = _signed(_batches(texts, batch_bytes), minhash)
    groups = [equal_documents(signed.text_hash_N)] if exact else []
    equal = exact_links(groups, size=len(texts), parent_N=np.zeros(0, np.int32), shared_kind=0 if exact else None)
    compared_K = equal.node_N[signed.row_K] == signed.row_K
    later, earlier, hot_buckets = _candidates(signed.hash_KB[compared_K], signed.row_K[compared_K])
    ends = later.astype(np.int64), earlier.astype(np.int64)
    jaccard = jaccard_pairs(signed.shingles, signed.offsets_N1, *ends)
    linked = jaccard >= min_jaccard
    later, earlier, jaccard = later[linked], earlier[linked], jaccard[linked]
    result = survivors(
        SurvivorInput(
            in_review_N=np.zeros(len(texts), np.bool_),
            group_KN=equal.group_KN,
            node_N=equal.node_N,
            later_L=later,
            earlier_L=earlier,
            weak_L=np.zeros(later.size, np.bool_),
            rule=rule,
        )
    )
    return Duplicates(
        kept_N=result.outcome_N != REMOVED,
        survivor_N=result.survivor_N,
        cluster_N=result.cluster_N,
        later_L=later,
        earlier_L=earlier,
        jaccard_L=jaccard,
        hot_buckets=hot_buckets,
    )


def _signed(batches: Iterable[pa.Array], minhash: MinHash) -> _Signed:
    width = minhash.bands * minhash.rows * (2 if minhash.scheme == "affine64" else 1)
    hashes, rows, bands, sets, sizes = [np.zeros(0, "S16")], [np.zeros(0, np.int32)], [], [], [np.zeros(1, np.int64)]
    start = 0
    for batch in batches:
        signed = minhash(pa.RecordBatch.from_arrays([batch], names=["text"]))
        row_K, minhash_KH = signature_matrix(signed["minhash"], num_permutations=width)
        values, offsets_N1 = shingle_sets(signed["shingles"])
        hashes.append(ids_of(signed["text_hash"]))
        rows.append((row_K + start).astype(np.int32))
        bands.append(band_hashes(minhash_KH, bands=minhash.bands, rows=width // minhash.bands))
        sets.append(values[offsets_N1[0] : offsets_N1[-1]])
        sizes.append(np.diff(offsets_N1))
        start += len(batch)
    return _Signed(
        text_hash_N=np.concatenate(hashes),
        row_K=np.concatenate(rows),
        hash_KB=np.concatenate([np.zeros((0, minhash.bands), np.uint64), *bands]),
        shingles=np.concatenate([np.zeros(0, np.uint32), *sets]),
        offsets_N1=np.cumsum(np.concatenate(sizes)),
    )


def _batches(texts: pa.Array | pa.ChunkedArray, batch_bytes: int) -> Iterator[pa.Array]:
    """Yields slices of about `batch_bytes`."""
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        size = max(int(len(chunk) * batch_bytes / max(chunk.nbytes, 1)), 1)
        for start in range(0, len(chunk), size):
            yield chunk.slice(start, size)


def _candidates(hash_KB: NDArray[np.uint64], row_K: Numbers) -> tuple[Numbers, Numbers, int]:
    """Returns (later, earlier, hot buckets) of texts that share a band, each pair once, sorted."""
    rank_K = row_K.astype(np.uint32)
    pairs, hot_buckets = np.zeros(0, np.uint64), 0
    for hash_K in np.ascontiguousarray(hash_KB.T):
        hot, pieces = packed_pairs(hash_K, rank_K)
        pairs, hot_buckets = merged_pairs([pairs, *pieces]), hot_buckets + hot
    return (pairs >> np.uint64(RANK_BITS)).astype(np.int32), pairs.astype(np.uint32).astype(np.int32), hot_buckets
