"""The report's section about people: what it shows, and that a damaged file takes nothing else with it."""

import json
from pathlib import Path

import pytest

from pipelines.learning.facts import FACTS
from pipelines.report import write_report
from tests.lessons import lessons, write_lessons, write_questions
from tests.rundirs import example_docs, write_run


def page_of(folder: Path) -> str:
    return Path(write_report(str(folder)).path).read_text()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_run(tmp_path / "run", example_docs())
    return tmp_path / "run"


def test_a_run_that_asks_nobody_has_no_section(run: Path):
    page = page_of(run)
    assert 'id="people"' not in page
    assert "#people" not in page


def test_before_anything_is_learnt_the_questions_are_counted_and_the_command_is_named(run: Path):
    write_questions(run)
    page = page_of(run)
    assert "Random dropped" in page
    assert "gristmill review learn RUN" in page


def test_rules_reviewers_agreement_and_proposals_are_shown_with_intervals(run: Path):
    write_lessons(run, ["quality/num_words", "anna"])
    page = page_of(run)
    assert '80.0%<span class="cond">49.0 to 94.3</span>' in page, "8 of 10 with Wilson's interval"
    assert page.count('class="f-mark"') >= 6
    assert "learned/proposal.yaml" in page
    assert "<td>yes</td>" in page


def test_an_estimate_that_is_not_known_is_a_dash_and_no_bar(run: Path):
    write_questions(run)
    facts = lessons(["one", "two", "three", "four"])
    (run / FACTS).parent.mkdir()
    (run / FACTS).write_text(json.dumps({**facts, "rules": [facts["rules"][3]], "reviewers": [], "agreement": []}))
    page = page_of(run)
    section = page[page.index("How often rules are right") : page.index("Proposed changes")]
    assert '<span class="soft">–</span>' in section
    assert "f-interval" not in section


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"trust": 3}', b"\xff", b"[" * 100_000, b'{"num_answers": NaN}'],
    ids=["empty", "list", "object", "number", "no text", "deep", "nan"],
)
def test_facts_of_another_form_are_as_if_they_were_not_there(run: Path, content: bytes):
    write_questions(run)
    (run / FACTS).parent.mkdir()
    (run / FACTS).write_bytes(content)
    assert "gristmill review learn RUN" in page_of(run)


def test_ten_thousand_rules_and_disputes_do_not_make_a_page_of_megabytes(run: Path):
    before = len(page_of(run))
    write_lessons(run, [f"gate/rule-{number}" for number in range(10_000)])
    page = page_of(run)
    assert len(page) - before < 200_000
    assert "10,000" in page, "all are counted"
