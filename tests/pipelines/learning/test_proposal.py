"""What `gristmill review learn` proposes: a threshold and a classifier that held-out documents show to be better."""

import json
import shutil
from pathlib import Path

import pytest

from pipelines.command.main import main
from pipelines.learning.gold import add_gold
from pipelines.learning.learned import learn
from pipelines.rundir import open_run
from pipelines.spec_file import load_spec
from tests.taught_runs import answer_all, right_decision, run_texts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = run_texts(tmp_path_factory.mktemp("taught"))
    asked = answer_all(run, error=0.05)
    gold = run.parent / "gold.jsonl"
    rows = ({"doc_id": row["doc_id"].hex(), "decision": right_decision(row)} for row in asked[::4])
    gold.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    add_gold(open_run(run), gold)
    return run


@pytest.fixture(scope="module")
def learned(finished: Path):
    return learn(open_run(finished))


def test_a_rule_that_drops_what_people_keep_gets_the_threshold_that_they_have_in_mind(learned):
    (found,) = [item for item in learned.proposal.thresholds if item.rule == "quality/num_words"]
    assert found.is_proposed
    assert 18 <= found.after <= 22, "people keep good texts from 20 words on"
    assert found.change.low > 0


def test_a_classifier_trained_on_decisions_is_proposed_where_it_does_better_on_documents_it_did_not_see(learned):
    found = learned.proposal.classifier
    assert (found.rule, found.signal_before, found.signal_after) == ("quality/taste", "taste", "taste")
    assert found.is_proposed
    assert found.change.low > 0
    assert found.precision_after.value > found.precision_before.value


def test_no_gold_document_is_trained_on(finished: Path, learned):
    tasks = open_run(finished).dataset("tasks").to_table().num_rows
    gold = open_run(finished).dataset("gold").to_table().num_rows
    assert gold > 100
    assert learned.proposal.classifier.num_labels == tasks - gold


def test_with_the_thresholds_the_gates_keep_more_of_what_people_keep(learned):
    change = learned.proposal.change
    assert change.kept_after > change.kept_before
    assert change.num_documents == 1200
    assert change.precision_after.low is not None


def test_the_proposal_is_a_spec_that_runs_and_keeps_more_of_the_good_documents(finished: Path, tmp_path: Path, capsys):
    job = shutil.copytree(finished.parent, tmp_path / "job")
    run, again, target = job / "run", tmp_path / "again", job / "better.yaml"
    before = (run / "spec.yaml").read_bytes()
    assert main(["review", "learn", str(run), "--write", str(target)]) == 0
    said = capsys.readouterr()
    assert "quality/num_words" in said.out
    assert f"to accept it: gristmill run {target}" in said.err
    assert (run / "spec.yaml").read_bytes() == before, "the run's own is as it was"
    assert target.read_text().startswith("# Proposed by `gristmill review learn`")
    spec = load_spec(target)
    _taste, words = spec.gates["quality"].rules
    assert spec.classifiers["taste"].model == "run/learned/classifier/model.bin"
    assert (job / spec.classifiers["taste"].model).exists()
    assert words.min < 30
    assert main(["review", "learn", str(run), "--write", str(target)]) == 2, "an existing file is not replaced"
    assert main(["run", str(target), "--output", str(again)]) == 0
    (good_before, bad_before), (good_after, bad_after) = (kept(folder) for folder in (run, again))
    assert good_after / (good_after + bad_after) > good_before / (good_before + bad_before)
    assert good_after > good_before


def kept(run: Path) -> tuple[int, int]:
    """Numbers of good and of bad documents that a run keeps."""
    query = "SELECT count(*) FROM documents WHERE starts_with(user_id, '{}')"
    good, bad = (open_run(run).sql(query.format(kind)).fetchall()[0][0] for kind in ("good", "bad"))
    return good, bad
