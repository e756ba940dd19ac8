"""Bands and rows: the published presets, and the fewest permutations for a wanted recall."""

from dataclasses import replace
from fractions import Fraction

import pytest

from curation.dedup.banding import (
    MAX_NGRAM,
    MAX_PERMUTATIONS,
    MAX_STRAY,
    PRESETS,
    Signing,
    SigningKeys,
    banding,
    chance_of_catching,
    s_curve,
)
from curation.errors import SpecError
from curation.kernels import shingles
from tests.oracles import minhash as oracle

PUBLISHED = {  # chance at 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95
    "fineweb": (0.053, 0.211, 0.565, 0.772, 0.924, 0.988, 1.0, 1.0),
    "nemo": (0.002, 0.026, 0.177, 0.382, 0.677, 0.924, 0.997, 1.0),
    "dolma3": (0.013, 0.090, 0.405, 0.674, 0.903, 0.991, 1.0, 1.0),
}


def passes(bands, rows, threshold, recall):
    """The rule, spelt out."""
    at = chance_of_catching(Fraction(threshold), bands=bands, rows=rows)
    half = chance_of_catching(Fraction(threshold) / 2, bands=bands, rows=rows)
    return at >= Fraction(recall) and half <= MAX_STRAY


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_curves_of_the_presets_are_those_of_the_literature(name):
    curve = s_curve(bands=PRESETS[name].bands, rows=PRESETS[name].rows)
    shown = [round(curve[similarity], 3) for similarity in (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)]
    assert shown == pytest.approx(PUBLISHED[name], abs=0.0011)


def test_the_chance_is_that_of_the_definition():
    for bands, rows in ((14, 8), (1, 1), (450, 2)):
        for similarity, chance in s_curve(bands=bands, rows=rows).items():
            assert chance == pytest.approx(oracle.chance_of_catching(similarity, bands=bands, rows=rows))


@pytest.mark.parametrize(("threshold", "recall"), [("0.8", "0.9"), ("0.7", "0.9"), ("0.8", "0.5"), ("0.95", "0.99")])
def test_no_banding_of_fewer_permutations_meets_the_recall_and_ties_go_to_more_rows(threshold, recall):
    bands, rows = banding(threshold=float(threshold), recall=float(recall))
    assert passes(bands, rows, threshold, recall)
    for other_rows in range(1, bands * rows + 1):
        for other_bands in range(1, bands * rows // other_rows + 1):
            if passes(other_bands, other_rows, threshold, recall):
                assert (other_bands * other_rows, -other_rows) >= (bands * rows, -rows)


def test_a_recall_that_is_met_exactly_is_met():
    recall = chance_of_catching(Fraction(4, 5), bands=13, rows=8)
    assert passes(13, 8, "0.8", recall)
    assert banding(threshold=0.8, recall=0.9) == (13, 8)


def test_an_unreachable_recall_says_by_how_many_permutations():
    with pytest.raises(SpecError, match=f"{MAX_PERMUTATIONS} permutations reach at a similarity of 0.3"):
        banding(threshold=0.3, recall=0.99)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, Signing()),
        ({"preset": "nemo"}, Signing(shingle="characters", ngram=24, bands=20, rows=13)),
        ({"preset": "nemo", "ngram": 24, "scheme": "affine64"}, replace(PRESETS["nemo"], scheme="affine64")),
        ({"shingle": "characters"}, Signing(shingle="characters", ngram=24)),
        ({"shingle": "characters", "ngram": 9}, Signing(shingle="characters", ngram=9)),
        ({"threshold": 0.8, "recall": 0.9, "ngram": 3}, Signing(bands=13, rows=8, ngram=3)),
        ({"preset": "fineweb"}, Signing(normalize="fineweb")),
    ],
)
def test_keys_left_out_follow_from_preset_recall_or_default(keys, expected):
    assert SigningKeys(**keys).signing == expected
    assert SigningKeys(**keys).filled().signing == expected, "a record of it means the same"


def test_keys_that_contradict_each_other_are_refused_in_python_too():
    with pytest.raises(SpecError, match=r"^rows: expected 13 by preset nemo, found 9; leave one of the two out$"):
        _ = SigningKeys(preset="nemo", rows=9).signing


def test_the_largest_ngram_of_a_spec_is_that_of_the_kernels():
    assert MAX_NGRAM == shingles.MAX_NGRAM
