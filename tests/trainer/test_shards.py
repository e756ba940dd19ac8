"""Exports as a trainer sees them: rows by memory map, elastic steps, and refusal of what was changed."""

import dataclasses
import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from curation.errors import VerifyError
from pipelines.shards import export_shards
from tests.token_runs import documents, texts, tokenizer, write_run
from trainer.batch import IGNORE
from trainer.manifest import parse_manifest
from trainer.open_file import SlowLayoutWarning
from trainer.shards import open_shards


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    request = write_run(
        root,
        [
            documents(texts(150)),
            documents(texts(60, seed=3), source="law"),
            documents(texts(20, seed=5), source="held", split="validation"),
        ],
    )
    shards = dataclasses.replace(request.shards, order="warmup")
    return root / export_shards(dataclasses.replace(request, shards=shards)).folder


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def table_of(folder: Path) -> pa.Table:
    return ds.dataset(folder / "stages").to_table().sort_by("row")


def test_an_export_and_its_validation_split_verify(exported: Path):
    open_shards(exported).verify()
    held = open_shards(exported / "validation")
    held.verify()
    assert {piece.source for row in range(len(held)) for piece in held.documents(row)} == {"held"}


def test_rows_by_memory_map_are_those_that_pyarrow_and_duckdb_read(exported: Path):
    shards = open_shards(exported)
    rows = shards.tokens(0, len(shards))
    by_arrow = b"".join(table_of(exported)["tokens"].to_pylist())
    by_duckdb = duckdb.sql(f"SELECT tokens FROM '{exported}/stages/*/*.parquet' ORDER BY row").fetchall()
    assert all(file.token_map is not None for file in shards.files), "tokens are one plain page per row group"
    assert rows.astype("<u2").tobytes() == by_arrow == b"".join(row[0] for row in by_duckdb)
    assert any(group.tokens_offset % 2 for file in shards.manifest.files for group in file.row_groups), (
        "odd offsets too"
    )


def test_any_range_of_rows_is_that_slice_of_all_rows(exported: Path):
    shards = open_shards(exported)
    everything = shards.tokens(0, len(shards))
    for start, stop in [(0, 0), (0, 1), (15, 17), (60, 70), (5, len(shards)), (len(shards), len(shards))]:
        assert np.array_equal(shards.tokens(start, stop), everything[start:stop])
    with pytest.raises(IndexError, match="expected rows within"):
        shards.tokens(0, len(shards) + 1)


def test_rows_are_gathered_in_any_order_and_more_than_once(exported: Path):
    shards = open_shards(exported)
    rows = np.array([len(shards) - 1, 0, 70, 3, 3, 16])
    assert np.array_equal(shards.gather(rows), shards.tokens(0, len(shards))[rows])
    assert shards.gather(rows[:0]).shape == (0, 33)
    for beyond in (-1, len(shards)):
        with pytest.raises(IndexError, match=rf"^expected rows within \[0, {len(shards)}\), found some from {beyond}"):
            shards.gather(np.array([beyond]))


def test_a_rows_tokens_decode_to_the_texts_behind_it(exported: Path):
    shards = open_shards(exported)
    by_id = {
        row["doc_id"]: row["text"]
        for batch in (documents(texts(150)), documents(texts(60, seed=3), source="law"))
        for row in batch.to_pylist()
    }
    seen = 0
    for row in range(len(shards)):
        tokens, start = shards.tokens(row, row + 1)[0], 0
        for piece in shards.documents(row):
            text = tokenizer().decode(tokens[start : start + piece.length]).removesuffix("<|endoftext|>")
            assert text in by_id[piece.doc_id]
            seen += text == by_id[piece.doc_id]
            start += piece.length
    assert seen > 10, "some documents fit into one row as a whole"


