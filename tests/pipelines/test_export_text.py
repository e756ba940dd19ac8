import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from curation.errors import SpecError
from pipelines.export_text import export_text
from pipelines.rundir import Run
from tests.rundirs import Doc, example_docs, identity, write_run

DOCS = [Doc(text=f"text {index} " * 5, language="de" if index % 3 else "en", path=f"p{index}") for index in range(50)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_run(tmp_path_factory.mktemp("made") / "run", DOCS, parts=4)


def exported(run: Run, folder: Path, where: str | None) -> list[int]:
    target = folder / "out.parquet"
    count = export_text(run, "parquet", str(target), where=where)
    offsets = pq.read_table(target)["offset"].to_pylist()
    assert count == len(offsets)
    return offsets


def test_all_kept_text_is_exported_in_input_order_with_ids_as_text(run: Run, tmp_path: Path):
    assert exported(run, tmp_path, None) == list(range(50))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["doc_id"].to_pylist() == [identity(DOCS, index).hex() for index in range(50)]
    assert table["text"][3].as_py() == DOCS[3].text
    assert "edits" not in table.schema.names


def test_dropped_and_undecided_documents_are_not_exported(tmp_path: Path):
    made = write_run(tmp_path / "run", example_docs())
    assert exported(made, tmp_path, None) == [0, 7]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("language = 'en'", list(range(0, 50, 3))),
        ('"signal.language" = \'en\' AND "offset" < 10', [0, 3, 6, 9]),
        (f"doc_id = '{identity(DOCS, 7).hex()}'", [7]),
        ("num_chars > (SELECT avg(num_chars) FROM documents)", list(range(10, 50))),
        ('"offset" IN (3, 1, 2) -- a comment', [1, 2, 3]),
        ("false", []),
        ("NULL", []),
    ],
)
def test_an_expression_selects_documents_and_order_stays_that_of_the_input(
    run: Run, tmp_path: Path, where: str, expected: list[int]
):
    assert exported(run, tmp_path, where) == expected


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("nope = 1", "nope"),
        ("", "Parser Error"),
        ("1 = 1) UNION SELECT (2", "Parser Error"),
        ("true; DROP VIEW documents", "more than one statement"),
        ("text", "Conversion Error"),
        ("doc_id IN (SELECT content FROM read_text('/etc/hostname'))", "disabled by configuration"),
        ("(SELECT count(*) FROM '/etc/hostname') > 0", "disabled by configuration|does not exist"),
        ("(SELECT count(*) FROM decisions) > 0", "decisions does not exist"),
        ("(SELECT count(*) FROM run) > 0", "run does not exist"),
    ],
)
def test_an_expression_that_fails_or_reaches_beyond_the_documents_is_a_spec_error(
    run: Run, tmp_path: Path, where: str, said: str
):
    with pytest.raises(SpecError, match=said):
        export_text(run, "parquet", str(tmp_path / "out.parquet"), where=where)
    assert list(tmp_path.iterdir()) == [], "a failed export leaves nothing"


def test_an_error_shows_no_control_character_of_the_expression_or_the_data(tmp_path: Path):
    made = write_run(tmp_path / "run", [Doc(text="\x1b[31m\u202e")])
    with pytest.raises(SpecError) as caught:
        export_text(made, "parquet", str(tmp_path / "out.parquet"), where="text::INT = 1 OR '\x1b' = 'x'")
    assert not {"\x1b", "\u202e"} & set(str(caught.value))


def test_json_lines_leave_nulls_out_and_hold_the_same_documents(run: Run, tmp_path: Path):
    target = tmp_path / "out.jsonl.zst"
    assert export_text(run, "jsonl.zst", str(target), where="language = 'de'") == 33
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(target.read_bytes())) as reader:
        rows = [json.loads(line) for line in reader.read().splitlines()]
    assert [row["offset"] for row in rows] == [index for index in range(50) if index % 3]
    assert rows[0]["text"] == DOCS[1].text
    assert "url" not in rows[0]
    assert rows[0]["signal.language"] == "de"


@pytest.mark.parametrize("kind", ["parquet", "jsonl.zst"])
def test_the_same_selection_gives_the_same_bytes_whatever_the_parts_folder_and_file_name(
    run: Run, tmp_path: Path, kind: str
):
    again = write_run(tmp_path / "other", DOCS, parts=4)
    export_text(run, kind, str(tmp_path / "a"), where='"offset" > 5')
    export_text(again, kind, str(tmp_path / "deep" / "b"), where='"offset" > 5')
    assert (tmp_path / "a").read_bytes() == (tmp_path / "deep" / "b").read_bytes()


def test_an_export_of_nothing_is_a_table_with_the_right_columns(tmp_path: Path):
    made = write_run(tmp_path / "run")
    assert export_text(made, "parquet", str(tmp_path / "out.parquet")) == 0
    assert {"doc_id", "text", "signal.num_words"} <= set(pq.read_schema(tmp_path / "out.parquet").names)


def test_an_unknown_format_is_named(run: Run, tmp_path: Path):
    with pytest.raises(SpecError, match=r"--to: expected parquet or jsonl\.zst, found 'csv'"):
        export_text(run, "csv", str(tmp_path / "out"))
