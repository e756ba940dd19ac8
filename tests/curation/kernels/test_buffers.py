"""Memory that is used again is never that of an array that somebody has."""

import gc
import threading

import numpy as np

from curation.kernels.buffers import reused
from curation.kernels.words import words
from tests.curation.kernels.test_words import documents


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_serves_again_once_no_view_of_it_is_left():
    first = reused("test", 10, np.uint64)
    view = first[3:7]
    place = address(first)
    del first
    second = reused("test", 10, np.uint64)
    assert address(second) != place, "a view of the first is still there"
    again = address(second)
    del second, view
    assert address(reused("test", 5, np.uint32)) == again
    assert reused("test", 5, np.uint32).shape == (5,)


def test_names_and_threads_share_no_memory():
    mine, other = reused("test", 10, np.uint8), reused("test of another name", 10, np.uint8)
    found = []
    thread = threading.Thread(target=lambda: found.append(reused("test", 10, np.uint8)))
    thread.start()
    thread.join()
    arrays = [mine, other, found[0]]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_words_of_one_text_stay_as_they_are_while_those_of_others_are_found():
    kept = words(*documents([b"one two three"]))
    copy = [column.copy() for column in kept]
    hashes = kept.hash_W
    for text in (b"four five six", b"seven", b"eight nine " * 999):
        words(*documents([text]))
    assert all(np.array_equal(column, before) for column, before in zip(kept, copy, strict=True))
    del kept
    gc.collect()
    words(*documents([b"ten eleven twelve"]))
    assert np.array_equal(hashes, copy[3]), "a column alone keeps its memory"
