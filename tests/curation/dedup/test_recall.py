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
from tests.oracles.minhash import chance_of_catching

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


def test_the_share_of_pairs_caught_follows_the_curve_at_every_similarity(signed, jaccard):
    found = np.mean([caught(batch) for batch in signed], axis=0)
    chance = np.array([chance_of_catching(s, bands=14, rows=8) for s in jaccard])
    for low, high in pairwise(EDGES):
        here = (jaccard >= low) & (jaccard < high)
        deviation = np.sqrt(np.sum(chance[here] * (1 - chance[here])) / len(SEEDS)) / here.sum()
        assert abs(found[here].mean() - chance[here].mean()) < 4 * deviation + 0.005, f"similarity {low} to {high}"


def test_verified_links_at_0_7_are_all_true_and_nearly_all_pairs_from_0_8_are_found(pairs, signed, jaccard):
    stated = np.array([pair["jaccard_w5"] for pair in pairs])
    linked = caught(signed[0]) & (jaccard >= 0.7)
    assert (stated[linked] >= 0.6999).all(), "a verified link is never wrong"
    assert np.mean(linked[stated >= 0.7]) > 0.96, "14 x 8 misses a quarter to a half of those just above 0.7"
    assert np.mean(linked[stated >= 0.8]) > 0.98
    assert np.mean(linked[stated >= 0.9]) > 0.995
