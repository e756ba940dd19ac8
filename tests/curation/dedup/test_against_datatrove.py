"""Clusters against those of datatrove's four stages, cause by cause: clustering, hash family, then words.

datatrove links what shares a bucket and verifies nothing, so here we do not either. Its own signatures give us its own
clusters, and ours give it ours, to the last document: banding and clustering are the same. What is left between the two
are its random draws (another hash family, so each pair meets another chance of the same curve) and its words.
"""

import gzip
import json
import string
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.linking import shingle_sets, signature_matrix
from curation.dedup.minhash import MinHash
from curation.kernels.bands import band_hashes, candidate_pairs
from curation.kernels.union_find import union_find
from curation.text.words import words_of
from tests.oracles.minhash import chance_of_catching, likely_counts

pytestmark = pytest.mark.peer("datatrove")

BANDS, ROWS = 14, 8
NUM_PAIRS, NUM_TEMPLATES = 400, 700
THEIR_SHINGLES = """
import json, sys
from datatrove.pipeline.dedup.minhash import MinhashDedupSignature
step = MinhashDedupSignature(sys.argv[2])
with open(sys.argv[1], encoding="utf-8") as lines:
    texts = [json.loads(line)["text"] for line in lines][:int(sys.argv[3])]
json.dump([step.get_shingles(text).ravel().tolist() for text in texts], sys.stdout)
"""
BENCHMARKS = Path(__file__).resolve().parents[3] / "infra" / "benchmarks"


@pytest.fixture(scope="module")
def peer():
    """The interpreter of datatrove's venv."""
    made = subprocess.run(
        [sys.executable, BENCHMARKS / "peers.py", "datatrove"], check=True, stdout=subprocess.PIPE, text=True
    )
    return made.stdout.strip()


@pytest.fixture(scope="module")
def texts(corpora):
    """1,500 documents: 400 pairs of known similarity (rows 2i, 2i + 1), and 700 questions and answers from templates."""

    def lines(name, count):
        with gzip.open(corpora / f"{name}.jsonl.gz", "rt", encoding="utf-8") as opened:
            return [json.loads(line) for line in list(opened)[:count]]

    pairs = [text for pair in lines("dedup/synthetic_pairs", NUM_PAIRS) for text in (pair["text"], pair["text_b"])]
    return [*pairs, *(row["text"] for row in lines("text/medquad_qa", NUM_TEMPLATES))]


