"""A calibration maps scores to probabilities as its knots say, and a file that is none is refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import ArtifactError
from curation.quality.calibration import FORMAT, Calibration, read_calibration

EXAMPLE = Calibration(
    model_sha256="a" * 64,
    labels={"positive": 1.0},
    method="isotonic",
    scores=(0.1, 0.2, 0.6),
    probabilities=(0.05, 0.05, 0.9),
    bucket_edges=(0.2, 0.2, 0.5),
)


def changed(**changes):
    return json.dumps(json.loads(EXAMPLE.to_json()) | changes).encode()


def test_between_knots_the_probability_is_on_the_line_and_beyond_them_it_stays():
    found = EXAMPLE.apply(np.array([-1.0, 0.1, 0.15, 0.2, 0.4, 0.6, 7.0]))
    assert np.allclose(found, [0.05, 0.05, 0.05, 0.05, 0.475, 0.9, 0.9])


def test_one_knot_is_a_constant():
    one = Calibration(model_sha256="", labels={}, method="isotonic", scores=(0.5,), probabilities=(0.3,))
    assert one.apply(np.array([0.0, 1.0])).tolist() == [0.3, 0.3]


def test_a_score_on_an_edge_is_in_the_upper_bucket():
    assert EXAMPLE.bucket(np.array([0.0, 0.2, 0.3, 0.5, 1.0])).tolist() == [0, 2, 2, 3, 3]


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=40))
def test_a_higher_score_never_has_a_lower_probability_and_each_is_computed_alone(scores):
    score_N = np.sort(np.array(scores))
    found = EXAMPLE.apply(score_N)
    assert (np.diff(found) >= 0).all()
    assert found.tolist() == [EXAMPLE.apply(np.array([score]))[0] for score in score_N]


def test_a_calibration_survives_its_file():
    assert read_calibration(EXAMPLE.to_json(), name="c.json") == EXAMPLE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"\x80",
            f"c.json: expected a calibration (JSON with the format '{FORMAT}'), found something else; gristmill classifier calibrate makes one",
        ),
        (
            b"[" * 100_000,
            f"c.json: expected a calibration (JSON with the format '{FORMAT}'), found something else; gristmill classifier calibrate makes one",
        ),
        (
            b"{}",
            f"c.json: expected a calibration (JSON with the format '{FORMAT}'), found something else; gristmill classifier calibrate makes one",
        ),
        (
            changed(more=1),
            "c.json: expected the keys of a calibration, found bucket_edges, labels, method, model_sha256, more, probabilities, scores",
        ),
        (changed(scores=[0.1]), "c.json: expected as many probabilities as scores, and one at least, found 3 and 1"),
        (changed(scores=[0.1, 0.1, 0.2]), "c.json: scores: expected ascending numbers, found 0.1 after 0.1"),
        (
            changed(probabilities=[0.5, 0.4, 0.6]),
            "c.json: probabilities: expected ascending numbers, found 0.4 after 0.5",
        ),
        (changed(probabilities=[0.5, 0.6, 1.5]), "c.json: probabilities: expected numbers in [0, 1], found 0.5 to 1.5"),
        (changed(scores=[0.1, 0.2, "x"]), "c.json: scores: expected finite numbers, found 'x'"),
        (changed(labels={"a": None}), "c.json: labels: expected finite numbers, found None"),
        (changed(method=3), "c.json: expected labels with values, a method and a digest, found others"),
    ],
)
def test_a_file_that_is_no_calibration_is_refused_with_the_reason(content, message):
    with pytest.raises(ArtifactError) as caught:
        read_calibration(content, name="c.json")
    assert str(caught.value) == message
