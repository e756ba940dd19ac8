"""The kernels of Gopher's rules: what they refuse. What they count is tested through the steps."""

import numpy as np
import pytest

from curation.kernels.gopher import quality_counts
from curation.kernels.lines import lines
from curation.kernels.repetition import repetition_counts
from curation.kernels.words import words

VALUES, OFFSETS = np.frombuffer(b"a b", dtype=np.uint8), np.array([0, 3], dtype=np.int64)


@pytest.mark.parametrize("stop_words", [("two words",), ("...",), ("",), tuple(f"w{i}" for i in range(65))])
def test_stop_words_that_are_not_at_most_64_single_words_are_refused(stop_words):
    with pytest.raises(ValueError, match="stop_words: expected at most 64 single words"):
        quality_counts(VALUES, OFFSETS, words(VALUES, OFFSETS), stop_words=stop_words, bullets=())


@pytest.mark.parametrize("bullet", ["", "*****"])
def test_bullets_that_do_not_fit_four_bytes_are_refused(bullet):
    with pytest.raises(ValueError, match="bullets: expected 1 to 4 bytes of UTF-8 each"):
        quality_counts(VALUES, OFFSETS, words(VALUES, OFFSETS), stop_words=(), bullets=(bullet,))


@pytest.mark.parametrize("mask", [np.ones(2, dtype=np.bool_), np.ones(1, dtype=np.int64)], ids=["length", "dtype"])
def test_a_mask_of_documents_with_ngrams_of_another_length_or_dtype_is_refused(mask):
    found = words(VALUES, OFFSETS)
    message = rf"^has_ngrams_N: expected bool \(1,\), found {mask.dtype} \({mask.size},\)$"
    with pytest.raises(TypeError, match=message):
        repetition_counts(VALUES, OFFSETS, found, lines(VALUES, OFFSETS, found), has_ngrams_N=mask)
