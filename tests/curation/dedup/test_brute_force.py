"""Verified links against every pair of documents compared: what is missing, and why; and that nothing is made up.

The documents are questions and answers made from templates, declarations of rights in many languages, news, quotations,
and pairs of known similarity. Some buckets have more members than the cap on comparisons.
"""

import gzip
import json
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.linking import shingle_sets, signature_matrix
from curation.dedup.minhash import MinHash
from curation.kernels.bands import MAX_EARLIER, band_hashes, candidate_pairs
from curation.kernels.jaccard import jaccard_pairs
from curation.kernels.minhash import permutations
from curation.kernels.union_find import union_find
from tests.oracles import linking, minhash

pytestmark = pytest.mark.slow

LEAST, BANDS, ROWS = 0.7, 14, 8
SAMPLE = {"text/medquad_qa": 1, "text/udhr": 3, "text/ag_news": 4, "text/fortunes": 10, "dedup/synthetic_pairs": 1}
"""Each file's every n-th line."""


class Compared(NamedTuple):
    sets: list[set[int]]
    links: dict[tuple[int, int], float]  # ours: bands, cap, verification
    similar: dict[tuple[int, int], float]  # every pair at or above LEAST
    bands_NBR: np.ndarray  # signatures
    hot_buckets: int


def texts_of(corpora):
    for name, step in SAMPLE.items():
        with gzip.open(corpora / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in list(lines)[::step]:
                row = json.loads(line)
                yield from (row[key] for key in ("text", "text_b") if key in row)


@pytest.fixture(scope="module")
def compared(corpora):
    """Documents that have shingles, numbered in the order of the sample."""
    batch = MinHash()(pa.record_batch({"text": pa.array(texts_of(corpora), pa.string())}))
    batch = batch.filter(batch["minhash"].is_valid())
    _, minhash_NH = signature_matrix(batch["minhash"], num_permutations=BANDS * ROWS)
    values, offsets = shingle_sets(batch["shingles"])
    hash_NB = band_hashes(minhash_NH, bands=BANDS, rows=ROWS)
    later, earlier, hot = candidate_pairs(hash_NB.reshape(-1), np.repeat(np.arange(batch.num_rows), BANDS))
    jaccard = jaccard_pairs(values, offsets, later, earlier)
    linked = zip(later.tolist(), earlier.tolist(), jaccard.tolist(), strict=True)
    sets = [set(values[start:end].tolist()) for start, end in pairwise(offsets)]
    links = {(one, other): value for one, other, value in linked if value >= LEAST}
    return Compared(sets, links, linking.similar_pairs(sets, LEAST), minhash_NH.reshape(-1, BANDS, ROWS), hot)


def test_the_sample_has_what_can_go_wrong(compared):
    assert len(compared.sets) > 8000
    assert len(compared.similar) > 15_000
    assert compared.hot_buckets > 10, "buckets beyond the cap"


def test_no_link_is_made_that_brute_force_does_not_make_with_the_same_similarity(compared):
    assert {pair: compared.similar.get(pair) for pair in compared.links} == compared.links


def test_every_similar_pair_without_a_link_shares_no_band_or_lies_beyond_the_cap_of_all_bands_it_shares(compared):
    bands = [[tuple(rows) for rows in signature_BR.tolist()] for signature_BR in compared.bands_NBR]
    earliest = linking.earliest_together(bands, MAX_EARLIER)
    causes = Counter()
    for later, earlier in compared.similar.keys() - compared.links.keys():
        shared = [(band, rows) for band, rows in enumerate(bands[later]) if rows == bands[earlier][band]]
        beyond_cap = shared and all(earlier not in earliest[bucket] for bucket in shared)
        causes["no band" if not shared else "cap" if beyond_cap else "unexplained"] += 1
    assert causes["unexplained"] == 0
    assert min(causes["no band"], causes["cap"]) > 100, "both causes occur, so both explanations were put to the test"


def test_the_bands_of_documents_in_missed_pairs_are_those_of_the_definition(compared):
    affine = list(zip(*(part.tolist() for part in permutations(BANDS * ROWS, seed=1)), strict=True))
    missed = sorted({n for pair in compared.similar.keys() - compared.links.keys() for n in pair})
    for n in missed[:: len(missed) // 60]:
        assert compared.bands_NBR[n].ravel().tolist() == minhash.signature(sorted(compared.sets[n]), affine)


def test_what_bands_and_cap_miss_joins_its_cluster_by_another_link_in_most_cases(compared):
    size = len(compared.sets)
    whole, ours = (
        union_find(size, *np.array(sorted(pairs), dtype=np.int64).T) for pairs in (compared.similar, compared.links)
    )
    assert len(compared.links) < 0.8 * len(compared.similar), "a fifth and more of all pairs has no link of its own"
    assert np.mean(whole != ours) < 0.01, "a document in another cluster than brute force puts it in"
