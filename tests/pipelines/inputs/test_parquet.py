import contextlib
import datetime
import decimal
import io
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.identity import doc_id
from pipelines.inputs import parquet_bounds
from pipelines.inputs.parquet_pages import BadPage, Chunk, pages_of, row_groups
from pipelines.inputs.parquet_weights import slices, weights
from pipelines.inputs.rows import REPLACED
from pipelines.spec import InputSpec, Limits
from tests.oracles.reading import Outcome, read_files


def written(folder: Path, table: pa.Table, **settings) -> Path:
    pq.write_table(table, folder / "f.parquet", **settings)
    return folder / "f.parquet"


SMALL = st.builds(Limits, unit_bytes=st.integers(1, 400), batch_bytes=st.integers(1, 60))
ROWS = st.lists(
    st.tuples(st.none() | st.sampled_from(["", " \n", "same"]) | st.text(max_size=9), st.none() | st.integers(0, 9)),
    max_size=40,
)


@given(ROWS, st.integers(1, 12), SMALL, st.booleans())
def test_rows_and_accounts_are_the_same_whatever_the_units_and_batches(
    tmp_path_factory, rows, group, limits, dictionary
):
    table = pa.table(
        {"text": pa.array([text for text, _ in rows], pa.string()), "n": pa.array([n for _, n in rows], pa.int8())}
    )
    path = written(tmp_path_factory.mktemp("p"), table, row_group_size=group, use_dictionary=dictionary)
    cut = read_files(path, limits=limits)
    whole = read_files(path)
    assert (cut.rows, cut.dead, cut.counts) == (whole.rows, whole.dead, whole.counts)
    expected = [(row, text, n) for row, (text, n) in enumerate(rows) if text and not text.isspace()]
    extras = [None if n is None else f'{{"n":{n}}}' for _, _, n in expected]
    assert [(row["offset"], row["text"], row["extra"]) for row in whole.rows] == [
        (row, text, extra) for (row, text, _), extra in zip(expected, extras, strict=True)
    ]
    assert whole.counts["dead_letter text_missing"] == sum(text is None for text, _ in rows)
    assert all(row["doc_id"] == doc_id("s", "f.parquet", row["offset"]) for row in whole.rows)


def test_mapped_columns_are_typed_and_all_others_are_kept_as_json(tmp_path):
    day = datetime.datetime(2024, 2, 3, 4, 5, 6, 789)
    table = pa.table(
        {
            "text": pa.array(["a"], pa.large_string()),
            "id": pa.array([7], pa.uint64()),
            "url": pa.array(["https://u:p@www.e.org/"]).dictionary_encode(),
            "lang": ["de"],
            "license": pa.array([None], pa.string()),
            "date": pa.array([day], pa.timestamp("ns")),
            "b": pa.array([b"\xff\x00"]),
            "d": pa.array([decimal.Decimal("1.50")]),
            "f": [float("nan")],
            "l": [["x", None]],
            "m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())),
            "s": [{"y": 1, "t": day}],
            "t": pa.array([datetime.time(1, 2)]),
            "u": pa.array([90], pa.duration("s")),
            "z": pa.array([None], pa.null()),
        }
    )
    (row,) = read_files(written(tmp_path, table), given=InputSpec(files=(), license="CC0-1.0")).rows
    assert (row["text"], row["user_id"], row["url"], row["site"]) == ("a", "7", "https://www.e.org/", "e.org")
    assert (row["declared_language"], row["license"], row["license_from"]) == ("de", "CC0-1.0", "spec")
    assert row["fetch_time"] == day.replace(tzinfo=datetime.UTC)
    assert json.loads(row["extra"]) == {
        "b": "\\xff\x00",
        "d": "1.50",
        "f": None,
        "l": ["x", None],
        "m": [["k", 1]],
        "s": {"t": "2024-02-03T04:05:06.000789", "y": 1},
        "t": "01:02:00",
        "u": 90.0,
    }


