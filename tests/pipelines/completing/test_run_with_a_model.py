"""Runs that ask a model: children judged against their parents, nothing asked twice, and a pause that resume ends."""

import contextlib
import json
import re
import signal
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from curation.errors import SpecError
from curation.synthesis.recipes.written import ModelWriter
from pipelines.completing.completer import Paused
from pipelines.job import run_job
from pipelines.planning import forecast
from pipelines.progress import silent
from pipelines.report.bias import bias_of
from pipelines.resuming import resume_run
from pipelines.run_plan import plan_run
from pipelines.rundir import open_run
from pipelines.spec_file import load_spec
from pipelines.spec_paths import moved, paths_in
from pipelines.whatif import Question, what_if
from tests.job_process import started
from tests.model_server import rewritten, serving
from tests.synthetic_texts import documents

pytestmark = pytest.mark.slow
KEY = "sk-of-nobody-4711"
SUBJECTS = ("harbour", "orchard", "railway", "library", "bridge")
PARAGRAPH = (
    "The old {0} of Ashford was opened in 1874 by the engineer Maria Lindqvist, who had planned it for eleven years. "
    "It cost the town 48,000 pounds, and the council did not expect to see that money again. In the spring of 1902 a "
    "storm damaged the northern wall of the {0}, so that visitors had to use a narrow path beside the river. Today "
    "about 300 people work there, and a small museum shows drawings, letters and tools of its builders."
)
SPEC = """
job: written
inputs:
  pages: {{files: [pages.jsonl], license: CC0-1.0}}
signals: [language]
dedup: {{near: null}}
synthesis:
  mined: null
  max_fraction: 0.9
  model: {{name: tiny-1, recipes: [simple, list]}}
completions: {{endpoint: "{url}", attempts: 1, concurrency: 2, answers: "{answers}"}}
validation: {{fraction: 0}}
shards: null
runner: {{mode: in_memory, workers: 1}}
"""


