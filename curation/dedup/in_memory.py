"""Deduplication of texts in memory, in one call: what a run decides for the same texts, for notebooks and other loops.

The kernels are those of a run and so is every decision (dedup.prefer: [first]); what is missing is what needs a run:
stored signatures, passes under a memory limit, review, other policies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.exact import Groups, equal_documents, exact_links
from curation.dedup.minhash import MinHash
from curation.dedup.survivors import REMOVED, SurvivorInput, survivors
from curation.identity import secure_hash
from curation.kernels.bands import RANK_BITS, band_hashes, merged_pairs, packed_pairs
from curation.kernels.content import content_hashes
from curation.kernels.jaccard import jaccard_pairs
from curation.kernels.minhash import Sketches
from curation.text.words import text_buffers, words_of

FINEWEB = MinHash()
BATCH_BYTES = 1 << 20
"""What is found in a batch of text stays in the second-level cache. Measured from 64 KiB to 16 MiB: the fastest."""

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
    content_N: NDArray[np.uint64]
    row_K: Numbers  # the texts that have a signature
    hash_KB: NDArray[np.uint64]
    sets: list[NDArray[np.uint32]]  # by batch
    offsets_N1: NDArray[np.int64]  # of each text's set, over all batches


def deduplicate(
    texts: pa.Array | pa.ChunkedArray,
    *,
    minhash: MinHash = FINEWEB,
    min_jaccard: float = 0.7,
    exact: bool = True,
    rule: Literal["earlier", "component"] = "earlier",
    batch_bytes: int = BATCH_BYTES,
) -> Duplicates:
    """Returns which of N texts stay; of two copies the first does.

    Args:
        texts: `string` or `large_string`; null counts as the empty text. Never written.
        minhash: shingles, bands and rows.
        min_jaccard: smallest similarity of two shingle sets that links them.
        exact: link equal texts too, also those without a shingle; BLAKE2b-128 says which are equal.
        rule: see `curation.dedup.survivors`.
        batch_bytes: text signed at once; does not change the result.

    Memory: 4 bytes a shingle, 8 a band and text, and what one batch takes.

    Raises:
        TypeError: `texts` are not strings.
    """
    batches = list(_batches(texts, batch_bytes))
    signed = _signed(batches, minhash)
    groups = [_equal_texts(batches, signed.content_N)] if exact else []
    equal = exact_links(groups, size=len(texts), parent_N=np.zeros(0, np.int32), shared_kind=0 if exact else None)
    compared_K = equal.node_N[signed.row_K] == signed.row_K
    later, earlier, hot_buckets = _candidates(signed.hash_KB[compared_K], signed.row_K[compared_K])
    jaccard = _jaccard(signed, later, earlier)
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


def _signed(batches: Sequence[pa.Array], minhash: MinHash) -> _Signed:
    content, sets, sizes, hashes = [], [], [], []
    for batch in batches:
        content_N, sketches = _sketched(batch, minhash)
        has_set_N = np.diff(sketches.offsets_N1) > 0
        minhash_NH = sketches.signature_NH.view(np.uint32)
        hash_NB = band_hashes(minhash_NH, bands=minhash.bands, rows=minhash_NH.shape[1] // minhash.bands)
        content.append(content_N)
        sets.append(sketches.shingles)
        sizes.append(np.diff(sketches.offsets_N1))
        hashes.append(hash_NB[has_set_N])
    size_N = np.concatenate([np.zeros(0, np.int64), *sizes])
    return _Signed(
        content_N=np.concatenate([np.zeros(0, np.uint64), *content]),
        row_K=np.flatnonzero(size_N).astype(np.int32),
        hash_KB=np.concatenate([np.zeros((0, minhash.bands), np.uint64), *hashes]),
        sets=sets,
        offsets_N1=np.cumsum(np.append(0, size_N)),
    )


def _sketched(batch: pa.Array, minhash: MinHash) -> tuple[NDArray[np.uint64], Sketches]:
    """Returns hashes of the contents and sketches; the words, which are larger, are gone with the call."""
    words = words_of(batch)
    return content_hashes(words.values, words.offsets_N1), minhash.sketches(words)


def _batches(texts: pa.Array | pa.ChunkedArray, batch_bytes: int) -> Iterator[pa.Array]:
    """Yields slices of about `batch_bytes`."""
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        size = max(int(len(chunk) * batch_bytes / max(chunk.nbytes, 1)), 1)
        for start in range(0, len(chunk), size):
            yield chunk.slice(start, size)


def _equal_texts(batches: Sequence[pa.Array], content_N: NDArray[np.uint64]) -> Groups:
    """Returns the groups of equal texts: those of equal `content_N`, told apart by BLAKE2b-128."""
    content, count = np.unique(content_N, return_counts=True)
    repeats_N = np.isin(content_N, content[count > 1])
    hash_N = np.zeros(content_N.size, dtype="S16")
    start = 0
    for batch in batches:
        values, offsets_N1 = text_buffers(batch)
        for row in np.flatnonzero(repeats_N[start : start + len(batch)]).tolist():
            hash_N[start + row] = secure_hash(values[offsets_N1[row] : offsets_N1[row + 1]].data)
        start += len(batch)
    return equal_documents(hash_N, has_key_N=repeats_N)


def _candidates(hash_KB: NDArray[np.uint64], row_K: Numbers) -> tuple[Numbers, Numbers, int]:
    """Returns (later, earlier, hot buckets) of texts that share a band, each pair once, sorted."""
    rank_K = row_K.astype(np.uint32)
    pairs, hot_buckets = np.zeros(0, np.uint64), 0
    for hash_K in np.ascontiguousarray(hash_KB.T):
        hot, pieces = packed_pairs(hash_K, rank_K)
        pairs, hot_buckets = merged_pairs([pairs, *pieces]), hot_buckets + hot
    return (pairs >> np.uint64(RANK_BITS)).astype(np.int32), pairs.astype(np.uint32).astype(np.int32), hot_buckets


def _jaccard(signed: _Signed, later: Numbers, earlier: Numbers) -> NDArray[np.float64]:
    """Returns the similarity of each pair; only the sets of candidates are brought together."""
    compared_C = np.unique(np.concatenate((later, earlier)))
    begin_S1 = np.cumsum([0, *(values.size for values in signed.sets)])
    set_C = np.searchsorted(begin_S1, signed.offsets_N1[compared_C], side="right") - 1
    begin_C = signed.offsets_N1[compared_C] - begin_S1[set_C]
    size_C = np.diff(signed.offsets_N1)[compared_C]
    places = zip(set_C.tolist(), begin_C.tolist(), (begin_C + size_C).tolist(), strict=True)
    members = [signed.sets[number][begin:end] for number, begin, end in places]
    return jaccard_pairs(
        np.concatenate([np.zeros(0, np.uint32), *members]),
        np.cumsum(np.append(0, size_C)),
        np.searchsorted(compared_C, later),
        np.searchsorted(compared_C, earlier),
    )
