import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.curriculum.token_page import LayoutError, parse_page_header, token_page

WIDTH = 6


def offset_of(path, **options: object) -> int:
    tokens = pa.array([bytes([row % 251] * WIDTH) for row in range(100)], pa.binary(WIDTH))
    table = pa.table([tokens], schema=pa.schema([pa.field("tokens", pa.binary(WIDTH), nullable=False)]))
    settings = {"compression": "NONE", "use_dictionary": False, "write_statistics": False, "write_page_checksum": True}
    pq.write_table(table, path, **settings | options)
    content = path.read_bytes()
    group = pq.ParquetFile(path).metadata.row_group(0)
    offset, _ = token_page(group, lambda at, length: content[at : at + length], width=WIDTH)
    assert content[offset : offset + 100 * WIDTH] == b"".join(tokens.to_pylist())
    return offset


def test_the_tokens_of_one_plain_page_lie_where_it_is_said(tmp_path):
    assert offset_of(tmp_path / "x.parquet") > 4


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {"use_dictionary": True},
        {"max_rows_per_page": 20},
        {"data_page_size": 64, "write_batch_size": 10},
        {"data_page_version": "2.0"},
        {"use_byte_stream_split": ["tokens"]},
    ],
    ids=lambda options: next(iter(options)),
)
def test_any_other_layout_is_refused(tmp_path, options: dict[str, object]):
    with pytest.raises(LayoutError, match="expected"):
        offset_of(tmp_path / "x.parquet", **options)


@given(st.binary(max_size=64))
def test_bytes_that_are_no_header_raise_a_layout_error_and_nothing_else(data: bytes):
    try:
        header = parse_page_header(data)
    except LayoutError:
        return
    assert 0 < header.num_bytes <= len(data)


def test_structs_nested_without_end_are_refused():
    with pytest.raises(LayoutError, match=r"unexpected Thrift type|cut off"):
        parse_page_header(bytes([0x1C]) * 100_000)
