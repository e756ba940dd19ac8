"""MinHash against its definition, against datasketch, and against a memory bound."""

import re
import tracemalloc

import numba
import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.kernels import minhash
from curation.kernels import shingles as kernels
from curation.kernels.minhash import (
    _LANES,
    EMPTY,
    EMPTY_64,
    permutations,
    permutations_64,
    sign,
    sketch,
    sketch_characters,
)
from tests.oracles import minhash as oracle

WORDS = st.lists(st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**64 - 1])), max_size=90)
DOCUMENTS = st.lists(WORDS, max_size=5)
MAX_PERMUTATIONS = 16


def sketch_of(documents, *, ngram=5, num_permutations=112, seed=1, scheme="affine32"):
    offsets = np.cumsum([0, *(len(words) for words in documents)], dtype=np.int64)
    words = np.array([word for words in documents for word in words], dtype=np.uint64)
    with np.errstate(over="ignore"):  # wraps modulo 2^32 and 2^64 by definition; NumPy warns with the JIT off
        return sketch(words, offsets, ngram=ngram, num_permutations=num_permutations, seed=seed, scheme=scheme)


def shingles_of(found):
    return (
        [part.tolist() for part in np.split(found.shingles, found.offsets_N1[1:-1])]
        if found.offsets_N1.size > 1
        else []
    )


@given(
    documents=DOCUMENTS,
    ngram=st.integers(1, 9),
    num_permutations=st.integers(1, MAX_PERMUTATIONS),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_signatures_and_shingles_are_those_of_the_definition(documents, ngram, num_permutations, seed):
    found = sketch_of(documents, ngram=ngram, num_permutations=num_permutations, seed=seed)
    expected = [oracle.shingles(words, ngram) for words in documents]
    affine = list(zip(*(part.tolist() for part in permutations(num_permutations, seed=seed)), strict=True))
    assert shingles_of(found) == expected
    assert found.signature_NH.tolist() == [oracle.signature(shingles, affine) for shingles in expected]


@given(sets=st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=70), max_size=5), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_given_sets_are_signed_by_the_definition_whatever_lies_around_them(sets, seed):
    offsets = np.cumsum([1, *(len(members) for members in sets)], dtype=np.int64)
    shingles = np.array([0, *(member for members in sets for member in members), 0], dtype=np.uint32)
    affine = list(zip(*(part.tolist() for part in permutations(9, seed=seed)), strict=True))
    with np.errstate(over="ignore"):
        found = sign(shingles, offsets, num_permutations=9, seed=seed)
    assert found.tolist() == [oracle.signature(members, affine) for members in sets]


def test_sets_that_do_not_lie_in_the_shingles_are_refused():
    message = "^sign: expected uint32 shingles and ascending offsets into 3, found uint32 and offsets 0 to 4$"
    with pytest.raises(ValueError, match=message):
        sign(np.zeros(3, np.uint32), np.array([0, 4]), num_permutations=1, seed=1)


@given(documents=DOCUMENTS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_signatures_are_those_of_datasketch_bit_for_bit(documents, seed):
    found = sketch_of(documents, seed=seed)
    for shingles, signature_H in zip(shingles_of(found), found.signature_NH, strict=True):
        peer = MinHash(num_perm=112, seed=seed, scheme="affine32", hashfunc=int)
        peer.update_batch(shingles)
        assert peer.hashvalues.dtype == np.uint32
        assert np.array_equal(peer.hashvalues, signature_H)


@given(documents=DOCUMENTS, ngram=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_signatures_by_affine64_are_those_of_the_definition_and_of_datasketch_bit_for_bit(documents, ngram, seed):
    found = sketch_of(documents, ngram=ngram, num_permutations=9, seed=seed, scheme="affine64")
    affine = list(zip(*(part.tolist() for part in permutations_64(9, seed=seed)), strict=True))
    assert shingles_of(found) == [oracle.shingles(words, ngram) for words in documents], "sets stay 32-bit"
    for words, signature_H in zip(documents, found.signature_NH, strict=True):
        wide = oracle.windows(words, ngram)
        peer = MinHash(num_perm=9, seed=seed, scheme="affine64", hashfunc=int)
        peer.update_batch(wide)
        assert signature_H.dtype == peer.hashvalues.dtype == np.uint64
        assert signature_H.tolist() == peer.hashvalues.tolist() == oracle.signature_64(wide, affine)


def of_characters(*encoded, ngram=24, num_permutations=8, seed=1, scheme="affine32"):
    values = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    chars = np.array([sum(byte & 0xC0 != 0x80 for byte in one) for one in encoded], dtype=np.int64)
    with np.errstate(over="ignore"):
        return sketch_characters(
            values, offsets, chars, ngram=ngram, num_permutations=num_permutations, seed=seed, scheme=scheme
        )


@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=60), max_size=4), st.integers(1, 30)
)
def test_character_shingles_are_those_of_the_definition(texts, ngram):
    found = of_characters(*(text.encode() for text in texts), ngram=ngram)
    expected = [oracle.shingles(oracle.character_hashes(text), ngram) for text in texts]
    affine = list(zip(*(part.tolist() for part in permutations(8, seed=1)), strict=True))
    assert shingles_of(found) == expected
    assert found.signature_NH.tolist() == [oracle.signature(shingles, affine) for shingles in expected]
    wide = of_characters(*(text.encode() for text in texts), ngram=ngram, scheme="affine64")
    affine = list(zip(*(part.tolist() for part in permutations_64(8, seed=1)), strict=True))
    windows = [oracle.windows(oracle.character_hashes(text), ngram) for text in texts]
    assert wide.signature_NH.tolist() == [oracle.signature_64(found, affine) for found in windows]


