"""The MinHash step: what it stores of a text, and that Arrow's slices, nulls and widths do not matter."""

import hashlib
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash as Peer
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.linking import shingle_sets, signature_matrix
from curation.dedup.minhash import MinHash
from curation.errors import SchemaError
from curation.schema import SIGNATURE_FIELDS
from curation.step import configuration_of

LONG = "It is a truth universally acknowledged, that a single man in possession of a good fortune must want a wife."
TEXTS = st.lists(
    st.one_of(st.none(), st.sampled_from([LONG, "", "four words are few", "ä ö ü ß é"]), st.text(max_size=60))
)
NAMES = [field.name for field in SIGNATURE_FIELDS]


def documents(*texts):
    return pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=["text"])


def signed(*texts, **configuration):
    return MinHash(**configuration)(documents(*texts))


def test_the_text_hash_is_blake2b_of_the_text_and_its_size_is_counted_in_bytes_and_words():
    (row,) = signed(LONG.replace("a man", "än Mann")).to_pylist()
    text = LONG.replace("a man", "än Mann").encode()
    assert row["text_hash"] == hashlib.blake2b(text, digest_size=16).digest()
    assert (row["text_bytes"], row["num_words"]) == (len(text), 20)


def test_the_stored_signature_is_that_of_datasketch_over_the_stored_shingles():
    (row,) = signed(LONG, seed=42).to_pylist()
    peer = Peer(num_perm=112, seed=42, scheme="affine32", hashfunc=int)
    peer.update_batch(np.frombuffer(row["shingles"], "<u4").tolist())
    assert row["minhash"] == peer.hashvalues.astype("<u4").tobytes()
    assert len(row["shingles"]) == 4 * (20 - 4)


def test_case_space_and_punctuation_change_the_text_hash_and_size_and_nothing_else():
    plain, shouted = signed(LONG, LONG.upper().replace(" ", "\n\n") + " !!!").to_pylist()
    assert plain.pop("text_hash") != shouted.pop("text_hash")
    assert plain.pop("text_bytes") < shouted.pop("text_bytes")
    assert {**plain, "text": ""} == {**shouted, "text": ""}


def test_a_text_of_fewer_words_than_a_shingle_has_hashes_but_no_signature():
    short, enough, empty, null = signed("only four words here", "now there are five words", "", None).to_pylist()
    assert (short["num_words"], short["minhash"], short["shingles"]) == (4, None, None)
    assert (enough["num_words"], len(enough["minhash"]), len(enough["shingles"])) == (5, 4 * 112, 4)
    assert (empty["num_words"], empty["minhash"]) == (0, None)
    assert empty["text_hash"] == null["text_hash"] == hashlib.blake2b(b"", digest_size=16).digest()


@given(texts=TEXTS, start=st.integers(0, 6), length=st.integers(0, 6))
@settings(max_examples=40)
def test_a_slice_gives_the_rows_of_the_whole(texts, start, length):
    step, batch = MinHash(), documents(*texts)
    assert step(batch.slice(start, length)).equals(step(batch).slice(start, length))


def test_bytes_under_a_null_are_not_read():
    values = pa.py_buffer((LONG + LONG).encode())
    offsets = pa.py_buffer(np.array([0, len(LONG), 2 * len(LONG)], dtype=np.int32))
    validity = pa.array([False, True]).buffers()[1]
    text = pa.Array.from_buffers(pa.string(), 2, [validity, offsets, values])
    hidden = MinHash()(pa.RecordBatch.from_arrays([text], names=["text"]))
    assert hidden.select(NAMES).equals(signed(None, LONG).select(NAMES))


def test_the_schema_is_that_of_signatures_and_a_second_signature_is_refused():
    schema = pa.schema([pa.field("text", pa.string())])
    assert MinHash().output_schema(schema).names == ["text", *NAMES]
    with pytest.raises(SchemaError, match="adds 'text_hash', which an earlier step adds already"):
        MinHash().output_schema(MinHash().output_schema(schema))


def test_a_plan_without_text_is_refused():
    with pytest.raises(SchemaError, match="reads 'text', which no earlier step adds"):
        MinHash().output_schema(pa.schema([pa.field("raw", pa.binary())]))


