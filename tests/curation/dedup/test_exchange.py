"""Signatures as datasketch's objects: its own index finds what ours would, and they come back the same."""

import sys

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash as Peer
from datasketch import MinHashLSH

from curation.dedup.exchange import from_datasketch, to_datasketch
from curation.dedup.minhash import MinHash

BASE = " ".join(f"word{number}" for number in range(200))
TEXTS = [BASE, BASE.replace("word150", "other"), " ".join(f"thing{number}" for number in range(200)), "too short"]


def signed(**configuration):
    return MinHash(**configuration)(pa.record_batch({"text": pa.array(TEXTS, pa.string())}))


@pytest.mark.parametrize("scheme", ["affine32", "affine64"])
def test_datasketch_finds_near_duplicates_among_our_stored_signatures(scheme):
    sketches = to_datasketch(signed(scheme=scheme, seed=7)["minhash"], seed=7, scheme=scheme)
    index = MinHashLSH(num_perm=112, params=(14, 8))
    for row, sketch in enumerate(sketches):
        if sketch is not None:
            index.insert(row, sketch)
    assert sketches[3] is None, "a text shorter than a shingle has no signature"
    assert sorted(index.query(sketches[0])) == [0, 1]
    assert index.query(sketches[2]) == [2]
    assert 0.8 < sketches[0].jaccard(sketches[1]) < 1


@pytest.mark.parametrize("scheme", ["affine32", "affine64"])
def test_signatures_come_back_as_they_were(scheme):
    column = signed(scheme=scheme)["minhash"]
    assert from_datasketch(to_datasketch(column, scheme=scheme), scheme=scheme).equals(column)


def test_a_sketch_updated_with_our_shingles_is_our_signature():
    batch = signed(seed=3)
    sketch = Peer(num_perm=112, seed=3, scheme="affine32", hashfunc=int)
    sketch.update_batch(np.frombuffer(batch["shingles"][0].as_py(), "<u4").tolist())
    assert from_datasketch([sketch], seed=3)[0] == batch["minhash"][0]


def test_sketches_that_cannot_be_compared_are_refused():
    found = "found seed 2, scheme affine32 and 112; such signatures cannot be compared"
    with pytest.raises(ValueError, match=f"^sketch 1: expected seed 1, scheme affine32 and 112 permutations, {found}$"):
        from_datasketch([Peer(num_perm=112, seed=1), Peer(num_perm=112, seed=2)])


def test_signatures_of_another_scheme_or_length_are_refused():
    column = pa.array([bytes(4 * 3), bytes(4 * 4)], pa.binary())
    expected = "signatures of one length, a multiple of 4 bytes by affine32"
    with pytest.raises(ValueError, match=rf"^minhash: expected {expected}, found lengths \[12, 16\]$"):
        to_datasketch(column)
    with pytest.raises(ValueError, match="a multiple of 8 bytes by affine64"):
        to_datasketch(column.slice(0, 1), scheme="affine64")


def test_without_datasketch_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(ImportError, match=r"^expected datasketch 2.0 or newer, found none; pip install 'datasketch>=2"):
        to_datasketch(pa.array([None], pa.binary()))