def test_a_text_without_a_string_type_is_raw_and_one_with_broken_utf8_says_so(tmp_path):
    values = pa.array([b"caf\xe9", b"fine"])
    (raw, _) = read_files(written(tmp_path, pa.table({"text": values}))).rows
    assert (raw["raw"], raw["text"], raw["content_type"]) == (b"caf\xe9", None, "text/plain")
    broken = pa.Array.from_buffers(pa.string(), 2, values.buffers())
    rows = read_files(written(tmp_path, pa.table({"text": broken, "x": broken, "l": [["a"], ["b"]]}))).rows
    assert [(row["text"], row["charset"]) for row in rows] == [("caf\ufffd", REPLACED), ("fine", None)]
    assert json.loads(rows[0]["extra"]) == {"x": "caf\ufffd", "l": ["a"]}


@pytest.mark.parametrize(
    ("table", "reason", "detail"),
    [
        (pa.table({"body": ["a"]}), "text_missing", "expected one column 'text', found body"),
        (pa.table({"text": [1]}), "text_not_string", "expected column 'text' as string, found int64"),
        (
            pa.table({"text": [["a"]]}),
            "text_not_string",
            "expected column 'text' as string, found list<element: string>",
        ),
        (
            pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"]),
            "duplicate_column",
            "expected one column 'text', found text, text",
        ),
    ],
)
def test_a_file_without_a_usable_text_column_is_one_dead_letter(tmp_path, table, reason, detail):
    outcome = read_files(written(tmp_path, table))
    assert outcome.rows == []
    assert [(row["reason"], row["detail"]) for row in outcome.dead] == [(reason, detail)]


def test_a_text_above_the_limit_is_a_dead_letter_and_the_next_one_read(tmp_path):
    outcome = read_files(written(tmp_path, pa.table({"text": ["a", "x" * 101, "b"]})), limits=Limits(record_bytes=100))
    assert outcome.texts == ["a", "b"]
    assert [(row["offset"], row["length"], row["reason"]) for row in outcome.dead] == [(1, 1, "record_too_long")]


def many_groups() -> bytes:
    sink = io.BytesIO()
    texts = [f"text {index} " + "%060x" % (index * 7919**9) for index in range(500)]
    pq.write_table(pa.table({"text": texts, "n": range(500)}), sink, row_group_size=100, compression="zstd")
    return sink.getvalue()


def read_bytes(folder: Path, data: bytes, limits: Limits | None = None) -> Outcome:
    (folder / "f.parquet").write_bytes(data)
    return read_files(folder / "f.parquet", limits=limits)


def test_a_damaged_page_costs_its_row_group_and_not_the_file(tmp_path):
    data = bytearray(many_groups())
    column = pq.ParquetFile(io.BytesIO(bytes(data))).metadata.row_group(2).column(0)
    data[column.dictionary_page_offset + 40 : column.dictionary_page_offset + 80] = bytes(40)
    outcome = read_bytes(tmp_path, bytes(data))
    assert [row["offset"] for row in outcome.rows] == [*range(200), *range(300, 500)]
    assert [(row["offset"], row["length"], row["reason"]) for row in outcome.dead] == [(200, 100, "bad_parquet")]


def test_an_index_that_its_dictionary_does_not_have_is_damage_and_never_followed():
    indices = pa.array([0, 1, None, 7], pa.int32())
    for bad in (indices, pa.array([0, -1], pa.int32())):
        array = pa.DictionaryArray.from_arrays(bad, pa.array(["a", "b"]), safe=False)
        nested = pa.ListArray.from_arrays(pa.array([0, len(bad)], pa.int32()), array)
        for harmed in (array, nested):
            with pytest.raises(ValueError, match="into a dictionary of 2 values"):
                weights(harmed)
    assert weights(pa.DictionaryArray.from_arrays(indices[:3], pa.array(["a", "bb"]))).tolist() == [1, 2, 0]
    assert weights(pa.DictionaryArray.from_arrays(indices[2:3], pa.array([], pa.string()))).tolist() == [0]


