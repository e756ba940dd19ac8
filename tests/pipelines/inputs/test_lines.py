import io
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipelines.inputs.lines import Lines, Oversized, first_line_start, read_lines

CONTENT = st.lists(st.sampled_from([b"\n", b"a", b"bc", b"\r", b"\n\n", b"long line"]), max_size=40).map(b"".join)


def expected_lines(content: bytes) -> list[tuple[int, bytes, int]]:
    """`(offset, line, length with its end)` by the definition: cut after every `\\n`."""
    lines, position = [], 0
    for line in io.BytesIO(content):
        lines.append((position, line.removesuffix(b"\n"), len(line)))
        position += len(line)
    return lines


def flat(blocks, limit):
    """The same of what `read_lines` yields; a line streamed past is shown by its length alone."""
    for block in blocks:
        if isinstance(block, Oversized):
            yield block.offset, None, block.length
            continue
        assert isinstance(block, Lines)
        position = block.offset
        for index, line in enumerate(block.lines):
            length = len(line) + (not (block.last_is_cut and index == len(block.lines) - 1))
            assert len(line) <= limit
            yield position, line, length
            position += length


def cut(content: bytes, cuts: list[int]) -> list[bytes]:
    bounds = sorted({0, len(content), *(index for index in cuts if index < len(content))})
    return [content[start:stop] for start, stop in pairwise(bounds)]


@given(CONTENT, st.lists(st.integers(0, 80)), st.integers(0, 6))
def test_lines_are_the_same_however_the_stream_is_cut(content, cuts, limit):
    blocks = read_lines(cut(content, cuts), offset=0, stop=None, max_bytes=limit)
    expected = [(at, line if len(line) <= limit else None, length) for at, line, length in expected_lines(content)]
    assert list(flat(blocks, limit)) == expected


@given(CONTENT, st.lists(st.integers(0, 80)), st.integers(1, 4), st.integers(0, 6))
def test_each_line_belongs_to_exactly_one_of_the_ranges_that_tile_a_file(content, bounds, piece_bytes, limit):
    bounds = sorted({0, *(bound for bound in bounds if bound < len(content))})
    found = []
    for start, stop in zip(bounds, [*bounds[1:], None], strict=True):
        raw = io.BytesIO(content)
        first = first_line_start(raw, start)
        raw.seek(first)
        pieces = iter(lambda raw=raw: raw.read(piece_bytes), b"")
        found += flat(read_lines(pieces, offset=first, stop=stop, max_bytes=limit), limit)
    expected = [(at, line if len(line) <= limit else None, length) for at, line, length in expected_lines(content)]
    assert found == expected


def test_a_giant_line_is_never_held():
    pieces = [b"x" * 1000 for _ in range(5000)]

    def stream():
        yield b"a\n"
        yield from pieces
        yield b"\nb\n"

    assert list(flat(read_lines(stream(), offset=0, stop=None, max_bytes=4096), 4096)) == [
        (0, b"a", 2),
        (2, None, 5_000_001),
        (5_000_003, b"b", 2),
    ]
