"""Codes of scopes: one number for one value, whatever the type and however the column is cut."""

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.dedup.scopes import scope_codes

COLUMNS = {
    "text": pa.array(["a", "b", None, "a", "", None]),
    "number": pa.array([1, 2, None, 1, 0, None]),
    "measure": pa.array([0.5, 2.0, None, 0.5, 0.0, None]),
    "truth": pa.array([True, False, None, True, None, None]),
    "time": pa.array([datetime(2020, 1, day) if day else None for day in (1, 2, 0, 1, 3, 0)]),
    "id": pa.array([b"a" * 16, b"b" * 16, None, b"a" * 16, b"c" * 16, None], pa.binary(16)),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_rows_have_one_code_where_they_have_one_value_and_null_is_one(column):
    values = column.to_pylist()
    codes = scope_codes([column]).tolist()
    for a in range(len(values)):
        for b in range(len(values)):
            assert (codes[a] == codes[b]) == (values[a] == values[b])


@given(values=st.lists(st.sampled_from(["a", "b", "c", None])), cut=st.integers(0, 9), other=st.integers(0, 9))
def test_how_the_column_is_cut_does_not_matter(values, cut, other):
    column = pa.array(values, pa.string())
    start, stop = sorted((cut, other))
    pieces = [column.slice(0, start), column.slice(start, stop - start), column.slice(stop)]
    assert scope_codes(pieces).tolist() == scope_codes([column]).tolist()


def test_no_column_has_no_codes():
    assert scope_codes([]).size == 0
