"""Lines and paragraphs against their definition with regular expressions."""

import re
from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from curation.kernels.lines import lines
from curation.kernels.words import words
from tests.oracles.gopher import SPACE

TEXTS = st.lists(st.sampled_from(["a", "é ", "漢", " ", "\t", "\n", "\n\n", "\r\n"]), max_size=40).map("".join)


def pieces(text, start, end):
    data = text.encode()
    return [data[low:high].decode() for low, high in zip(start.tolist(), end.tolist(), strict=True)]


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["", "\n", "\n\n", "a\n\n", "\n\na", "a\n\n\n b", " \n\n "])
def test_bounds_are_those_of_the_definition(texts):
    encoded = [text.encode() for text in texts]
    values = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    found = lines(values, offsets, words(values, offsets))
    of_lines, of_paragraphs = pairwise(found.line_offsets_N1), pairwise(found.paragraph_offsets_N1)
    for text, (first, last), (start, end) in zip(texts, of_lines, of_paragraphs, strict=True):
        assert pieces(text, found.start_L[first:last], found.end_L[first:last]) == re.split(r"\n+", text)
        expected = re.split(r"\n{2,}", text.strip(SPACE))
        assert pieces(text, found.start_P[start:end], found.end_P[start:end]) == expected


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_lines_of_any_bytes_depend_on_their_own_document_only(encoded):
    values = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    found = lines(values, offsets, words(values, offsets))
    for n, one in enumerate(encoded):
        alone_values, alone_offsets = np.frombuffer(one, dtype=np.uint8), np.array([0, len(one)])
        alone = lines(alone_values, alone_offsets, words(alone_values, alone_offsets))
        assert found.end_L[found.line_offsets_N1[n] : found.line_offsets_N1[n + 1]].tolist() == alone.end_L.tolist()
