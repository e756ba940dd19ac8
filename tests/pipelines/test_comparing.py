"""`compare`: two runs, document by document, by their ids."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from curation.errors import InputError
from pipelines.comparing import compare_runs
from tests.rundirs import Doc, write_run

LONG = "word " * 60
SHORT = {"rule": "quality/num_words", "value": 45.0, "threshold": 50.0, "found": None}
DROPPED = {"state": "dropped", "decided_by": "quality/num_words", "failed": (SHORT,)}
DOCS = [
    Doc(text=LONG, url="https://a.example/"),
    Doc(text=LONG, language="de"),
    Doc(text=LONG, **DROPPED),
    Doc(text=LONG, language="de", source="books", path="b.jsonl"),
]


@pytest.fixture
def compared(tmp_path):
    """In the second run one document is kept that was dropped, one dropped that was kept, and one was never read."""
    changed = [DOCS[0], replace(DOCS[1], **DROPPED), replace(DOCS[2], state="kept", decided_by=None, failed=())]
    return compare_runs(write_run(tmp_path / "a", DOCS), write_run(tmp_path / "b", changed))


def test_documents_and_tokens_are_counted_on_both_sides(compared):
    tokens = len(LONG) // 4
    result = compared["result"]
    assert result["before"] == {"read": 4, "kept": 3, "review": 0, "dropped": 1, "tokens": 3 * tokens}
    assert result["after"] == {"read": 3, "kept": 2, "review": 0, "dropped": 1, "tokens": 2 * tokens}
    assert result["added"] == {"documents": 1, "tokens": tokens}
    assert result["removed"] == {"documents": 2, "tokens": 2 * tokens}
    assert result["estimated_tokens"] == 0


def test_what_is_added_names_the_rule_that_kept_it_out_and_what_is_removed_the_rule_that_keeps_it_out_now(compared):
    moves = {
        item["rule"]: (item["added"]["documents"], item["removed"]["documents"]) for item in compared["result"]["rules"]
    }
    assert moves == {"quality/num_words": (1, 1), "not in the input": (0, 1)}


def test_the_mix_is_by_source_and_language(compared):
    mix = compared["result"]["mix"]
    counts = {
        (axis, share["name"]): (share["before"]["documents"], share["after"]["documents"])
        for axis in ("source", "language")
        for share in mix[axis]
    }
    assert counts == {
        ("source", "web"): (2, 2),
        ("source", "books"): (1, 0),
        ("language", "en"): (1, 2),
        ("language", "de"): (2, 0),
    }


def test_different_inputs_are_said_by_file_and_by_document(compared):
    assert compared["inputs"] == {"only_before": 1, "only_after": 0, "changed": 0, "same_tokenizer": None}
    assert (compared["result"]["only_before"], compared["result"]["only_after"]) == (1, 0)


def test_a_file_of_the_same_name_and_other_content_is_a_changed_one(tmp_path):
    before, after = (write_run(tmp_path / name, DOCS) for name in "ab")
    path = tmp_path / "b" / "inputs" / "files.parquet"
    files = pq.read_table(path)
    rows = [row | {"digest": "11" * 16} for row in files.to_pylist()[:1]] + files.to_pylist()[1:]
    pq.write_table(type(files).from_pylist(rows, files.schema), path)
    assert compare_runs(before, after)["inputs"]["changed"] == 1


@pytest.mark.parametrize(("other", "same"), [("one", True), ("two", False)])
def test_tokens_of_other_tokenizers_are_said_not_to_compare(tmp_path, other, same):
    runs = []
    for name, tokenizer in (("a", "one"), ("b", other)):
        runs.append(write_run(tmp_path / name, DOCS))
        folder = tmp_path / name / "exports" / name
        folder.mkdir(parents=True)
        (folder / "tokenizer.json").write_text(tokenizer)
        (tmp_path / name / "exports" / "latest").write_text(name)
    assert compare_runs(*runs)["inputs"]["same_tokenizer"] is same


def test_samples_tell_the_reasons_of_both_sides_and_null_where_a_run_never_read_the_document(compared):
    samples = [(item["before"], item["after"]) for item in compared["samples"]]
    kept = {"state": "kept", "decided_by": None, "failed": [], "review_reasons": []}
    dropped = {
        "state": "dropped",
        "decided_by": "quality/num_words",
        "failed": [SHORT],
        "review_reasons": [],
    }
    assert samples == [(dropped, kept), (kept, dropped), (kept, None)]
    assert [item["document"]["source"] for item in compared["samples"]] == ["web", "web", "books"]


def test_a_run_compared_with_itself_differs_in_nothing(tmp_path):
    run = write_run(tmp_path / "a", DOCS)
    answer = compare_runs(run, run)
    assert answer["result"]["before"] == answer["result"]["after"]
    assert (answer["result"]["rules"], answer["samples"]) == ([], [])


def test_an_unfinished_run_cannot_be_compared(tmp_path):
    finished, other = (write_run(tmp_path / name, DOCS) for name in "ab")
    (tmp_path / "b" / "manifest.json").unlink()
    with pytest.raises(InputError) as caught:
        compare_runs(finished, other)
    assert str(caught.value) == (
        f"{tmp_path}/b: expected a finished run, found no manifest.json; gristmill resume ends it"
    )
