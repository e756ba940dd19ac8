"""Sums over trees against the trainer's own prediction."""

from dataclasses import dataclass

import numpy as np
import pytest

from curation.kernels.boosted_trees import Trees, checked, tree_scores

SMALL = Trees(
    feature_N=np.array([1, 0], np.int16),
    threshold_N=np.array([0.5, -1.0], np.float32),
    child_N2=np.array([[1, ~0], [~1, ~2]], np.int32),
    value_L=np.array([1.0, 2.0, 4.0]),
    root_R=np.array([0, ~2], np.int32),
)


def test_a_row_goes_left_at_the_threshold_and_leaves_are_added_by_definition():
    rows = np.array([[-1.0, 0.5], [0.0, 0.5], [9.0, 0.6]], np.float32)
    assert tree_scores(rows, checked(SMALL, num_features=2)).tolist() == [2 + 4, 4 + 4, 1 + 4]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"child_N2": np.array([[0, ~0], [~1, ~2]], np.int32)}, "leads to none"),
        ({"child_N2": np.array([[1, ~3], [~1, ~2]], np.int32)}, "leads to none"),
        ({"child_N2": np.array([[2, ~0], [~1, ~2]], np.int32)}, "leads to none"),
        ({"feature_N": np.array([2, 0], np.int16)}, "asks for a feature"),
        ({"feature_N": np.array([-1, 0], np.int16)}, "asks for a feature"),
        ({"root_R": np.array([2], np.int32)}, "leads to none"),
        ({"value_L": np.array([1.0, np.inf, 4.0])}, "finite leaves"),
        ({"threshold_N": np.array([0.5, np.nan], np.float32)}, "thresholds that are numbers"),
        ({"threshold_N": np.array([0.5], np.float32)}, r"found \(2,\), \(1,\), \(2, 2\)"),
        ({"root_R": np.array([0])}, "expected int16, float32"),
    ],
)
def test_trees_that_would_lead_astray_are_refused_by_definition(changed, message: str):
    with pytest.raises(ValueError, match=message):
        checked(SMALL._replace(**changed), num_features=2)


def test_rows_of_another_type_are_refused():
    with pytest.raises(TypeError, match=r"tree_scores: expected float32 \(B, F\), found float64 \(1, 2\)"):
        tree_scores(np.zeros((1, 2)), SMALL)


@dataclass(frozen=True, slots=True)
class Case:
    """How random features are made: what real ones may be."""

    name: str
    step: float


@pytest.mark.parametrize("case", [Case("whole numbers", 1.0), Case("fractions", 0.001)], ids=lambda case: case.name)
def test_scores_are_those_of_lightgbm_itself(case: Case):
    lightgbm = pytest.importorskip("lightgbm")
    from infra.extraction.training import SETTINGS, flat_trees

    random = np.random.default_rng(7)
    rows = (np.round(random.normal(size=(4000, 12)) / case.step) * case.step).astype(np.float32)
    wanted = (rows[:, 0] * rows[:, 1] + rows[:, 2] > random.normal(size=4000)).astype(np.float64)
    booster = lightgbm.train(SETTINGS, lightgbm.Dataset(rows[:3000], wanted[:3000]), 30)
    trees = checked(flat_trees(booster), num_features=12)
    at_thresholds = rows.copy()
    on_them = trees.threshold_N[np.abs(trees.threshold_N) > 1e-30]  # LightGBM takes what is nearer to 0 for 0
    at_thresholds[:, 3] = np.resize(on_them, rows.shape[0])
    for given in (rows, at_thresholds):
        np.testing.assert_allclose(
            tree_scores(given, trees), booster.predict(given, raw_score=True), rtol=0, atol=1e-12
        )
