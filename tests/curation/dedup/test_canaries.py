"""Canaries: their similarity is what they say, their draws belong to them alone, and their buckets are the real ones."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.canaries import LEVELS, MIN_SHINGLES, candidates_of, draw_originals, make_canaries
from curation.kernels.bands import band_hashes
from curation.kernels.minhash import sign
from tests.oracles import linking as oracle
from tests.oracles.minhash import chance_of_catching


def ids_of(numbers):
    return np.array([b"%016d" % number for number in numbers], dtype="S16")


def sets_of(sizes, seed=0):
    """Random sorted sets of the given sizes, end to end, and their offsets."""
    draw = np.random.default_rng(seed)
    sets = [np.sort(draw.choice(2**32, size, replace=False).astype(np.uint32)) for size in sizes]
    return np.concatenate([np.zeros(0, np.uint32), *sets]), np.cumsum([0, *sizes], dtype=np.int64)


def parts(values, offsets):
    return [values[start:end].tolist() for start, end in pairwise(offsets)]


@given(size=st.integers(MIN_SHINGLES, 400), level=st.sampled_from(LEVELS), number=st.integers(0, 99))
@settings(max_examples=150)
def test_a_canary_is_a_set_whose_jaccard_is_stated_exactly_and_near_its_level(size, level, number):
    shingles, offsets = sets_of([size])
    made = make_canaries(shingles, offsets, ids_of([number]), np.array([level]), seed=3)
    original, copy = set(shingles.tolist()), made.shingles.tolist()
    assert copy == sorted(set(copy)), "sorted, each shingle once, as stored sets are"
    assert len(original & set(copy)) / len(original | set(copy)) == made.jaccard_C[0]
    assert abs(made.jaccard_C[0] - level) <= 1 / (2 * size), "half of what one shingle more or less changes"


def test_a_canary_depends_on_its_document_level_and_seed_and_on_no_other_canary():
    shingles, offsets = sets_of([50, 60, 70])
    ids, levels = ids_of([1, 2, 3]), np.array([0.5, 0.7, 0.9])
    made = make_canaries(shingles, offsets, ids, levels, seed=1)
    for c in range(3):
        one = make_canaries(shingles, offsets[c : c + 2], ids[c : c + 1], levels[c : c + 1], seed=1)
        assert parts(one.shingles, one.offsets_C1) == parts(made.shingles, made.offsets_C1)[c : c + 1]
    for change in ({"seed": 2}, {"ids_C": ids_of([4, 5, 6])}):
        other = make_canaries(shingles, offsets, **({"ids_C": ids, "level_C": levels, "seed": 1} | change))
        pairs = zip(parts(made.shingles, made.offsets_C1), parts(other.shingles, other.offsets_C1), strict=True)
        assert all(left != right for left, right in pairs)


def test_canaries_are_these_for_ever():
    shingles = np.arange(0, 20_000, 1000, dtype=np.uint32)
    made = make_canaries(shingles, np.array([0, 20]), ids_of([7]), np.array([0.7]), seed=1)
    assert made.shingles.tolist() == [
        0,
        2000,
        3000,
        6000,
        7000,
        9000,
        10000,
        11000,
        12000,
        13000,
        14000,
        15000,
        16000,
        17000,
        18000,
        19000,
        949945794,
        1633972811,
        2667656009,
    ]
    assert made.jaccard_C.tolist() == [16 / 23]


def test_short_sets_and_levels_that_are_no_similarity_are_refused():
    shingles, offsets = sets_of([19])
    message = r"^make_canaries: expected at least 20 shingles and levels in \(0, 1\], found 19 shingles and levels 0.5 to 0.5$"
    with pytest.raises(ValueError, match=message):
        make_canaries(shingles, offsets, ids_of([1]), np.array([0.5]), seed=1)
    shingles, offsets = sets_of([20])
    with pytest.raises(ValueError, match=r"found 20 shingles and levels 1\.5 to 1\.5$"):
        make_canaries(shingles, offsets, ids_of([1]), np.array([1.5]), seed=1)


@given(order=st.permutations(range(30)), most=st.integers(0, 40))
@settings(max_examples=40)
def test_originals_are_the_same_documents_in_whatever_order_they_come(order, most):
    expected = ids_of(range(30))[draw_originals(ids_of(range(30)), most=most, seed=5)]
    found = ids_of(order)[draw_originals(ids_of(order), most=most, seed=5)]
    assert found.tolist() == expected.tolist()
    assert expected.size == np.unique(expected).size == min(most, 30)


def test_another_seed_draws_other_originals_and_fewer_are_the_first_of_many():
    ids = ids_of(range(1000))
    many = draw_originals(ids, most=100, seed=5)
    assert draw_originals(ids, most=10, seed=5).tolist() == many[:10].tolist()
    assert np.intersect1d(many, draw_originals(ids, most=100, seed=6)).size < 30, "10 of 100 are expected by chance"


ENTRIES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=80)


@given(
    entries=ENTRIES,
    canaries=st.lists(st.lists(st.integers(0, 12), min_size=2, max_size=2), max_size=4),
    cuts=st.lists(st.integers(0, 80), max_size=4),
    max_earlier=st.integers(1, 6),
)
@settings(max_examples=150)
def test_candidates_are_those_of_a_document_that_comes_after_all_others(entries, canaries, cuts, max_earlier):
    hash_CB = np.array(canaries, dtype=np.uint64).reshape(-1, 2)
    expected = []
    for number, hashes in enumerate(canaries):
        pairs, _ = oracle.candidate_pairs([*entries, *((value, 99) for value in hashes)], max_earlier)
        expected += [(number, earlier) for later, earlier in pairs if later == 99]
    hashes = np.array([value for value, _ in entries], dtype=np.uint64)
    ranks = np.array([rank for _, rank in entries], dtype=np.uint32)
    blocks = zip(np.split(hashes, sorted(cuts)), np.split(ranks, sorted(cuts)), strict=True)
    canary, rank = candidates_of(hash_CB, blocks, max_earlier=max_earlier)
    assert list(zip(canary.tolist(), rank.tolist(), strict=True)) == expected


def test_hashes_at_both_ends_of_64_bits_are_found_and_no_others():
    last = 2**64 - 1
    entries = np.array([0, 1, last - 1, last], dtype=np.uint64)
    canary, rank = candidates_of(np.array([[0, last]], dtype=np.uint64), [(entries, np.arange(4, dtype=np.uint32))])
    assert (canary.tolist(), rank.tolist()) == ([0, 0], [0, 3])
    nothing = candidates_of(np.zeros((0, 2), np.uint64), [(entries, np.arange(4, dtype=np.uint32))])
    assert [part.size for part in nothing] == [0, 0]


def test_the_share_of_canaries_that_find_their_document_is_that_of_the_curve():
    size, repeats = 80, 60
    shingles, offsets = sets_of([size] * repeats * len(LEVELS))
    levels = np.repeat(LEVELS, repeats)
    made = make_canaries(shingles, offsets, ids_of(range(levels.size)), levels, seed=1)
    shape = {"bands": 14, "rows": 8}
    originals, copies = (
        band_hashes(sign(*sets, num_permutations=112, seed=1), **shape)
        for sets in ((shingles, offsets), (made.shingles, made.offsets_C1))
    )
    entries = [(originals.reshape(-1), np.repeat(np.arange(levels.size), 14))]
    canary, rank = candidates_of(copies, entries)
    assert (canary == rank).all(), "random sets share no band with any set but their own"
    found = np.bincount(canary, minlength=levels.size) > 0
    for level in LEVELS:
        chance = np.array([chance_of_catching(s, **shape) for s in made.jaccard_C[levels == level]])
        deviation = np.sqrt(np.sum(chance * (1 - chance)))
        assert abs(found[levels == level].sum() - chance.sum()) <= 3.3 * deviation + 0.5, f"level {level}"
