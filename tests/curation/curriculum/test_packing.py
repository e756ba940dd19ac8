import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.curriculum.packing import pack
from tests.oracles.packing import packed_rows

counts = st.lists(st.integers(0, 40), max_size=60)
lengths = st.integers(1, 20)


@given(counts, lengths)
def test_rows_are_those_of_the_definition(num_tokens: list[int], length: int):
    packing = pack(np.array(num_tokens, dtype=np.int64), sequence_length=length)
    pieces = packing.pieces(0, packing.num_rows)
    rows: list[list[tuple[int, int]]] = []
    at = 0
    for count in pieces.counts_R:
        row = []
        for piece in range(at, at + count):
            begin = int(pieces.begin_P[piece])
            row += [(int(pieces.emission_P[piece]), begin + k) for k in range(pieces.length_P[piece])]
        rows.append(row)
        at += count
    expected = packed_rows(num_tokens, sequence_length=length)
    assert rows == expected
    continued = [row > 0 and expected[row][0] == expected[row - 1][-1] for row in range(len(expected))]
    assert packing.continued(0, packing.num_rows).tolist() == continued


@given(counts, lengths)
def test_tokens_are_conserved_and_each_is_predicted_at_most_once(num_tokens: list[int], length: int):
    packing = pack(np.array(num_tokens, dtype=np.int64), sequence_length=length)
    assert packing.num_valid - packing.num_overlaps == sum(num_tokens) + len(num_tokens)
    assert packing.num_padding < length + 1, "only the last row of a stage is padded"
    assert (np.diff(packing.stop_R) > 0).all(), "no row repeats another"


@given(counts, lengths, st.integers(0, 30), st.integers(0, 30))
def test_pieces_of_some_rows_are_that_part_of_all_pieces(num_tokens: list[int], length: int, start: int, size: int):
    packing = pack(np.array(num_tokens, dtype=np.int64), sequence_length=length)
    start = min(start, packing.num_rows)
    stop = min(start + size, packing.num_rows)
    whole, part = packing.pieces(0, packing.num_rows), packing.pieces(start, stop)
    low, high = int(whole.counts_R[:start].sum()), int(whole.counts_R[:stop].sum())
    for name in ("emission_P", "begin_P", "length_P"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[low:high])


def test_a_document_that_ends_with_its_row_leaves_the_next_row_fresh():
    packing = pack(np.array([4, 2], dtype=np.int64), sequence_length=4)
    assert packing.start_R.tolist() == [0, 5]
    assert packing.num_overlaps == 0


def test_one_document_longer_than_many_rows_is_cut_without_loss():
    packing = pack(np.array([1_000_000], dtype=np.int64), sequence_length=1024)
    assert packing.num_overlaps == packing.num_rows - 1
    assert packing.num_valid - packing.num_overlaps == 1_000_001


def test_a_negative_count_or_an_empty_row_is_refused():
    with pytest.raises(ValueError, match="token counts >= 0"):
        pack(np.array([-1], dtype=np.int64), sequence_length=4)
    with pytest.raises(ValueError, match="sequence length >= 1"):
        pack(np.array([1], dtype=np.int64), sequence_length=0)