def project(folder, url):
    folder.mkdir(exist_ok=True)
    rows = [
        json.dumps({"text": PARAGRAPH.format(subject), "url": f"https://{subject}.example/"}) for subject in SUBJECTS
    ]
    (folder / "pages.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "job.yaml").write_text(SPEC.format(url=url, answers=folder / "answers.sqlite"))
    return folder / "job.yaml"


def run(spec, output):
    return run_job(load_spec(spec), spec_path=spec, output=str(output), limit=None, settings=(), progress=silent())


def contents(run):
    paths = [path for path in run.rglob("*") if path.is_file() and path.relative_to(run).parts[0] != "ledger"]
    return {str(path.relative_to(run)): path.read_bytes() for path in paths if path.name != "report.html"}


def answer_with_faults(passage):
    """The text again with words left out; for one document with other years, for one a refusal, for one as it is."""
    text = rewritten(passage)
    if "bridge" in passage:
        return passage
    if "railway" in passage:
        return "I'm sorry, but I can't help with that request."
    return text.replace("1874", "1931").replace("1902", "1977") if "library" in passage else text


@dataclass(kw_only=True)
class Told:
    """What a paused, resumed and repeated run said and did."""

    folder: Path
    why: str
    was_finished: bool
    answered_before: set[str]
    seen: list[Counter[str]]
    """Requests that the server had seen: at the pause, after the resume, after the same job in another folder."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "job"
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_COMPLETIONS_KEY", KEY)
        server.answer = answer_with_faults
        server.status = lambda number: 200 if number <= 3 else None
        spec = project(folder, server.url)
        with pytest.raises(Paused) as paused:
            run(spec, folder / "run")
        seen, answered = [server.seen.copy()], set(server.answered)
        was_finished = (folder / "run" / "manifest.json").exists()
        server.status = lambda _: 200
        resume_run(str(folder / "run"), progress=silent())
        seen.append(server.seen.copy())
        run(spec, folder / "again")
        seen.append(server.seen.copy())
        assert {one["Authorization"] for one in server.headers} == {f"Bearer {KEY}"}
    told = Told(folder=folder, why=str(paused.value), was_finished=was_finished, answered_before=answered, seen=seen)
    return told


def test_the_file_of_answers_starts_from_the_folder_of_the_spec_as_every_path_does(tmp_path):
    spec = load_spec(project(tmp_path, "http://127.0.0.1:9/v1"), settings=["completions.answers=kept/answers.sqlite"])
    planned = plan_run(spec, root=tmp_path).spec
    assert planned.completions.answers == str(tmp_path / "kept" / "answers.sqlite")
    assert paths_in(spec)[-1] == "kept/answers.sqlite"
    elsewhere = moved(spec, root=tmp_path, folder=tmp_path / "kept")
    assert elsewhere.completions.answers == "answers.sqlite"
    remote = load_spec(tmp_path / "job.yaml", settings=["completions.answers=s3://bucket/answers.sqlite"])
    said = "completions.answers: expected a path on this machine, found 's3://bucket/answers.sqlite'"
    with pytest.raises(SpecError, match=f"^{re.escape(said)}$"):
        plan_run(remote, root=tmp_path)


def test_a_dead_endpoint_pauses_the_run_says_so_and_resume_ends_it(told):
    assert "synthesis.model is paused, the run is unfinished" in told.why
    assert told.why.endswith(f"go on with: gristmill resume {told.folder / 'run'}")
    assert not told.was_finished
    assert (told.folder / "run" / "manifest.json").exists()
    events = [
        line for path in (told.folder / "run" / "ledger").glob("*.jsonl") for line in path.read_text().splitlines()
    ]
    assert {"paused", "asked", "finished"} <= {json.loads(line)["event"] for line in events}


def test_nothing_that_was_answered_is_asked_again_and_the_same_job_asks_nothing(told):
    at_pause, resumed, again = told.seen
    assert len(resumed) == len(SUBJECTS) * 2
    assert len(told.answered_before - {""}) >= 3
    asked_twice = {digest for digest, count in resumed.items() if count > 1}
    assert not asked_twice & told.answered_before, "an answer was paid for twice"
    assert at_pause.total() < len(resumed) + 3
    assert again == resumed, "the second run asked the server"


def test_the_same_answers_give_the_same_bytes(told):
    one, other = contents(told.folder / "run"), contents(told.folder / "again")
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


def test_children_are_held_against_their_parents_and_say_what_made_them(told):
    rows = open_run(told.folder / "run").sql(
        "SELECT m.text, d.state, d.decided_by, m.template, m.model, m.license, m.generator FROM decisions d "
        "JOIN measured m USING (doc_id) WHERE m.parent_id IS NOT NULL"
    )
    found = {}
    for text, state, decided_by, template, *made in rows.fetchall():
        assert made == ["tiny-1", "CC0-1.0", "model"]
        subject = next((name for name in SUBJECTS if name in text), "railway")
        found[subject, template] = (state, decided_by)
    simple = {subject: found[subject, "simple/1"] for subject in SUBJECTS}
    assert simple["harbour"] == simple["orchard"] == ("kept", None)
    assert simple["library"] == ("dropped", "verification/invented_numbers")
    assert simple["railway"] == ("dropped", "verification/length_ratio")


def test_a_text_that_a_model_copies_is_no_duplicate_of_its_parent_which_stays(told):
    copied = open_run(told.folder / "run").sql(
        "SELECT p.state, d.state, d.decided_by FROM measured c JOIN decisions d USING (doc_id) "
        "JOIN measured m ON m.doc_id = c.parent_id JOIN decisions p ON p.doc_id = m.doc_id WHERE c.text = m.text"
    )
    assert copied.fetchall() == [("kept", "dropped", "verification/copied_fraction")] * 2
    linked = "SELECT count(*) FROM links JOIN measured m ON m.doc_id = links.doc_id WHERE m.parent_id = earlier_id"
    assert open_run(told.folder / "run").sql(linked).fetchall() == [(0,)]


def test_whatif_answers_for_the_gate_of_what_a_model_writes(told):
    question = Question(settings=("verification.invented_numbers.max=9",))
    found = what_if(open_run(told.folder / "run"), question, progress=silent())
    assert {change["before"]["decided_by"] for change in found["samples"]} == {"verification/invented_numbers"}


def test_the_table_of_who_was_removed_has_the_rules_of_what_a_model_writes(told):
    found = bias_of(open_run(told.folder / "run"), load_spec(told.folder / "job.yaml"))
    assert "verification/invented_numbers" in {item.rule for item in found}


def test_siblings_that_say_the_same_leave_one(told):
    rows = open_run(told.folder / "run").sql(
        "SELECT count(*) FILTER (state = 'kept'), count(*) FILTER (decided_by = 'dedup/exact_text') FROM decisions d "
        "JOIN measured m USING (doc_id) WHERE m.parent_id IS NOT NULL AND (m.text LIKE '%harbour%')"
    )
    assert rows.fetchall() == [(1, 1)], "both recipes had one answer"


def test_the_key_is_in_no_file_of_the_run_and_in_no_error(told):
    assert KEY not in told.why
    assert not [path for path in told.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_run_that_was_killed_while_it_asked_asks_nothing_twice_that_was_answered(tmp_path, told):
    folder = tmp_path / "job"
    with serving() as server:
        server.answer = answer_with_faults
        spec = project(folder, server.url)
        server.last_answered = 4
        process = started(spec, folder / "run")
        with server.arrived:
            assert server.arrived.wait_for(lambda: server.seen.total() >= 6, timeout=120)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with contextlib.closing(sqlite3.connect(folder / "answers.sqlite")) as answers:
            (kept,) = answers.execute("SELECT count(*) FROM answers").fetchone()
        at_kill = server.seen.total()
        server.release()
        resume_run(str(folder / "run"), progress=silent())
        requests = server.seen.copy()
    assert kept >= 3
    assert len(requests) == len(SUBJECTS) * 2
    assert requests.total() == at_kill + len(SUBJECTS) * 2 - kept, "what was kept was asked again"
    assert contents(folder / "run")["manifest.json"] == contents(told.folder / "run")["manifest.json"]


def test_a_forecast_asks_nothing_and_says_how_many_requests_tokens_and_how_much_money_a_run_takes(told, tmp_path):
    prices = {"completions.prompt_price": 2, "completions.completion_price": 10, "completions.max_cost": 0.05}
    settings = [f"{key}={value}" for key, value in prices.items()]
    spec = load_spec(project(tmp_path, "http://127.0.0.1:9/v1"), settings=settings)
    found = forecast(spec, root=tmp_path, sample_bytes=1 << 20).model
    assert found is not None
    assert found.requests == (10, 10), "as many as the run above sent"
    assert found.requests[1] == len(told.seen[-1])
    assert found.answer_tokens == (10 * 1024,) * 2
    asked = ModelWriter(keys=spec.synthesis.model, seed=spec.seed).requests_of(
        documents([PARAGRAPH.format(subject) for subject in SUBJECTS])
    )
    letters = sum(len(one.system) + len(one.user) for one in asked)
    assert found.prompt_tokens == (round(letters / 4),) * 2
    assert found.cost[1] == pytest.approx((found.prompt_tokens[1] * 2 + 10_240 * 10) / 1e6)
    assert found.pauses, "0.05 is less than 0.10"
    assert not (tmp_path / "answers.sqlite").exists(), "nothing was asked"
