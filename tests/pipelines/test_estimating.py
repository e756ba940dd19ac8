"""What is guessed after deduplication, and what is left as it was."""

import pyarrow as pa

from curation.identity import type_of_id
from pipelines.estimating import estimated_ends, kept_shares

KEPT, REVIEW, DROPPED = "kept", "review", "dropped"


def identity(number):
    return bytes([number]) * 16


def outcome(states, by=None):
    return pa.table(
        {"state": pa.array(states, pa.string()), "decided_by": pa.array(by or [None] * len(states), pa.string())}
    )


def ends(states, by=None):
    return outcome(states, by).add_column(0, "doc_id", pa.array([*map(identity, range(len(states)))], type_of_id))


def survivors(*numbers):
    return pa.chunked_array(
        [pa.array([None if number is None else identity(number) for number in numbers], type_of_id)]
    )


def test_a_document_whose_verdict_stays_keeps_its_end():
    gates = outcome([KEPT, KEPT, REVIEW, DROPPED, KEPT], [None, None, "g/a", "g/b", None])
    end = ends([KEPT, DROPPED, REVIEW, DROPPED, REVIEW], [None, "dedup/near", "g/a", "g/b", "dedup/cluster_undecided"])
    after, is_new = estimated_ends(end, survivors(None, 0, None, None, None), gates, gates)
    assert after.to_pylist() == end.drop_columns("doc_id").to_pylist()
    assert not is_new.any()


def test_what_passes_only_now_is_new_and_what_fails_only_now_is_dropped_by_the_rule():
    gates = outcome([DROPPED, KEPT], ["g/a", None])
    judged = outcome([KEPT, DROPPED], [None, "g/b"])
    after, is_new = estimated_ends(ends([DROPPED, KEPT], ["g/a", None]), survivors(None, None), gates, judged)
    assert after.to_pylist() == [{"state": KEPT, "decided_by": None}, {"state": DROPPED, "decided_by": "g/b"}]
    assert is_new.tolist() == [True, False]


def test_the_first_copy_takes_the_place_of_a_survivor_that_is_dropped_now_and_the_others_stay_removed():
    gates = outcome([KEPT] * 4)
    judged = outcome([DROPPED, KEPT, KEPT, KEPT], ["g/a", None, None, None])
    end = ends([KEPT, DROPPED, DROPPED, KEPT], [None, "dedup/near", "dedup/near", None])
    after, is_new = estimated_ends(end, survivors(None, 0, 0, None), gates, judged)
    assert after["state"].to_pylist() == [DROPPED, KEPT, DROPPED, KEPT]
    assert not is_new.any(), "it took part before, so its end is not weighed by a share"


def test_a_copy_that_the_gates_drop_takes_no_place():
    gates = outcome([KEPT] * 3)
    judged = outcome([DROPPED, DROPPED, KEPT], ["g/a", "g/a", None])
    end = ends([KEPT, DROPPED, DROPPED], [None, "dedup/near", "dedup/near"])
    after, _ = estimated_ends(end, survivors(None, 0, 0), gates, judged)
    assert after["state"].to_pylist() == [DROPPED, DROPPED, KEPT]


def test_the_kept_share_is_of_the_documents_that_the_gates_kept_by_source_and_over_all():
    source = pa.chunked_array([["web", "web", "web", "books", "books"]])
    gates = outcome([KEPT, KEPT, DROPPED, KEPT, REVIEW])
    end = ends([KEPT, DROPPED, DROPPED, KEPT, REVIEW])
    assert kept_shares(source, gates, end) == {"web": 0.5, "books": 1.0, None: 2 / 3}