def test_characters_differ_in_case_only_where_words_would_too():
    one, other = of_characters(
        "Über 24 CHARACTERS of text. ".encode(), "üBER 24 characters OF TEXT. ".encode()
    ).shingles.reshape(2, -1)
    assert one.tolist() == other.tolist()


@given(st.lists(st.binary(max_size=90), max_size=5), st.integers(1, 64))
def test_characters_of_bytes_that_are_not_utf8_depend_on_their_own_document_only(encoded, ngram):
    together = of_characters(*encoded, ngram=ngram)
    assert shingles_of(together) == [one.shingles.tolist() for one in (of_characters(e, ngram=ngram) for e in encoded)]


def test_a_count_of_characters_that_is_wrong_is_refused_because_memory_is_taken_by_it():
    with pytest.raises(ValueError, match="num_chars_N: expected the bytes that begin a character, found other counts"):
        sketch_characters(np.zeros(4, np.uint8), np.array([0, 4]), np.array([3]), ngram=2, num_permutations=8, seed=1)


@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 47, 48, 49, 63, 64, 65, 255, 256, 257, 3000, 16384, 16385])
def test_padding_and_both_sorts_change_nothing_at_their_edges(count):
    words = np.random.default_rng(count).integers(0, 2**64, count + 4, dtype=np.uint64).tolist()
    found = sketch_of([words], num_permutations=7)
    expected = oracle.shingles(words, 5)
    affine = list(zip(*(part.tolist() for part in permutations(7, seed=1)), strict=True))
    assert shingles_of(found) == [expected]
    assert found.signature_NH[0].tolist() == oracle.signature(expected, affine)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=300), st.integers(0, 31))
def test_shingles_whose_top_bits_are_alike_are_sorted_as_any_others(numbers, shift):
    values = np.array(numbers, dtype=np.uint32) >> np.uint32(shift)
    expected = sorted(set(values.tolist()))
    count = kernels.sorted_set(values, np.empty_like(values), np.empty(1 << kernels.MAX_BUCKET_BITS, np.uint32))
    assert values[:count].tolist() == expected


def test_a_text_made_to_share_all_top_bits_takes_no_quadratic_time():
    values = np.arange(kernels.BUCKETED, 0, -1, dtype=np.uint32)
    count = kernels.sorted_set(values, np.empty_like(values), np.empty(1 << kernels.MAX_BUCKET_BITS, np.uint32))
    assert values[:count].tolist() == list(range(1, kernels.BUCKETED + 1)), "the moves ran out: a radix sort did it"


def test_a_document_shorter_than_a_shingle_has_none_and_an_empty_signature():
    found = sketch_of([[], [1, 2, 3, 4], [1, 2, 3, 4, 5], []])
    assert np.diff(found.offsets_N1).tolist() == [0, 0, 1, 0]
    assert (found.signature_NH[[0, 1, 3]] == EMPTY).all()
    assert not (found.signature_NH[2] == EMPTY).all()
    wide = sketch_of([[], [1, 2, 3, 4, 5]], scheme="affine64")
    assert (wide.signature_NH == EMPTY_64).all(axis=1).tolist() == [True, False]