def test_a_file_cut_or_damaged_anywhere_is_read_or_reported_and_never_a_crash(tmp_path):
    data = many_groups()
    chance = random.Random(5)
    for size in [0, 1, 4, 8, 12, *(chance.randrange(12, len(data)) for _ in range(40))]:
        outcome = read_bytes(tmp_path, data[:size])
        assert outcome.rows == []
        assert outcome.reasons == ["bad_parquet"]
    for _ in range(150):
        bad = bytearray(data)
        footer = chance.random() < 0.5
        index = chance.randrange(len(data) - 2500 if footer else 4, len(data))
        bad[index] = chance.randrange(256)
        outcome = read_bytes(tmp_path, bytes(bad))
        assert outcome.rows or outcome.dead


def test_a_page_that_repeats_one_value_is_never_expanded_beyond_a_batch(tmp_path):
    value = "x" * 1_000_000
    indices = pa.array([0] * 20_000, pa.int32())
    table = pa.table(
        {
            "text": pa.DictionaryArray.from_arrays(indices, [value]),
            "more": pa.DictionaryArray.from_arrays(indices, [value]),
        }
    )
    path = written(tmp_path, table, compression="zstd")
    assert path.stat().st_size < 20_000, "20 kB that mean 40 GB"
    given_ = InputSpec(files=())
    from pipelines.inputs.open import list_files
    from pipelines.inputs.reading import Accounts, read_unit
    from pipelines.inputs.sniff import inspect_file
    from pipelines.inputs.units import plan_units

    limits = Limits(batch_bytes=1 << 23, expansion=1 << 20)
    (unit,) = plan_units(
        [inspect_file(file, given_) for file in list_files([str(path)], tmp_path)], limits, source="s", given=given_
    )
    before = pa.total_allocated_bytes()
    batches = read_unit(unit, given_, limits, Accounts(source="s"))
    for _ in range(5):
        batch = next(batches)
        assert batch.nbytes < 1 << 24
        assert pa.total_allocated_bytes() - before < 1 << 26
    batches.close()


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
def test_a_dictionary_that_the_writer_gave_up_is_not_kept_and_cannot_be_multiplied(tmp_path, codec):
    texts = ["x" * 100_000, *(f"{index:08d}" * 25 for index in range(20_000))]
    path = written(tmp_path, pa.table({"text": texts}), compression=codec, dictionary_pagesize_limit=1 << 18)
    with path.open("rb") as raw:
        (group,) = row_groups(raw)
        bounds = parquet_bounds.bounds_of(raw, pq.ParquetFile(path).schema, group, max_page_bytes=1 << 24)
    assert bounds.dictionaries == ()
    assert bounds.step_rows == parquet_bounds.STEP_BYTES // 100_000, "each row may be the longest value"
    outcome = read_files(path, limits=Limits(batch_bytes=1 << 20))
    assert outcome.texts == texts
    assert len(outcome.batches) <= 10, "small steps are joined"


def test_rows_that_take_no_bytes_cannot_make_a_small_file_endless(tmp_path):
    path = written(tmp_path, pa.table({"text": pa.nulls(3_000_000, pa.string())}))
    outcome = read_files(path, limits=Limits(expansion=100))
    assert outcome.reasons == ["expansion_limit"]


