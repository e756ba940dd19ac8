"""Near duplicates found among 1,500 pairs of known similarity, against the theory of LSH."""

import gzip
import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.linking import shingle_sets, signature_matrix
from curation.dedup.minhash import MinHash
from curation.kernels.bands import band_hashes, candidate_pairs
from curation.kernels.jaccard import jaccard_pairs
from tests.oracles.minhash import chance_of_catching, likely_counts

SEEDS = (1, 2, 3)
EDGES = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.01)


@pytest.fixture(scope="module")
def pairs(corpora):
    with gzip.open(corpora / "dedup" / "synthetic_pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def signed(pairs):
    """One batch per seed: row 2i and row 2i + 1 are pair i."""
    texts = pa.array([text for pair in pairs for text in (pair["text"], pair["text_b"])], pa.string())
    batch = pa.RecordBatch.from_arrays([texts], names=["text"])
    return [MinHash(seed=seed)(batch) for seed in SEEDS]


@pytest.fixture(scope="module")
def jaccard(signed):
    """Exact Jaccard of each pair over our shingles."""
    even = np.arange(0, signed[0].num_rows, 2)
    return jaccard_pairs(*shingle_sets(signed[0]["shingles"]), even + 1, even)


def caught(batch):
    """Whether each pair became a candidate."""
    row_K, minhash_KH = signature_matrix(batch["minhash"], num_permutations=112)
    hash_KB = band_hashes(minhash_KH, bands=14, rows=8)
    later, earlier, _ = candidate_pairs(hash_KB.reshape(-1), np.repeat(row_K, 14), max_earlier=batch.num_rows)
    found = np.zeros(batch.num_rows // 2, dtype=np.bool_)
    found[earlier[(later == earlier + 1) & (earlier % 2 == 0)] // 2] = True
    return found


def test_our_similarity_is_that_of_the_corpus(pairs, jaccard):
    stated = np.array([pair["jaccard_w5"] for pair in pairs])
    assert np.abs(jaccard - stated).max() < 1e-4, "the corpus states four digits of \\w+ words in lower case"


def test_the_number_of_pairs_caught_is_a_likely_one_by_the_curve_at_every_similarity(signed, jaccard):
    """1 in 100 for all bins and seeds together (Bonferroni), each by its exact distribution."""
    bins = [(low, high) for low, high in pairwise(EDGES) if ((jaccard >= low) & (jaccard < high)).any()]
    assert len(bins) == len(EDGES) - 1, "there are pairs of every similarity"
    unlikely = []
    for seed, batch in zip(SEEDS, signed, strict=True):
        found = caught(batch)
        for low, high in bins:
            here = (jaccard >= low) & (jaccard < high)
            chances = [chance_of_catching(s, bands=14, rows=8) for s in jaccard[here]]
            fewest, most = likely_counts(chances, error=0.01 / (len(bins) * len(SEEDS)))
            if not fewest <= found[here].sum() <= most:
                unlikely.append((seed, low, high, int(found[here].sum()), fewest, most))
    assert unlikely == []


@pytest.mark.parametrize(("bands", "rows"), [(14, 7), (14, 9), (11, 8), (18, 8)])
def test_the_curve_of_other_bands_or_rows_would_be_refused(signed, jaccard, bands, rows):
    chances = [chance_of_catching(s, bands=bands, rows=rows) for s in jaccard] * len(SEEDS)
    fewest, most = likely_counts(chances, error=0.01)
    assert not fewest <= sum(caught(batch).sum() for batch in signed) <= most


def test_no_verified_link_is_between_documents_that_the_corpus_says_are_less_alike(pairs, signed, jaccard):
    stated = np.array([pair["jaccard_w5"] for pair in pairs])
    for least in (0.5, 0.7, 0.8, 0.9):
        linked = np.logical_or.reduce([caught(batch) for batch in signed]) & (jaccard >= least)
        assert linked.any()
        assert stated[linked].min() >= least - 5e-5, "the corpus states four digits"


def test_nearly_all_pairs_from_0_8_are_found(pairs, signed):
    stated = np.array([pair["jaccard_w5"] for pair in pairs])
    found = caught(signed[0])
    assert np.mean(found[stated >= 0.7]) > 0.96, "14 x 8 misses a quarter to a half of those just above 0.7"
    assert np.mean(found[stated >= 0.8]) > 0.98
    assert np.mean(found[stated >= 0.9]) > 0.995
