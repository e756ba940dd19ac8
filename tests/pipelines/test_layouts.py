"""Copies of an export for other trainers, read back by NumPy and Parquet readers, and by the peers' own readers."""

import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path

import datasets
import duckdb
import numpy as np
import polars
import pyarrow.parquet as pq
import pytest

from curation.errors import InputError, SpecError
from infra.benchmarks.peers import REPOSITORY, python_of
from pipelines.exported import Exported, open_export
from pipelines.layouts import write_layout
from pipelines.report.curriculum import curriculum_of
from pipelines.report.page import report_of
from pipelines.shards import export_shards
from pipelines.tracing import documents_of_step, steps_of_documents
from tests.rundirs import Doc
from tests.rundirs import write_run as write_judged_run
from tests.token_runs import documents, texts, tokenizer, write_run
from trainer.shards import open_shards

LONG = " ".join(texts(30))
BATCHES = [documents([*texts(80), LONG, ""]), documents(texts(30, seed=3), source="law")]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    request = write_run(folder, BATCHES)
    export_shards(dataclasses.replace(request, shards=dataclasses.replace(request.shards, order="warmup")))
    return folder


@pytest.fixture
def exported(root: Path) -> Exported:
    return open_export(str(root))


def expected_documents(exported: Exported, root: Path) -> list[list[int]]:
    """The tokens of each emission with EOS, in the order in which their first tokens stand in the rows."""
    order = pq.read_table(root / exported.folder / "order.parquet").sort_by(
        [("row", "ascending"), ("position", "ascending")]
    )
    ids = {row["doc_id"]: row["text"] for batch in BATCHES for row in batch.to_pylist()}
    return [
        [*tokenizer().encode([ids[doc_id]])[0].tolist(), tokenizer().eos_id] for doc_id in order["doc_id"].to_pylist()
    ]


