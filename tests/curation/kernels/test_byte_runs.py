"""Runs of bytes against their definition, wherever the documents lie."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.kernels.byte_runs import byte_runs, flags_of, joined
from tests.oracles import spans as oracle

MEMBER, COUNTED = b"ab.1", b".1"
DOCUMENTS = st.lists(st.text("ab.1 \n\u00e9", max_size=40).map(str.encode), max_size=5)


@given(DOCUMENTS, st.integers(1, 3), st.integers(0, 4), st.binary(max_size=9))
@example([b"", b"1", b"a1 1a", b"1b"], 1, 1, b"1")
def test_runs_are_those_of_the_definition(documents, min_counted, min_bytes, before):
    values = np.frombuffer(before + b"".join(documents) + b"1a", dtype=np.uint8)
    offsets_N1 = len(before) + np.cumsum([0, *map(len, documents)], dtype=np.int64)
    runs = byte_runs(values, offsets_N1, flags_of(MEMBER, COUNTED), min_counted=min_counted, min_bytes=min_bytes)
    for n, document in enumerate(documents):
        own = slice(*runs.offsets_N1[n : n + 2])
        found = zip(runs.begin_R[own] - offsets_N1[n], runs.end_R[own] - offsets_N1[n], strict=True)
        assert list(found) == oracle.byte_runs(document, MEMBER, COUNTED, min_counted, min_bytes), document
    buffer, starts_R1 = joined(values, runs.begin_R, runs.end_R)
    texts = [values[a:z].tobytes() + b"\n" for a, z in zip(runs.begin_R, runs.end_R, strict=True)]
    assert buffer.tobytes() == b"".join(texts)
    assert starts_R1.tolist() == np.cumsum([0, *map(len, texts)]).tolist()


def test_what_is_no_document_or_no_flag_is_refused():
    values, offsets_N1 = np.zeros(3, dtype=np.uint8), np.array([0, 3], dtype=np.int64)
    with pytest.raises(TypeError, match=r"^flags: expected uint8 \(256,\), found int64 \(256,\)$"):
        byte_runs(values, offsets_N1, np.zeros(256, dtype=np.int64), min_counted=1, min_bytes=1)
    with pytest.raises(
        ValueError, match=r"^flags, min_counted: expected bytes that count to be members, and one or more of them$"
    ):
        byte_runs(values, offsets_N1, flags_of(b"a", b"a"), min_counted=0, min_bytes=1)
    with pytest.raises(ValueError, match=r"^offsets_N1: expected ascending offsets in \[0, 3\], found others$"):
        byte_runs(values, np.array([0, 4], dtype=np.int64), flags_of(b"a", b"a"), min_counted=1, min_bytes=1)
    with pytest.raises(ValueError, match=r"^ranges: expected 0 <= begin <= end <= 3, found others$"):
        joined(values, np.array([2]), np.array([4]))