def test_no_documents_give_arrays_of_no_documents():
    found = sketch_of([])
    assert (found.shingles.size, found.offsets_N1.tolist(), found.signature_NH.shape) == (0, [0], (0, 112))


def test_the_order_of_words_counts_and_repeats_of_a_passage_do_not():
    forward, backward = sketch_of([[1, 2, 3, 4, 5, 6]]), sketch_of([[6, 5, 4, 3, 2, 1]])
    assert not np.intersect1d(forward.shingles, backward.shingles).size
    cycle = [11, 12, 13, 14, 15, 16]
    once, often = sketch_of([cycle * 2]), sketch_of([cycle * 40])
    assert np.array_equal(once.shingles, often.shingles)
    assert np.array_equal(once.signature_NH, often.signature_NH)


def test_words_before_the_first_and_after_the_last_offset_are_not_read():
    words = np.arange(40, dtype=np.uint64)
    with np.errstate(over="ignore"):
        inner = sketch(words, np.array([10, 20, 30]), ngram=5, num_permutations=8, seed=1)
        alone = sketch(words[10:30].copy(), np.array([0, 10, 20]), ngram=5, num_permutations=8, seed=1)
    assert np.array_equal(inner.signature_NH, alone.signature_NH)
    assert np.array_equal(inner.shingles, alone.shingles)


def test_a_seed_means_these_numbers_for_ever():
    a, b = permutations(3, seed=1)
    assert (a.tolist(), b.tolist()) == ([3582191691, 4270784983, 1892572953], [4005303368, 491263, 550290313])
    assert not a.flags.writeable, "cached: a caller could change everyone's permutations"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ngram": 0}, "ngram: expected 1 to 64, found 0"),
        ({"ngram": 65}, "ngram: expected 1 to 64, found 65"),
        ({"num_permutations": 0}, "num_permutations: expected at least 1, found 0"),
        ({"word_offsets_N1": np.array([0, 9])}, "sketch: expected ascending offsets into 4 word hashes"),
        ({"word_offsets_N1": np.array([3, 2])}, "sketch: expected ascending offsets into 4 word hashes"),
        ({"word_offsets_N1": np.array([-1, 2])}, "sketch: expected ascending offsets into 4 word hashes"),
        (
            {"word_hash_W": np.zeros(4, np.int64)},
            "sketch: expected uint64 word hashes and at least one int64 offset, found int64 and 2 int64",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name(change, message):
    arguments = {
        "word_hash_W": np.zeros(4, np.uint64),
        "word_offsets_N1": np.array([0, 4]),
        "ngram": 5,
        "num_permutations": 8,
        "seed": 1,
    }
    with pytest.raises(ValueError, match=f"^{message}$"):
        sketch(**{**arguments, **change})


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="the JIT is off: five million words take minutes in Python")
def test_one_long_document_takes_memory_by_the_word_and_not_by_the_permutation():
    num_words = 5_000_000
    words = np.random.default_rng(0).integers(0, 2**64, num_words, dtype=np.uint64)
    offsets = np.array([0, num_words])
    sketch(words[:100], offsets // 50_000, ngram=5, num_permutations=112, seed=1)
    tracemalloc.start()
    sketch(words, offsets, ngram=5, num_permutations=112, seed=1)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 13 * num_words, f"{peak_bytes / num_words:.1f} bytes per word; a matrix would take 448"


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="the JIT is off: there is no machine code")
def test_the_minima_run_on_vectors_of_32_bit_numbers(cpu_features):
    compiled = numba.njit(nogil=True)(minhash._minima.py_func)  # one that came from the cache shows no code
    compiled(*(np.ones(7 * _LANES, dtype=np.uint32) for _ in range(4)))
    code = "\n".join(compiled.inspect_asm().values())
    if not {"avx2", "sse4.1"} & cpu_features:
        pytest.skip("this CPU has neither AVX2 nor SSE4.1")
    assert re.search(r"pmulld.*%[xyz]mm", code), "no multiplication of 32-bit lanes: the arithmetic was widened"
    assert re.search(r"pminud.*%[xyz]mm", code), "no minimum of 32-bit lanes: the arithmetic was widened"
    if "avx2" in cpu_features:
        assert re.search(r"vpmulld.*%[yz]mm", code), "vectors of less than 256 bits"


@pytest.fixture
def cpu_features():
    import llvmlite.binding as llvm

    return {name for name, present in llvm.get_host_cpu_features().items() if present}
