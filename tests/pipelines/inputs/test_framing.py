import gzip
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.inputs.decompression import Bounds
from pipelines.inputs.framing import frames_of
from pipelines.inputs.members import Damage, Piece, pieces_of
from tests.oracles.archives import http, packed, page, warc_record

BOUNDS = Bounds(stream_bytes=1 << 30, expansion=1000, grace_bytes=1 << 24)
BODIES = st.lists(st.binary(max_size=300), min_size=1, max_size=6)


class Trickle:
    """A stream that gives at most `size` bytes a call, as sockets do."""

    def __init__(self, data, size):
        self._data, self._size = data, size

    def read(self, size=-1):
        size = self._size if size < 0 else min(size, self._size)
        given, self._data = self._data[:size], self._data[size:]
        return given


def frames(data, *, step=1 << 16, max_bytes=1 << 20):
    return list(frames_of(pieces_of(Trickle(data, step), bounds=BOUNDS), max_bytes=max_bytes))


def assert_tiles(found, total):
    position = 0
    for frame in found:
        assert frame.offset == position
        position += frame.length
    assert position == total


@given(BODIES, st.sampled_from([1, 7, 1 << 16]))
def test_sound_records_are_framed_exactly_however_the_bytes_arrive(bodies, step):
    records = [warc_record(body) for body in bodies]
    for data in (b"".join(records), packed(*records), gzip.compress(b"".join(records), mtime=0)):
        found = frames(data, step=step)
        assert [frame.block for frame in found] == bodies
        assert [frame.length for frame in found] == [len(record) for record in records]
        assert_tiles(found, sum(map(len, records)))


@pytest.mark.parametrize("size", [1 << 14, (1 << 18) - 700, 1 << 18, 3 << 18, (1 << 20) + 1])
def test_members_larger_than_a_piece_are_framed_exactly(size):
    noise = random.Random(size).randbytes(size)
    bodies = [b"x" * size, noise, b"a", b"word " * (size // 5), noise[::-1], b"b"]
    found = frames(packed(*map(warc_record, bodies)), max_bytes=1 << 22)
    assert [frame.block for frame in found] == bodies


@given(BODIES, st.data())
def test_a_damaged_plain_archive_is_tiled_and_records_far_from_the_damage_stay(bodies, data):
    records = [warc_record(body) for body in [b"first", *bodies, b"last"]]
    archive = bytearray(b"".join(records))
    low, high = len(records[0]), len(archive) - len(records[-1]) - len(records[-2])
    position = data.draw(st.integers(low, max(low, high)))
    if data.draw(st.booleans()):
        archive[position] ^= 1 << data.draw(st.integers(0, 7))
    else:
        archive[position:position] = data.draw(st.binary(min_size=1, max_size=40))
    found = frames(bytes(archive))
    assert_tiles(found, len(archive))
    assert found[0].block == b"first"


@pytest.mark.parametrize("step", [1, 1 << 16])
def test_an_archive_cut_anywhere_in_a_member_is_told_as_cut_even_where_little_of_it_is_left(step):
    first, second = (gzip.compress(warc_record(body), mtime=0) for body in (b"first", b"second"))
    for size in range(2, len(second)):
        pieces = list(pieces_of(Trickle(first + second[:size], step), bounds=BOUNDS))
        assert [piece.reason for piece in pieces if isinstance(piece, Damage)] == ["truncated"], size


@given(BODIES, st.data())
def test_a_damaged_member_costs_no_other_member(bodies, data):
    members = [packed(warc_record(body)) for body in [b"first", *bodies, b"last"]]
    broken = data.draw(st.integers(1, len(members) - 2))
    member = bytearray(members[broken])
    member[data.draw(st.integers(0, len(member) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    members[broken] = bytes(member)
    found = frames(b"".join(members))
    assert_tiles(found, sum(frame.length for frame in found))
    blocks = [frame.block for frame in found if frame.problem is None]
    assert blocks[0] == b"first"
    assert blocks[-1] == b"last"
    assert len(blocks) >= len(members) - 1


@given(BODIES, st.integers(1, 400), st.booleans())
def test_a_cut_archive_is_tiled_and_what_came_before_the_last_record_stays(bodies, cut, in_gzip):
    records = [warc_record(body) for body in [b"first", *bodies]]
    archive = packed(*records) if in_gzip else b"".join(records)
    end = max(len(archive) - cut, 0)
    found = frames(archive[:end])
    assert_tiles(found, sum(frame.length for frame in found))
    if not in_gzip:
        assert sum(frame.length for frame in found) == end
    whole = [frame.block for frame in found if frame.problem is None]
    assert whole == [b"first", *bodies][: len(whole)]


@given(st.binary(max_size=2000))
def test_any_bytes_at_all_are_tiled(data):
    for head in (b"", b"\x1f\x8b\x08", b"WARC/1.0\r\n", b"filedesc://x 1.1.1.1 20200101000000 text/plain 5\n"):
        found = frames(head + data)
        assert_tiles(found, sum(frame.length for frame in found))


def test_a_record_inside_a_sound_record_is_content_and_no_record():
    inner = warc_record(http(page("inner")))
    found = frames(warc_record(inner + b"tail") + warc_record(b"next"))
    assert [frame.block for frame in found] == [inner + b"tail", b"next"]


def test_a_wrong_length_names_what_was_said():
    (bad, good) = frames(warc_record(b"x" * 50, length="7") + warc_record(b"next"))
    assert (bad.problem, bad.detail) == ("wrong_content_length", "Content-Length says 7")
    assert good.block == b"next"


@pytest.mark.parametrize("length", ["-1", "", "abc", "1e3", "٣"])
def test_a_length_that_is_no_number_of_bytes_is_named(length):
    (bad, good) = frames(warc_record(b"body", length=length) + warc_record(b"next"))
    assert bad.problem == "bad_content_length"
    assert good.block == b"next"


def test_a_header_without_end_is_given_up_after_64_kib():
    endless = b"WARC/1.0\r\nWARC-Type: response\r\n" + b"X: y\r\n" * 20_000
    (bad, good) = frames(endless + warc_record(b"next"))
    assert bad.problem == "header_too_long"
    assert good.block == b"next"


def test_zero_padding_after_the_last_member_is_no_damage():
    assert [frame.block for frame in frames(packed(warc_record(b"x")) + bytes(1000))] == [b"x"]


def test_memory_stays_bounded_by_pieces_for_a_packed_gigabyte_of_nothing():
    stream = Trickle(gzip.compress(bytes(1 << 25), mtime=0), 1 << 12)
    events = list(pieces_of(stream, bounds=Bounds(stream_bytes=1 << 30, expansion=10, grace_bytes=1 << 20)))
    assert isinstance(events[-1], Damage)
    assert events[-1].reason == "expansion_limit"
    assert max(len(event.data) for event in events if isinstance(event, Piece)) <= 1 << 18
