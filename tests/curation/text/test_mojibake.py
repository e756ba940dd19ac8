"""Repair of mojibake against ftfy's own cases, and the pattern that spares ftfy the texts that are well."""

import gzip

import ftfy
import orjson
import pyarrow as pa
from ftfy.badness import is_bad
from hypothesis import given
from hypothesis import strategies as st

from curation.text.edits import ControlCharacters, Nfc
from curation.text.mojibake import Mojibake
from tests.curation.text.test_edits import batch, replayed

ENCODINGS = ("latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "macroman", "cp437", "sloppy-windows-1253")
WORDS = st.text(alphabet=st.sampled_from("ab \n,“”’éüßÃÂœšПривет東京×ש€½ñ\xa0"), max_size=12)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """Lines, some of which were read in a wrong encoding, once or twice."""
    pieces = []
    for text in draw(st.lists(WORDS, max_size=6)):
        spoiling = text
        for encoding in draw(st.lists(st.sampled_from(ENCODINGS), max_size=2)):
            spoiling = spoiling.encode().decode(encoding, errors="ignore")
        pieces.append(spoiling)
    return draw(st.sampled_from(["\n", " "])).join(pieces)


def repaired(texts: list[str]) -> list[dict[str, object]]:
    return Mojibake()(batch(texts)).to_pylist()


@given(st.lists(spoilt(), max_size=4))
def test_each_line_reads_as_ftfy_reads_it_and_the_records_replay_the_repair(texts: list[str]):
    for before, after in zip(texts, repaired(texts), strict=True):
        assert after["text"].split("\n") == [ftfy.fix_encoding(line) for line in before.split("\n")]
        assert replayed(before, after["edits"]) == after["text"]
        removed = sum(edit["removed_bytes"] for edit in after["edits"])
        assert len(before.encode()) == len(after["text"].encode()) + removed


def test_texts_of_the_dev_corpora_are_repaired_where_ftfy_calls_a_line_bad_and_nowhere_else(corpora):
    names = ("nltk_inaugural_genesis_abc", "xquad_wiki", "tatoeba_laser")
    lines = [
        line
        for name in names
        for line in gzip.decompress((corpora / "text" / f"{name}.jsonl.gz").read_bytes()).splitlines()
    ]
    texts = [orjson.loads(line)["text"] for line in lines]
    changed = [bool(row["edits"]) for row in repaired(texts)]
    expected = [any(ftfy.fix_encoding(line) != line for line in text.split("\n") if is_bad(line)) for text in texts]
    assert changed == expected
    assert 0 < sum(changed) < 100, changed.count(True)


def test_of_ftfys_own_cases_nothing_is_left_but_what_is_not_encoding(corpora):
    cases = orjson.loads((corpora / "peer_cases" / "mojibake_ftfy.json").read_bytes())["cases"]
    passing = [case for case in cases if case["expect"] == "pass"]
    assert len(passing) == 98
    for case, row in zip(passing, repaired([case["input"] for case in passing]), strict=True):
        assert ftfy.fix_text(row["text"]) == case["expected"], case["note"]


def test_one_record_per_line_names_its_bytes_and_well_written_text_is_returned_as_it_is():
    (row,) = repaired(["naïve café\nGrÃ¼ÃŸe — “quoted”\nend"])
    assert row["text"] == "naïve café\nGrüße — “quoted”\nend"
    assert row["edits"] == [
        {"rule": "mojibake", "start": 15, "end": 23, "removed_bytes": 4, "replacement": "üß"},
    ]
    clean = batch(["naïve café “quoted” Привет 東京", "ASCII", ""])
    assert Mojibake()(clean) is clean
    missing = pa.record_batch([pa.array([None], pa.string())], names=["text"])
    assert Mojibake()(missing.append_column("edits", pa.array([[]], clean.schema.field("edits").type))).num_rows == 1


def test_control_characters_would_take_what_a_repair_needs_so_it_comes_first():
    spoilt_dash = "one â\x80\x94 two"
    repaired_first = Nfc()(ControlCharacters()(Mojibake()(batch([spoilt_dash]))))["text"].to_pylist()
    too_late = Mojibake()(ControlCharacters()(batch([spoilt_dash])))["text"].to_pylist()
    assert (repaired_first, too_late) == (["one — two"], ["one â two"])