def test_a_page_that_claims_to_be_huge_is_refused_whatever_the_footer_says(tmp_path):
    table = pa.table({"text": ["x" * 10_000_000]})
    path = written(tmp_path, table, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 10_000
    outcome = read_files(path, limits=Limits(record_bytes=1 << 20))
    assert [(row["length"], row["reason"]) for row in outcome.dead] == [(1, "expansion_limit")]
    assert "a page of 10000010 bytes in column 'text'" in outcome.dead[0]["detail"]


def test_a_nested_column_of_too_many_values_is_left_out_of_extra_and_the_text_kept(tmp_path):
    size = parquet_bounds.MAX_NESTED_VALUES + 1
    bomb = pa.ListArray.from_arrays(pa.array([0, size], pa.int32()), pa.repeat(pa.scalar(1, pa.int8()), size))
    path = written(tmp_path, pa.table({"text": ["kept"], "n": [5], "bomb": bomb}), compression="zstd")
    assert path.stat().st_size < 20_000
    outcome = read_files(path)
    assert [(row["text"], row["extra"]) for row in outcome.rows] == [("kept", '{"n":5}')]
    assert [(row["length"], row["reason"]) for row in outcome.dead] == [(0, "column_left_out")]


def test_footer_and_page_headers_say_what_the_writer_wrote(tmp_path):
    table = pa.table({"text": [f"{index}" * 50 for index in range(5000)], "l": [[1, 2]] * 5000, "s": [{"x": 1}] * 5000})
    for version in ("1.0", "2.0"):
        path = written(
            tmp_path, table, use_dictionary=["l"], data_page_version=version, data_page_size=4096, row_group_size=3000
        )
        metadata = pq.ParquetFile(path).metadata
        with path.open("rb") as raw:
            groups = row_groups(raw)
            assert [(group.start, group.num_rows) for group in groups] == [(0, 3000), (3000, 2000)]
            for number, group in enumerate(groups):
                assert len(group.chunks) == metadata.num_columns
                for index, chunk in enumerate(group.chunks):
                    column = metadata.row_group(number).column(index)
                    pages = list(pages_of(raw, chunk))
                    assert chunk.length == column.total_compressed_size
                    assert sum(page.num_values for page in pages if not page.is_dictionary) == column.num_values
                    assert sum(page.is_dictionary for page in pages) == column.has_dictionary_page
                    assert sum(page.bytes for page in pages) <= column.total_uncompressed_size


@given(st.binary(max_size=200))
def test_any_bytes_are_page_headers_or_refused(data):
    with contextlib.suppress(BadPage):
        assert len(list(pages_of(io.BytesIO(data), Chunk(start=0, length=len(data))))) <= len(data)
    with contextlib.suppress(BadPage):
        assert len(row_groups(io.BytesIO(b"PAR1" + data + len(data).to_bytes(4, "little") + b"PAR1"))) <= len(data)


LEAF = st.none() | st.text(max_size=5)


@given(
    st.lists(
        st.none()
        | st.lists(
            st.none() | st.fixed_dictionaries({"a": LEAF, "b": st.none() | st.lists(LEAF, max_size=3)}), max_size=3
        ),
        max_size=8,
    ),
    st.data(),
)
def test_weights_of_nested_values_are_the_bytes_of_their_strings_and_eight_for_the_rest(values, data):
    kind = pa.list_(pa.struct([("a", pa.string()), ("b", pa.list_(pa.string()))]))
    array = pa.array(values, kind)
    start = data.draw(st.integers(0, len(values)))

    def weight(value) -> int:
        if value is None:
            return 8
        return 8 + sum(
            8
            + (
                len((item["a"] or "").encode()) + 8 + sum(len((leaf or "").encode()) for leaf in item["b"] or [])
                if item
                else 8
            )
            for item in value
        )

    assert weights(array.slice(start)).tolist() == [weight(value) for value in values[start:]]


@given(st.lists(st.integers(0, 50)), st.integers(1, 100))
def test_slices_tile_the_rows_and_stay_below_the_cap_or_are_one_row(sizes, cap):
    import numpy as np

    found = slices(np.array(sizes, dtype=np.int64), cap)
    assert [row for start, stop in found for row in range(start, stop)] == list(range(len(sizes)))
    assert all(sum(sizes[start:stop]) <= cap or stop - start == 1 for start, stop in found)
