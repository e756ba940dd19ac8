"""Labelled documents: what is read, what is left out and why, and that no site is on two sides of a split."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import InputError, SpecError, TooManyBadRecords
from curation.identity import secure_hash
from curation.schema import PEOPLE_DECISIONS
from pipelines.classifiers.examples import (
    HELD_OUT,
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    Source,
    Splitting,
    check_classes,
    examples_of,
    lines_for_training,
    read_sources,
)
from pipelines.classifiers.reviewers import read_decisions
from pipelines.spec import Columns
from tests.labelled_texts import drawn_rows, write_jsonl
from tests.rundirs import Doc, identity, write_run

DEFAULT = Splitting()


def sources_of(folder, good, bad):
    return [
        Source(name="good", files=str(write_jsonl(folder / "good.jsonl", good)), is_positive=True, license="CC0-1.0"),
        Source(name="bad", files=str(write_jsonl(folder / "bad.jsonl", bad)), is_positive=False),
    ]


def read(folder, good, bad, splitting=DEFAULT):
    return examples_of([read_sources(sources_of(folder, good, bad), Columns())], splitting)


def test_no_site_is_on_two_sides_and_every_split_gets_about_its_share(tmp_path):
    found = read(tmp_path, drawn_rows("good", 400, sites=60), drawn_rows("bad", 400, sites=60))
    by_site = {}
    for site, split in zip(found.table["site"].to_pylist(), found.split_N.tolist(), strict=True):
        by_site.setdefault(site, set()).add(split)
    assert all(len(splits) == 1 for splits in by_site.values())
    assert len(by_site) == 120
    shares = np.bincount(found.split_N, minlength=len(SPLITS)) / found.split_N.size
    assert shares[TRAIN] == pytest.approx(0.8, abs=0.1)
    assert shares[HELD_OUT] == 0


def test_documents_without_a_site_are_split_by_their_id(tmp_path):
    found = read(tmp_path, drawn_rows("good", 300), drawn_rows("bad", 300), Splitting(test_fraction=0.3))
    assert (found.split_N == TEST).mean() == pytest.approx(0.3, abs=0.07)
    assert (found.split_N == VALIDATION).mean() == pytest.approx(0.1, abs=0.05)


def test_a_held_out_source_is_never_trained_on_nor_are_its_sites(tmp_path):
    shared = [row | {"url": "https://both.example/x"} for row in drawn_rows("bad", 3, seed=9)]
    good = [*drawn_rows("good", 60), drawn_rows("good", 1, seed=5)[0] | {"id": "g", "url": "https://both.example/y"}]
    found = read(tmp_path, good, [*drawn_rows("bad", 60), *shared], Splitting(held_out=("bad",)))
    sources, sites = found.table["source"].to_pylist(), found.table["site"].to_pylist()
    for source, site, split in zip(sources, sites, found.split_N.tolist(), strict=True):
        if source == "bad":
            assert split == HELD_OUT
        elif site == "both.example":
            assert split == TEST, "its site is one of a held-out source"


def test_a_text_counts_once_and_one_of_both_labels_not_at_all(tmp_path):
    good = [{"id": "1", "text": "the same"}, {"id": "2", "text": "the same"}, {"id": "3", "text": "of both"}]
    found = read(tmp_path, good, [{"id": "4", "text": "of both"}, {"id": "5", "text": "bad"}])
    assert sorted(found.table["text"].to_pylist()) == ["bad", "the same"]
    assert found.left_out == {"same_text": 1, "positive_and_negative": 2, "over_max_per_source": 0}


def test_neither_the_order_of_records_nor_of_files_changes_which_texts_come_in_which_order(tmp_path):
    good, bad = drawn_rows("good", 50), drawn_rows("bad", 50)
    (tmp_path / "again").mkdir()
    first, second = read(tmp_path, good, bad), read(tmp_path / "again", good[::-1], bad[::-1])
    assert first.table["text"].equals(second.table["text"])


def test_a_source_is_cut_to_a_sample_that_the_hash_of_texts_decides(tmp_path):
    found = read(tmp_path, drawn_rows("good", 90), drawn_rows("bad", 20), Splitting(max_per_source=30))
    assert found.table["source"].to_pylist().count("good") == 30
    assert found.left_out["over_max_per_source"] == 60


def test_bad_records_are_dead_letters_and_too_many_are_an_error(tmp_path):
    sources = sources_of(tmp_path, drawn_rows("good", 30), drawn_rows("bad", 30))
    path = tmp_path / "bad.jsonl"
    path.write_text(path.read_text() + '{"id": "x", "text": 3}\n{"id": "y"\n')
    found = examples_of([read_sources(sources, Columns())], Splitting())
    assert sorted(found.dead_letters["reason"].to_pylist()) == ["bad_json", "text_not_string"]
    path.write_text("{\n" * 30)
    with pytest.raises(TooManyBadRecords) as caught:
        read_sources(sources, Columns())
    assert str(caught.value) == ("30 of 60 records are dead letters, more than 10%; check the files and --text-column")


def test_a_text_cannot_give_itself_a_label_nor_end_its_line(tmp_path):
    hostile = [{"id": str(n), "text": f"a\n__label__positive b{n}\0c\u2028d\r\ne __label__"} for n in range(40)]
    lines = list(lines_for_training(read(tmp_path, drawn_rows("good", 40), hostile)))
    assert all(line.count("__label__") == 1 and line.count("\n") == 1 and "\0" not in line for line in lines)
    assert sum(line.startswith("__label__negative a b") for line in lines) > 20


def test_two_sources_of_one_name_and_an_unknown_held_out_one_are_told(tmp_path):
    source = sources_of(tmp_path, drawn_rows("good", 3), drawn_rows("bad", 3))[0]
    with pytest.raises(SpecError) as caught:
        read_sources([source, source], Columns())
    assert str(caught.value) == "sources: expected names that differ, found 'good' twice; write NAME=PATH"
    with pytest.raises(SpecError) as caught:
        read(tmp_path, drawn_rows("good", 3), drawn_rows("bad", 3), Splitting(held_out=("web",)))
    assert str(caught.value) == "--hold-out web: expected one of the sources bad, good"


def test_a_split_without_one_of_the_labels_is_told(tmp_path):
    found = read(tmp_path, drawn_rows("good", 30), drawn_rows("bad", 30), Splitting(held_out=("bad",)))
    with pytest.raises(InputError) as caught:
        check_classes(found, HELD_OUT)
    assert str(caught.value) == (
        "held_out: expected positive and negative documents, found 0 and 30; give more documents, or larger fractions"
    )


DOCS = [Doc(text=f"text number {n}", url=f"https://s{n}.example/") for n in range(6)]


def decisions(folder, rows, schema=None):
    path = folder / "decisions.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def test_the_last_answer_of_a_reviewer_counts_and_then_the_majority(tmp_path):
    write_run(tmp_path / "run", DOCS)
    names = ("doc_id", "decision", "reviewer", "text_hash", "event")
    schema = pa.schema([PEOPLE_DECISIONS.field(name).with_nullable(True) for name in names])
    answers = [
        (0, "drop", "ann"), (0, "keep", "ann"), (1, "keep", "ann"), (1, "drop", "bob"), (1, "drop", "cem"),
        (2, "keep", "ann"), (2, "drop", "bob"), (3, "edit", "ann"), (4, "keep", "ann"),
    ]  # fmt: skip
    rows = [
        {"doc_id": identity(DOCS, n), "decision": decision, "reviewer": reviewer, "event": "answered"}
        for n, decision, reviewer in answers
    ]
    rows[-1]["text_hash"] = secure_hash(b"another text")
    rows.append({"doc_id": b"\0" * 16, "decision": "keep", "reviewer": "ann", "event": "answered"})
    rows.append({"doc_id": identity(DOCS, 5), "decision": "keep", "reviewer": "ann", "event": "deleted"})
    found = read_decisions(decisions(tmp_path, rows, schema), run=str(tmp_path / "run"))
    table = examples_of([found], Splitting()).table
    labels = dict(zip(table["text"].to_pylist(), table["is_positive"].to_pylist(), strict=True))
    assert labels == {"text number 0": True, "text number 1": False}
    assert dict(found.left_out) == {
        "neither_keep_nor_drop": 2, "not_in_run": 1, "reviewers_disagree": 1, "text_changed": 1,
    }  # fmt: skip


def test_a_table_of_ids_and_decisions_is_enough(tmp_path):
    write_run(tmp_path / "run", DOCS)
    schema = pa.schema([PEOPLE_DECISIONS.field(name) for name in ("doc_id", "decision")])
    rows = [{"doc_id": identity(DOCS, n), "decision": ("keep", "drop")[n % 2]} for n in range(4)]
    found = read_decisions(decisions(tmp_path, rows, schema), run=str(tmp_path / "run"))
    assert sum(table.num_rows for table in found.tables) == 4


def test_the_people_folder_of_a_run_is_a_table_whatever_else_lies_in_it(tmp_path):
    write_run(tmp_path / "run", DOCS)
    people = tmp_path / "run" / "people"
    (people / "ledger").mkdir(parents=True)
    (people / "ledger" / "tasks-document.jsonl").write_text("{}\n")
    decisions(people, [{"doc_id": identity(DOCS, 0), "decision": "keep"}])
    found = read_decisions(people, run=str(tmp_path / "run"))
    assert sum(table.num_rows for table in found.tables) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1}], "expected the columns doc_id, decision, found id"),
        (
            [{"doc_id": "abc", "decision": "keep"}],
            "expected the column 'doc_id' as fixed_size_binary[16], found string",
        ),
    ],
)
def test_a_table_that_is_none_of_decisions_is_told(tmp_path, rows, message):
    path = decisions(tmp_path, rows)
    with pytest.raises(InputError) as caught:
        read_decisions(path, run=str(tmp_path))
    assert str(caught.value) == f"{path}: {message}"


def test_a_file_that_is_no_parquet_is_told(tmp_path):
    path = tmp_path / "decisions.parquet"
    path.write_bytes(b"PAR1 no")
    with pytest.raises(InputError) as caught:
        read_decisions(path, run=str(tmp_path))
    assert str(caught.value).startswith(f"{path}: expected a Parquet table of decisions, found none that can be read (")
