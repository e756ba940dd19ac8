"""`gristmill whatif` and `gristmill compare` on a terminal: what is shown, what is written, and nothing raw from data."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.command.main import main
from pipelines.spec_file import load_spec
from tests.judged_runs import EDGES, PASSING, judged_run
from tests.rundirs import Doc, write_run

ESCAPE = "\x1b[2J"
DOCS = [
    Doc(text="one two three four five six", signals=PASSING, url="https://a.example/"),
    Doc(text=f"{ESCAPE}seven eight", signals=PASSING | {"num_words": 1.0}, user_id=f"{ESCAPE}id"),
]
SETTING = ["--set", "edges.num_words.min=1"]


@pytest.fixture
def run(tmp_path):
    return str(judged_run(tmp_path / "run", DOCS, EDGES).store.local_path())


def test_whatif_shows_both_sides_says_what_is_exact_and_makes_data_harmless(run, capfd):
    assert main(["whatif", run, *SETTING]) == 0
    shown = capfd.readouterr().out
    assert "\x1b" not in shown
    assert shown.startswith(f"{run} with edges.num_words.min=1\n\nby the gates (exact)\n")
    assert (
        "after deduplication (estimated; --exact links again)\n"
        "           before  after  change\n"
        "read            2      2  +0\n"
        "kept            1      2  +1 (+100.0%)\n"
        "in review       0      0  +0\n"
        "dropped         1      0  -1 (-100.0%)\n"
        "tokens          6      9  +3 (+50.0%)\n"
        "estimated from their bytes, by the tokens per byte of their source: the tokens of 1 document\n"
    ) in shown
    assert "edges/num_words                1       3                  0       0\n" in shown
    assert "dropped by edges/num_words -> kept\n" in shown
    assert "  before: edges/num_words: 1, threshold 2\n" in shown
    assert "id \\x1b[2Jid" in shown


def test_json_is_the_answer_alone(run, capfd):
    assert main(["whatif", run, *SETTING, "--json"]) == 0
    told = capfd.readouterr()
    assert told.err == ""
    answer = json.loads(told.out)
    assert (answer["run"], answer["settings"], answer["exact"]) == (run, SETTING[1:], False)
    assert answer["gates"]["after"] == {"read": 2, "kept": 2, "review": 0, "dropped": 0, "tokens": None}


def test_a_written_spec_runs_from_its_own_folder_and_is_replaced_only_by_force(run, tmp_path, capfd):
    ledger = tmp_path / "run" / "ledger" / "events-1-1.jsonl"
    ledger.parent.mkdir()
    started = {"root": str(tmp_path / "job"), "limit": None, "settings": [], "local": []}
    ledger.write_text(json.dumps(started) + "\n")
    written = tmp_path / "specs" / "looser.yaml"
    written.parent.mkdir()
    assert main(["whatif", run, *SETTING, "--write", str(written)]) == 0
    spec = load_spec(written)
    assert spec.inputs["web"].files == ("../job/data/*",)
    assert [rule.min for rule in spec.gates["edges"].rules if rule.signal == "num_words"] == [1.0]
    assert f"{written} is written\n" in capfd.readouterr().err
    assert main(["whatif", run, *SETTING, "--write", str(written)]) == 2
    assert f"{written} exists already; choose another name with --write, or --force" in capfd.readouterr().err
    assert main(["whatif", run, *SETTING, "--write", str(written), "--force"]) == 0


def test_a_run_that_does_not_say_where_it_was_started_keeps_its_paths_and_says_so(run, tmp_path, capfd):
    written = tmp_path / "looser.yaml"
    assert main(["whatif", run, *SETTING, "--write", str(written)]) == 0
    assert load_spec(written).inputs["web"].files == ("data/*",)
    assert "the run does not say where its relative paths start; look them over\n" in capfd.readouterr().err


def test_whatif_without_a_setting_is_a_usage_error(run, capfd):
    assert main(["whatif", run]) == 2
    assert "Missing option '--set'" in capfd.readouterr().err


def test_compare_says_different_inputs_and_shows_who_changed_sides(tmp_path: Path, capfd):
    before = write_run(tmp_path / "a", DOCS, spec=EDGES)
    after = write_run(tmp_path / "b", [replace(DOCS[0], path="other.jsonl"), DOCS[1]], spec=EDGES)
    assert main(["compare", before.store.uri, after.store.uri]) == 0
    told = capfd.readouterr()
    assert told.err == (
        f"different inputs: 0 files only in {before.store.uri}, 1 only in {after.store.uri}, 0 that differ\n"
    )
    assert "kept -> not in the input\n" in told.out
    assert "not in the input -> kept\n" in told.out
    assert "\x1b" not in told.out
