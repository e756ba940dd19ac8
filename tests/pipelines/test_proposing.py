"""`init` on files it has never seen: the spec it writes is valid, says what was guessed, and runs."""

import gzip
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import InputError
from pipelines.preflight import examine
from pipelines.proposing import propose_spec
from pipelines.spec import Columns
from pipelines.spec_file import parse_spec

LONG = "A sentence of some length that a person could have written about the weather. " * 8


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def jsonl(path, rows) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0))


def proposed(*patterns, folder):
    """The proposal and its spec, which must be valid and find its files from its folder."""
    proposal = propose_spec(patterns, folder=folder)
    spec = parse_spec(proposal.spec.encode(), name="job.yaml", folder=folder)
    examine(spec, root=folder)
    return proposal, spec


def test_the_longest_strings_are_the_text_and_other_columns_are_known_by_name(folder):
    rows = [
        {"Link": "https://x.org/" + "y" * 900, "title": "T", "body": LONG, "score": 3, "licence": "MIT"} for _ in "abc"
    ]
    jsonl(folder / "data" / "web.jsonl.gz", rows)
    proposal, spec = proposed("data/*.jsonl.gz", folder=folder)
    assert spec.inputs["data"].columns == Columns(text="body", url="Link", license="licence")
    assert proposal.looked[0].startswith("1 files, ")
    assert proposal.looked[0].endswith(" bytes: 1 jsonl (gzip)")
    assert "columns: {text: body, url: Link, license: licence} # guessed" in proposal.spec


def test_a_column_named_text_is_the_text_even_where_another_is_longer(folder):
    jsonl(folder / "a.jsonl.gz", [{"text": "short", "html": LONG}])
    assert proposed("a.jsonl.gz", folder=folder)[1].inputs["a"].columns.text == "text"


def test_columns_of_parquet_are_guessed_from_the_first_rows(folder):
    table = pa.table({"n": [1, 2], "name": ["a", "b"], "content": [LONG, LONG], "lang": ["en", "de"]})
    pq.write_table(table, folder / "x.parquet")
    proposal, spec = proposed("x.parquet", folder=folder)
    assert spec.inputs["x"].columns == Columns(text="content")
    assert len(proposal.documents) == 2


def test_lines_of_json_are_found_under_any_name_when_they_have_a_text(folder):
    (folder / "dump").write_text(json.dumps({"text": LONG}) + "\n")
    assert proposed("dump", folder=folder)[0].looked[0].endswith("1 jsonl")


def test_three_documents_are_shown_as_a_run_would_extract_them(folder):
    page = f"<html><head><title>T</title></head><body><nav>Menu</nav><main><p>{LONG}</p></main></body></html>"
    for name in "abcd":
        (folder / f"{name}.html").write_text(page.replace("weather", f"weather in {name}"))
    proposal, spec = proposed("*.html", folder=folder)
    assert [text[:10] for text in proposal.documents] == ["A sentence"] * 3
    assert ["weather in a" in text for text in proposal.documents] == [True, False, False]
    assert spec.inputs["corpus"].document == "file"
    assert "num_chars, min: 200" in proposal.spec


def test_a_file_of_lines_without_blank_ones_is_a_document_per_line(folder):
    (folder / "words.txt").write_text("".join(f"sentence number {number}\n" for number in range(30)))
    proposal, spec = proposed("words.txt", folder=folder)
    assert spec.inputs["words"].document == "line"
    assert proposal.documents == ("sentence number 0", "sentence number 1", "sentence number 2")
    assert "num_chars, min: 20}" in proposal.spec


def test_prose_with_paragraphs_is_a_document_per_file(folder):
    (folder / "book.txt").write_text("A paragraph.\n\n" * 40)
    assert proposed("book.txt", folder=folder)[1].inputs["book"].document == "file"


def test_files_whose_text_is_elsewhere_and_files_that_cannot_be_read_are_told(folder):
    jsonl(folder / "d" / "a.jsonl.gz", [{"body": LONG}])
    jsonl(folder / "d" / "b.jsonl.gz", [{"body": LONG}])
    jsonl(folder / "d" / "c.jsonl.gz", [{"content": LONG}])
    (folder / "d" / "e.zip").write_bytes(b"PK\x03\x04")
    looked = proposed("d", folder=folder)[0].looked
    assert looked[1:] == (
        "c.jsonl.gz: the text seems to be in 'content', not 'body'; give it an input of its own",
        "e.zip: cannot be read: expected gzip, zstd or lz4, found zip; unpack it first",
    )


def test_relative_patterns_are_written_as_the_folder_of_the_spec_sees_them(folder):
    jsonl(folder / "data" / "a.jsonl.gz", [{"text": LONG}])
    (folder / "jobs").mkdir()
    assert proposed("data/*.gz", folder=folder / "jobs")[1].inputs["data"].files == ("../data/*.gz",)
    absolute = str(folder / "data" / "a.jsonl.gz")
    assert proposed(absolute, folder=folder / "jobs")[1].inputs["a"].files == (absolute,)


@pytest.mark.parametrize(
    "name", ["a\nshards: {}\n.txt", "a: b # c.txt", "'\"\\.txt", "\U0001f600\x1b.txt", "a[b]{c},d.txt", "-.txt"]
)
def test_any_file_name_makes_a_valid_spec(folder, name):
    (folder / name).write_text(LONG)
    proposal, spec = proposed(name, folder=folder)
    assert next(iter(spec.inputs.values())).files == (name,)
    assert "\x1b" not in proposal.spec


def test_a_file_name_that_is_not_utf_8_makes_a_valid_spec(folder):
    name = os.fsdecode(b"a\xff.txt")
    (folder / name).write_text(LONG)
    proposal, spec = proposed(name, folder=folder)
    assert spec.inputs["a"].files == (name,)
    proposal.spec.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.zip", b"PK\x03\x04", "expected WARC, JSONL, Parquet or text, found none in 1 files: a.zip: expected gzip"),
        ("a.jsonl", b'{"n": 1}\n', "a.jsonl: expected records with a column of text, found none"),
        ("a.jsonl", b"", "a.jsonl: expected records with a column of text, found none"),
        ("a.jsonl", b"not json\n", "a.jsonl: expected records with a column of text, found none"),
        ("a.parquet", b"PAR1 broken", "a.parquet: expected records with a column of text, found none"),
    ],
)
def test_files_without_text_are_an_error_that_says_what_was_found(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        propose_spec([name], folder=folder)
    assert str(error.value).startswith(message)
