import gzip
import io
import random
import tracemalloc
import zlib

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.inputs.decompression import PIECE_BYTES, Bounds, ByteStream, compression_of
from pipelines.inputs.zstd_frames import MAX_WINDOW_BYTES

BOUNDS = Bounds(stream_bytes=1 << 40, expansion=1 << 30, grace_bytes=1 << 26)
TEXT = b"".join(b'{"text":"line %d of some"}\n' % index for index in range(3000))
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def zstd(content: bytes, **settings) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True, **settings).compress(content)


class ShortReads(io.BytesIO):
    """A stream that gives fewer bytes than asked for, as pipes and servers do."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size

    def read(self, size=-1):
        return super().read(min(size, self.size) if size >= 0 else self.size)


def unpacked(
    data: bytes, bounds: Bounds = BOUNDS, *, read_bytes: int = 1 << 30
) -> tuple[bytes, list[tuple[str, int, bool]]]:
    """Content and faults `(reason, position, is_final)`."""
    stream = ByteStream(ShortReads(data, read_bytes), compression_of(data[:8]), bounds)
    content = b"".join(stream)
    assert stream.position == len(content)
    return content, [(fault.reason, fault.position, fault.is_final) for fault in stream.faults]


@pytest.mark.parametrize("pack", [packed, zstd, bytes])
def test_whole_streams_come_back_whole(pack):
    assert unpacked(pack(TEXT)) == (TEXT, [])
    assert unpacked(pack(b"")) == (b"", [])


def test_lz4_frames_come_back_whole():
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as out:
        out.write(TEXT)
    data = sink.getvalue().to_pybytes()
    assert compression_of(data) == "lz4"
    assert unpacked(data) == (TEXT, [])
    content, faults = unpacked(data[: len(data) // 2])
    assert TEXT.startswith(content)
    assert [(reason, is_final) for reason, _, is_final in faults] == [("truncated", True)]


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=6), st.integers(1, 40), st.sampled_from([packed, zstd]))
def test_members_and_frames_are_read_one_after_the_other_however_the_stream_is_read(parts, read_bytes, pack):
    assert unpacked(b"".join(map(pack, parts)), read_bytes=read_bytes) == (b"".join(parts), [])


def most_of_gzip(data: bytes) -> bytes:
    """All that zlib can make of cut or damaged data, by feeding it bytes one at a time."""
    inflate, out = zlib.decompressobj(wbits=31), b""
    for index in range(len(data)):
        try:
            out += inflate.decompress(data[index : index + 1])
        except zlib.error:
            break
    return out


@pytest.mark.parametrize("read_bytes", [7, 1 << 30])
def test_a_gzip_cut_anywhere_gives_all_that_was_there_before_the_cut(read_bytes):
    content = bytes(random.Random(1).choices(b"abcdef \n", k=600))
    data = packed(content)
    for size in range(4, len(data)):
        found, faults = unpacked(data[:size], read_bytes=read_bytes)
        assert found == most_of_gzip(data[:size])
        assert faults == [("truncated", len(found), True)]


def test_a_damaged_gzip_gives_all_that_was_there_before_the_damage():
    content = bytes(random.Random(2).choices(b"abcdef \n", k=600))
    data = packed(content)
    reasons = {"damaged_compression", "checksum_wrong", "truncated", "trailing_garbage"}
    for index in range(10, len(data)):
        bad = bytearray(data)
        bad[index] ^= 0x40
        found, faults = unpacked(bytes(bad))
        assert found == most_of_gzip(bytes(bad)), index
        # The last byte of the deflate stream has unused bits.
        assert faults or found == content, index
        assert {fault[0] for fault in faults} <= reasons


@pytest.mark.parametrize("field", [-8, -1], ids=["checksum", "length"])
def test_a_wrong_gzip_checksum_is_told_and_the_next_member_read(field):
    first = bytearray(packed(b"one"))
    first[field] ^= 1
    assert unpacked(bytes(first) + packed(b"two")) == (b"onetwo", [("checksum_wrong", 3, False)])
    assert unpacked(bytes(first) + packed(b"two"), read_bytes=1) == (b"onetwo", [("checksum_wrong", 3, False)])


def test_garbage_after_a_gzip_is_told_and_zero_padding_is_not():
    assert unpacked(packed(b"one") + b"garbage" * 100_000) == (b"one", [("trailing_garbage", 3, False)])
    assert unpacked(packed(b"one") + bytes(500_000)) == (b"one", [])
    assert unpacked(packed(b"one") + b"\x1f") == (b"one", [("trailing_garbage", 3, False)])


def test_a_zstd_cut_anywhere_gives_the_blocks_before_the_cut_and_is_told():
    data = zstd(TEXT)
    for size in range(5, len(data)):
        found, faults = unpacked(data[:size])
        assert TEXT.startswith(found)
        assert faults == [("truncated", len(found), True)]
    big = bytes(random.Random(3).choices(b"abcdefgh", k=1 << 19))
    found, _ = unpacked(zstd(big)[:-1000])
    assert len(found) >= len(big) - (1 << 17) - 1000, "a cut costs the block it is in"


def test_a_damaged_zstd_is_told_and_costs_nothing_before_it():
    data = zstd(TEXT)
    for index in range(len(data)):
        bad = bytearray(data)
        bad[index] ^= 0x10
        content, faults = unpacked(bytes(bad))
        # Bit 4 of the frame header means nothing; a file without the magic is no zstd.
        assert faults or content == TEXT or compression_of(bytes(bad)) == "none", index
    wrong_sum = bytearray(data)
    wrong_sum[-1] ^= 1
    assert unpacked(bytes(wrong_sum)) == (TEXT, [("damaged_compression", len(TEXT), True)])


def test_what_follows_or_lies_between_zstd_frames_is_passed_over_and_told_if_it_is_garbage():
    skippable = b"\x53\x2a\x4d\x18" + (300_000).to_bytes(4, "little") + bytes(300_000)
    assert unpacked(skippable + zstd(b"one") + skippable + zstd(b"two")) == (b"onetwo", [])
    assert unpacked(zstd(b"one") + b"garbage") == (b"one", [("trailing_garbage", 3, False)])


def test_a_zstd_window_above_128_mib_is_refused_before_memory_is_allocated():
    largest = bytes([0x00, (27 - 10) << 3])
    too_large = bytes([0x00, (28 - 10) << 3])
    empty_last_block = b"\x01\x00\x00"
    assert unpacked(ZSTD_MAGIC + largest + empty_last_block) == (b"", [])
    assert unpacked(ZSTD_MAGIC + too_large + empty_last_block) == (b"", [("zstd_window", 0, True)])
    claims_a_terabyte = bytes([0xE0]) + (1 << 40).to_bytes(8, "little")
    assert unpacked(ZSTD_MAGIC + claims_a_terabyte + empty_last_block) == (b"", [("zstd_window", 0, True)])
    assert MAX_WINDOW_BYTES == 1 << 27


def test_a_zstd_frame_that_needs_a_dictionary_is_refused():
    data = zstandard.ZstdCompressor(
        dict_data=zstandard.ZstdCompressionDict(TEXT * 4, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    ).compress(b"one")
    assert unpacked(data)[0] in (b"one", b""), "a raw dictionary has no id; what refers to it fails"
    assert unpacked(ZSTD_MAGIC + b"\x21\x07\x00" + b"\x01\x00\x00") == (b"", [("zstd_dictionary", 0, True)])


def rle_bomb(num_blocks: int) -> bytes:
    """A zstd frame of 4 bytes per 128 KiB of output."""
    block = ((1 << 17) << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    return ZSTD_MAGIC + bytes([0x00, (20 - 10) << 3]) + block * num_blocks + b"\x01\x00\x00"


@pytest.mark.parametrize("data", [rle_bomb(10_000), packed(bytes(300 << 20))], ids=["zstd 1.3 GB", "gzip 300 MB"])
def test_a_bomb_stops_at_the_ratio_with_bounded_memory(data):
    bounds = Bounds(stream_bytes=1 << 40, expansion=900, grace_bytes=1 << 24)
    stream = ByteStream(io.BytesIO(data), compression_of(data), bounds)
    tracemalloc.start()
    total = sum(map(len, stream))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == stream.position
    assert stream.broken is not None
    assert stream.broken.reason == "expansion_limit"
    assert total < bounds.expansion * len(data) + (1 << 28)
    assert peak < 8 * PIECE_BYTES


@pytest.mark.parametrize("pack", [packed, zstd, bytes])
def test_no_more_than_stream_bytes_are_given(pack):
    bounds = Bounds(stream_bytes=1000, expansion=1 << 30, grace_bytes=0)
    assert unpacked(pack(TEXT), bounds) == (TEXT[:1000], [("stream_limit", 1000, True)])
    assert unpacked(pack(TEXT[:1000]), bounds) == (TEXT[:1000], [])


def test_a_part_of_a_plain_file_far_from_its_start_is_no_bomb():
    stream = ByteStream(
        io.BytesIO(TEXT), "none", Bounds(stream_bytes=1 << 40, expansion=1, grace_bytes=0), position=1 << 35
    )
    assert b"".join(stream) == TEXT
    assert stream.faults == []


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b\x08\x00", ZSTD_MAGIC, b"\x04\x22\x4d\x18"]))
def test_any_bytes_are_read_or_reported(data, magic):
    content, faults = unpacked(magic + data)
    assert faults or content or not magic + data or magic
