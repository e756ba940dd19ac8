"""Whom to ask: limits hold, and the random slices are what their probabilities say."""

import dataclasses

import numpy as np
import pyarrow as pa

from curation.identity import secure_hash, type_of_id
from curation.review.selection import AUDIT_DROPPED, AUDIT_KEPT, DOUBT, Candidates, SelectionKeys, select, shares


def candidates(num: int = 3000, *, seed: int = 0) -> Candidates:
    """A third in doubt, a third kept, a third dropped by one of three rules of very different sizes."""
    random = np.random.default_rng(seed)
    kind = np.arange(num) % 3
    stratum = np.where(kind == 2, random.choice(3, size=num, p=[0.9, 0.09, 0.01]), -1)
    return Candidates(
        ids=pa.array([secure_hash(b"%d" % number) for number in range(num)], type_of_id),
        doubt_N=np.where(kind == 0, random.random(num), np.nan),
        size_N=random.integers(100, 10_000, num),
        cluster_N=random.integers(-1, num // 4, num),
        source_N=random.integers(0, 2, num),
        language_N=random.integers(-1, 5, num),
        kept_N=kind == 1,
        stratum_N=stratum,
    )


def test_the_budget_is_never_passed_and_the_routes_share_it():
    chosen = select(candidates(), SelectionKeys(budget=200), seed=1)
    assert np.bincount(chosen.route_T).tolist() == [160, 20, 20]
    assert np.unique(chosen.row_T).size == 200
    assert select(candidates(), SelectionKeys(budget=0), seed=1).row_T.size == 0


def test_documents_in_doubt_come_by_what_is_at_stake_and_within_the_limits():
    found = candidates()
    keys = SelectionKeys(budget=100, audit_fraction=0, per_cluster=1, per_source=30, per_language=12)
    rows = select(found, keys, seed=1).row_T
    at_stake = found.doubt_N[rows] * found.size_N[rows]
    assert np.all(np.diff(at_stake) <= 0)
    clusters = found.cluster_N[rows]
    assert np.bincount(clusters[clusters >= 0]).max() == 1
    assert np.bincount(found.source_N[rows]).max() <= 30
    languages = found.language_N[rows]
    assert np.bincount(languages[languages >= 0]).max() <= 12
    assert rows.size == 60, "two sources of thirty: what is over the limit leaves room unused"


def test_sampling_weighted_by_the_probabilities_estimates_the_whole_without_bias():
    found = candidates()
    wanted = {AUDIT_KEPT: found.size_N[found.kept_N].sum(), AUDIT_DROPPED: found.size_N[found.stratum_N >= 0].sum()}
    estimates: dict[int, list[float]] = {route: [] for route in wanted}
    for seed in range(200):
        chosen = select(found, SelectionKeys(budget=300, audit_fraction=1.0), seed=seed)
        for route in wanted:
            mine = chosen.route_T == route
            estimates[route].append((found.size_N[chosen.row_T[mine]] / chosen.probability_T[mine]).sum())
    for route, total in wanted.items():
        error = np.std(estimates[route]) / np.sqrt(len(estimates[route]))
        assert abs(np.mean(estimates[route]) - total) < 4 * error


def test_small_strata_are_taken_whole_and_the_others_share_what_is_left():
    assert shares(np.array([1000, 3, 50]), 60).tolist() == [29, 3, 28]
    assert shares(np.array([2, 2]), 100).tolist() == [2, 2]


def test_wherever_people_stop_the_audited_are_among_those_asked():
    chosen = select(candidates(), SelectionKeys(budget=500), seed=3)
    for stop in (50, 100, 250):
        audited = (chosen.route_T[:stop] != DOUBT).mean()
        assert 0.15 < audited < 0.25


def test_the_selection_does_not_depend_on_the_order_of_the_candidates():
    found = candidates()
    order = np.random.default_rng(5).permutation(len(found.ids))
    moved = {
        item.name: getattr(found, item.name).take(pa.array(order))
        if item.name == "ids"
        else getattr(found, item.name)[order]
        for item in dataclasses.fields(Candidates)
    }
    keys = SelectionKeys(budget=200)
    one, other = select(found, keys, seed=2), select(Candidates(**moved), keys, seed=2)
    assert found.ids.take(pa.array(one.row_T)).equals(moved["ids"].take(pa.array(other.row_T)))


def test_about_the_wanted_share_is_asked_of_two():
    chosen = select(candidates(), SelectionKeys(budget=1000, overlap_fraction=0.1), seed=1)
    assert 0.07 < (chosen.num_reviewers_T == 2).mean() < 0.13
