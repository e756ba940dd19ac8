"""Pages of exports and trainings: what they list, what a step took, and the numbers that charts are drawn from."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.service import answers
from pipelines.service.pages.lines import of_losses, of_progress
from pipelines.service.service import Service
from pipelines.shards import export_shards
from tests.pipelines.service.services import SPEC, finished_job
from tests.token_runs import documents, texts, write_run


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an export, which tests only read."""
    folder = tmp_path_factory.mktemp("exported") / "tokens"
    export_shards(write_run(folder, [documents(texts(40))]))
    (folder / "spec.yaml").write_text(SPEC)  # which makes it a run
    return folder


@pytest.fixture
def at(service: Service, exported: Path) -> str:
    """The address of the job's page."""
    return f"/jobs/{finished_job(service, exported).id}"


def test_an_export_has_a_page_with_its_files_and_a_step_leads_to_documents_and_back(client: TestClient, at: str):
    (export,) = client.get(f"/api{at}/exports").json()
    shown = client.get(f"{at}/exports/{export['name']}").text
    assert "order.parquet" in shown
    assert f"/api{at}/exports/{export['name']}/files/stages/" in shown

    (piece, *_) = client.get(f"/api{at}/exports/{export['name']}/trace?step=1&global_batch=2").json()
    step = client.get(f"{at}/exports/{export['name']}/trace?step=1&global_batch=2").text
    assert piece["doc_id"] in step
    back = {"name": piece["doc_id"], "global_batch": 2}
    assert 1 in {found["step"] for found in client.get(f"/api{at}/exports/{export['name']}/steps", params=back).json()}
    steps = client.get(f"{at}/exports/{export['name']}/trace?doc={piece['doc_id']}&global_batch=2").text
    assert "trace?step=1&amp;global_batch=2" in steps
    assert "No row of this export" in client.get(f"{at}/exports/{export['name']}/trace?doc={'00' * 16}").text
    assert client.get(f"{at}/exports/{export['name']}/trace").status_code == 422
    assert client.get(f"{at}/exports/{'0' * 16}").status_code == 404


def test_a_training_has_a_page_with_the_numbers_of_its_chart(client: TestClient, service: Service, at: str):
    (export,) = client.get(f"/api{at}/exports").json()
    row = service.trainings.register(export=export["name"], name="/models/tiny/", host="here", global_batch=8, steps=2)
    assert "It has told of no step yet" in client.get(f"{at}/trainings/{row.id}").text
    points = [
        {"step": 0, "stage": "a", "loss": 4.5, "losses": {"a": 4.5}},
        {"step": 1, "stage": "b", "loss": None, "losses": {}},
    ]
    assert "0 of 2" in client.get(f"{at}/trainings/{row.id}").text
    client.post(f"/api/trainings/{row.id}/points", json={"points": points})
    shown = client.get(f"{at}/trainings/{row.id}").text
    assert '<td class="n" data-v="4.5">' in shown
    assert '<td class="n" data-v="">' in shown
    assert "<h1><bdi>tiny</bdi></h1>" in shown, "its folder's name, not the whole path"
    assert "<dd>2 of 2</dd>" in shown, "steps count from 0: after step 1 two are done"
    other = service.trainings.register(export="0" * 16, name="tiny", host="here", global_batch=8, steps=50)
    assert client.get(f"{at}/trainings/{other.id}").status_code == 404


def test_losses_are_a_line_for_each_stage_and_progress_one_for_each_stage_of_the_job():
    points = [
        answers.Point(step=0, stage="a", loss=4.0, losses={"a": 4.0}),
        answers.Point(step=1, stage="b", loss=3.0, losses={"b": 3.0}),
    ]
    found = of_losses(points)
    assert found.columns == ("Step", "Loss", "a", "b")
    assert found.rows == ((0, 4.0, 4.0, None), (1, 3.0, None, 3.0))

    ended = {"stage": "read", "summary": "", "started_ms": 1000, "finished_ms": 3000, "total": 4}
    content = {
        "ended": [
            ended | {"points": [[1000, 0], [3000, 4]]},
            {"stage": "of an older version", "summary": "", "finished_ms": 3},
        ],
        "now": {"stage": "link", "total": 2, "done": 1, "started_ms": 3000, "points": [[3500, 1]]},
    }
    drawn = of_progress(answers.progress_of(content))
    assert drawn.columns == ("Seconds", "read", "link")
    assert drawn.rows == ((0.0, 0.0, None), (2.0, 100.0, None), (2.5, None, 50.0))
