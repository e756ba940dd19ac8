import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.curriculum.packing import Packing, pack
from curation.kernels.best_fit import best_fit
from tests.oracles.packing import Token, best_fit_bins, packed_rows

counts = st.lists(st.integers(0, 40), max_size=60)
lengths = st.integers(1, 20)


def rows_of(packing: Packing) -> list[list[Token]]:
    rows: list[list[Token]] = []
    for row in range(packing.num_rows):
        pieces = packing.pieces(row, row + 1)
        columns = zip(pieces.emission_P.tolist(), pieces.begin_P.tolist(), pieces.length_P.tolist(), strict=True)
        rows.append([(emission, begin + k) for emission, begin, length in columns for k in range(length)])
    return rows


@given(st.lists(st.integers(0, 30), max_size=80), st.lists(st.integers(0, 30), max_size=10), st.booleans())
def test_an_item_goes_where_the_least_room_is_left_as_by_definition(
    items: list[int], left: list[int], is_falling: bool
):
    items = sorted(items, reverse=True) if is_falling else items
    found = best_fit(np.array(items, dtype=np.int64), np.array(left, dtype=np.int64), capacity=30)
    assert found.tolist() == best_fit_bins(items, left, capacity=30)


def test_a_length_above_the_capacity_is_refused():
    with pytest.raises(ValueError, match=r"expected lengths in \[0, 4\], found \[5, 5\]"):
        best_fit(np.array([5], dtype=np.int64), np.zeros(0, dtype=np.int64), capacity=4)


@given(counts, lengths)
def test_rows_are_those_of_the_definition(num_tokens: list[int], length: int):
    packing = pack(np.array(num_tokens, dtype=np.int64), sequence_length=length)
    expected = packed_rows(num_tokens, sequence_length=length)
    assert rows_of(packing) == expected
    assert packing.valid(0, packing.num_rows).tolist() == [len(row) for row in expected]
    continued = [row > 0 and expected[row][0] == expected[row - 1][-1] for row in range(len(expected))]
    assert packing.continued(0, packing.num_rows).tolist() == continued


@given(counts, lengths, st.integers(1, 20), st.booleans())
def test_every_token_is_in_one_row_whatever_the_window_and_the_keys(
    num_tokens: list[int], length: int, window: int, has_keys: bool
):
    keys = np.random.default_rng(0).random(len(num_tokens)) if has_keys else None
    packing = pack(np.array(num_tokens, dtype=np.int64), sequence_length=length, window=window, key_E=keys)
    rows = rows_of(packing)
    new = [
        token for row, again in zip(rows, packing.continued(0, len(rows)), strict=True) for token in row[int(again) :]
    ]
    assert sorted(new) == [(e, k) for e, count in enumerate(num_tokens) for k in range(count + 1)]
    assert packing.num_valid - packing.num_overlaps == len(new)
    assert all(len(row) <= length + 1 for row in rows)
    for row, again in enumerate(packing.continued(0, len(rows))):
        if again:
            assert rows[row][0] == rows[row - 1][-1]
            assert len(rows[row - 1]) == length + 1
    seen = [token[0] for row in rows for token in row]
    assert [token // window for token in seen] == sorted(token // window for token in seen), "never across windows"
    places = list(zip(*(column.tolist() for column in packing.places()), strict=True))
    assert [rows[row][place] for row, place in places] == [(e, 0) for e in range(len(num_tokens))]


@given(counts, lengths, st.integers(0, 30), st.integers(0, 30))
def test_pieces_of_some_rows_are_that_part_of_all_pieces(num_tokens: list[int], length: int, start: int, size: int):
    packing = pack(np.array(num_tokens, dtype=np.int64), sequence_length=length)
    start = min(start, packing.num_rows)
    stop = min(start + size, packing.num_rows)
    whole, part = packing.pieces(0, packing.num_rows), packing.pieces(start, stop)
    low, high = int(whole.counts_R[:start].sum()), int(whole.counts_R[:stop].sum())
    for name in ("emission_P", "begin_P", "length_P"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[low:high])


def test_documents_that_fit_are_never_cut_and_little_is_wasted():
    draw = np.random.default_rng(0)
    num_tokens = np.minimum(draw.lognormal(6, 1.2, 50_000).astype(np.int64), 20_000)
    packing = pack(num_tokens, sequence_length=2048)
    cut = np.unique(packing.emission_P[packing.begin_P > 0])
    assert (num_tokens[cut] + 1 > 2049).all()
    assert packing.num_padding < 0.002 * packing.num_valid


def test_random_keys_spread_long_documents_over_the_window():
    num_tokens = np.tile([99, 4, 4, 4, 4], 2000)
    keys = np.random.default_rng(1).random(num_tokens.size)
    packing = pack(num_tokens, sequence_length=99, key_E=keys)
    row_of_long = packing.places()[0][::5]
    assert abs(row_of_long.mean() / packing.num_rows - 0.5) < 0.03


def test_one_document_longer_than_many_rows_is_cut_without_loss():
    packing = pack(np.array([1_000_000], dtype=np.int64), sequence_length=1024)
    assert packing.num_overlaps == packing.num_rows - 1
    assert packing.num_valid - packing.num_overlaps == 1_000_001


def test_a_negative_count_or_an_empty_row_is_refused():
    with pytest.raises(ValueError, match="token counts >= 0"):
        pack(np.array([-1], dtype=np.int64), sequence_length=4)
    with pytest.raises(ValueError, match="sequence length >= 1"):
        pack(np.array([1], dtype=np.int64), sequence_length=0)
