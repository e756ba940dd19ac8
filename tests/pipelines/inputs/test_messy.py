"""Every file of the corpora's folder `messy` that is no web archive ends as its EXPECT.json allows."""

import json
from pathlib import Path

import pyarrow.compute as pc
import pytest

from curation.text.extract import Extract
from pipelines.inputs.rows import REPLACED
from pipelines.spec import Limits
from tests.oracles.reading import Outcome, read_files

ONE = {"document": 1}
EXPECTED = {
    "invalid_utf8.txt": ONE,
    "latin1_as_txt.txt": ONE,
    "utf16le_bom.txt": ONE,
    "utf8_bom.jsonl": {"document": 2},
    "mojibake.txt": ONE,
    "control_chars.txt": ONE,
    "bidi_zero_width.txt": ONE,
    "lone_surrogate.jsonl": {"document": 3},
    "bad_lines.jsonl": {
        "document": 5,
        "skipped blank_line": 1,
        "skipped empty_text": 2,
        "dead_letter bad_json": 1,
        "dead_letter not_an_object": 3,
        "dead_letter text_missing": 2,
        "dead_letter text_not_string": 2,
    },
    "deep_nesting.jsonl": {"dead_letter too_deep": 1, "document": 1},
    "huge_line.jsonl.gz": {"document": 2},
    "no_spaces_2MB.txt.gz": ONE,
    "regex_bomb.txt": ONE,
    "repeat_lines.txt": ONE,
    "gz_bomb_200MB.txt.gz": {"dead_letter expansion_limit": 1},
    "truncated.jsonl.gz": {"document": 1997, "dead_letter truncated": 1},
    "crc_wrong.jsonl.gz": {"document": 3000, "dead_letter checksum_wrong": 1},
    "garbage_after.jsonl.gz": {"document": 3000, "dead_letter trailing_garbage": 1},
    "multi_member.jsonl.gz": {"document": 50},
    "not_gzip.jsonl.gz": ONE,
    "empty.txt": {},
    "empty.jsonl.gz": {},
    "only_newlines.txt": ONE,  # empty once it is extracted
    "binary.bin.txt": ONE,  # found to be binary when it is extracted
    "png_as_html.html": ONE,
    "pdf_header.txt": ONE,
    "bad.parquet": {"dead_letter bad_parquet": 1},
    "duplicate_names.csv": {"dead_letter unsupported_format": 1},
}
EXTRACTED = {
    "binary.bin.txt": "binary",
    "png_as_html.html": "binary",
    "pdf_header.txt": "binary",
    "only_newlines.txt": None,
}


@pytest.fixture(scope="session")
def messy(corpora: Path) -> Path:
    return corpora / "messy"


def test_every_file_that_is_no_web_archive_has_an_expectation_here(messy):
    listed = {entry["file"] for entry in json.loads((messy / "EXPECT.json").read_text())}
    assert {name for name in listed if ".warc" not in name} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_file_ends_as_expected(messy, name):
    assert read_files(messy / name).counts == EXPECTED[name]


def extracted(messy: Path, name: str) -> list[dict]:
    (batch,) = read_files(messy / name).batches
    return Extract()(batch).to_pylist()


@pytest.mark.parametrize(("name", "error"), EXTRACTED.items())
def test_what_is_no_text_is_found_out_when_it_is_extracted(messy, name, error):
    (row,) = extracted(messy, name)
    assert (row["extract_error"] or "").partition(":")[0] == (error or "")
    assert not (row["text"] or "").strip()


def test_the_texts_of_bad_lines_are_those_of_the_good_ones(messy):
    outcome = read_files(messy / "bad_lines.jsonl")
    assert [row["user_id"] for row in outcome.rows] == ["1", "1", "9", "10", "11"]
    assert outcome.texts[3:] == ["b", "last line no newline"]
    assert outcome.rows[2]["extra"] == '{"score":null}'


def test_escapes_that_are_no_character_become_the_replacement_character(messy):
    outcome = read_files(messy / "lone_surrogate.jsonl")
    assert outcome.texts == ["lone \ufffd surrogate", "pair \U0001f600 ok", "nul \0 in json"]
    assert [row["charset"] for row in outcome.rows] == [None] * 3 != [REPLACED] * 3


def test_a_line_above_the_limit_is_streamed_past_and_the_next_one_read(messy):
    outcome = read_files(messy / "huge_line.jsonl.gz", limits=Limits(record_bytes=1 << 20))
    assert outcome.counts == {"dead_letter record_too_long": 1, "document": 1}


def test_the_whole_folder_is_read_in_one_go_and_every_byte_accounted_for(messy):
    outcome: Outcome = read_files(messy)
    assert len({row["doc_id"] for row in outcome.rows}) == len(outcome.rows)
    assert len(outcome.rows) > sum(sum(v for k, v in counts.items() if k == "document") for counts in EXPECTED.values())
    assert pc.all(pc.is_valid(outcome.batches[0]["raw_hash"])).as_py()