def test_every_token_but_a_documents_first_is_a_label_exactly_once(exported: Path):
    shards = open_shards(exported)
    batch = shards.rows(0, len(shards))
    labels = batch.labels()
    totals = json.loads((exported / "manifest.json").read_text())["totals"]
    assert (labels != IGNORE).sum() == batch.num_targets == totals["kept"] + totals["eos"] - totals["documents"]
    assert batch.num_targets == totals["tokens"] - totals["overlaps"] - totals["emissions"]


def test_masks_separate_documents_and_padding(exported: Path):
    shards = open_shards(exported)
    whole = shards.rows(0, len(shards))
    row = int(np.flatnonzero(whole.n_valid_R <= shards.manifest.sequence_length)[0])
    batch = shards.rows(row, row + 1)
    segments, positions = batch.segments()[0], batch.positions()[0]
    valid = int(batch.n_valid_R[0])
    assert (segments[valid:] == -1).all()
    assert segments[:valid].tolist() == np.repeat(np.arange(batch.doc_lens_P.size), batch.doc_lens_P).tolist()
    assert positions[:valid].tolist() == [at for length in batch.doc_lens_P for at in range(length)]
    assert (batch.labels()[0][valid - 1 :] == IGNORE).all()


def test_a_flipped_bit_in_any_file_is_refused(copy: Path):
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        content = path.read_bytes()
        at = len(content) // 2
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(VerifyError):
            open_shards(copy).verify()
        path.write_bytes(content)
    open_shards(copy).verify()


def test_a_flipped_token_is_found_by_the_page_checksum_too(copy: Path):
    file = open_shards(copy).manifest.files[0]
    path = copy / file.path
    content = bytearray(path.read_bytes())
    content[file.row_groups[0].tokens_offset + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(path, page_checksum_verification=True).read()


def test_a_truncated_or_missing_file_is_refused_when_opened(copy: Path):
    path = copy / open_shards(copy).manifest.files[0].path
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(VerifyError, match=f"expected {len(content)} bytes, found {len(content) - 1}"):
        open_shards(copy)
    path.unlink()
    with pytest.raises(VerifyError, match="expected a file, found none"):
        open_shards(copy)


def test_a_link_out_of_the_folder_is_refused(copy: Path, tmp_path: Path):
    path = copy / open_shards(copy).manifest.files[0].path
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VerifyError, match="a link out of it"):
        open_shards(copy)


def test_an_unlisted_shard_is_refused(copy: Path):
    path = copy / open_shards(copy).manifest.files[0].path
    shutil.copy(path, path.with_name("part-99999.parquet"))
    with pytest.raises(VerifyError, match=r"part-99999.*expected only the files"):
        open_shards(copy).verify()


def test_a_file_rewritten_by_another_tool_is_read_through_pyarrow_and_that_is_said(copy: Path):
    expected = open_shards(copy).tokens(0, 40)
    manifest = json.loads((copy / "manifest.json").read_text())
    path = copy / manifest["files"][0]["path"]
    table = pq.read_table(path)
    pq.write_table(table, path, compression="zstd", row_group_size=16)
    manifest["files"][0]["bytes"] = max(path.stat().st_size, 1)
    for group in manifest["files"][0]["row_groups"]:
        group["tokens_offset"] = 4
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(SlowLayoutWarning, match="read through pyarrow, slowly"):
        found = open_shards(copy).tokens(0, 40)
    assert np.array_equal(found, expected)
    with pytest.warns(SlowLayoutWarning):
        gathered = open_shards(copy).gather(np.arange(40)[::-1])
    assert np.array_equal(gathered, expected[::-1])
    rewritten = open_shards(copy).files[0]
    with pytest.warns(SlowLayoutWarning), pytest.raises(IndexError):
        rewritten.gathered(np.array([rewritten.file.rows]))


def test_the_sources_of_a_batch_are_those_of_its_pieces(exported: Path):
    shards = open_shards(exported)
    assert shards.manifest.sources == ("law", "web")
    batch = shards.rows(3, 20)
    expected = [piece.source for row in range(3, 20) for piece in shards.documents(row)]
    assert [shards.manifest.sources[code] for code in batch.source_P] == expected


