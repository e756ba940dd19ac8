"""`gristmill dedup`: somebody's own records, with a verdict and a cluster beside each, and nothing else changed."""

import datetime
import gzip
import json
import os
import random
import re
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curation.dedup.banding import PRESETS
from curation.errors import InputError, SpecError
from pipelines.dedup_files import Request, dedup_files, dedup_job
from pipelines.job import run_planned
from pipelines.progress import silent
from pipelines.run_plan import plan_run
from pipelines.spec_file import dump_spec, parse_spec
from pipelines.store import Store

ADDED = ["verdict", "cluster_id", "cluster_size"]
NUM_TEXTS, NUM_EXACT, NUM_NEAR = 40, 5, 5


def texts():
    """Distinct texts, copies of the first five, and near copies of the five after them."""
    source = random.Random(7)
    words = [f"word{number}" for number in range(500)]
    distinct = [" ".join(source.choices(words, k=60)) for _ in range(NUM_TEXTS)]
    return [*distinct, *distinct[:NUM_EXACT], *(f"{text} more" for text in distinct[NUM_EXACT : NUM_EXACT + NUM_NEAR])]


def record(number, text):
    return (
        f'{{"id": {10**20 + number}, "text": {json.dumps(text)}, "score": 1.50, "meta": {{"b": [1, null]}}}}'.encode()
    )


def deduplicated(tmp_path, *inputs, settings=("runner.mode=in_memory", "runner.workers=1"), **changes):
    request = Request(**{"inputs": inputs, "output": str(tmp_path / "out"), **changes})
    spec = parse_spec(dump_spec(dedup_job(request)).encode(), name="test", settings=settings)
    return dedup_files(request, spec, progress=silent())


@pytest.fixture
def lines(tmp_path):
    """A JSONL file with copies, a record without text, a broken line and a blank one."""
    content = [record(number, text) for number, text in enumerate(texts())]
    content[3:3] = [b'{"text": null, "id": 1}', b"{broken", b""]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(content) + b"\n")
    return tmp_path / "a.jsonl", content


def test_json_records_keep_their_bytes_and_order_and_get_three_keys(lines, tmp_path):
    path, content = lines
    done = deduplicated(tmp_path, str(path))
    written = (tmp_path / "out" / "a.jsonl").read_bytes().splitlines()
    expected = [line for line in content if line not in {b"", b"{broken"}]
    assert [line[: len(own) - 1] for line, own in zip(written, expected, strict=True)] == [own[:-1] for own in expected]
    rows = [json.loads(line) for line in written]
    assert all(list(row)[-3:] == ADDED for row in rows)
    assert rows[3] == {"text": None, "id": 1, **dict.fromkeys(ADDED)}, "what has no text has no verdict"
    assert done.counts == {
        "input_files": 1, "read": 50, "kept": 40, "exact_duplicates": 5, "near_duplicates": 5,
        "clusters": 10, "without_text": 1,
    }  # fmt: skip
    assert done.dead_letters == {"bad_json": 1}, "what is left out is told"
    manifest = json.loads((tmp_path / "out.gristmill.json").read_text())
    assert [(item["path"], item["reason"]) for item in manifest["dead_letter"]][-1] == ("a.jsonl", "bad_json")
    assert not (tmp_path / "out.run").exists()


def test_a_cluster_keeps_its_first_record_and_has_its_size_beside_each(lines, tmp_path):
    deduplicated(tmp_path, str(lines[0]))
    rows = [json.loads(line) for line in (tmp_path / "out" / "a.jsonl").read_bytes().splitlines()]
    sizes = Counter(row["cluster_id"] for row in rows if row["cluster_id"])
    kept = Counter(row["cluster_id"] for row in rows if row["cluster_id"] and row["verdict"] == "kept")
    assert len(sizes) == NUM_EXACT + NUM_NEAR
    assert set(kept.values()) == {1}
    first = {row["cluster_id"]: row["verdict"] for row in reversed(rows) if row["cluster_id"]}
    assert set(first.values()) == {"kept"}
    assert all(row["cluster_size"] == sizes.get(row["cluster_id"], 1) for row in rows if row["verdict"])
    assert all(re.fullmatch("[0-9a-f]{32}", cluster) for cluster in sizes)


