"""Band hashes and candidate pairs against their definitions."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.kernels.bands import band_hashes, by_partition, candidate_pairs, merged_pairs, packed_pairs, scoped_hashes
from tests.oracles import linking as oracle

ENTRIES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 40)), max_size=120)


def hashed(minhash_NH, **shape):
    with np.errstate(over="ignore"):  # hashes wrap; NumPy warns with the JIT off
        return band_hashes(np.asarray(minhash_NH, dtype=np.uint32), **shape)


def pairs_of(entries, max_earlier=32):
    hashes = np.array([hash_value for hash_value, _ in entries], dtype=np.uint64)
    ranks = np.array([rank for _, rank in entries], dtype=np.int64)
    later, earlier, hot = candidate_pairs(hashes, ranks, max_earlier=max_earlier)
    return list(zip(later.tolist(), earlier.tolist(), strict=True)), hot


@given(entries=ENTRIES, max_earlier=st.integers(1, 45))
@settings(max_examples=100)
def test_candidates_are_the_pairs_of_the_definition_each_once_and_in_order(entries, max_earlier):
    assert pairs_of(entries, max_earlier) == oracle.candidate_pairs(entries, max_earlier)


@given(entries=ENTRIES, order=st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_candidates_do_not_depend_on_the_order_of_entries(entries, order):
    shuffled = list(entries)
    order.shuffle(shuffled)
    assert pairs_of(shuffled, 3) == pairs_of(entries, 3)


def test_a_hot_bucket_compares_each_member_with_the_32_earliest_and_is_reported():
    entries = [(7, rank) for rank in range(1000)]
    pairs, hot = pairs_of(entries)
    assert hot == 1
    assert len(pairs) == 32 * 31 // 2 + (1000 - 32) * 32
    assert {earlier for _, earlier in pairs} == set(range(32))


@pytest.mark.slow
def test_a_million_documents_in_one_bucket_cost_what_their_32_pairs_each_cost_and_no_more():
    size = 1_000_000
    hashes, ranks = np.full(size, 7, dtype=np.uint64), np.random.default_rng(0).permutation(size).astype(np.uint32)
    list(packed_pairs(hashes[:2], ranks[:2])[1])  # compiled before anything is measured
    tracemalloc.start()
    started = time.process_time()
    hot, pieces = packed_pairs(hashes, ranks)
    sizes = [(pairs.size, int(pairs.astype(np.uint32).max())) for pairs in pieces]
    seconds, (_, peak_bytes) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert hot == 1, "reported"
    assert sum(count for count, _ in sizes) == 32 * 31 // 2 + (size - 32) * 32, (
        "all pairs would be 15,625 times as many"
    )
    assert max(earliest for _, earliest in sizes) == 31, "each is compared with the 32 earliest"
    assert peak_bytes < 400e6, f"{peak_bytes / 1e6:.0f} MB; the pairs are 256 MB"
    assert seconds < 30


def test_a_bucket_that_the_cap_leaves_whole_is_not_hot():
    assert pairs_of([(7, rank) for rank in range(33)])[1] == 0
    assert pairs_of([(7, rank) for rank in range(34)])[1] == 1


@given(entries=ENTRIES, added=st.lists(st.tuples(st.integers(0, 6), st.integers(41, 80)), max_size=60))
@settings(max_examples=50)
def test_later_documents_change_no_pair_of_earlier_ones(entries, added):
    before, _ = pairs_of(entries, 4)
    after, _ = pairs_of(entries + added, 4)
    assert [pair for pair in after if pair[0] <= 40] == before


@given(entries=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
@settings(max_examples=50)
def test_hashes_of_different_scopes_differ_and_those_of_one_scope_are_equal_as_before(entries):
    hashes = np.array([value for value, _ in entries], dtype=np.uint64)
    scopes = np.array([scope for _, scope in entries], dtype=np.int32)
    with np.errstate(over="ignore"):
        scoped = scoped_hashes(hashes.reshape(-1, 1), scopes)[:, 0].tolist()
    assert [a == b for a in scoped for b in scoped] == [a == b for a in entries for b in entries]


def test_ranks_up_to_32_bits_are_kept_whole():
    last = 2**32 - 1
    assert pairs_of([(2**64 - 1, last), (2**64 - 1, 2**31), (2**64 - 1, 0)])[0] == [
        (2**31, 0),
        (last, 0),
        (last, 2**31),
    ]


def test_a_rank_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"^rank: expected 0 to 2\^32 - 1, found 0 to 4294967296$"):
        pairs_of([(1, 0), (1, 2**32)])


def test_hashes_and_ranks_of_other_types_are_refused():
    with pytest.raises(ValueError, match="expected uint64 hashes and uint32 ranks of one length"):
        candidate_pairs(np.zeros(2, np.int64), np.zeros(2, np.int64))


@given(rows=st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=12))
@settings(max_examples=50)
def test_two_band_hashes_are_equal_just_where_the_bands_are(rows):
    hash_NB = hashed(rows, bands=3, rows=2)
    for left, left_hashes in zip(rows, hash_NB, strict=True):
        for right, right_hashes in zip(rows, hash_NB, strict=True):
            same = [left[2 * band : 2 * band + 2] == right[2 * band : 2 * band + 2] for band in range(3)]
            assert (left_hashes == right_hashes).tolist() == same


def test_the_same_rows_in_another_band_hash_differently():
    hash_NB = hashed([[5] * 112], bands=14, rows=8)
    assert np.unique(hash_NB).size == 14


def test_band_hashes_are_these_for_ever():
    hash_NB = hashed([list(range(4))], bands=2, rows=2)
    assert hash_NB.tolist() == [[4592658199216259040, 14166664374092262151]]


def test_signatures_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"expected uint32 \(N, 112\) for 14 bands of 8 rows, found uint32 \(3, 100\)"):
        hashed(np.zeros((3, 100)), bands=14, rows=8)


@given(
    hashes=st.lists(st.one_of(st.integers(0, 2**64 - 1), st.integers(2**64 - 3, 2**64 - 1)), max_size=60),
    partitions=st.integers(1, 9),
)
@settings(max_examples=60)
def test_partitions_are_equal_shares_of_the_hash_space_and_keep_the_order(hashes, partitions):
    entries = [(value, rank) for rank, value in enumerate(hashes)]
    share = [(value >> 32) * partitions >> 32 for value in hashes]
    hash_M, rank_M, start_P1 = by_partition(
        np.array(hashes, dtype=np.uint64), np.arange(len(hashes), dtype=np.uint32), partitions
    )
    found = list(zip(hash_M.tolist(), rank_M.tolist(), strict=True))
    for p in range(partitions):
        expected = [entry for entry, mine in zip(entries, share, strict=True) if mine == p]
        assert found[start_P1[p] : start_P1[p + 1]] == expected
    assert start_P1[-1] == len(hashes)


@given(pieces=st.lists(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=9), min_size=3, max_size=3))
def test_pairs_merge_in_any_order_and_grouping_and_none_adds_nothing(pieces):
    first, second, third = [merged_pairs([np.array(piece, dtype=np.uint64)]) for piece in pieces]
    whole = merged_pairs([first, second, third])
    assert whole.tolist() == sorted({*first.tolist(), *second.tolist(), *third.tolist()})
    others = [
        merged_pairs([third, first, second]),
        merged_pairs([merged_pairs([first, second]), third]),
        merged_pairs([first, merged_pairs([second, third])]),
        merged_pairs([whole, np.zeros(0, np.uint64), whole]),
    ]
    assert all(np.array_equal(whole, other) for other in others)


def test_pairs_that_several_bands_propose_are_merged_to_one():
    bands = [np.array([1, 5, 9], dtype=np.uint64), np.zeros(0, np.uint64), np.array([5, 7], dtype=np.uint64)]
    assert merged_pairs(bands).tolist() == [1, 5, 7, 9]
    assert merged_pairs([]).size == 0


@given(entries=ENTRIES, most_pairs=st.integers(3, 40))
@settings(max_examples=60)
def test_pieces_of_any_size_hold_the_same_pairs(entries, most_pairs):
    hash_M = np.array([value for value, _ in entries], dtype=np.uint64)
    rank_M = np.array([rank for _, rank in entries], dtype=np.uint32)
    hot, pieces = packed_pairs(hash_M, rank_M, max_earlier=3, most_pairs=most_pairs)
    found = list(pieces)
    assert all(piece.size <= most_pairs for piece in found)
    later, earlier, hot_of_all = candidate_pairs(hash_M, rank_M.astype(np.int64), max_earlier=3)
    assert merged_pairs(found).tolist() == [
        (a << 32) | b for a, b in zip(later.tolist(), earlier.tolist(), strict=True)
    ]
    assert hot == hot_of_all