def test_the_pointer_to_the_newest_export_opens_it(exported: Path):
    assert open_shards(exported.parent / "latest").manifest == open_shards(exported).manifest


def test_a_manifest_of_another_digest_than_pinned_is_refused(exported: Path):
    digest = open_shards(exported).manifest.sha256
    assert len(open_shards(exported, sha256=digest)) > 0
    with pytest.raises(VerifyError, match="expected the manifest with sha256"):
        open_shards(exported, sha256="0" * 64)


HOSTILE = {
    "files.0.path=/etc/passwd": "relative path inside",
    "files.0.path=../../secret": "relative path inside",
    "files.0.path=a/../../b": "relative path inside",
    "files.0.path=a\\b": "relative path inside",
    "files.0.path=a\u0000b": "relative path inside",
    "files.0.path=": "relative path inside",
    "files.0.path=[]": "a string",
    "files.0.rows=-1": "whole number from 0",
    "files.0.rows=true": "whole number from 0",
    "files.0.rows=1.5": "whole number from 0",
    "files.0.rows=99999999999999999999999": "whole number from 0",
    "files.0.bytes=0": "tokens_offset",
    "files.0.row_groups.0.tokens_offset=99999999": "tokens_offset",
    "files.0.row_groups.0.tokens_offset=-8": "tokens_offset",
    "files.0.row_groups.0.rows=0": "whole number from 1",
    "files.0.row_groups.0.rows=4611686018427387903": "tokens_offset",
    "files.0.row_groups.0.row_start=1": "row_start",
    "files.0.row_groups.0.tokens_crc32=4294967296": "tokens_crc32",
    "files.0.sha256=ABC": "64 hexadecimal digits",
    "files=null": "a list",
    "files.0=7": "an object",
    "files.1.path=stages/00-warmup/part-00000.parquet": "every path once",
    "stages.0.row_end=0": "expected to start at row",
    "stages.0.name=7": "a string",
    "dtype=float64": "one of uint16, uint32",
    "dtype=[]": "one of uint16, uint32",
    "seq_len=0": "whole number from 1",
    "seq_len=1000000000000": "whole number from 1",
    "tokenizer.vocab_size=65537": "whole number from 1",
    "tokenizer.eos_id=300": "whole number from 0",
    "stages.0.lr_factor=-1": "a number from 0",
    'stages.0.lr_factor="1"': "a number from 0",
    "stages.0.tokens_by_source=[]": "an object",
    "totals.rows=1": "expected to end at row",
    "totals.tokens=1": "tokens \\+ padding",
    "format=other": "gristmill-shards",
    'format_version="2.0"': r"version 1\.x",
    "format_version=1": "a string",
    "order_digest=../x": "64 hexadecimal digits",
    "order.path=../../x": "relative path inside",
}


@pytest.mark.parametrize("change", HOSTILE)
def test_a_hostile_manifest_is_refused_with_the_key_and_what_was_expected(exported: Path, change: str):
    manifest = json.loads((exported / "manifest.json").read_text())
    where, _, text = change.partition("=")
    *path, last = [int(key) if key.isdigit() else key for key in where.split(".")]
    at = manifest
    for key in path:
        at = at[key]
    try:
        at[last] = json.loads(text)
    except ValueError:
        at[last] = text
    with pytest.raises(VerifyError, match=HOSTILE[change]):
        parse_manifest(json.dumps(manifest).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b'{"a":NaN}',
        b'{"a":1,"a":2}',
        b"[" * 200_000,
        b'{"seq_len":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_manifest_at_all_is_a_verify_error(content: bytes):
    with pytest.raises(VerifyError, match=r"manifest\.json"):
        parse_manifest(content)


def test_a_newer_minor_version_with_unknown_keys_is_read(exported: Path):
    manifest = json.loads((exported / "manifest.json").read_text())
    manifest |= {"format_version": "1.7", "new": {"key": 1}}
    assert parse_manifest(json.dumps(manifest).encode()).rows == len(open_shards(exported))