def test_parquet_keeps_columns_types_and_values_nested_ones_too(tmp_path):
    all_texts = texts()
    size = len(all_texts)
    table = pa.table(
        {
            "tags": pa.array([["x", None], []] * (size // 2)),
            "text": pa.array(all_texts, pa.large_string()),
            "nested": pa.array([{"a": [{"b": number}]} for number in range(size)]),
            "map": pa.array([[("k", 1)]] * size, pa.map_(pa.string(), pa.int32())),
            "time": pa.array([datetime.datetime(2020, 1, 1)] * size, pa.timestamp("ns")),
            "category": pa.array(["p", "q"] * (size // 2)).dictionary_encode(),
            "bytes": pa.array([b"\xff", None] * (size // 2)),
        }
    )
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("one.parquet", "deep/two.parquet"):
        pq.write_table(table, tmp_path / "in" / name, row_group_size=16)
    done = deduplicated(tmp_path, str(tmp_path / "in"))
    assert done.counts["read"] == 2 * size
    for name in ("one.parquet", "deep/two.parquet"):
        written = pq.read_table(tmp_path / "out" / name)
        assert written.select(table.schema.names).equals(table)
        assert written.schema.names == [*table.schema.names, *ADDED]


@pytest.mark.slow
def test_only_kept_records_go_to_one_file_of_either_kind(lines, tmp_path):
    path, _ = lines
    outputs = {}
    for name in ("kept.jsonl", "kept.jsonl.gz", "kept.jsonl.zst", "kept.parquet"):
        done = deduplicated(tmp_path, str(path), output=str(tmp_path / name), only_kept=True)
        assert done.counts["kept"] == NUM_TEXTS
        outputs[name] = (tmp_path / name).read_bytes()
    plain = outputs["kept.jsonl"]
    assert gzip.decompress(outputs["kept.jsonl.gz"]) == plain
    assert zstandard.ZstdDecompressor().decompressobj().decompress(outputs["kept.jsonl.zst"]) == plain
    rows = [json.loads(line) for line in plain.splitlines()]
    assert [row["verdict"] for row in rows] == ["kept"] * NUM_TEXTS
    assert [row["text"] for row in rows] == pq.read_table(tmp_path / "kept.parquet")["text"].to_pylist()


@pytest.mark.slow
def test_a_file_that_is_cut_into_units_comes_out_whole_and_in_order(lines, tmp_path):
    path, _ = lines
    deduplicated(tmp_path, str(path))
    cut = ("runner.mode=in_memory", "runner.workers=1", "limits.unit_bytes=2KiB", "limits.batch_bytes=1KiB")
    deduplicated(tmp_path, str(path), output=str(tmp_path / "cut"), settings=cut, keep_run=True)
    assert len(list((tmp_path / "cut.run" / "measured").iterdir())) > 5
    assert (tmp_path / "cut" / "a.jsonl").read_bytes() == (tmp_path / "out" / "a.jsonl").read_bytes()


def test_the_same_request_reuses_its_output_and_another_one_is_refused(lines, tmp_path):
    path, _ = lines
    first = deduplicated(tmp_path, str(path))
    before = os.stat(tmp_path / "out" / "a.jsonl").st_mtime_ns
    again = deduplicated(tmp_path, str(path))
    assert (again.reused, again.counts) == (True, first.counts)
    with pytest.raises(SpecError) as caught:
        deduplicated(tmp_path, str(path), near=None)
    assert str(caught.value) == (
        f"{tmp_path}/out/a.jsonl: expected nothing, or an unfinished output of this request, found another file; "
        "choose another -o, or replace it with --force"
    )
    assert os.stat(tmp_path / "out" / "a.jsonl").st_mtime_ns == before
    assert not (tmp_path / "out.run").exists()
    replaced = deduplicated(tmp_path, str(path), near=None, force=True)
    assert replaced.counts["near_duplicates"] == 0


@pytest.mark.slow
def test_an_output_that_was_not_finished_goes_on_from_its_run(lines, tmp_path):
    path, _ = lines
    deduplicated(tmp_path, str(path), keep_run=True)
    expected = (tmp_path / "out" / "a.jsonl").read_bytes()
    ledger = sorted((tmp_path / "out.run" / "ledger").glob("events-*"))
    (tmp_path / "out.gristmill.json").unlink()
    (tmp_path / "out" / "a.jsonl").unlink()
    assert not deduplicated(tmp_path, str(path), keep_run=True).reused
    assert (tmp_path / "out" / "a.jsonl").read_bytes() == expected
    assert sorted((tmp_path / "out.run" / "ledger").glob("events-*")) == ledger, "no stage ran again"


def test_the_run_stores_text_only_where_it_stays_and_decides_the_same_without(lines, tmp_path):
    path, _ = lines
    spec = dedup_job(Request(inputs=(str(path),), output=str(tmp_path / "out")))
    plan = plan_run(spec, root=tmp_path)
    decided = []
    for plan_of_run, name in ((plan, "with"), (plan.without_text(), "without")):
        run_planned(plan_of_run, store=Store(str(tmp_path / name)), asked={}, progress=silent())
        stored = pq.read_table(tmp_path / name / "measured")["text"].to_pylist()
        assert any(stored) == (name == "with")
        decided.append(pq.read_table(tmp_path / name / "decisions"))
    assert decided[0] == decided[1]
    with pytest.raises(SpecError, match="holds another run"):
        run_planned(plan, store=Store(str(tmp_path / "without")), asked={}, progress=silent())


def test_a_text_column_of_another_name_is_asked_for_and_not_guessed(tmp_path):
    pq.write_table(pa.table({"id": [1, 2], "content": ["some long text", "another"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError) as caught:
        deduplicated(tmp_path, str(tmp_path / "a.parquet"))
    assert str(caught.value) == (
        "a.parquet: expected the text in column 'text', found columns id, content; it seems to be in 'content': "
        "--text-column content"
    )
    assert deduplicated(tmp_path, str(tmp_path / "a.parquet"), text_column="content").counts["kept"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_column_of_an_added_name_is_refused_and_a_prefix_helps(tmp_path, name):
    rows = [{"text": "one text", "verdict": "mine"}, {"text": "two texts", "verdict": "mine"}]
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    else:
        (tmp_path / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(InputError, match=r"expected no column 'verdict', found one; give another name with --prefix$"):
        deduplicated(tmp_path, str(tmp_path / name))
    deduplicated(tmp_path, str(tmp_path / name), prefix="dedup_", force=True)
    assert (tmp_path / "out" / name).exists()


def test_keys_of_two_types_cannot_become_parquet_and_the_message_says_what_can(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one", "x": 1}\n{"text": "two", "x": "1"}\n')
    with pytest.raises(InputError) as caught:
        deduplicated(tmp_path, str(tmp_path / "a.jsonl"), output=str(tmp_path / "a.parquet"))
    assert str(caught.value) == (
        "a.jsonl: expected one type per column, as Parquet has it, found: JSON parse error: Column(/x) changed from "
        "number to string in row 1; write JSONL: -o NAME.jsonl.zst"
    )


def test_an_input_is_never_overwritten(lines, tmp_path):
    path, _ = lines
    with pytest.raises(SpecError, match=r"expected a place of its own, found the input a\.jsonl; choose another -o$"):
        deduplicated(tmp_path, str(path), output=str(path), force=True)


@pytest.mark.slow
def test_workers_and_memory_change_no_byte_of_the_output(lines, tmp_path):
    path, content = lines
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"\n".join(content[10:40]), mtime=0))
    inputs = (str(path), str(tmp_path / "b.jsonl.gz"))
    deduplicated(tmp_path, *inputs)
    other = ("runner.mode=multi_processing", "runner.workers=2", "limits.batch_bytes=1KiB", "limits.memory_bytes=1MiB")
    deduplicated(tmp_path, *inputs, output=str(tmp_path / "other"), settings=other)
    for name in ("a.jsonl", "b.jsonl.gz"):
        assert (tmp_path / "other" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_the_command_knows_every_preset():
    from pipelines.command.dedup import PRESET_NAMES

    assert tuple(PRESETS) == PRESET_NAMES