def test_lists_open_in_every_library_and_hold_the_valid_tokens(exported: Exported, root: Path, tmp_path: Path):
    folder = tmp_path / "list"
    assert write_layout(exported, "list", folder) == exported.num_rows
    shards = open_shards(root / exported.folder)
    valid = shards.rows(0, len(shards)).n_valid_R
    expected = [row[:count].tolist() for row, count in zip(shards.tokens(0, len(shards)), valid, strict=True)]
    by_duckdb = duckdb.sql(f"SELECT input_ids FROM '{folder}/*.parquet' ORDER BY row").fetchall()
    by_datasets = datasets.load_dataset(
        "parquet", data_files=str(folder / "*.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [row[0] for row in by_duckdb] == expected
    assert polars.read_parquet(folder / "*.parquet").sort("row")["input_ids"].to_list() == expected
    assert by_datasets["input_ids"][:] == expected
    assert pq.read_table(folder)["input_ids"].to_pylist() == expected


def test_the_shards_themselves_open_in_every_library(exported: Exported, root: Path, tmp_path: Path):
    paths = sorted(str(path) for path in (root / exported.folder / "stages").rglob("*.parquet"))
    shards = open_shards(root / exported.folder)
    expected = [row.astype("<u2").tobytes() for row in shards.tokens(0, len(shards))]
    assert polars.read_parquet(paths).sort("row")["tokens"].to_list() == expected
    by_datasets = datasets.load_dataset("parquet", data_files=paths, split="train", cache_dir=str(tmp_path / "cache"))
    assert by_datasets["tokens"][:] == expected


def test_numpy_arrays_hold_the_rows_and_map(exported: Exported, root: Path, tmp_path: Path):
    write_layout(exported, "npy", tmp_path / "npy")
    shards = open_shards(root / exported.folder)
    batch = shards.rows(0, len(shards))
    tokens = np.load(tmp_path / "npy" / "tokens.npy", mmap_mode="r")
    assert tokens.dtype == np.uint16
    assert np.array_equal(tokens, batch.tokens_RC)
    for name, values in (("n_valid", batch.n_valid_R), ("doc_lens", batch.doc_lens_P), ("pieces", batch.pieces_R1)):
        assert np.array_equal(np.load(tmp_path / "npy" / f"{name}.npy"), values)


MEGATRON = """
import json, sys, warnings
warnings.simplefilter("ignore")
from megatron.core.datasets.indexed_dataset import IndexedDataset
data = IndexedDataset(sys.argv[1] + "/shards")
print(json.dumps([str(data[0].dtype), [data[n].tolist() for n in range(len(data))], data.document_indices.tolist()]))
"""


@pytest.mark.peer("megatron")
@pytest.mark.slow
def test_megatrons_own_reader_finds_each_document_in_training_order(exported: Exported, root: Path, tmp_path: Path):
    expected = expected_documents(exported, root)
    assert write_layout(exported, "megatron", tmp_path / "megatron") == len(expected)
    dtype, found, ends = json.loads(_peer("megatron", MEGATRON, tmp_path / "megatron"))
    assert dtype == "uint16"
    assert found == expected
    assert ends == list(range(len(expected) + 1))


MOSAIC = """
import json, sys
from infra.benchmarks.shard_reading_side import Stub
sys.meta_path.insert(0, Stub())
from streaming.base.format import reader_from_json
folder = sys.argv[1]
rows = []
for entry in json.load(open(folder + "/index.json"))["shards"]:
    reader = reader_from_json(folder, None, entry)
    for number in range(len(reader)):
        row = reader[number]
        rows.append([row["tokens"].tolist(), row["n_valid"], list(row["doc_lens"])])
print(json.dumps(rows))
"""


@pytest.mark.peer
@pytest.mark.soak
def test_mosaicmls_own_reader_finds_each_row_in_order(
    exported: Exported, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.layouts.MDS_SHARD_BYTES", 4096)
    write_layout(exported, "mds", tmp_path / "mds")
    assert len(list((tmp_path / "mds").glob("*.mds"))) > 1
    found = json.loads(_peer("streaming", MOSAIC, tmp_path / "mds"))
    shards = open_shards(root / exported.folder)
    batch = shards.rows(0, len(shards))
    assert [row[0] for row in found] == batch.tokens_RC.tolist()
    assert [row[1] for row in found] == batch.n_valid_R.tolist()
    lens = [length for row in found for length in np.frombuffer(bytes(row[2]), "<i4").tolist()]
    assert lens == batch.doc_lens_P.tolist()


def _peer(name: str, program: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [python_of(name), "-c", program, folder]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1]


def test_a_large_vocabulary_is_int32_for_megatron(tmp_path: Path):
    wide = dataclasses.replace(tokenizer(), vocab_size=65536)
    export_shards(write_run(tmp_path, [documents(texts(9))], pinned=wide))
    write_layout(open_export(str(tmp_path)), "megatron", tmp_path / "m")
    index = (tmp_path / "m" / "shards.idx").read_bytes()
    assert index[:18] == b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little") + b"\x04"
    lengths = np.frombuffer(index, "<i4", offset=34, count=9)
    assert (tmp_path / "m" / "shards.bin").stat().st_size == 4 * lengths.sum()


def test_a_folder_that_exists_is_left_alone_and_a_run_without_export_says_so(exported: Exported, tmp_path: Path):
    with pytest.raises(SpecError, match="exists already; choose another name with -o"):
        write_layout(exported, "npy", tmp_path)
    with pytest.raises(InputError, match="expected an export of training rows, found none"):
        open_export(str(tmp_path))


def test_the_report_shows_stages_padding_and_how_the_scores_agree(tmp_path: Path):
    run = write_judged_run(tmp_path, [Doc(), Doc(text="another text")])
    assert curriculum_of(run) is None
    assert "Training rows" not in report_of(run)
    request = write_run(tmp_path / "other", BATCHES)
    export = export_shards(request)
    shutil.copytree(tmp_path / "other" / "exports", tmp_path / "exports")
    found = curriculum_of(run)
    assert found is not None
    totals = export.manifest["totals"]
    assert found.stages[0].waste == totals["padding"] / (totals["padding"] + totals["tokens"])
    assert [name for name, _ in found.agreement] == ["compression_ratio", "length"]
    page = report_of(run)
    assert "<h2>Training rows</h2>" in page
    assert f"{found.agreement[0][1][1]:.2f}</td>" in page


def test_the_documents_of_a_step_are_those_of_its_rows_and_steps_go_on_over_epochs(exported: Exported, root: Path):
    shards = open_shards(root / exported.folder)
    found = documents_of_step(exported, 2, global_batch=5)
    expected = [(row, piece) for row in range(10, 15) for piece in shards.documents(row)]
    assert [(p["row"], p["doc_id"], p["tokens"], p["continued"]) for p in found] == [
        (row, piece.doc_id.hex(), piece.length, piece.continued) for row, piece in expected
    ]
    steps = -(-exported.num_rows // 5)
    assert documents_of_step(exported, steps + 2, global_batch=5) == found


def test_the_steps_of_a_document_are_all_rows_that_hold_a_piece_of_it(exported: Exported, root: Path):
    shards = open_shards(root / exported.folder)
    long_id = BATCHES[0]["doc_id"][80].as_py()
    found = steps_of_documents(exported, [long_id], global_batch=3)
    expected = [row for row in range(len(shards)) if any(piece.doc_id == long_id for piece in shards.documents(row))]
    assert len(expected) > 10
    assert [piece["row"] for piece in found] == expected
    assert [piece["step"] for piece in found] == [row // 3 for row in expected]
    assert [piece["continued"] for piece in found] == [False] + [True] * (len(expected) - 1)
    assert [piece["tokens"] for piece in found[:-1]] == [33] * (len(expected) - 1)