def test_ngram_bands_rows_and_seed_are_all_configuration_and_all_count():
    assert configuration_of(MinHash()) == {
        "step": "MinHash",
        "ngram": 5,
        "bands": 14,
        "rows": 8,
        "seed": 1,
        "shingle": "words",
        "normalize": "case",
        "scheme": "affine32",
    }
    minhashes = {
        signed(LONG, **change).column("minhash")[0].as_py()
        for change in (
            {},
            {"ngram": 3},
            {"bands": 7},
            {"rows": 4, "bands": 2},
            {"seed": 2},
            {"shingle": "characters"},
            {"scheme": "affine64"},
        )
    }
    assert len(minhashes) == 7


def test_fineweb_takes_texts_for_the_same_that_differ_in_numbers_and_diacritics_only():
    texts = ("Am 3. März 2024 kam er nach Köln zurück.", "am 17. marz 1999 KAM er nach Koln zuruck")
    case, fineweb = (signed(*texts, normalize=name)["shingles"].to_pylist() for name in ("case", "fineweb"))
    assert fineweb[0] == fineweb[1]
    assert case[0] != case[1]


def test_characters_are_those_of_the_text_so_punctuation_counts_and_case_does_not():
    plain, shouted, other = signed(LONG, LONG.upper(), LONG + "!", shingle="characters", ngram=24).to_pylist()
    assert plain["minhash"] == shouted["minhash"]
    assert len(plain["shingles"]) == 4 * (len(LONG) - 23) == len(other["shingles"]) - 4
    (short,) = signed("a" * 23, shingle="characters", ngram=24).to_pylist()
    assert (short["minhash"], short["shingles"]) == (None, None)


def test_affine64_stores_eight_bytes_a_permutation_and_the_same_sets():
    narrow, wide = signed(LONG)["shingles"], signed(LONG, scheme="affine64")
    assert wide["shingles"].equals(narrow)
    assert len(wide["minhash"][0].as_py()) == 8 * 112


def test_stored_signatures_come_back_as_arrays_by_row():
    batch = signed("too short", LONG, None, LONG + " And more than that.", LONG)
    for part in (batch, batch.slice(1), batch.slice(1, 1), batch.slice(2), batch.slice(0, 0)):
        row_K, minhash_KH = signature_matrix(part["minhash"], num_permutations=112)
        expected = [(row, value) for row, value in enumerate(part["minhash"].to_pylist()) if value is not None]
        assert row_K.tolist() == [row for row, _ in expected]
        assert [row.tobytes() for row in minhash_KH.astype("<u4")] == [value for _, value in expected]
        values, offsets = shingle_sets(part["shingles"])
        sets = [values[i:j].tobytes() for i, j in pairwise(offsets)]
        assert sets == [value or b"" for value in part["shingles"].to_pylist()]


GIANT = """
import pathlib, sys
import numpy as np
import pyarrow as pa
from curation.dedup.minhash import MinHash
step = MinHash(shingle=sys.argv[1], ngram=int(sys.argv[2]))
step(pa.record_batch({"text": ["compiles the kernels"]}))
letters = np.random.default_rng(0).integers(97, 123, 64 << 20, dtype=np.uint8)
letters[5::6] = 32
offsets = pa.py_buffer(np.array([0, letters.size], dtype=np.int32))
batch = pa.record_batch({"text": pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(letters)])})
def status(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak so far is that of compiling
before = status("VmRSS")
signed = step(batch)
print((status("VmHWM") - before) / letters.size, len(signed["minhash"][0].as_py()))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("shingle", "ngram", "most"), [("words", 5, 7), ("characters", 24, 18)])
def test_a_document_of_64_mib_takes_a_few_bytes_of_memory_for_each_byte_of_text(shingle, ngram, most):
    program = [sys.executable, "-c", GIANT, shingle, str(ngram)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    bytes_per_byte, signature_bytes = done.stdout.split()
    assert int(signature_bytes) == 4 * 112
    assert 0 < float(bytes_per_byte) < most, "a matrix of shingles x permutations would take 75 for words alone"
