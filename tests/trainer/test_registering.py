"""A training that tells a service of itself."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from tests.pipelines.service.services import live, service_in
from trainer.metrics import LOG
from trainer.registering import Registration, Teller, telling


def line(step: int, loss: float, stage: str = "warmup") -> str:
    return json.dumps({"step": step, "loss": loss, "loss_by_stage": {stage: loss}}) + "\n"


def teller_of(url: str, folder: Path, said: list[str]) -> Teller:
    registration = Registration(export="ab" * 8, name="tiny", global_batch=8, steps=4)
    return Teller(url=url, registration=registration, folder=folder, tell=said.append)


def test_steps_and_losses_arrive_and_so_does_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    service = service_in(tmp_path)
    monkeypatch.setenv("GRISTMILL_TOKEN", service.tokens.make("trainer", ("run",)))
    log = tmp_path / LOG
    said: list[str] = []
    with live(service) as url, telling(teller_of(url, tmp_path, said)) as teller:
        log.write_text(line(0, 4.0) + line(1, float("nan")) + line(2, 3.5, "anneal") + '{"step": 3, "lo')
        teller.send(state="running")
        (training,) = service.trainings.page()
        assert (training.step, training.stage, training.state) == (2, "anneal", "running")
        log.write_text(log.read_text().rpartition("\n")[0] + "\n" + line(3, 3.0, "anneal"))
        teller.state = "done"

    (training,) = service.trainings.page()
    assert (training.step, training.state, training.steps, said) == (3, "done", 4, [])
    assert [point.loss for point in service.trainings.points(training.id)] == [4.0, None, 3.5, 3.0]


def test_a_service_that_does_not_answer_is_told_of_once_and_nothing_fails(tmp_path: Path):
    said: list[str] = []
    (tmp_path / LOG).write_text(line(0, 4.0))
    with telling(teller_of("http://127.0.0.1:9", tmp_path, said)) as teller:
        teller.send(state="running")
    assert len(said) == 1
    assert said[0].startswith("http://127.0.0.1:9 does not take what this training tells: ")
