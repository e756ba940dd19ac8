import gzip
import json
from datetime import UTC, datetime

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curation.identity import doc_id, secure_hash, secure_hashes
from pipelines.inputs import rows
from pipelines.spec import Columns, InputSpec, Limits
from tests.oracles.reading import Outcome, read_files

LINE = st.one_of(
    st.text(max_size=20).map(lambda text: json.dumps({"text": text, "n": 1}).encode()),
    st.text(max_size=20).map(lambda text: json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "replace")),
    st.sampled_from(
        [b"", b" \t\r", b"{", b"null", b'{"text":5}', b'{"id":"x"}', b'{"text":"\xff"}', b'{"text":"a","x":NaN}\r']
    ),
    st.integers(100, 400).map(lambda size: b'{"text":"' + b"x" * size + b'"}'),
)
FILE = st.tuples(st.lists(LINE, max_size=25), st.booleans()).map(lambda made: b"\n".join(made[0]) + b"\n" * made[1])


def by_definition(content: bytes, record_bytes: int) -> list[tuple[int, str]]:
    """`(offset, text)` of the documents of a JSONL file, by Python's own parser and one line at a time."""
    documents, offset = [], 0
    for line in content.splitlines(keepends=True) if b"\r" not in content else _lines(content):
        try:
            record = json.loads(line.removesuffix(b"\n").decode("utf-8", "replace"))
            text = record.get("text")
        except (ValueError, AttributeError):
            text = None
        if isinstance(text, str) and text.strip() and len(line.removesuffix(b"\n")) <= record_bytes:
            documents.append((offset, text))
        offset += len(line)
    return documents


