"""Krippendorff's alpha against published values and against its definition, pair by pair."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.review.agreement import agreement

NONE = 0
PUBLISHED = [  # Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section C: 4 observers, 12 units
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]


def flat(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    given = [(unit, value - 1) for row in rows for unit, value in enumerate(row) if value != NONE]
    return tuple(np.array(given, dtype=np.int64).reshape(-1, 2).T)  # type: ignore[return-value]


def alpha_by_definition(units: list[int], values: list[int], level: str) -> float | None:
    """1 less the mean distance of pairs within units over that of pairs of all comparable answers."""
    answers: dict[int, list[int]] = {}
    for unit, value in zip(units, values, strict=True):
        answers.setdefault(unit, []).append(value)
    comparable = [given for given in answers.values() if len(given) > 1]
    every = [value for given in comparable for value in given]

    def distance(one: int, other: int) -> float:
        if level == "nominal":
            return float(one != other)
        between = sum(min(one, other) <= value <= max(one, other) for value in every)
        return (between - (every.count(one) + every.count(other)) / 2) ** 2

    observed = sum(
        sum(distance(one, other) for one, other in permutations(given, 2)) / (len(given) - 1) for given in comparable
    )
    expected = sum(distance(one, other) for one, other in permutations(every, 2)) / max(len(every) - 1, 1)
    return 1 - observed / expected if expected else None


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_is_that_of_the_published_example(level, published):
    found = agreement(*flat(PUBLISHED), level=level)
    assert found.alpha.value == pytest.approx(published, abs=5e-4)
    assert found.num_units == 11, "the last unit has one answer only, which agrees with nothing"


answers = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30)


@given(answers, st.sampled_from(["nominal", "ordinal"]))
def test_alpha_is_its_definition(given, level):
    units, values = [unit for unit, _ in given], [value for _, value in given]
    found = agreement(np.array(units, dtype=np.int64), np.array(values, dtype=np.int64), level=level)
    expected = alpha_by_definition(units, values, level)
    assert found.alpha.value == (None if expected is None else pytest.approx(expected))


def test_the_interval_is_around_the_value_and_the_same_every_time():
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 2, 400)
    said = np.where(draw.random((2, 400)) < 0.1, 1 - truth, truth)
    units = np.tile(np.arange(400), 2)
    found = agreement(units, said.ravel())
    assert found == agreement(units, said.ravel())
    assert found.alpha.low < found.alpha.value < found.alpha.high
    assert found.alpha.high - found.alpha.low < 0.2
    assert found.equal_fraction == pytest.approx((said[0] == said[1]).mean())


def test_the_interval_of_alpha_holds_the_value_of_the_population_in_about_95_of_100_draws():
    draw = np.random.default_rng(2)
    truth = draw.random(200_000) < 0.3
    said = np.where(draw.random((2, truth.size)) < 0.1, ~truth, truth).astype(np.int64)
    whole = agreement(np.tile(np.arange(truth.size), 2), said.ravel()).alpha.value
    hits = 0
    for _ in range(200):
        chosen = draw.integers(0, truth.size, 150)
        found = agreement(np.tile(np.arange(150), 2), said[:, chosen].ravel()).alpha
        hits += found.low <= whole <= found.high
    assert 0.9 <= hits / 200 <= 0.99


def test_where_all_answers_are_alike_there_is_no_alpha():
    found = agreement(np.array([0, 0, 1, 1]), np.array([2, 2, 2, 2]))
    assert (found.alpha.value, found.equal_fraction, found.num_units) == (None, 1.0, 2)


def test_without_a_second_answer_there_is_nothing_to_compare():
    assert agreement(np.array([0, 1]), np.array([0, 1])).num_units == 0
