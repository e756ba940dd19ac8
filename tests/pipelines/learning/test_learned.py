"""`gristmill review learn`: what answers say about reviewers and rules, on one small run."""

import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from curation.errors import InputError
from pipelines.command.main import main
from pipelines.learning.answered import answered as answers_of
from pipelines.learning.answered import disputes
from pipelines.learning.gold import add_gold, gold_of, questions_for_gold
from pipelines.learning.learned import Learned, learn
from pipelines.rundir import open_run
from tests.reviewed_runs import answer, questions, run_notes, write_answers

pytestmark = pytest.mark.slow
ANNA, BEN = "anna@example.org", "ben@example.org"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_notes(tmp_path_factory.mktemp("learning"))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A run whose questions two reviewers answered, what it asked and what is learnt of it; nobody changes it."""

    run: Path
    asked: list[dict[str, object]]
    learned: Learned


def answered(finished: Path, folder: Path, *, error: float) -> Answered:
    """A copy of the run, answered."""
    run = shutil.copytree(finished, folder / "run")
    asked = answered_by_two(run, error=error)
    return Answered(run=run, asked=asked, learned=learn(open_run(run)))


@pytest.fixture(scope="module")
def agreed(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return answered(finished, tmp_path_factory.mktemp("agreed"), error=0)


@pytest.fixture(scope="module")
def disputed(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return answered(finished, tmp_path_factory.mktemp("disputed"), error=0.3)


@pytest.fixture
def copy(disputed: Answered, tmp_path: Path) -> Path:
    """The disputed run, to be changed."""
    return shutil.copytree(disputed.run, tmp_path / "disputed")


def right_answer(question: dict[str, object]) -> str:
    """What an expert says: the rule is right of what it drops, but for one document in four."""
    if question["state"] == "dropped":
        return "keep" if str(question["doc_id"].hex())[0] in "0123" else "drop"
    return "keep"


def answered_by_two(run: Path, *, error: float = 0.0) -> list[dict[str, object]]:
    """Both reviewers answer every question about a document; Ben errs. Returns the questions."""
    draw = random.Random(1)
    asked = [question for question in questions(run) if question["kind"] == "document"]
    rows = [answer(question, right_answer(question)) for question in asked]
    for question in asked:
        said, number = right_answer(question), 1000 + int(str(question["priority"]))
        if draw.random() < error:
            said = "keep" if said == "drop" else "drop"
        rows.append(answer(question, said, reviewer=BEN, annotation_id=number))
    write_answers(run, rows)
    return asked


def write_gold(path: Path, asked: list[dict[str, object]]) -> Path:
    path.write_text(
        "".join(f"{json.dumps({'doc_id': row['doc_id'].hex(), 'decision': right_answer(row)})}\n" for row in asked)
    )
    return path


def of_rule(learned: Learned, name: str):
    return next(rule for rule in learned.rules if rule.rule == name)


def test_the_precision_of_a_rule_is_the_share_of_what_it_took_that_people_drop_as_well(agreed: Answered):
    audited = [row for row in agreed.asked if row["route"] == "audit_dropped"]
    rightly = sum(right_answer(row) == "drop" for row in audited)
    found = of_rule(agreed.learned, "quality/num_words")
    assert found.alone.num_judged == len(audited)
    assert found.alone.precision.value == pytest.approx(rightly / len(audited))
    assert found.alone == found.among_others, "there is no other rule"
    assert found.alone.recall.value == 1, "of what was kept nothing is to be dropped"
    assert found.alone.recall.low < 1, "which a sample does not prove"


def test_reviewers_who_say_the_same_agree_and_leave_nothing_to_adjudicate(agreed: Answered):
    assert agreed.learned.disputes == ()
    (decision, *_), (pair,) = agreed.learned.agreement, agreed.learned.pairs
    assert (decision.name, decision.found.alpha.value) == ("decision", 1)
    assert (pair.one, pair.other, pair.found.alpha.value) == (ANNA, BEN, 1)


def test_what_reviewers_disagree_on_is_in_the_queue_with_who_said_what(disputed: Answered):
    learned = disputed.learned
    assert 0 < len(learned.disputes) < len(disputed.asked)
    assert all(set(dispute.answers) == {ANNA, BEN} for dispute in learned.disputes)
    assert {dispute.ruling for dispute in learned.disputes} == {None}, "one against one is no majority"
    decision = learned.agreement[0].found
    assert decision.alpha.value < 0.7
    assert decision.equal_fraction == pytest.approx(1 - len(learned.disputes) / decision.num_units)


def test_a_third_answer_settles_a_dispute(disputed: Answered, copy: Path):
    (first, *_) = disputed.learned.disputes
    (question,) = [row for row in disputed.asked if row["review_key"] == first.review_key]
    write_answers(copy, [answer(question, "keep", reviewer="carl@example.org", annotation_id=5000)])
    opened = open_run(copy)
    (settled,) = [item for item in disputes(answers_of(opened), opened) if item.review_key == first.review_key]
    assert settled.ruling == "keep"


def test_gold_tells_which_reviewer_errs_and_how_and_corrects_what_is_said_of_rules(
    disputed: Answered, copy: Path, tmp_path: Path
):
    before, asked = disputed.learned, disputed.asked
    assert not before.trust.is_corrected_for
    added = add_gold(open_run(copy), write_gold(tmp_path / "gold.jsonl", asked))
    assert (added.num_gold, added.num_new, added.num_unasked) == (len(asked), len(asked), 0)
    after = learn(open_run(copy))
    anna, ben = after.reviewers
    assert (anna.reviewer, anna.accuracy.value, anna.num_gold) == (ANNA, 1, len(asked))
    assert ben.accuracy.value < 0.9
    assert after.trust.is_corrected_for
    name = "quality/num_words"
    said, corrected = (of_rule(item, name).alone.precision for item in (before, after))
    audited = [row for row in asked if row["route"] == "audit_dropped"]
    truth = sum(right_answer(row) == "drop" for row in audited) / len(audited)
    assert abs(corrected.value - truth) < abs(said.value - truth)
    assert corrected.low <= truth <= corrected.high


def test_questions_for_an_expert_are_random_ones_of_kept_and_dropped_documents_without_an_answer(run: Path):
    opened = open_run(run)
    drawn = questions_for_gold(opened, 6, seed=0)
    by_id = {row["doc_id"].hex(): row for row in questions(run)}
    assert [by_id[row["doc_id"]]["route"] for row in drawn] == ["audit_kept", "audit_dropped"] * 3
    assert drawn == questions_for_gold(opened, 6, seed=0) != questions_for_gold(opened, 6, seed=1)
    assert {row["decision"] for row in drawn} == {None}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[]", "gold.jsonl:1: expected a JSON object, found list"),
        ("{", "gold.jsonl:1: expected a JSON object, found none"),
        ('{"doc_id": "zz", "decision": "keep"}', "gold.jsonl:1: doc_id: expected 32 hex digits, found 'zz'"),
        (
            f'{{"doc_id": "{"0" * 32}", "decision": "maybe"}}',
            "gold.jsonl:1: decision: expected one of keep, edit, drop, found 'maybe'",
        ),
        (f'{{"doc_id": "{"0" * 32}", "decision": "keep"}}', "found 1 others, such as 00000000000000000000000000000000"),
    ],
)
def test_a_line_that_is_no_answer_is_refused_and_nothing_is_kept(run: Path, tmp_path: Path, line: str, told: str):
    path = tmp_path / "gold.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError) as error:
        add_gold(open_run(run), path)
    assert told in str(error.value)
    assert gold_of(open_run(run)) == {}


def test_a_run_without_answers_teaches_nothing_and_says_how_to_get_some(run: Path):
    with pytest.raises(InputError, match="expected answers of people, found none; gristmill review pull"):
        learn(open_run(run))


def test_the_command_writes_what_it_says_and_changes_nothing_else(copy: Path, capsys: pytest.CaptureFixture[str]):
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and path.name != "report.html"}
    assert main(["review", "learn", str(copy), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == json.loads((copy / "learned" / "learned.json").read_bytes())
    assert all(path.read_bytes() == content for path, content in before.items())
    assert main(["review", "adjudicate", str(copy)]) == 0
    assert f"{ANNA}: " in capsys.readouterr().out


def test_an_expert_draws_questions_answers_them_and_gives_them_back(run: Path, tmp_path: Path, capsys):
    assert main(["review", "gold", str(run), "--draw", "4"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(f"{json.dumps({**row, 'decision': 'keep'})}\n" for row in rows))
    assert main(["review", "gold", str(run), str(path)]) == 0
    assert "4 new, 0 changed: 4 gold documents" in capsys.readouterr().err
    assert set(gold_of(open_run(run)).values()) == {"keep"}
