"""Exports: the law of tokens, the same bytes, the exact layout, and what is refused."""

import dataclasses
import hashlib
import json
import shutil
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.curriculum.mixture import MixtureStage, Share
from curation.curriculum.tokens import TokenBalance
from curation.errors import ConservationError, GristmillError, SpecError, VerifyError
from curation.schema import TOKENS
from pipelines import shard_file
from pipelines.parts import write_part
from pipelines.shards import ExportRequest, export_shards
from pipelines.store import Store
from pipelines.token_law import check_tokens, token_findings
from tests.golden import check_golden
from tests.oracles.packing import packed_rows
from tests.token_runs import WORDS, documents, texts, tokenizer, write_run
from trainer.shards import open_shards

SIDES = ("", "validation")


def changed(request: ExportRequest, **shards: object) -> ExportRequest:
    return dataclasses.replace(request, shards=dataclasses.replace(request.shards, **shards))


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@st.composite
def runs(draw: st.DrawFn):
    """Batches of documents of three sources, empty ones and long ones among them."""
    batches = []
    for number in range(draw(st.integers(0, 3))):
        lengths = draw(st.lists(st.integers(0, 120), max_size=12))
        split = draw(st.sampled_from(["train", "train", "validation"]))
        words = [" ".join(WORDS[(number + k) % len(WORDS)] for k in range(length)) for length in lengths]
        batches.append(documents(words, source=f"s{number}", split=split))
    return batches


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    batches=runs(),
    length=st.integers(1, 70),
    order=st.sampled_from(["random", "warmup", "interleaved", "length-grow"]),
    weights=st.dictionaries(st.sampled_from(["s0", "s1", "s2"]), st.floats(0, 3)),
)
def test_tokens_are_conserved_for_any_documents_row_length_order_and_weights(batches, length, order, weights):
    with tempfile.TemporaryDirectory() as folder:
        request = changed(
            write_run(Path(folder), batches), sequence_length=length, order=order, rows_per_group=3, rows_per_file=7
        )
        export = export_shards(dataclasses.replace(request, weights=weights))
        check_tokens(request.store, export.folder)
        for side in SIDES:
            open_shards(Path(folder) / export.folder / side).verify()


def test_the_law_names_a_document_whose_tokens_are_not_in_the_rows(tmp_path: Path):
    request = write_run(tmp_path, [documents(texts(30))])
    export = export_shards(request)
    tokens = next((tmp_path / "tokens").glob("*.parquet"))
    table = pq.read_table(tokens)
    counts = table["num_tokens"].to_pylist()
    pq.write_table(table.set_column(3, table.schema.field(3), pa.array([counts[0] + 1, *counts[1:]])), tokens)
    first = table["doc_id"][0].as_py().hex()
    assert any(
        f"document {first}: expected 1 emissions of {counts[0] + 2}" in line
        for line in token_findings(request.store, export.folder)
    )
    with pytest.raises(ConservationError, match="law of tokens"):
        check_tokens(request.store, export.folder)


def test_a_balance_that_does_not_add_up_says_every_term():
    balance = TokenBalance(
        kept_tokens=10, eos_tokens=2, row_tokens=14, overlap_tokens=1, repeat_tokens=0, left_out_tokens=0
    )
    with pytest.raises(
        ConservationError, match=r"10 of kept documents \+ 2 EOS = 14 in rows - 1 overlaps .* difference of 1"
    ):
        balance.check()


def test_the_same_documents_give_the_same_bytes_whatever_the_folder_and_the_parts(tmp_path: Path):
    whole = documents(texts(200))
    held = documents(texts(20, seed=9), source="held", split="validation")
    exports = []
    for name, batches in (
        ("a", [whole, held]),
        ("b", [whole.slice(0, 7), whole.slice(7, 150), whole.slice(157), held]),
    ):
        request = changed(write_run(tmp_path / name, batches), order="warmup")
        exports.append(contents(tmp_path / name / export_shards(request).folder))
    assert exports[0] == exports[1]


