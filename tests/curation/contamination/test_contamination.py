"""What texts have of evaluation sets: which items are found, which runs count, what is cut; and what files are refused."""

import gzip
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.contamination.contamination import Contamination
from curation.contamination.cutting import CutContamination
from curation.contamination.index import build_index, read_index, without, write_index
from curation.errors import ArtifactError
from curation.schema import EDIT
from tests.evaluation_sets import benchmarks, index_file, index_of

LONG = "Natalia sold clips to 48 of her friends in April and then she sold half as many clips in May"
OTHER = "A man is sitting on a roof and then he starts pulling up roofing on a roof with his hands"
SHORT = "How many planets does the solar system have today"
TINY = "What is the capital of France"
ITEMS = {"math/1": [LONG], "video/2": [OTHER, "is ripping level tiles off"], "facts/3": [SHORT], "facts/4": [TINY]}


def batch_of(texts):
    edits = pa.array([[] for _ in texts], pa.list_(EDIT))
    return pa.record_batch({"text": pa.array(texts, pa.string()), "edits": edits})


def found(index, texts):
    rows = Contamination(**index)(batch_of(texts)).to_pylist()
    return [{hit["item"]: (hit["num_found"], hit["num_grams"]) for hit in row["contamination"]} for row in rows]


def test_an_item_is_found_whatever_its_case_punctuation_and_white_space(tmp_path):
    index = index_file(tmp_path, ITEMS)
    texts = [f"Before. {LONG.upper()}! After.", LONG.replace(" ", " \n-- "), "nothing of it", f"{OTHER} {LONG}", None]
    whole, other = {"math/1": (8, 8)}, {"video/2": (8, 8)}
    assert found(index, texts) == [whole, whole, {}, other | whole, {}]


def test_signals_are_the_number_of_items_and_the_largest_share_of_one(tmp_path):
    index = index_file(tmp_path, ITEMS)
    half = " ".join(LONG.split()[:15])
    batch = Contamination(**index)(batch_of([half, f"{half}; {OTHER}", "nothing"]))
    assert batch["signal.contaminated_items"].to_pylist() == [1.0, 2.0, 0.0]
    assert batch["signal.contamination_overlap"].to_pylist() == [3 / 8, 1.0, 0.0]


def test_a_passage_below_ngram_words_counts_as_a_whole_and_one_below_eight_not_at_all(tmp_path):
    index = index_of(ITEMS)
    assert index.num_words_T.tolist() == [20, 20, 9, 6]
    assert (index.num_short, index.num_common) == (1, 0)
    index = index_file(tmp_path, ITEMS)
    cut_short = " ".join(SHORT.split()[:8])
    assert found(index, [f"x {SHORT} y", cut_short, f"{TINY}?"]) == [{"facts/3": (1, 1)}, {}, {}]


def test_a_run_in_more_than_ten_items_is_a_template_and_counts_for_none(tmp_path):
    template = "Choose the option that best answers the question given below and explain why you think so:"
    items = {f"set/{i}": [f"{template} {chr(97 + i) * 3} is the one of all that we mean here now"] for i in range(11)}
    index = index_file(tmp_path, items)
    assert found(index, [template, items["set/3"][0]]) == [{}, {"set/3": (11, 11)}]
    assert found(index_file(tmp_path, dict(list(items.items())[:10])), [template])[0].keys() == set(list(items)[:10])


def test_a_run_may_be_taken_out_and_its_items_are_then_common():
    index = index_of(ITEMS)
    fewer = without(index, np.ones(index.hash_G.size, dtype=np.bool_))
    assert (fewer.num_common, fewer.num_short, fewer.hash_G.size) == (3, 1, 0)


def test_what_is_cut_is_the_run_and_a_window_of_whole_characters_around_it(tmp_path):
    index = index_file(tmp_path, ITEMS)
    text = f"äää {LONG} éé {OTHER} zz"
    for window, left in ((0, "äää  éé  zz"), (2, "ääz"), (3, "ää"), (1000, "")):
        (row,) = CutContamination(**index, window_bytes=window)(batch_of([text])).to_pylist()
        assert row["text"] == left, window
        assert {edit["rule"] for edit in row["edits"]} == {"contamination"}
        assert sum(edit["removed_bytes"] for edit in row["edits"]) == len(text.encode()) - len(left.encode())


