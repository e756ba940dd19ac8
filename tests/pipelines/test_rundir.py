import tempfile
from pathlib import Path

import duckdb
import pytest

from curation.errors import InputError, VerifyError
from pipelines.rundir import TABLES, connect, open_run, seal
from tests.rundirs import example_docs, write_run


def test_each_folder_of_a_run_is_a_dataset_and_a_table_with_the_same_rows(tmp_path: Path):
    run = write_run(tmp_path / "run", example_docs(), parts=3)
    with run.connect() as connection:
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in TABLES}
    assert counts["measured"] == (9,) == (run.measured.count_rows(),)
    assert counts["documents"] == (2,) == (run.documents.count_rows(),)
    assert counts["review"] == (2,) == (run.review.count_rows(),)
    assert counts["signatures"] == (0,), "a folder without parts is an empty table"


def test_a_scan_of_a_dataset_gives_documents_in_input_order(tmp_path: Path):
    run = write_run(tmp_path / "run", example_docs(), parts=4)
    assert run.measured.to_table(["offset"])["offset"].to_pylist() == list(range(9))


def test_signals_are_a_relation_without_text(tmp_path: Path):
    columns = write_run(tmp_path / "run", example_docs()).signals.columns
    assert "signal.num_words" in columns
    assert "doc_id" in columns
    assert not {"text", "edits"} & set(columns)


def test_signals_can_be_asked_for_when_the_text_was_removed_and_when_nothing_was_read(tmp_path: Path):
    assert write_run(tmp_path / "run").signals.fetchall() == []


def test_a_folder_that_is_no_run_is_refused_with_what_was_expected(tmp_path: Path):
    with pytest.raises(InputError, match=r"expected a run directory \(with spec.yaml or manifest.json\), found none"):
        open_run(tmp_path)


def test_a_manifest_that_is_not_a_json_object_is_an_error_and_a_missing_one_is_an_unfinished_run(tmp_path: Path):
    run = write_run(tmp_path / "run")
    (tmp_path / "run" / "manifest.json").write_text("[1]")
    with pytest.raises(VerifyError, match="expected an object, found list"):
        run.manifest()
    (tmp_path / "run" / "manifest.json").write_text("{")
    with pytest.raises(VerifyError, match="expected JSON"):
        run.manifest()
    (tmp_path / "run" / "manifest.json").unlink()
    assert run.manifest() == {}


def test_shards_of_a_run_without_export_say_how_to_get_some(tmp_path: Path):
    run = write_run(tmp_path / "run")
    assert run.latest_export is None
    with pytest.raises(InputError, match="add `shards:` to the spec"):
        _ = run.shards


def test_a_query_cannot_see_the_variables_of_python_code(tmp_path: Path):
    run = write_run(tmp_path / "run", example_docs())
    secret = run.measured  # noqa: F841 - DuckDB would find it by its name
    with pytest.raises(duckdb.CatalogException, match="secret"):
        run.sql("SELECT * FROM secret")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('{folder}/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET threads = 1",
        "SET temp_directory = '{folder}'",
    ],
)
def test_a_sealed_connection_reads_and_writes_no_file_and_keeps_its_settings(tmp_path: Path, query: str):
    file = tmp_path / "secret.csv"
    file.write_text("a\n1\n")
    with connect() as connection:
        seal(connection)
        with pytest.raises(duckdb.Error):
            connection.execute(query.format(file=file, folder=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_a_connection_spills_to_a_folder_of_its_own_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with connect(memory_bytes=48 << 20) as connection:
        connection.execute("SET threads = 1")
        connection.execute("CREATE TABLE big AS SELECT md5(i::VARCHAR) AS x FROM range(1500000) t(i)")
        assert [path.name[:17] for path in tmp_path.iterdir()] == ["gristmill-duckdb-"], "more than fits must spill"
    assert list(tmp_path.iterdir()) == []
