"""Document vectors and scores of fastText against their definition, and the cache that may change nothing."""

import re
import threading

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.kernels import fasttext_rows
from curation.kernels.fasttext import Encoder, document_vectors, new_cache
from curation.kernels.fasttext_dictionary import (
    MAX_PER_SLOT,
    dictionary_entries,
    kept_buckets,
    word_table,
)
from curation.kernels.fasttext_labels import Labels, best_labels, label_tree, sigmoid_table
from curation.kernels.fasttext_rows import Rows, Settings, write_products
from curation.kernels.float_lanes import sigmoids_32
from tests.oracles import fasttext as oracle

WORDS = ["</s>", "the", "Wort", "слово", "__label__word", "漢字", "😀x", "a", "é"]
LABELS = ["__label__one", "__lang__two"]
PIECES = st.sampled_from(
    [
        *WORDS,
        *LABELS,
        " ",
        "\n",
        "\t",
        "\0",
        "\r\n",
        "  ",
        "__label__",
        "__label__new",
        "</s>",
        "x" * 33,
        "ж" * 17,
        ">",
        "<",
    ]
)
TEXTS = st.lists(
    st.one_of(
        st.lists(PIECES, max_size=40).map(" ".join), st.lists(PIECES, max_size=9).map("".join), st.text(max_size=70)
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def models(draw):
    """Draws (encoder, the same model for the oracle)."""
    words = draw(st.lists(st.sampled_from(WORDS), unique=True)) + LABELS
    num_words, num_buckets = len(words) - len(LABELS), draw(st.integers(1, 70))
    kept = draw(st.none() | st.lists(st.integers(0, num_buckets - 1), unique=True))
    num_rows = num_words + (num_buckets if kept is None else len(kept))
    dim = draw(st.sampled_from([1, 2, 3, 8, 9, 16]))
    random = np.random.default_rng(draw(st.integers(0, 9)))
    sub_dim = min(dim, draw(st.sampled_from([0, 1, 2, 3])))
    rows, matrix = drawn_rows(random, num_rows, dim, sub_dim)
    encoded = [word.encode() for word in words]
    sizes = np.array([len(word) for word in encoded], dtype=np.uint64)
    starts = np.cumsum(sizes, dtype=np.uint64) - sizes
    shape = {
        "min_chars": draw(st.integers(0, 3)),
        "max_chars": draw(st.integers(0, 5)),
        "word_ngrams": draw(st.integers(0, 4)),
        "num_buckets": num_buckets,
        "num_words": num_words,
    }
    numbers = shape | {"dim": dim, "sub_dim": sub_dim, "num_parts": -(-dim // sub_dim) if sub_dim else 0}
    numbers |= {"is_pruned": kept is not None, "bucket_inverse": (2**64 // num_buckets + 1) % 2**64}
    encoder = Encoder(
        settings=Settings(**{name: np.uint64(value) for name, value in numbers.items()}),
        words=word_table(np.frombuffer(b"".join(encoded), dtype=np.uint8), starts, sizes),
        kept_B=kept_buckets(np.array(kept or [], dtype=np.int64), num_buckets if kept is not None else 0),
        rows=rows,
    )
    ranks = {bucket: rank for rank, bucket in enumerate(sorted(kept or []))}
    return encoder, oracle.Model(words=encoded, is_pruned=kept is not None, bucket_rows=ranks, matrix=matrix, **shape)


def drawn_rows(random, num_rows, dim, sub_dim):
    """Returns rows, dense if sub_dim is 0, and the same as float64."""
    none = np.frombuffer(b"", dtype=np.float32)
    if not sub_dim:
        matrix = random.normal(size=(num_rows, dim)).astype(np.float32)
        unaligned = np.frombuffer(b"." + matrix.tobytes(), dtype=np.uint8)[1:]
        return Rows(stored=unaligned, centroids=none, norm_R=none), matrix.astype(np.float64)
    num_parts = -(-dim // sub_dim)
    codes = random.integers(0, 256, (num_rows, num_parts), dtype=np.uint8)
    centroids, norms = random.normal(size=256 * dim).astype(np.float32), random.normal(size=num_rows).astype(np.float32)
    matrix = np.empty((num_rows, dim))
    for q in range(num_parts):
        width = min(sub_dim, dim - q * sub_dim)
        part = centroids[256 * q * sub_dim :][: 256 * width].reshape(256, width)
        matrix[:, q * sub_dim : q * sub_dim + width] = part[codes[:, q]] * norms[:, None]
    arrays = Rows(stored=np.frombuffer(codes.tobytes(), dtype=np.uint8), centroids=centroids, norm_R=norms)
    for array in arrays:
        array.setflags(write=False)
    return arrays, matrix


def documents(texts):
    """Returns (values, offsets) as read-only arrays; the first document does not begin at 0."""
    encoded = [text.encode() for text in texts]
    values = np.frombuffer(b"###" + b"".join(encoded), dtype=np.uint8)
    offsets = 3 + np.cumsum([0, *(len(text) for text in encoded)], dtype=np.int64)
    offsets.setflags(write=False)
    return values, offsets


def vectors(texts, encoder, cache=None):
    cache = cache or new_cache(encoder, num_bytes=4096)
    with np.errstate(over="ignore"):  # hashes wrap around by definition; NumPy warns with the JIT off
        return document_vectors(*documents(texts), encoder, cache)


@given(models(), TEXTS)
@settings(max_examples=150)
def test_vectors_are_those_of_the_definition(model, texts):
    encoder, expected = model
    vector_ND, num_rows_N = vectors(texts, encoder)
    for text, vector_D, num_rows in zip(texts, vector_ND, num_rows_N, strict=True):
        expected_D, expected_rows = oracle.vector(text.encode(), expected)
        assert num_rows == expected_rows, text
        np.testing.assert_allclose(vector_D, expected_D, atol=2e-5)


@given(models(), TEXTS, st.sampled_from([1, 300, 1 << 20]), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_vectors_do_not_depend_on_the_cache_nor_on_the_order_of_documents(model, texts, num_bytes, random):
    encoder, _ = model
    cold, _ = vectors(texts, encoder, new_cache(encoder, num_bytes=1))
    cache = new_cache(encoder, num_bytes=num_bytes)
    for _ in range(2):
        order = random.sample(range(len(texts)), len(texts))
        shuffled, _ = vectors([texts[i] for i in order], encoder, cache)
        assert np.array_equal(shuffled.view(np.uint32), cold[order].view(np.uint32))


def test_a_word_of_more_bytes_than_a_cache_key_is_never_kept():
    encoder = simple_encoder()
    cache = new_cache(encoder, num_bytes=1 << 16)
    vectors(["a" * 32, "b" * 33], encoder, cache)
    kept = {bytes(row).rstrip(b"\0") for row in cache.u64_SK[:-1, :4].copy().view(np.uint8)}
    assert kept == {b"", b"a" * 32, b"</s>"}


def test_words_in_one_place_of_the_cache_do_not_stand_in_for_each_other():
    encoder = simple_encoder()
    words = [f"word{number}" for number in range(50)]
    one_by_one = np.concatenate([vectors([word], encoder)[0] for word in words])
    together, _ = vectors(words, encoder, new_cache(encoder, num_bytes=1))  # one place for all of them
    assert np.array_equal(together, one_by_one)
    assert len(np.unique(one_by_one, axis=0)) > 40


def test_threads_with_a_cache_each_get_the_same_vectors():
    encoder = simple_encoder()
    texts = [f"text {number % 7} of words {number}" for number in range(300)]
    expected, _ = vectors(texts, encoder)
    found = [None] * 4

    def work(index):
        found[index] = vectors(texts, encoder, new_cache(encoder, num_bytes=2048))[0]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(vector_ND, expected) for vector_ND in found)


def simple_encoder():
    """Returns an encoder with n-grams of 2 to 4 characters in 997 buckets, 8 numbers each, and no words."""
    rows, _ = drawn_rows(np.random.default_rng(1), 997, 8, 0)
    numbers = {"dim": 8, "sub_dim": 0, "num_parts": 0, "num_words": 0, "num_buckets": 997, "is_pruned": 0}
    numbers |= {"bucket_inverse": 2**64 // 997 + 1, "min_chars": 2, "max_chars": 4, "word_ngrams": 2}
    nothing = np.empty(0, dtype=np.uint64)
    return Encoder(
        settings=Settings(**{name: np.uint64(numbers[name]) for name in Settings._fields}),
        words=word_table(np.frombuffer(b"", dtype=np.uint8), nothing, nothing),
        kept_B=nothing,
        rows=rows,
    )


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
@example([b"\xff" * 40, b"\x80", b"\xc3", b"a\xf0"])
def test_bytes_that_are_no_utf8_have_vectors_that_do_not_depend_on_what_lies_beside(texts):
    encoder = simple_encoder()
    values = np.frombuffer(b"".join(texts), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    offsets.setflags(write=False)
    with np.errstate(over="ignore"):
        together, _ = document_vectors(values, offsets, encoder, new_cache(encoder, num_bytes=4096))
        for text, vector_D in zip(texts, together, strict=True):
            alone = np.frombuffer(text, dtype=np.uint8), np.array([0, len(text)], dtype=np.int64)
            alone[1].setflags(write=False)
            assert np.array_equal(document_vectors(*alone, encoder, new_cache(encoder, num_bytes=1))[0][0], vector_D)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 9))
def test_products_of_rows_with_weights_are_those_of_the_definition(dim, num_labels, seed):
    rows, matrix = drawn_rows(np.random.default_rng(seed), 5, dim, 0)
    weight_LD = np.random.default_rng(seed + 1).normal(size=(num_labels, dim)).astype(np.float32)
    product_RL = np.empty((5, num_labels), dtype=np.float32)
    write_products(rows.stored, weight_LD, product_RL)
    np.testing.assert_allclose(product_RL, matrix @ weight_LD.T.astype(np.float64), atol=1e-4)


SCORES = st.lists(st.floats(-12, 12, width=32), min_size=1, max_size=9)


def labels_of(scores, loss, counts):
    weights = np.array(scores, dtype=np.float32)[:, None]
    return Labels(weight_LD=weights, loss=loss, child_T2=label_tree(counts), sigmoid_S=sigmoid_table())


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="the JIT is off: there is no machine code")
def test_products_of_rows_run_on_vectors_of_float32():
    compiled = numba.njit(nogil=True)(fasttext_rows._products.py_func)  # one that came from the cache shows no code
    weights, product_RL = np.ones(16, dtype=np.float32), np.empty((1, 1), dtype=np.float32)
    compiled(weights.view(np.uint8), weights, np.uint64(16), product_RL)
    assert product_RL[0, 0] == 16
    code = "\n".join(compiled.inspect_asm().values())
    assert re.search(r"mulps.*%[xyz]mm|fmul\tv\d+\.4s", code), "no product of vectors: lanes were taken one by one"


@given(SCORES, st.sampled_from([1, 3, 4]), st.integers(1, 9), st.data())
def test_scores_are_those_of_the_definition_best_first(scores, loss, count, data):
    counts = sorted(data.draw(st.lists(st.integers(0, 9), min_size=len(scores), max_size=len(scores))), reverse=True)
    label_NK, score_NK = best_labels(np.ones((2, 1), dtype=np.float32), labels_of(scores, loss, counts), count=count)
    exact = np.array(scores, dtype=np.float32).astype(np.float64)
    expected = {1: lambda s: oracle.hierarchical(s, counts), 3: oracle.softmax, 4: oracle.one_vs_all}[loss](exact)
    assert label_NK.shape == (2, min(count, len(scores)))
    for label_K, score_K in zip(label_NK.tolist(), score_NK.tolist(), strict=True):
        found = [label for label in label_K if label >= 0]
        assert len(set(found)) == len(found)
        np.testing.assert_allclose(score_K[: len(found)], [expected[label] for label in found], atol=1e-6)
        assert score_K == sorted(score_K, reverse=True)
        if loss != 1:  # the hierarchical loss leaves out what is below 1e-5
            np.testing.assert_allclose(score_K, sorted(expected, reverse=True)[: len(score_K)], atol=1e-6)
        else:
            assert len(found) == min(count, sum(p > 1.01e-5 for p in expected)) or any(p < 1.1e-5 for p in expected)


@given(st.integers(33, 120), st.sampled_from([1, 8, 11]), st.integers(0, 9))
@settings(max_examples=20)
def test_the_best_labels_of_a_large_tree_are_those_of_the_definition(num_labels, dim, seed):
    random = np.random.default_rng(seed)
    counts = sorted((int(count) for count in random.integers(0, 999, num_labels)), reverse=True)
    weight_LD = random.normal(size=(num_labels, dim)).astype(np.float32)
    vector_ND = 3 * random.normal(size=(5, dim)).astype(np.float32)
    labels = Labels(weight_LD=weight_LD, loss=1, child_T2=label_tree(counts), sigmoid_S=sigmoid_table())
    for vector_D, score_K in zip(vector_ND, best_labels(vector_ND, labels, count=4)[1], strict=True):
        expected = sorted(oracle.hierarchical(weight_LD.astype(np.float64) @ vector_D, counts), reverse=True)[:4]
        found = score_K[score_K > 0]
        np.testing.assert_allclose(found, expected[: found.size], atol=3e-6)
        assert all(p < 1.1e-5 for p in expected[found.size :])


@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32) | st.floats(-20, 20, width=32), min_size=32, max_size=32))
def test_sigmoids_are_those_of_the_definition(numbers):
    found = np.array([9, *numbers, 9], dtype=np.float32)
    sigmoids_32(found, np.uint64(1))
    assert found[0] == found[-1] == 9
    clipped = np.clip(np.array(numbers, dtype=np.float64), -87, 87)
    np.testing.assert_allclose(found[1:-1], 1 / (1 + np.exp(-clipped)), rtol=4e-7)


def test_counts_of_labels_that_make_no_tree_are_refused():
    with pytest.raises(
        ValueError, match="expected counts of labels from 0 that sum to less than 10\\^15, found others"
    ):
        label_tree([5, -1])
    with pytest.raises(ValueError, match="found others"):
        label_tree([10**15, 1])


@given(st.lists(st.binary(max_size=12).filter(lambda word: b"\0" not in word), max_size=20))
def test_entries_are_read_by_the_definition_of_the_format(words):
    data = b"".join(word + b"\0" + len(word).to_bytes(8, "little") + bytes([i % 2]) for i, word in enumerate(words))
    entries, end = dictionary_entries(np.frombuffer(b"!" + data, dtype=np.uint8), 1, len(words))
    assert end == len(data) + 1
    places = zip(entries.start_E.tolist(), entries.size_E.tolist(), strict=True)
    assert [(b"!" + data)[start : start + size] for start, size in places] == words
    assert entries.count_E.tolist() == [len(word) for word in words]
    assert entries.kind_E.tolist() == [i % 2 for i in range(len(words))]
    if words:
        assert dictionary_entries(np.frombuffer(data[:-1], dtype=np.uint8), 0, len(words))[1] == -1


def test_more_equal_words_than_a_slot_holds_are_refused():
    data = np.frombuffer(b"a", dtype=np.uint8)
    place = np.zeros(MAX_PER_SLOT + 1, dtype=np.uint64)
    with pytest.raises(ValueError, match=f"expected at most {MAX_PER_SLOT} words in a slot, found {MAX_PER_SLOT + 1}"):
        word_table(data, place, place + np.uint64(1))
