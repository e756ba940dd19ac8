from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.tiling import untiled


@given(st.lists(st.integers(0, 9)), st.randoms(use_true_random=False))
def test_extents_cut_from_a_file_tile_it_in_any_order(lengths, random):
    extents, position = [], 0
    for length in lengths:
        extents.append((position, length))
        position += length
    random.shuffle(extents)
    assert untiled(extents, position) == []


@given(st.lists(st.integers(1, 9), min_size=1), st.data())
def test_an_extent_moved_lost_or_doubled_is_noticed(lengths, data):
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    extents = list(zip(starts, lengths, strict=True))
    index = data.draw(st.integers(0, len(extents) - 1))
    offset, length = extents[index]
    harm = data.draw(st.sampled_from(["lost", "doubled", "moved", "longer"]))
    changed = {
        "lost": [],
        "doubled": [(offset, length)] * 2,
        "moved": [(offset + 1, length)],
        "longer": [(offset, length + 1)],
    }
    assert untiled([*extents[:index], *changed[harm], *extents[index + 1 :]], sum(lengths))


def test_a_report_on_a_place_is_no_part_of_the_tiling_but_must_lie_in_the_file():
    assert untiled([(0, 5), (3, 0), (5, 0)], 5) == []
    assert untiled([(0, 5), (6, 0)], 5) == ["[6, 6) is not in [0, 5)", "covered up to 6 of 5"]
