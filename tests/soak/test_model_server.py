"""A run whose documents a real model writes: measured, asked for once, and whole again after kill -9."""

import contextlib
import json
import signal
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.resuming import resume_run
from pipelines.rundir import open_run
from pipelines.spec_file import load_spec
from tests.job_process import started
from tests.model_server import serving
from tests.real_model import KEY, Relay, real_model

pytestmark = [pytest.mark.soak, pytest.mark.peer]

PAGES = (
    "The old harbour of Ashford was opened in 1874 by the engineer Maria Lindqvist, who had planned it for eleven years. "
    "It cost the town 48,000 pounds, and the council did not expect to see that money again. In the spring of 1902 a "
    "storm damaged the northern wall, so that visitors had to use a narrow path beside the river.",
    "Bread rises because yeast eats sugar and gives off carbon dioxide. The gas is caught in the dough, whose gluten "
    "stretches around it like the skin of a balloon. A dough of 500 grams of flour doubles in about 90 minutes at 24 "
    "degrees. Below 4 degrees the yeast is not dead: it only rests, and bakers use that to let dough ripen overnight.",
    "A glacier is ice that flows under its own weight. Snow that does not melt in summer is pressed into ice within "
    "some decades, and the ice creeps downhill by a few centimetres a day. The Aletsch glacier in Switzerland is about "
    "20 kilometres long; in 1880 it was nearly 3 kilometres longer. Rivers such as the Rhone begin at glaciers.",
    "Honey bees tell each other where flowers are by a dance. Karl von Frisch worked out its meaning in the 1940s: the "
    "angle of the dance to the vertical is the angle of the flight to the sun, and a longer run means a longer way. "
    "Bees in the dark hive cannot see the dancer, so they follow her with their antennae.",
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
  model: {{name: smollm2-135m, recipes: [encyclopaedia], max_tokens: 160}}
completions: {{endpoint: "{url}", attempts: 1, concurrency: 1, answers: "{answers}"}}
validation: {{fraction: 0}}
shards: null
runner: {{mode: in_memory, workers: 1}}
"""
MEASURED = [f'm."signal.{name}"' for name in ("length_ratio", "copied_fraction", "invented_numbers", "invented_names")]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a run that was killed and resumed, and the same job in another folder, made and asked."""

    folder: Path
    num_kept_at_kill: int
    num_asked_at_kill: int
    num_answered: int
    """What the real server answered, by the relay before it and by its own log."""
    num_in_log: int
    seen: list[Counter[str]]
    """Requests by digest that came to the relay: after the resume, after the same job again."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "pages.jsonl").write_text("".join(f"{json.dumps({'text': page})}\n" for page in PAGES))
    with real_model(folder) as real, serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_COMPLETIONS_KEY", KEY)
        relay = Relay(url=real.url)
        server.content = relay
        spec = folder / "job.yaml"
        spec.write_text(SPEC.format(url=server.url, answers=folder / "answers.sqlite"))
        num_kept, num_asked = _killed_at_the_third_request(server, spec, folder)
        resume_run(str(folder / "run"), progress=silent())
        seen = [server.seen.copy()]
        run_job(
            load_spec(spec), spec_path=spec, output=str(folder / "again"), limit=None, settings=(), progress=silent()
        )
        seen.append(server.seen.copy())
        return Told(
            folder=folder,
            num_kept_at_kill=num_kept,
            num_asked_at_kill=num_asked,
            num_answered=len(relay.exchanges),
            num_in_log=real.num_asked(),
            seen=seen,
        )


def _killed_at_the_third_request(server, spec, folder):
    """Kills a run while the model works on its third request; returns how many answers it kept and requests it sent."""
    process = started(spec, folder / "run")
    with server.arrived:
        assert server.arrived.wait_for(lambda: server.seen.total() >= 3, timeout=300)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with contextlib.closing(sqlite3.connect(folder / "answers.sqlite")) as answers:
        (num_kept,) = answers.execute("SELECT count(*) FROM answers").fetchone()
    return num_kept, server.seen.total()


def test_after_a_kill_nothing_that_was_answered_is_asked_again(told):
    assert (told.num_kept_at_kill, told.num_asked_at_kill) == (2, 3), "killed while the model wrote the third answer"
    resumed = told.seen[0]
    assert len(resumed) == len(PAGES)
    assert resumed.total() == len(PAGES) + 1, "only what was under way is asked again"


def test_the_same_job_again_asks_nothing_as_the_servers_own_log_says(told):
    assert told.seen[1] == told.seen[0]
    assert told.num_in_log == told.num_answered == told.seen[0].total()


def test_the_same_answers_give_the_same_bytes(told):
    manifests = [(told.folder / name / "manifest.json").read_bytes() for name in ("run", "again")]
    assert manifests[0] == manifests[1]


def test_children_come_out_measured_against_their_parents_and_each_has_a_verdict(told):
    rows = open_run(told.folder / "run").sql(
        f"SELECT m.text, m.model, m.template, m.license, d.state, d.decided_by, {', '.join(MEASURED)} FROM decisions d "
        "JOIN measured m USING (doc_id) WHERE m.parent_id IS NOT NULL"
    )
    found = rows.fetchall()
    assert 1 <= len(found) <= len(PAGES)
    for text, model, template, license, state, decided_by, *measured in found:
        assert text.strip()
        assert (model, template, license) == ("smollm2-135m", "encyclopaedia/1", "CC0-1.0")
        assert None not in measured, "verification measured it"
        assert (state == "kept") == (decided_by is None)
