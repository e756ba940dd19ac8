"""Which copy is preferred: each criterion, their order, and that nothing else counts."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.criteria import column_of
from curation.dedup.linking import ids_of
from curation.dedup.preference import key_of, rank_of

IDS = pa.array([bytes([n]) * 16 for n in range(4)], pa.binary(16))
DATES = [datetime(2020, 1, day, tzinfo=UTC) if day else None for day in (5, None, 7, 3)]


def ranks(keys, ids=IDS, last=None):
    return rank_of(keys, doc_id_N=ids_of(ids), last_N=last).tolist()


@pytest.mark.parametrize(
    ("criterion", "column", "expected"),
    [
        ("source", pa.array(["c", "a", "b", "a"]), [3, 0, 2, 1]),
        ("longest", pa.array([5, 9, 9, 1]), [2, 0, 1, 3]),
        ("licensed", pa.array([None, "MIT", None, "GPL-3.0-only"]), [2, 0, 3, 1]),
        ("newest", pa.array(DATES, pa.timestamp("us", tz="UTC")), [1, 3, 0, 2]),
        ("signal.x", pa.array([0.5, None, 2.0, -1.0]), [1, 3, 0, 2]),
        ("-signal.x", pa.array([0.5, None, 2.0, -1.0]), [1, 3, 2, 0]),
    ],
)
def test_each_criterion_orders_by_its_own_column_what_is_unknown_last_and_ties_by_id(criterion, column, expected):
    assert ranks([key_of(criterion, column, sources=["a", "b", "c"])]) == expected


def test_preferred_licences_come_in_their_order_then_other_known_ones_then_unknown():
    column = pa.array(["GPL-3.0-only", None, " cc0-1.0", "MIT"])
    assert ranks([key_of("licensed", column, licenses=["CC0-1.0", "MIT"])]) == [2, 3, 0, 1]
    assert ranks([key_of("licensed", column, licenses=["MIT"])]) == [1, 3, 2, 0]


def test_extreme_values_of_a_signal_come_before_what_is_unknown():
    column = pa.array([float("nan"), float("-inf"), None, float("inf")])
    assert ranks([key_of("signal.x", column)]) == [2, 1, 3, 0]
    assert ranks([key_of("-signal.x", column)]) == [2, 0, 3, 1]


def test_criteria_name_the_columns_that_they_read_and_first_needs_none():
    assert [column_of(name) for name in ("source", "first", "longest", "licensed", "newest")] == [
        "source",
        None,
        "text_bytes",
        "license",
        "fetch_time",
    ]
    assert column_of("signal.x") == column_of("-signal.x") == "signal.x"


def test_the_first_criterion_outweighs_the_second_and_without_any_the_id_decides():
    source, length = np.array([1, 1, 0, 0]), np.array([-9, -8, -1, -2])
    assert ranks([source, length]) == [2, 3, 1, 0]
    assert ranks([length, source]) == [0, 1, 3, 2]
    assert ranks([]) == [0, 1, 2, 3]


def test_some_documents_may_come_last_whatever_they_are():
    assert ranks([], last=np.array([True, False, False, False])) == [3, 0, 1, 2]


def test_ids_are_ordered_as_bytes_even_where_they_end_in_zeros():
    ids = [b"\x01" + b"\x00" * 15, b"\x00" * 15 + b"\x02", b"\x01" + b"\x00" * 14 + b"\x01", b"\xff" * 16]
    assert ranks([], ids=pa.array(ids, pa.binary(16))) == [sorted(ids).index(item) for item in ids]


@given(seed=st.integers(0, 2**32 - 1), prefer=st.permutations(["source", "longest", "licensed", "newest", "-signal.x"]))
@settings(max_examples=40)
def test_the_order_depends_on_the_documents_and_never_on_how_they_come_in(seed, prefer):
    draw = np.random.default_rng(seed)
    num = 30
    columns = {
        "source": pa.array(draw.choice(["a", "b"], num)),
        "text_bytes": pa.array(draw.integers(0, 3, num)),
        "license": pa.array(draw.choice(["MIT", "CC0-1.0", ""], num), mask=draw.random(num) < 0.5),
        "fetch_time": pa.array(draw.integers(0, 3, num), pa.timestamp("us", tz="UTC"), mask=draw.random(num) < 0.3),
        "signal.x": pa.array(draw.integers(0, 3, num).astype(float), mask=draw.random(num) < 0.3),
    }
    ids = pa.array([draw.bytes(15) + b"\x00" for _ in range(num)], pa.binary(16))
    in_review = draw.integers(0, 2, num).astype(bool)

    def order(shuffle):
        rows = pa.array(shuffle)
        keys = [
            key_of(name, columns[column_of(name)].take(rows), sources=["b", "a"], licenses=["CC0-1.0"])
            for name in prefer
        ]
        return ranks(keys, ids=ids.take(rows), last=in_review[shuffle])

    places = order(np.arange(num))
    shuffle = draw.permutation(num)
    assert sorted(places) == list(range(num))
    assert order(shuffle) == [places[row] for row in shuffle]
