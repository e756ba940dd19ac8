"""Languages of paragraphs through a run: gates, review, `why`, the report and `whatif` know mixed and undetermined."""

import json

import pytest

from pipelines.job import run_job
from pipelines.judging import rules_by_name
from pipelines.progress import silent
from pipelines.questions import answer_text, why_document
from pipelines.report.rules import condition
from pipelines.rundir import open_run
from pipelines.spec_file import load_spec
from pipelines.whatif import Question, run_spec, what_if
from tests.curation.quality.test_paragraph_languages import DE, EN

SPEC = """
job: tongues
inputs: {texts: {files: [texts.jsonl], gates: [tongue]}}
signals: [language, paragraph_languages]
paragraph_languages: {min_main_fraction: 0.9}
gates:
  tongue:
    rules:
      - {signal: main_language_fraction, min: 0.9, action: review}
      - {signal: language_outcome, one_of: [en, mixed], when: {language_outcome: [en, de, mixed]}}
      - {signal: determined_fraction, min: 0.5}
dedup: {near: null}
runner: {mode: in_memory, workers: 1}
"""
TEXTS = {"english": EN, "german": DE, "mixed": f"{EN}\n{EN}\n{EN}\n{EN}\n{DE}", "short": "Yes."}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tongues")
    rows = [json.dumps({"id": name, "text": text}) for name, text in TEXTS.items()]
    (folder / "texts.jsonl").write_text("\n".join(rows))
    (folder / "job.yaml").write_text(SPEC)
    spec, output = load_spec(folder / "job.yaml"), str(folder / "run")
    run_job(spec, spec_path=folder / "job.yaml", output=output, limit=None, settings=(), progress=silent())
    return open_run(folder / "run")


@pytest.mark.slow
def test_outcomes_decide_and_mixed_documents_go_to_review(run):
    query = """SELECT user_id, "signal.language_outcome", state, decided_by
               FROM decisions JOIN measured USING (doc_id) ORDER BY user_id"""
    assert run.sql(query).fetchall() == [
        ("english", "en", "kept", None),
        ("german", "de", "dropped", "tongue/language_outcome"),
        ("mixed", "mixed", "review", "tongue/main_language_fraction"),
        ("short", "undetermined", "dropped", "tongue/determined_fraction"),
    ]
    ((paragraphs,),) = run.sql("SELECT \"signal.paragraph_languages\" FROM measured WHERE user_id = 'mixed'").fetchall()
    assert [paragraph["language"] for paragraph in paragraphs] == ["en", "en", "en", "en", "de"]


@pytest.mark.slow
def test_why_shows_the_outcome_and_the_report_says_to_what_a_rule_applies(run):
    (answer,) = why_document(run, run.sql("SELECT hex(doc_id) FROM measured WHERE user_id = 'mixed'").fetchall()[0][0])
    checks = {check["rule"]: check["outcome"] for check in answer["explanation"]["checks"]}
    assert checks == {
        "tongue/main_language_fraction": "review",
        "tongue/language_outcome": "passed",
        "tongue/determined_fraction": "passed",
    }
    shown = " ".join(answer_text(answer).split())
    assert "language_outcome mixed" in shown
    assert "paragraph_languages 0-83 en, 84-167 en, 168-251 en, 252-335 en, 336-428 de" in shown
    rule = rules_by_name(run_spec(run))["tongue/language_outcome"]
    assert condition(rule) == "one of en, mixed (only outcome en, de, mixed)"


@pytest.mark.slow
def test_whatif_answers_for_another_bound_of_mixed(run):
    answer = what_if(run, Question(settings=("tongue.main_language_fraction.min=0.5",)), progress=silent())
    assert [(change["before"]["state"], change["after"]["state"]) for change in answer["samples"]] == [
        ("review", "kept")
    ]
