"""Exact links against grouping by a dict, and stored columns as arrays."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.linking import exact_links, ids_of, shingle_sets, signature_matrix

HASHES = st.one_of(
    st.sampled_from([b"\x00" * 16, b"a" + b"\x00" * 15, b"\x00" * 15 + b"a", b"\xff" * 16]),
    st.binary(min_size=16, max_size=16),
)


def links_of(hashes, ranks):
    later, earlier = exact_links(np.array(hashes, dtype="S16"), np.array(ranks, dtype=np.int64))
    return list(zip(later.tolist(), earlier.tolist(), strict=True))


@given(hashes=st.lists(HASHES, max_size=30), order=st.randoms(use_true_random=False))
@settings(max_examples=80)
def test_each_copy_is_linked_to_the_earliest_of_its_text_whatever_the_order_of_rows(hashes, order):
    ranks = order.sample(range(3 * len(hashes)), len(hashes))
    earliest = {}
    for text_hash, rank in zip(hashes, ranks, strict=True):
        earliest[text_hash] = min(rank, earliest.get(text_hash, rank))
    pairs = ((rank, earliest[text_hash]) for text_hash, rank in zip(hashes, ranks, strict=True))
    assert links_of(hashes, ranks) == sorted(pair for pair in pairs if pair[0] != pair[1])


def test_hashes_that_differ_in_trailing_zeros_only_are_different():
    assert links_of([b"\x01" + b"\x00" * 15, b"\x01" * 2 + b"\x00" * 14], [0, 1]) == []


def test_hashes_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"^exact_links: expected S16 hashes, one per rank, found .S8"):
        exact_links(np.zeros(2, dtype="S8"), np.zeros(2, np.int64))


def test_ids_keep_their_zeros_and_honour_slices():
    ids = [b"\x00" * 16, b"a" + b"\x00" * 15, b"b" * 16]
    column = pa.array(ids, pa.binary(16))
    assert ids_of(column).tobytes() == b"".join(ids)
    assert ids_of(column.slice(1)).tobytes() == b"".join(ids[1:])
    assert ids_of(column.slice(3)).size == ids_of(pa.array([], pa.binary(16))).size == 0


def test_ids_with_nulls_are_refused():
    with pytest.raises(ValueError, match=r"without nulls, found fixed_size_binary.16. with 1 nulls"):
        ids_of(pa.array([None], pa.binary(16)))


@pytest.mark.parametrize("data_type", [pa.binary(), pa.large_binary()])
def test_sets_are_read_from_either_width_and_packed_where_they_are_not_aligned(data_type):
    stored = [b"x", b"\x01\x00\x00\x00\x02\x00\x00\x00", None, b"", b"\x03\x00\x00\x00"]
    values, offsets = shingle_sets(pa.array(stored, data_type).slice(1))
    assert [values[i:j].tolist() for i, j in pairwise(offsets)] == [[1, 2], [], [], [3]]


def test_numbers_under_a_null_belong_to_no_set():
    values, offsets = np.array([1, 2, 3], dtype="<u4"), np.array([0, 4, 8, 12], dtype=np.int32)
    validity = pa.array([True, False, True]).buffers()[1]
    column = pa.Array.from_buffers(pa.binary(), 3, [validity, pa.py_buffer(offsets), pa.py_buffer(values)])
    found, ends = shingle_sets(column)
    assert [found[i:j].tolist() for i, j in pairwise(ends)] == [[1], [], [3]]
    assert signature_matrix(column, num_permutations=1)[1].tolist() == [[1], [3]]


def test_bytes_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="expected a multiple of 4 bytes in every row"):
        shingle_sets(pa.array([b"12345"], pa.binary()))
    with pytest.raises(ValueError, match=r"^shingles: expected a binary column, found string$"):
        shingle_sets(pa.array(["1234"]))


def test_signatures_of_another_shape_are_refused_with_the_likely_cause():
    with pytest.raises(ValueError, match=r"expected 112 permutations, found 2 to 2; .* made with other bands or rows"):
        signature_matrix(pa.array([b"12345678", None], pa.binary()), num_permutations=112)
