import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import GristmillError
from pipelines.parts import BYTES_PER_GROUP, read_batches, read_part, write_part
from pipelines.store import Store

TABLE = pa.table(
    {
        "text": ["x" * (i % 700) for i in range(20_000)],
        "n": pa.array(range(20_000), pa.int64()),
        "minhash": pa.array([b"abcd" * (i % 11) if i % 3 else None for i in range(20_000)], pa.binary()),
    }
)


@pytest.mark.slow
@given(cuts=st.lists(st.integers(0, TABLE.num_rows), max_size=12))
def test_the_same_rows_give_the_same_bytes_however_they_are_cut(tmp_path_factory, cuts):
    edges = sorted({0, TABLE.num_rows, *cuts})
    batches = [b for a, z in itertools.pairwise(edges) for b in TABLE.slice(a, z - a).to_batches()]
    folder = tmp_path_factory.mktemp("parts")
    whole = write_part(Store(str(folder / "a")), "t.parquet", TABLE.schema, TABLE.to_batches())
    cut = write_part(Store(str(folder / "b")), "t.parquet", TABLE.schema, batches)
    assert whole.written.sha256 == cut.written.sha256
    assert cut.rows == TABLE.num_rows


def test_wide_rows_close_a_row_group_early(tmp_path):
    table = pa.table({"text": ["y" * (BYTES_PER_GROUP // 4)] * 9})
    write_part(Store(str(tmp_path)), "t.parquet", table.schema, table.to_batches())
    sizes = [pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(i).num_rows for i in range(3)]
    assert sizes == [4, 4, 1]
    assert read_part(Store(str(tmp_path)), "t.parquet").equals(table)


def test_an_empty_part_has_its_schema(tmp_path):
    write_part(Store(str(tmp_path)), "t.parquet", TABLE.schema, [])
    assert read_part(Store(str(tmp_path)), "t.parquet").schema.names == TABLE.schema.names
    assert list(read_batches(Store(str(tmp_path)), "t.parquet")) == []


def test_a_replayed_part_is_accepted_when_equal_and_refused_when_not(tmp_path):
    store = Store(str(tmp_path))
    first = write_part(store, "t.parquet", TABLE.schema, TABLE.to_batches())
    assert write_part(store, "t.parquet", TABLE.schema, TABLE.to_batches(max_chunksize=7)) == first
    with pytest.raises(
        GristmillError, match=r"t\.parquet: written before with sha256 .* same work unit must give the same bytes"
    ):
        write_part(store, "t.parquet", TABLE.schema, TABLE.slice(1).to_batches())
    assert store.digest("t.parquet") == first.written


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    store = Store(str(tmp_path))

    def broken():
        yield TABLE.to_batches()[0]
        raise RuntimeError("reader failed")

    with pytest.raises(RuntimeError, match="reader failed"):
        write_part(store, "folder/t.parquet", TABLE.schema, broken())
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_part_holds_no_arrow_dictionary_and_no_time_or_path(tmp_path):
    table = pa.table({"source": ["web"] * 10, "text": ["t"] * 10})
    write_part(Store(str(tmp_path)), "t.parquet", table.schema, table.to_batches())
    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert file.schema_arrow.field("source").type == pa.string()
    assert set(file.metadata.metadata) == {b"ARROW:schema"}