def _lines(content: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines


def facts(outcome: Outcome) -> tuple:
    return (
        outcome.rows,
        [{name: value for name, value in row.items() if name != "detail"} for row in outcome.dead],
        outcome.counts,
    )


@given(FILE, st.integers(1, 300), st.integers(1, 2000), st.sampled_from([150, 1 << 20]))
def test_documents_and_accounts_are_the_same_whatever_the_units_and_batches(
    tmp_path_factory, content, unit, batch, record
):
    path = tmp_path_factory.mktemp("jsonl") / "f.jsonl"
    path.write_bytes(content)
    limits = Limits(unit_bytes=unit, batch_bytes=batch, record_bytes=record)
    cut = read_files(path, limits=limits)
    whole = read_files(path, limits=Limits(record_bytes=record))
    assert facts(cut) == facts(whole)
    assert [(row["offset"], row["text"]) for row in cut.rows] == by_definition(content, record)
    assert len(cut.units) == max(1, -(-len(content) // unit))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, bytes])
def test_a_packed_file_has_the_documents_of_the_plain_one_but_is_never_cut(tmp_path, pack):
    content = b"".join(b'{"text":"document %d"}\n' % index for index in range(200))
    for name, data in (("a/f.jsonl", content), ("b/f.jsonl", pack(content))):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    plain = read_files(tmp_path / "a")
    packed = read_files(tmp_path / "b", limits=Limits(unit_bytes=100, record_bytes=100))
    assert packed.rows == plain.rows
    assert len(packed.units) == (1 if pack is not bytes else -(-len(content) // 100))


def test_mapped_columns_are_typed_and_all_others_are_kept_as_json(tmp_path):
    records = [
        {
            "text": "a",
            "id": 7,
            "url": "https://u:p@www.e.org/x?token=t",
            "lang": "de",
            "license": "MIT",
            "date": "2024-02-03T04:05:06+02:00",
            "z": 1,
            "b": {"y": [None, 2], "x": 1},
        },
        {"text": "b", "id": ["x"], "url": 5, "lang": None, "license": None, "date": "yesterday"},
        {"text": "c", "date": "2024-02-03", "id": "own"},
        {"text": "d", "date": "0001-01-01T00:00:00+14:00"},
    ]
    (tmp_path / "f.jsonl").write_bytes(b"\n".join(map(orjson.dumps, records)))
    given_ = InputSpec(files=(), domain="web", license="CC0-1.0")
    rows_ = read_files(tmp_path / "f.jsonl", given=given_).rows
    first = rows_[0]
    assert first["doc_id"] == doc_id("s", "f.jsonl", 0)
    assert first["raw_hash"] == secure_hash(b"a")
    assert (first["user_id"], first["url"], first["site"]) == ("7", "https://www.e.org/x", "e.org")
    assert (first["source"], first["domain"], first["path"], first["offset"]) == ("s", "web", "f.jsonl", 0)
    assert (first["declared_language"], first["license"], first["license_from"]) == ("de", "MIT", "column")
    assert first["fetch_time"] == datetime(2024, 2, 3, 2, 5, 6, tzinfo=UTC)
    assert first["extra"] == '{"b":{"x":1,"y":[null,2]},"z":1}'
    assert first["extractor"] is first["charset"] is first["content_type"] is first["raw"] is None
    assert [row["extra"] for row in rows_[1:]] == [
        '{"date":"yesterday","id":["x"],"url":5}',
        None,
        '{"date":"0001-01-01T00:00:00+14:00"}',
    ]
    assert [row["user_id"] for row in rows_[1:]] == [None, "own", None]
    assert [row["license_from"] for row in rows_] == ["column", "spec", "spec", "spec"]
    assert rows_[2]["fetch_time"] == datetime(2024, 2, 3, tzinfo=UTC)


def test_columns_have_the_names_that_the_spec_gives_them(tmp_path):
    (tmp_path / "f.jsonl").write_bytes(b'{"body":"a","text":"not this","lang":"x","key":"k"}')
    columns = Columns(text="body", id="key", url=None, language=None, license=None, date=None)
    (row,) = read_files(tmp_path / "f.jsonl", given=InputSpec(files=(), columns=columns)).rows
    assert (row["text"], row["user_id"], row["declared_language"]) == ("a", "k", None)
    assert row["extra"] == '{"lang":"x","text":"not this"}'


def test_a_text_whose_bytes_were_replaced_says_so(tmp_path):
    (tmp_path / "f.jsonl").write_bytes(b'{"text":"caf\xe9"}\n{"text":"fine"}')
    found = read_files(tmp_path / "f.jsonl").rows
    assert [(row["text"], row["charset"]) for row in found] == [("caf\ufffd", rows.REPLACED), ("fine", None)]


def test_values_nested_deeper_than_json_can_be_written_again_are_a_dead_letter(tmp_path):
    deep = b'{"text":"a","x":' + b"[" * 300 + b"]" * 300 + b"}\n"
    deeper = b'{"text":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    (tmp_path / "f.jsonl").write_bytes(deep + deeper + b'{"text":"next"}\n')
    outcome = read_files(tmp_path / "f.jsonl")
    assert outcome.texts == ["next"]
    assert outcome.reasons == ["too_deep", "too_deep"]


@pytest.mark.parametrize("name", ["f.jsonl", "f.jsonl.gz"])
def test_a_giant_line_is_streamed_past_and_the_next_one_read(tmp_path, name):
    content = b'{"text":"one"}\n{"text":"' + b"x" * (3 << 20) + b'"}\n{"text":"two"}\n'
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    outcome = read_files(tmp_path / name, limits=Limits(record_bytes=1 << 20, unit_bytes=1 << 19, expansion=1 << 20))
    assert outcome.texts == ["one", "two"]
    (dead,) = outcome.dead
    assert (dead["offset"], dead["length"], dead["reason"]) == (15, (3 << 20) + 12, "record_too_long")


def test_a_truncated_gzip_gives_the_documents_before_the_cut_and_one_dead_letter_with_the_cut_one(tmp_path):
    content = b"".join(b'{"text":"document %d"}\n' % (index * 7919) for index in range(3000))
    (tmp_path / "f.jsonl.gz").write_bytes(gzip.compress(content)[:5000])
    outcome = read_files(tmp_path / "f.jsonl.gz")
    (dead,) = outcome.dead
    assert dead["reason"] == "truncated"
    assert dead["detail"] == "the file ends inside a gzip member"
    assert len(outcome.rows) > 500
    assert dead["offset"] == outcome.rows[-1]["offset"] + outcome.rows[-1]["length_bytes"]


def test_a_wrong_checksum_is_reported_and_the_documents_kept(tmp_path):
    content = gzip.compress(b'{"text":"one"}\n{"text":"two"}')
    (tmp_path / "f.jsonl.gz").write_bytes(content[:-8] + bytes(4) + content[-4:])
    outcome = read_files(tmp_path / "f.jsonl.gz")
    assert outcome.texts == ["one", "two"]
    assert [(row["offset"], row["length"], row["reason"]) for row in outcome.dead] == [(29, 0, "checksum_wrong")]


def test_a_document_per_line_is_raw_and_never_taken_for_html(tmp_path):
    content = "first\r\n\n  \ncaf\u00e9 <p>\nlast".encode("cp1252")
    (tmp_path / "f.txt").write_bytes(content)
    given_ = InputSpec(files=(), document="line")
    outcome = read_files(tmp_path / "f.txt", given=given_, limits=Limits(unit_bytes=5, batch_bytes=1))
    assert [(row["offset"], row["length_bytes"], row["raw"]) for row in outcome.rows] == [
        (0, 7, b"first"),
        (11, 9, b"caf\xe9 <p>"),
        (20, 4, b"last"),
    ]
    assert {row["content_type"] for row in outcome.rows} == {"text/plain"}
    assert outcome.counts == {"document": 3, "skipped blank_line": 2}
    assert outcome.rows[0]["raw_hash"] == secure_hash(b"first")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("f.txt", b"plain text", {"document": 1}),
        ("f.txt", b"", {}),
        ("f.txt", b"x" * 2000, {"dead_letter record_too_long": 1}),
        ("f.txt.gz", gzip.compress(b"plain text", mtime=0), {"document": 1}),
        ("f.txt.gz", gzip.compress(b"plain text", mtime=0)[:-12], {"dead_letter truncated": 1}),
        ("f.txt.gz", gzip.compress(bytes(1 << 22), mtime=0), {"dead_letter expansion_limit": 1}),
        ("f.csv", b"a,a\n1,2\n", {"dead_letter unsupported_format": 1}),
        ("f.json", b'[{"text": "a"}]', {"dead_letter unsupported_format": 1}),
        ("f.txt.bz2", b"BZh9" + bytes(100), {"dead_letter unsupported_format": 1}),
        ("f.jsonl", "{}".encode("utf-16"), {"dead_letter unsupported_charset": 1}),
        ("f.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(100), {"dead_letter binary": 1}),
    ],
)
def test_a_file_is_one_document_or_one_dead_letter_with_its_reason(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    outcome = read_files(tmp_path / name, limits=Limits(record_bytes=1000, expansion=500))
    assert outcome.counts == expected
    assert [row["raw"] for row in outcome.rows] == ([b"plain text"] if "document" in expected else [])


def test_limits_on_the_decompressed_bytes_keep_the_documents_before_them(tmp_path):
    content = b"".join(b'{"text":"document %d"}\n' % index for index in range(1000))
    (tmp_path / "f.jsonl.gz").write_bytes(gzip.compress(content))
    outcome = read_files(tmp_path / "f.jsonl.gz", limits=Limits(stream_bytes=250))
    assert len(outcome.rows) == 11
    assert [(row["offset"], row["length"], row["reason"]) for row in outcome.dead] == [(243, 7, "stream_limit")]


@given(st.lists(st.tuples(st.text(max_size=30), st.sampled_from(["text", "raw"])), min_size=1, max_size=20), st.data())
def test_raw_hashes_come_from_the_buffers_of_slices_too(pairs, data):
    import pyarrow as pa

    texts = [text for text, _ in pairs]
    array = pa.array(texts)
    start = data.draw(st.integers(0, len(texts)))
    stop = data.draw(st.integers(start, len(texts)))
    expected = [secure_hash(text.encode()) for text in texts[start:stop]]
    assert secure_hashes(array.slice(start, stop - start)).to_pylist() == expected
    binary = array.cast(pa.binary()).slice(start, stop - start)
    assert secure_hashes(binary).to_pylist() == expected
