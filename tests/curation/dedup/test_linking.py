"""Stored columns as arrays."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.linking import ids_of, shingle_sets, signature_matrix


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