class Peer:
    """A finished run of datatrove's four stages."""

    def __init__(self, python, folder, texts):
        (folder / "texts").mkdir(parents=True, exist_ok=True)
        rows = "".join(json.dumps({"text": text, "id": str(row)}) + "\n" for row, text in enumerate(texts))
        (folder / "texts" / "texts.jsonl").write_text(rows)
        self.folder, self.size = folder, len(texts)
        done = subprocess.run(
            [python, BENCHMARKS / "datatrove_dedup_side.py", folder], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def clusters(self):
        """Its clusters of two and more, as sets of rows."""
        found = {}
        content = (self.folder / "clusters" / "000000.clusters").read_bytes()
        for row, cluster in struct.iter_unpack("<2I", content):
            found.setdefault(cluster, set()).add(row)
        return {frozenset(members) for members in found.values()}

    def kept(self):
        with (self.folder / "kept" / "00000.jsonl").open() as lines:
            return {int(json.loads(line)["id"]) for line in lines}

    def signatures(self):
        """(rows, uint32 (n, 2 * 112)): its 64-bit minima in halves, of documents that have any."""
        record = np.dtype([("minima", "<u8", ROWS), ("row", "<u4")])
        bands = [np.fromfile(path, record) for path in sorted(self.folder.glob("signatures/bucket_*/*.sig"))]
        assert len(bands) == BANDS
        rows = np.sort(bands[0]["row"]).astype(np.int64)
        minima = [band["minima"][np.argsort(band["row"])] for band in bands]
        return rows, np.ascontiguousarray(np.concatenate(minima, axis=1)).view(np.uint32)


def write_signatures(folder, rows, minhash_NH):
    """Writes our signatures as datatrove stores its own, sorted by minima and row."""
    record = np.dtype([(f"minimum{row}", "<u8") for row in range(ROWS)] + [("row", "<u4")])
    for band in range(BANDS):
        found = np.empty(rows.size, dtype=record)
        for row in range(ROWS):
            found[f"minimum{row}"] = minhash_NH[:, band * ROWS + row]
        found["row"] = rows
        path = folder / "signatures" / f"bucket_{band:03d}" / "00000.minhash.sig"
        path.parent.mkdir(parents=True)
        path.write_bytes(np.sort(found).tobytes())


def clusters_of(size, pairs):
    """Connected components of two and more documents, as sets of rows."""
    ends = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    root = union_find(size, ends[:, 0], ends[:, 1])
    found = {}
    for row, first in enumerate(root.tolist()):
        found.setdefault(first, set()).add(row)
    return {frozenset(members) for members in found.values() if len(members) > 1}


def capped_clusters(size, rows, minhash_NH, width=1):
    """Clusters by our own buckets, cap and all."""
    hash_NB = band_hashes(minhash_NH, bands=BANDS, rows=ROWS * width)
    later, earlier, _ = candidate_pairs(hash_NB.reshape(-1), np.repeat(rows, BANDS))
    return clusters_of(size, zip(later.tolist(), earlier.tolist(), strict=True))


def signed(texts):
    """(rows, signatures, shingle sets) of ours."""
    batch = MinHash(bands=BANDS, rows=ROWS)(pa.record_batch({"text": pa.array(texts, pa.string())}))
    values, offsets = shingle_sets(batch["shingles"])
    sets = [set(values[start:end].tolist()) for start, end in pairwise(offsets)]
    return *signature_matrix(batch["minhash"], num_permutations=BANDS * ROWS), sets


@pytest.fixture(scope="module")
def theirs(peer, texts, tmp_path_factory):
    return Peer(peer, tmp_path_factory.mktemp("theirs"), texts)


def respelled(texts):
    """The texts with every word of ours written as letters that any tokenizer takes for one word."""

    def letters(number):
        return "".join(string.ascii_lowercase[number // 26**place % 26] for place in range(5))

    words = words_of(pa.array(texts, pa.string()))
    names = {value: f"zq{letters(place)}" for place, value in enumerate(np.unique(words.word_hash_W).tolist())}
    spelled = [names[value] for value in words.word_hash_W.tolist()]
    return [" ".join(spelled[start:end]) for start, end in pairwise(words.word_offsets_N1.tolist())]


def their_shingles(python, folder):
    """The set of shingle hashes that datatrove makes of each pair's documents."""
    program = [python, "-c", THEIR_SHINGLES, folder / "texts" / "texts.jsonl", folder / "unused", str(2 * NUM_PAIRS)]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    return [set(members) for members in json.loads(done.stdout)]


def test_their_signatures_make_their_clusters_in_our_buckets_in_spite_of_the_cap(theirs):
    rows, halves = theirs.signatures()
    assert len(theirs.clusters()) > 200
    assert max(len(members) for members in theirs.clusters()) > 33, "a cluster beyond the cap"
    assert capped_clusters(theirs.size, rows, halves, width=2) == theirs.clusters()


def test_our_signatures_make_our_clusters_in_their_stages_and_one_document_of_each_stays(peer, texts, tmp_path):
    rows, minhash_NH, _ = signed(texts)
    write_signatures(tmp_path, rows, minhash_NH)
    run = Peer(peer, tmp_path, texts)
    assert run.clusters() == capped_clusters(len(texts), rows, minhash_NH)
    assert all(len(members & run.kept()) == 1 for members in run.clusters())
    assert len(run.kept()) == len(texts) - sum(len(members) - 1 for members in run.clusters())


def compared(rows, minhash_NH, width=1):
    """Of pairs (2i, 2i + 1): whether each shares a band."""
    hash_NB = band_hashes(minhash_NH, bands=BANDS, rows=ROWS * width)
    place = {row: place for place, row in enumerate(rows.tolist())}
    both = [(place.get(2 * pair), place.get(2 * pair + 1)) for pair in range(NUM_PAIRS)]
    return np.array([None not in ends and bool((hash_NB[ends[0]] == hash_NB[ends[1]]).any()) for ends in both])


def similarities(sets):
    """Of pairs (2i, 2i + 1) of sets: their exact Jaccard similarity."""
    unions = [(sets[2 * pair], sets[2 * pair + 1]) for pair in range(NUM_PAIRS)]
    return [len(one & other) / max(len(one | other), 1) for one, other in unions]


def is_likely(count, chances):
    fewest, most = likely_counts(chances, error=0.01 / 6)  # 1 in 100 for the six of this file together
    return fewest <= count <= most


def chances_of(jaccard):
    return [chance_of_catching(value, bands=BANDS, rows=ROWS) for value in jaccard]


def test_of_equal_words_both_draw_from_one_curve_and_differ_as_often_as_two_draws_do(peer, texts, tmp_path):
    spelled = respelled(texts[: 2 * NUM_PAIRS])
    rows, minhash_NH, sets = signed(spelled)
    ours, other = compared(rows, minhash_NH), compared(*Peer(peer, tmp_path, spelled).signatures(), width=2)
    chances = chances_of(similarities(sets))
    assert is_likely(ours.sum(), chances)
    assert is_likely(other.sum(), chances)
    assert is_likely((ours ^ other).sum(), [2 * chance * (1 - chance) for chance in chances])


def test_on_real_text_each_follows_the_curve_of_its_own_words_which_give_nearly_the_same_similarity(
    peer, texts, theirs
):
    """Its words are spaCy's tokens of a text without punctuation, digits and diacritics; ours are runs of letters and digits."""
    rows, minhash_NH, sets = signed(texts)
    jaccard, other_jaccard = similarities(sets), similarities(their_shingles(peer, theirs.folder))
    difference = np.abs(np.subtract(jaccard, other_jaccard))
    assert np.median(difference) < 0.01
    assert 0 < np.mean(difference) < 0.02
    ours, other = compared(rows, minhash_NH), compared(*theirs.signatures(), width=2)
    chances, other_chances = chances_of(jaccard), chances_of(other_jaccard)
    assert is_likely(ours.sum(), chances)
    assert is_likely(other.sum(), other_chances)
    one_alone = [a * (1 - b) + b * (1 - a) for a, b in zip(chances, other_chances, strict=True)]
    assert is_likely((ours ^ other).sum(), one_alone)
