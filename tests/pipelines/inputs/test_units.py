import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.inputs.files import InputFile
from pipelines.inputs.open import list_files
from pipelines.inputs.sniff import content_type_of, inspect_file
from pipelines.inputs.units import plan_units
from pipelines.spec import InputSpec, Limits

GIVEN = InputSpec(files=())


def file(name: str, size: int, **more) -> InputFile:
    return InputFile(uri=f"/d/{name}", path=name, bytes=size, **{"format": "jsonl", "compression": "none", **more})


FILES = st.lists(
    st.builds(
        lambda size, format, compression, problem: (size, format, compression, problem),
        st.integers(0, 1 << 24),
        st.sampled_from(["jsonl", "text", "warc"]),
        st.sampled_from(["none", "gzip"]),
        st.sampled_from([None, "binary"]),
    ),
    max_size=30,
)


@given(FILES, st.integers(1 << 14, 1 << 22), st.sampled_from(["file", "line"]), st.integers(0, 5))
def test_units_cover_every_byte_of_every_file_once_in_order(files, unit_bytes, document, first):
    files = [
        file(f"{index:03}", size, format=format, compression=compression, problem=problem)
        for index, (size, format, compression, problem) in enumerate(files)
    ]
    given_ = InputSpec(files=(), document=document)
    units = plan_units(files, Limits(unit_bytes=unit_bytes), source="s", given=given_, first_index=first)
    assert [unit.index for unit in units] == list(range(first, first + len(units)))
    pieces = [piece for unit in units for piece in unit.pieces]
    by_file: dict[str, list] = {one.path: [] for one in files}
    for piece in pieces:
        by_file[piece.file.path].append((piece.start, piece.end))
    assert [piece.file.path for piece in pieces] == sorted(piece.file.path for piece in pieces)
    for one in files:
        ranges = by_file[one.path]
        assert ranges[0][0] == 0
        assert ranges[-1][1] is None
        assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]
        is_cut = one.bytes > unit_bytes and one.compression == "none" and one.problem is None
        by_line = one.format == "jsonl" or (one.format == "text" and document == "line")
        assert len(ranges) == (-(-one.bytes // unit_bytes) if is_cut and by_line else 1)


def test_small_files_are_grouped_and_a_compressed_byte_counts_for_four():
    files = [file(f"{index}", 1 << 20) for index in range(4)] + [
        file(f"z{index}", 1 << 20, compression="gzip") for index in range(3)
    ]
    units = plan_units(files, Limits(unit_bytes=4 << 20), source="s", given=GIVEN)
    assert [[piece.file.path for piece in unit.pieces] for unit in units] == [
        ["0", "1", "2", "3"],
        ["z0"],
        ["z1"],
        ["z2"],
    ]


def test_a_large_parquet_file_is_cut_between_row_groups(tmp_path):
    table = pa.table({"text": [f"text {index} " + "%030x" % (index * 7919**7) for index in range(1000)]})
    pq.write_table(table, tmp_path / "f.parquet", row_group_size=100)
    size = (tmp_path / "f.parquet").stat().st_size
    files = [inspect_file(one, GIVEN) for one in list_files([str(tmp_path)], tmp_path)]
    units = plan_units(files, Limits(unit_bytes=size // 3), source="s", given=GIVEN)
    starts = [piece.start for unit in units for piece in unit.pieces]
    assert starts[0] == 0
    assert len(starts) in (3, 4, 5)
    assert all(start % 100 == 0 for start in starts)


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("f.txt", b'{"text":"a"}\n', "jsonl"),
        ("f.txt", b'{"other":"a"}\n', "text"),
        ("f.json", b'\n{"text":"a"}\n{"text":"b"}\n', "jsonl"),
        ("f", b"WARC/1.0\r\n", "warc"),
        ("f.txt", b"filedesc://x", "warc"),
        ("f.jsonl", b"PAR1....", "parquet"),
        ("f.parquet", b"no parquet", "parquet"),
        ("f.warc.gz", b"<html>", "warc"),
        ("f.JSONL.ZST", b"[1]", "jsonl"),
        ("f.html", b"<html>", "text"),
        ("f.txt", b'{"text":"' + b"x" * 100_000 + b'"}\n', "jsonl"),
        ("f.txt", b"", "text"),
    ],
)
def test_content_decides_the_format_then_the_name(tmp_path, name, content, format):
    (tmp_path / name).write_bytes(content)
    (found,) = [inspect_file(one, GIVEN) for one in list_files([str(tmp_path / name)], tmp_path)]
    assert (found.format, found.problem) == (format, None)


def test_the_spec_overrules_both(tmp_path):
    (tmp_path / "f.jsonl").write_bytes(b'{"text":"a"}\n')
    (found,) = [inspect_file(one, InputSpec(files=(), format="text")) for one in list_files(["f.jsonl"], tmp_path)]
    assert found.format == "text"


def test_only_names_that_are_certain_give_a_content_type():
    names = ("a.html.gz", "a.md", "a.py", "a.txt", "a")
    assert [content_type_of(name) for name in names] == ["text/html", "text/plain", "text/plain", None, None]
