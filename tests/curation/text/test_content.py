"""What follows from the scores of blocks, against the definition; and models that are not what they should be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import ArtifactError
from curation.kernels.html_features import FEATURES
from curation.text.content import (
    MIN_PROBABILITY,
    PACKAGED_MODEL,
    PACKAGED_SHA256,
    Cuts,
    decided,
    packaged_model,
    read_model,
    write_model,
)


def kept(scores: list[float], words: list[float], **cuts: float) -> list[bool]:
    features_BF = np.zeros((len(words), len(FEATURES)), np.float32)
    features_BF[:, FEATURES.index("words")] = words
    given_cuts = Cuts(**{"score": 0.0, "few_words": 0.0, "margin": 0.0, "share": 0.0, **cuts})
    return decided(np.array(scores), features_BF, given_cuts).keep_B.tolist()


def test_a_block_above_the_cut_is_content_and_one_at_it_is_not():
    assert kept([0.5, 0.4, 0.6], [9, 9, 9], score=0.5) == [False, False, True]


def test_where_few_words_are_left_what_is_near_the_best_is_kept():
    assert kept([1.0, -0.5, -1.5], [30, 9, 9], few_words=40, margin=2) == [True, True, False]
    assert kept([1.0, -0.5, -1.5], [40, 9, 9], few_words=40, margin=2) == [True, False, False]


def test_a_short_story_below_the_cut_is_kept_where_nothing_else_is_probable():
    story, footer = -0.7, -3.0
    assert kept([story, footer, -6.0], [69, 30, 200], share=0.5) == [True, False, False]
    assert kept([story, 4.0, 4.0], [69, 300, 300], share=0.5) == [False, True, True], "beside sure content it is not"


def test_a_page_of_nothing_probable_has_no_content():
    assert not any(kept([-5.0, -6.0, -7.0], [10, 20, 30], share=0.5))
    assert kept([], [], share=0.5) == []


@given(st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 50)), min_size=1, max_size=12))
def test_what_is_kept_has_the_best_f1_to_be_expected_by_definition(blocks: list[tuple[float, int]]):
    scores, words = [score for score, _ in blocks], [num for _, num in blocks]
    step = [max(0.0, min(512.0, np.floor((score + 8) * 32))) / 32 - 8 for score in scores]
    probability = [1 / (1 + np.exp(-x)) for x in step]
    hits = [p * num for p, num in zip(probability, words, strict=True)]

    def f1(chosen: list[int]) -> float:
        return 2 * sum(hits[b] for b in chosen) / max(sum(words[b] for b in chosen) + sum(hits), 1e-9)

    order = sorted(range(len(words)), key=lambda b: -scores[b])
    best = max(f1(order[: num + 1]) for num in range(len(order)))
    found = kept(scores, [float(num) for num in words], share=0.5)
    for p, is_kept, score in zip(probability, found, scores, strict=True):
        bound = max(best / 2, MIN_PROBABILITY)
        if abs(p - bound) > 1e-6:
            assert is_kept == (p > bound or score > 0)
    if best / 2 > MIN_PROBABILITY:
        assert f1([b for b, is_kept in enumerate(found) if is_kept]) >= best - 0.02, "but for steps of the table"


def test_the_packaged_model_reads_back_and_is_the_released_one():
    model = packaged_model()
    assert write_model(model.trees, model.cuts) == PACKAGED_MODEL.read_bytes()
    assert model.name == f"content/{PACKAGED_SHA256[:12]}"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda content: content[:1000], "expected a model of main content, found"),
        (lambda content: content.replace(b"gristmill main content", b"gristmill main context"), "main content"),
    ],
    ids=["truncated", "another_format"],
)
def test_a_file_that_is_no_model_is_an_error_that_says_so(changed, message: str):
    content = changed(PACKAGED_MODEL.read_bytes())
    with pytest.raises(ArtifactError, match=message):
        read_model(content, name="other.npz")
    with pytest.raises(ArtifactError, match=f"other.npz: expected a model of main content of sha256 {PACKAGED_SHA256}"):
        read_model(content, name="other.npz", sha256=PACKAGED_SHA256)
