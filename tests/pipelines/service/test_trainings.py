"""Training runs beside their data."""

import math
from pathlib import Path

from fastapi.testclient import TestClient

from pipelines.service.service import Service
from pipelines.shards import export_shards
from tests.pipelines.service.services import finished_job
from tests.token_runs import documents, texts, write_run

TRAINING = {"name": "tiny", "host": "here", "global_batch": 8, "steps": 5000}


def point(step: int, loss: float | None, stage: str = "warmup") -> dict[str, object]:
    return {"step": step, "stage": stage, "loss": loss, "losses": {stage: loss} if loss is not None else {}}


def test_a_training_appears_beside_its_data_with_position_and_losses(
    client: TestClient, service: Service, tmp_path: Path
):
    export_shards(write_run(tmp_path / "run", [documents(texts(40))]))
    job = finished_job(service, tmp_path / "run")
    (export,) = client.get(f"/api/jobs/{job.id}/exports").json()
    made = client.post("/api/trainings", json=TRAINING | {"export": export["name"]}).json()
    at = f"/api/trainings/{made['id']}"
    assert made["step"] is None, "it told of none yet"

    told = client.post(f"{at}/points", json={"points": [point(0, 4.5), point(1, None), point(2, 4.0, "anneal")]})
    assert (told.status_code, told.json()["step"], told.json()["stage"]) == (202, 2, "anneal")
    (shown,) = client.get(f"/api/jobs/{job.id}/trainings").json()
    assert (shown["id"], shown["steps"], shown["state"], shown["is_lost"]) == (made["id"], 5000, "running", False)
    assert [found["loss"] for found in client.get(f"{at}/points").json()] == [4.5, None, 4.0]
    client.post(f"{at}/points", json={"points": [], "state": "done"})
    assert client.get(at).json()["state"] == "done"


def test_one_that_goes_on_is_the_same_and_a_step_told_twice_is_there_once(client: TestClient):
    body = TRAINING | {"export": "0" * 16}
    first, again = (client.post("/api/trainings", json=body).json()["id"] for _ in range(2))
    assert first == again
    for loss in (4.0, 3.0):
        client.post(f"/api/trainings/{first}/points", json={"points": [point(7, loss)]})
    assert [found["loss"] for found in client.get(f"/api/trainings/{first}/points").json()] == [3.0]


def test_of_many_points_about_a_thousand_and_the_last_one_are_shown(client: TestClient):
    made = client.post("/api/trainings", json=TRAINING | {"export": "0" * 16}).json()["id"]
    for first in range(0, 2500, 1000):
        many = [point(step, math.exp(-step)) for step in range(first, min(first + 1000, 2500))]
        assert client.post(f"/api/trainings/{made}/points", json={"points": many}).status_code == 202
    steps = [found["step"] for found in client.get(f"/api/trainings/{made}/points").json()]
    assert len(steps) <= 1001
    assert (steps[0], steps[-1]) == (0, 2499)


def test_one_that_tells_nothing_for_long_is_lost(client: TestClient, service: Service):
    made = client.post("/api/trainings", json=TRAINING | {"export": "0" * 16}).json()["id"]
    row = service.trainings.get(made)
    assert row is not None
    row.seen_ms -= 121_000
    assert service.trainings.is_lost(row)


def test_what_is_no_training_is_refused(client: TestClient):
    assert client.post(f"/api/trainings/{'0' * 21}/points", json={"points": []}).status_code == 404
    assert client.post("/api/trainings", json=TRAINING | {"export": "../x"}).status_code == 422
    infinite = '{"points": [{"step": 1, "stage": null, "loss": Infinity, "losses": {}}]}'
    made = client.post("/api/trainings", json=TRAINING | {"export": "0" * 16}).json()["id"]
    refused = client.post(
        f"/api/trainings/{made}/points", content=infinite, headers={"Content-Type": "application/json"}
    )
    assert refused.status_code == 422