def test_a_small_export_has_the_order_and_the_tokens_that_it_always_had(tmp_path: Path):
    """The whole manifest but the digests of files, which hold the version of the Parquet writer."""
    batches = [documents(texts(40)), documents(texts(9, seed=4), source="v", split="validation")]
    folder = tmp_path / export_shards(changed(write_run(tmp_path, batches), order="warmup")).folder
    manifests = {}
    for side in SIDES:
        manifest = json.loads((folder / side / "manifest.json").read_text())
        for entry in [*manifest["files"], manifest["order"], manifest["heldout"] or {}]:
            entry.pop("bytes", None)
            entry.pop("sha256", None)
        manifests[side or "train"] = manifest
    check_golden(Path(__file__).parent / "golden" / "small_export.json", manifests)


def test_rows_are_gathered_token_by_token_from_the_store(tmp_path: Path):
    """The definition, slowly: documents in the order of `order.parquet`, packed by the oracle."""
    batches = [documents(texts(40)), documents(texts(25, seed=2), source="law")]
    request = changed(write_run(tmp_path, batches), order="interleaved", sequence_length=20)
    folder = tmp_path / export_shards(request).folder
    ids = {
        row["doc_id"]: [*tokenizer().encode([row["text"]])[0].tolist(), tokenizer().eos_id]
        for batch in batches
        for row in batch.to_pylist()
    }
    order = pq.read_table(folder / "order.parquet").to_pylist()
    expected: list[list[int]] = []
    for stage in sorted({entry["stage"] for entry in order}):
        entries = [entry for entry in order if entry["stage"] == stage]
        for row in packed_rows([entry["num_tokens"] for entry in entries], sequence_length=20):
            for place, (emission, position) in enumerate(row):
                if position == 0:
                    assert (entries[emission]["row"], entries[emission]["position"]) == (len(expected), place)
            tokens = [ids[entries[emission]["doc_id"]][position] for emission, position in row]
            expected.append(tokens + [tokenizer().eos_id] * (21 - len(row)))
    assert open_shards(folder).tokens(0, len(expected)).tolist() == expected


def test_a_vocabulary_above_65535_is_written_as_uint32(tmp_path: Path):
    wide = dataclasses.replace(tokenizer(), vocab_size=65536)
    export = export_shards(write_run(tmp_path, [documents(texts(20))], pinned=wide))
    shards = open_shards(tmp_path / export.folder)
    shards.verify()
    assert shards.tokens(0, 1).dtype == np.uint32
    assert tokenizer().dtype == "uint16"


def test_no_documents_make_an_empty_export_that_verifies(tmp_path: Path):
    request = write_run(tmp_path, [])
    export = export_shards(request)
    for side in SIDES:
        shards = open_shards(tmp_path / export.folder / side)
        shards.verify()
        assert len(shards) == 0
        assert shards.tokens(0, 0).shape == (0, 33)
    check_tokens(request.store, export.folder)


def test_one_giant_document_fills_many_row_groups_and_files(tmp_path: Path):
    request = write_run(tmp_path, [documents([" ".join(texts(3000))])])
    export = export_shards(request)
    shards = open_shards(tmp_path / export.folder)
    shards.verify()
    assert len(shards.files) > 2
    assert shards.manifest.overlaps == len(shards) - 1


def test_a_stage_starts_in_a_row_of_its_own(tmp_path: Path):
    request = changed(write_run(tmp_path, [documents(texts(100))]), order="warmup")
    manifest = export_shards(request).manifest
    warmup, rest = manifest["stages"]
    assert (warmup["name"], rest["name"]) == ("warmup", "random")
    assert warmup["row_end"] == rest["row_start"]
    rows = open_shards(tmp_path / "exports" / manifest["digest"][:16])
    assert not rows.documents(rest["row_start"])[0].continued
    ids = [
        {piece.doc_id for row in range(stage["row_start"], stage["row_end"]) for piece in rows.documents(row)}
        for stage in (warmup, rest)
    ]
    assert not ids[0] & ids[1]


