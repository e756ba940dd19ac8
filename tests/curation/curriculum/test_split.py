import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curation.curriculum.split import Kept, groups_of, split_of
from curation.identity import doc_id, hash_bytes, type_of_id

Link = tuple[int | None, int | None, int | None]
links = st.lists(st.tuples(*[st.none() | st.integers(0, 12)] * 3), max_size=40)


def kept(rows: list[Link]) -> Kept:
    """Documents by (site, cluster, parent) numbers; a parent is the document of that row, there or dropped."""
    ids = [doc_id("s", "p", row) for row in range(len(rows))]
    return Kept(
        doc_id=pa.array(ids, type_of_id),
        parent_id=pa.array([None if p is None else doc_id("s", "p", p) for _, _, p in rows], type_of_id),
        site=pa.array([None if s is None else f"site{s}.example" for s, _, _ in rows], pa.string()),
        cluster_id=pa.array([None if c is None else hash_bytes(b"%d" % c) for _, c, _ in rows], type_of_id),
    )


def linked(left: Link, right: Link, i: int, j: int) -> bool:
    same = any(a is not None and a == b for a, b in zip(left, right, strict=True))
    return same or left[2] == j or right[2] == i


def components(rows: list[Link]) -> list[int]:
    """By repeated search, the obvious way."""
    label = list(range(len(rows)))
    for start in range(len(rows)):
        if label[start] != start:
            continue
        stack = [start]
        while stack:
            i = stack.pop()
            for j in range(len(rows)):
                if label[j] > start and linked(rows[i], rows[j], i, j):
                    label[j] = start
                    stack.append(j)
    return label


@given(links)
def test_groups_are_the_connected_components_over_sites_clusters_and_families(rows: list[Link]):
    assert groups_of(kept(rows)).tolist() == components(rows)


@given(links, st.floats(0, 1), st.integers(0, 9))
def test_no_site_cluster_or_family_is_on_both_sides(rows: list[Link], fraction: float, seed: int):
    documents = kept(rows)
    split = split_of(documents, fraction=fraction, seed=seed).to_pylist()
    by_group: dict[int, set[str]] = {}
    for group, side in zip(groups_of(documents).tolist(), split, strict=True):
        by_group.setdefault(group, set()).add(side)
    assert all(len(sides) == 1 for sides in by_group.values())


@given(links, st.randoms(use_true_random=False))
def test_the_split_does_not_depend_on_the_order_of_documents(rows: list[Link], shuffle):
    documents = kept(rows)
    order = list(range(len(rows)))
    shuffle.shuffle(order)
    take = pa.array(order, pa.int64())
    other = Kept(**{name: getattr(documents, name).take(take) for name in documents.__dataclass_fields__})
    expected = split_of(documents, fraction=0.4, seed=1).take(take)
    assert split_of(other, fraction=0.4, seed=1).equals(expected)


def test_a_long_chain_of_clusters_and_sites_is_one_group():
    rows: list[Link] = [((row + 1) // 2, row // 2, None) for row in range(20_000)]
    assert set(groups_of(kept(rows)).tolist()) == {0}


def test_the_share_of_documents_held_out_is_about_the_fraction():
    split = split_of(kept([(None, None, None)] * 20_000), fraction=0.05, seed=2)
    assert 0.045 < np.mean([side == "validation" for side in split.to_pylist()]) < 0.055


def test_a_site_larger_than_the_whole_split_is_never_held_out():
    rows: list[Link] = [(1, None, None)] * 900 + [(None, None, None)] * 100
    for seed in range(30):
        split = split_of(kept(rows), fraction=0.2, seed=seed).to_pylist()
        assert set(split[:900]) == {"train"}


def test_adding_a_document_of_the_same_site_leaves_its_side():
    rows: list[Link] = [(site % 60, None, None) for site in range(600)]
    before = split_of(kept(rows), fraction=0.3, seed=5).to_pylist()
    after = split_of(kept([*rows, (7, None, None)]), fraction=0.3, seed=5).to_pylist()
    assert after[:600] == before
    assert after[600] == before[7]


def test_no_documents_have_no_split():
    assert split_of(kept([]), fraction=0.5, seed=0).to_pylist() == []


@given(links, st.floats(0, 1), st.integers(0, 9))
def test_documents_made_of_others_leave_the_split_as_it_was_and_stand_with_their_parents(rows, fraction, seed):
    rows = [(site, cluster, None) for site, cluster, _ in rows]
    before = split_of(kept(rows), fraction=fraction, seed=seed).to_pylist()
    made = [(site, None, parent) for parent, (site, _, _) in enumerate(rows) for _ in range(3)]
    after = split_of(kept(rows + made), fraction=fraction, seed=seed).to_pylist()
    assert after[: len(rows)] == before
    assert after[len(rows) :] == [before[parent] for _, _, parent in made]
