from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curation.schema import ACCOUNT, DEAD_LETTER
from pipelines.inputs import accounts as module
from pipelines.inputs.accounts import Accounts
from tests.oracles.tiling import untiled

KINDS = ("document", "skipped", "dead_letter")


def entered(records: list[tuple[str, int]], order: list[int]) -> tuple[Accounts, list[int]]:
    """Accounts of one file whose records `(kind, length)` lie end to end, entered in `order`."""
    offsets = [sum(length for _, length in records[:index]) for index in range(len(records))]
    accounts = Accounts(source="s")
    for index in order:
        kind, length = records[index]
        if kind == "document":
            accounts.documents("f", [offsets[index]], [length])
        elif kind == "skipped":
            accounts.skipped("f", offsets[index], length, "blank_line")
        else:
            accounts.dead_letter("f", offsets[index], length, "bad_json", "why")
    accounts.end("f", sum(length for _, length in records))
    return accounts, offsets


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 9))), st.data())
def test_records_entered_in_any_order_give_one_ledger_that_tiles_the_file(records, data):
    order = data.draw(st.permutations(range(len(records))))
    shuffled, _ = entered(records, order)
    straight, _ = entered(records, list(range(len(records))))
    rows = shuffled.accounts_table().to_pylist()
    assert rows == straight.accounts_table().to_pylist()
    *extents, end = rows
    assert end["kind"] == "end"
    assert untiled([(row["offset"], row["length"]) for row in extents], end["offset"]) == []
    assert sum(row["count"] for row in extents) == len(records)
    neighbours = list(pairwise(extents))
    assert all(one["kind"] != other["kind"] for one, other in neighbours), "adjacent extents of one kind are one row"


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1))
def test_documents_given_as_one_array_are_joined_where_they_touch(parts):
    offsets, lengths, position = [], [], 0
    for length, has_gap_before in parts:
        position += has_gap_before
        offsets.append(position)
        lengths.append(length)
        position += length
    at_once, one_by_one = Accounts(source="s"), Accounts(source="s")
    at_once.documents("f", np.array(offsets), np.array(lengths))
    for offset, length in zip(offsets, lengths, strict=True):
        one_by_one.documents("f", [offset], [length])
    assert at_once.accounts_table().equals(one_by_one.accounts_table())
    assert at_once.accounts_table().num_rows == 1 + sum(gap for _, gap in parts[1:])


def test_dead_letters_beyond_the_cap_share_rows_so_that_hostile_files_cannot_fill_the_memory():
    accounts = Accounts(source="s")
    for line in range(module.MAX_DEAD_LETTERS + 5):
        accounts.dead_letter("f", 2 * line, 2, "bad_json", "x" * 1000)
    table = accounts.dead_letter_table()
    assert table.schema == DEAD_LETTER
    assert table.num_rows == module.MAX_DEAD_LETTERS
    last = table.to_pylist()[-1]
    assert last["length"] == 2 * 6
    assert last["detail"] == "x" * module.MAX_DETAIL_CHARS + " (and 5 more that follow it)"
    assert accounts.accounts_table().to_pylist()[0]["count"] == module.MAX_DEAD_LETTERS + 5


def test_a_report_on_a_place_splits_no_extent():
    accounts = Accounts(source="s")
    accounts.documents("f", [0], [4])
    accounts.dead_letter("f", 4, 0, "checksum_wrong")
    accounts.documents("f", [4], [6])
    accounts.end("f", 10)
    table = accounts.accounts_table()
    assert table.schema == ACCOUNT
    assert [(row["kind"], row["offset"], row["length"]) for row in table.to_pylist()] == [
        ("document", 0, 10),
        ("dead_letter", 4, 0),
        ("end", 10, 0),
    ]


def test_a_detail_with_a_lone_surrogate_can_be_stored():
    accounts = Accounts(source="s")
    accounts.dead_letter("f", 0, 1, "read_error", "caf\udce9")
    assert accounts.dead_letter_table()["detail"].to_pylist() == ["caf\\udce9"]