@given(
    st.lists(st.sampled_from([LONG, SHORT, TINY, "é", "word ", "漢字\n"]), max_size=7).map(" ".join), st.integers(0, 30)
)
def test_after_the_cut_nothing_of_the_index_is_left_but_what_came_together(text, window):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        index = index_file(Path(folder), ITEMS)
        (row,) = CutContamination(**index, window_bytes=window)(batch_of([text])).to_pylist()
    data, at, left = text.encode(), 0, b""
    for edit in row["edits"]:
        left += data[at : edit["start"]]
        at = edit["end"]
    assert (left + data[at:]).decode() == row["text"]
    assert LONG not in row["text"]


def test_the_file_is_the_same_for_the_same_items_and_comes_back_as_it_was():
    content = write_index(index_of(ITEMS))
    assert content == write_index(index_of(ITEMS))
    again = read_index(content, name="x")
    assert write_index(again) == content
    assert again.num_grams_T.tolist() == index_of(ITEMS).num_grams_T.tolist()


def test_an_index_of_nothing_finds_nothing(tmp_path):
    assert found(index_file(tmp_path, {}), [LONG, ""]) == [{}, {}]
    assert found(index_file(tmp_path, {"a/1": [TINY]}), [TINY]) == [{}]


def test_runs_are_of_eight_to_thirteen_words():
    with pytest.raises(ValueError, match=r"^ngram: expected 8 to 13, found 14$"):
        build_index(pa.array([LONG]), np.zeros(1, dtype=np.int64), pa.array(["a"]), ngram=14)


@pytest.mark.parametrize("size", [0, 1, 100, 500, 1000, -1])
def test_a_clipped_file_is_refused(size):
    content = write_index(index_of(ITEMS))
    with pytest.raises(
        ArtifactError, match=r"^x: expected an index of evaluation sets, found \w+: .*; gristmill conta"
    ):
        read_index(content[:size], name="x")


@pytest.mark.parametrize(
    ("column", "change", "message"),
    [
        ("hash_G", lambda a: a[::-1], "ValueError: runs out of order"),
        ("head_G", lambda a: a[1:], "ValueError: 17 runs, and other numbers of heads, lengths or items"),
        ("length_G", lambda a: a + 1, "ValueError: runs of other lengths than 8 to 13 words"),
        ("count_G", lambda a: a + 1, "ValueError: numbers of items that do not add up"),
        ("item_I", lambda a: a + np.uint32(9), "ValueError: other items than the 4 that are named"),
        ("item_I", lambda a: a.astype(np.int64), r"ValueError: item_I of int64 \(17,\)"),
    ],
)
def test_a_file_whose_parts_contradict_each_other_is_refused(column, change, message, tmp_path):
    import io

    with np.load(io.BytesIO(write_index(index_of(ITEMS)))) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(tmp_path / "bad.npz", **arrays | {column: change(arrays[column])})
    with pytest.raises(ArtifactError, match=f"^x: expected an index of evaluation sets, found {message}; gristmill"):
        read_index((tmp_path / "bad.npz").read_bytes(), name="x")


def test_a_missing_file_and_one_of_another_digest_are_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"^/no/such: expected an index of evaluation sets \(No such file or dir"):
        Contamination(index="/no/such", sha256="00")(batch_of(["x"]))
    index = index_file(tmp_path, ITEMS)
    with pytest.raises(ArtifactError, match=rf"expected an index of sha256 00, found {index['sha256']}; correct the"):
        Contamination(index=index["index"], sha256="00")(batch_of(["x"]))


RECALL = {  # measured on the planted documents of the development corpora: found, of all of a kind
    8: {
        "exact": 115,
        "case_punct": 134,
        "whitespace": 136,
        "sentence_only": 133,
        "word_sub5": 140,
        "with_answer": 123,
        "half": 144,
    },
    13: {
        "exact": 115,
        "case_punct": 130,
        "whitespace": 136,
        "sentence_only": 124,
        "word_sub5": 116,
        "with_answer": 123,
        "half": 83,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("ngram", [8, 13])
def test_planted_items_are_found_by_kind_as_measured_and_clean_documents_are_not(ngram, corpora, tmp_path):
    with gzip.open(corpora / "benchmarks" / "planted_contamination.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = list(map(json.loads, lines))
    hits = found(index_file(tmp_path, benchmarks(corpora), ngram=ngram), [row["text"] for row in rows])
    right = Counter(row["kind"] for row, hit in zip(rows, hits, strict=True) if row.get("item") in hit)
    for kind, count in RECALL[ngram].items():
        assert right[kind] >= count, kind
    clean = [hit for row, hit in zip(rows, hits, strict=True) if row["kind"] == "none"]
    assert len(clean) == 271
    assert sum(map(bool, clean)) <= 0.005 * len(clean)