def test_an_export_that_is_there_is_left_alone_and_other_content_is_refused(tmp_path: Path):
    request = write_run(tmp_path, [documents(texts(30))])
    first = export_shards(request)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / first.folder).rglob("*")}
    assert export_shards(request).name == first.name
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / first.folder).rglob("*")} == before
    path = tmp_path / first.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"digest": "f" * 64}))
    with pytest.raises(GristmillError, match="exports never change"):
        export_shards(request)


def test_a_folder_in_the_way_is_an_error_and_leaves_nothing_temporary(tmp_path: Path):
    request = write_run(tmp_path, [documents(texts(30))])
    export = export_shards(request)
    (tmp_path / export.folder / "manifest.json").unlink()
    with pytest.raises(GristmillError, match="cannot write: Directory not empty"):
        export_shards(request)
    assert not list((tmp_path / "exports").glob(".tmp*"))


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path: Path):
    request = write_run(tmp_path, [documents(texts(30))])
    leftover = tmp_path / "exports" / ".tmp-export-0123"
    leftover.mkdir(parents=True)
    (leftover / "part").write_bytes(b"half")
    export_shards(request)
    assert sorted(path.name for path in (tmp_path / "exports").iterdir())[-1] == "latest"
    assert not leftover.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"fingerprint": "1" * 64},
        {"weights": {"web": 2.0}},
        {"parent": "0123456789abcdef"},
        {"provenance": {"a": 1}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_all_that_decides_an_export_names_it(tmp_path: Path, change: dict[str, object]):
    request = write_run(tmp_path, [documents(texts(30))])
    first, second = export_shards(request), export_shards(dataclasses.replace(request, **change))
    assert first.name != second.name
    assert (tmp_path / "exports" / "latest").read_text() == f"{second.name}\n"


def test_the_digests_are_those_that_sha256sum_checks(tmp_path: Path):
    export = export_shards(
        write_run(tmp_path, [documents(texts(30)), documents(texts(9, seed=4), source="v", split="validation")])
    )
    folder = tmp_path / export.folder
    listed = dict(line.split("  ")[::-1] for line in (folder / "MANIFEST.sha256").read_text().splitlines())
    assert listed == {
        name: hashlib.sha256(data).hexdigest() for name, data in contents(folder).items() if name != "MANIFEST.sha256"
    }


def test_a_row_longer_than_a_page_may_be_is_a_spec_error(tmp_path: Path):
    request = write_run(tmp_path, [])
    with pytest.raises(SpecError, match=r"shards\.sequence_length: expected 1 to 134217727, found 134217728"):
        export_shards(changed(request, sequence_length=1 << 27))
    with pytest.raises(SpecError, match=r"shards\.rows_per_group: expected 1 to"):
        export_shards(changed(request, rows_per_group=0))


def test_large_row_groups_are_lowered_to_the_limit_in_bytes():
    layout = shard_file.Layout(
        sequence_length=(1 << 20) - 1,
        dtype="uint32",
        tokenizer_sha256="",
        eos_id=0,
        rows_per_group=2048,
        rows_per_file=4096,
    )
    assert layout.group_rows == 64


def test_a_token_file_that_was_cut_is_refused(tmp_path: Path):
    request = write_run(tmp_path, [documents(texts(30))])
    path = next((tmp_path / "tokens").glob("*.bin"))
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(VerifyError, match=r"expected \d+ bytes of token ids, found \d+"):
        export_shards(request)


def test_a_document_that_occurs_twice_is_refused(tmp_path: Path):
    batch = documents(texts(3))
    with pytest.raises(GristmillError, match=r"doc_id [0-9a-f]{32} occurs twice"):
        export_shards(write_run(tmp_path, [batch, batch]))


def test_weights_repeat_and_leave_out_whole_documents_and_validation_never(tmp_path: Path):
    batches = [
        documents(texts(200)),
        documents(texts(100, seed=2), source="law"),
        documents(texts(30, seed=3), source="off"),
        documents(texts(20, seed=4), source="off", split="validation", first=1000),
    ]
    request = dataclasses.replace(write_run(tmp_path, batches), weights={"law": 2.5, "off": 0.0, "web": 0.5})
    export = export_shards(request)
    check_tokens(request.store, export.folder)
    order = pq.read_table(tmp_path / export.folder / "order.parquet")
    emitted = {
        source: order.filter(pa.compute.equal(order["source"], source)).num_rows for source in ("web", "law", "off")
    }
    assert emitted["off"] == 0
    assert 70 < emitted["web"] < 130
    assert 230 < emitted["law"] < 270
    held = json.loads((tmp_path / export.folder / "validation" / "manifest.json").read_text())
    assert (held["totals"]["documents"], held["totals"]["emissions"]) == (20, 20)


def with_signals(request: ExportRequest, **signals: list[float | None]) -> ExportRequest:
    """Adds numeric signals to the documents of a run of one part."""
    name = f"documents/{request.parts[0]}.parquet"
    path = Path(request.store.uri) / name
    table = pq.read_table(path)
    for signal, values in signals.items():
        table = table.append_column(f"signal.{signal}", pa.array(values, pa.float64()))
    pq.write_table(table, path)
    return request


def test_an_export_anneals_on_the_named_quality_and_says_the_percentile_of_each_document_and_row(tmp_path: Path):
    quality = [None if n % 10 == 9 else float(n * 7 % 300) for n in range(300)]
    request = with_signals(write_run(tmp_path, [documents(texts(300))]), taste=quality)
    export = export_shards(changed(request, quality="taste"))
    stages = export.manifest["stages"]
    assert [stage["name"] for stage in stages] == ["warmup", "random", "anneal"], "the default where there is a quality"
    assert [stage["lr_factor"] for stage in stages] == [1.0, 1.0, pytest.approx(1 / 3)]
    order = pq.read_table(tmp_path / export.folder / "order.parquet").to_pylist()
    best = sum(entry["num_tokens"] + 1 for entry in order if entry["stage"] == "anneal")
    assert best == pytest.approx(0.15 * sum(entry["num_tokens"] + 1 for entry in order), rel=0.1)
    assert min(entry["quality"] for entry in order if entry["stage"] == "anneal") > 0.8
    assert {entry["quality_level"] for entry in order if entry["quality"] is not None} == {"language"}
    assert sum(entry["quality"] is None for entry in order) == 30, "not excluded"
    rows = pa.concat_tables(
        [pq.read_table(path) for path in sorted((tmp_path / export.folder / "stages").rglob("*.parquet"))]
    )
    annealed = rows.filter(pa.compute.equal(rows["stage"], "anneal"))
    assert pa.compute.min(annealed["quality"]).as_py() > 0.8
    shards = open_shards(tmp_path / export.folder)
    assert shards.manifest.stage_at(len(shards) - 1).lr_factor == pytest.approx(1 / 3)


def test_the_manifest_says_how_the_scores_agree(tmp_path: Path):
    lengths = [len(tokenizer().encode([text])[0]) for text in texts(100)]
    request = with_signals(write_run(tmp_path, [documents(texts(100))]), taste=[-float(n) for n in lengths])
    scores = export_shards(changed(request, quality="taste")).manifest["scores"]
    assert scores["names"] == ["compression_ratio", "length", "taste"]
    assert scores["spearman"][1] == [scores["spearman"][0][1], 1.0, -1.0]


def test_a_mixture_meets_its_budgets_and_leaves_the_rest_out_declared(tmp_path: Path):
    batches = [documents(texts(200)), documents(texts(100, seed=2), source="law")]
    request = changed(
        write_run(tmp_path, batches),
        order="mixture",
        mixture=(
            MixtureStage(name="main", tokens=6000, shares=(Share(source="law", weight=0.0),), lr_factor=0.7),
            MixtureStage(
                name="law", tokens=3000, shares=(Share(domain="contracts", max_fraction=1.0),), order="difficulty"
            ),
        ),
    )
    export = export_shards(dataclasses.replace(request, domains={"law": "contracts"}))
    check_tokens(request.store, export.folder)
    open_shards(tmp_path / export.folder).verify()
    main, law = export.manifest["stages"]
    assert (main["name"], main["budget"], main["lr_factor"], list(main["tokens_by_source"])) == (
        "main",
        6000,
        0.7,
        ["web"],
    )
    assert 5900 < sum(main["tokens_by_source"].values()) <= 6000
    assert 2900 < sum(law["tokens_by_source"].values()) <= 3000
    assert export.manifest["totals"]["left_out_documents"] > 0


def test_a_signal_that_the_documents_lack_is_a_spec_error(tmp_path: Path):
    request = changed(write_run(tmp_path, [documents(texts(3))]), quality="taste")
    with pytest.raises(SpecError, match=r"shards: expected signal.taste in documents/part-.* as a number, found none"):
        export_shards(request)


def test_the_row_group_does_not_change_the_tokens(tmp_path: Path):
    request = changed(write_run(tmp_path, [documents(texts(100))]), order="warmup")
    found = []
    for rows in (1, 5, 1000):
        shards = open_shards(
            tmp_path / export_shards(changed(request, rows_per_group=rows, rows_per_file=rows * 3)).folder
        )
        found.append(shards.tokens(0, len(shards)).tobytes())
    assert found[0] == found[1] == found[2]


def test_thousands_of_parts_are_not_mapped_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.token_store.MAX_MAPS", 2)
    batch = documents(texts(40))
    request = write_run(tmp_path / "few", [batch])
    split = write_run(tmp_path / "many", [batch.slice(at, 4) for at in range(0, 40, 4)])
    first, second = (contents(Path(r.store.uri) / export_shards(r).folder) for r in (request, split))
    assert first == second


def peak_bytes_of_export(root: Path, tokens_each: int) -> int:
    request = write_run(root, [documents([""] * 300)])
    path = next((root / "tokens").glob("*.parquet"))
    table = pq.read_table(path)
    lengths = pa.array([tokens_each] * 300, pa.int64())
    write_part(
        Store(str(root)), "tokens/large.parquet", TOKENS, table.set_column(3, TOKENS.field(3), lengths).to_batches()
    )
    (root / "tokens" / "large.bin").write_bytes(bytes(2 * 300 * tokens_each))
    shutil.copy(root / "documents" / path.name, root / "documents" / "large.parquet")
    tracemalloc.start()
    export_shards(dataclasses.replace(changed(request, sequence_length=1024, rows_per_file=1 << 20), parts=["large"]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_memory_holds_a_row_group_and_not_the_tokens(tmp_path: Path):
    few, many = peak_bytes_of_export(tmp_path / "few", 10_000), peak_bytes_of_export(tmp_path / "many", 80_000)
    assert many < 48_000_000 / 8, "48 MB of token ids"
    assert many < 3 * few


def test_an_object_store_gets_the_same_files(tmp_path: Path):
    batches = [documents(texts(60)), documents(texts(9, seed=4), source="v", split="validation")]
    local = write_run(tmp_path / "local", batches)
    remote = dataclasses.replace(write_run(tmp_path / "remote", batches), store=Store(f"file://{tmp_path}/remote"))
    first = export_shards(local)
    (tmp_path / "remote" / "exports").mkdir()
    for path in (tmp_path / "local" / "exports").rglob("*"):  # object stores need no folders, Arrow's local one does
        if path.is_dir():
            (tmp_path / "remote" / path.relative_to(tmp_path / "local")).mkdir(parents=True)
    second = export_shards(remote)
    assert contents(tmp_path / "local" / first.folder) == contents(tmp_path / "remote" / second.folder)
    check_tokens(remote.store, second.folder)
    assert export_shards(remote).name == first.name
