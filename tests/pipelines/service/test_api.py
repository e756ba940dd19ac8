"""Jobs over HTTP."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.inputs.confinement import MODEL_SERVERS
from pipelines.service import processes
from pipelines.service.app import create_app
from pipelines.service.dispatcher import ATTEMPT
from pipelines.service.service import Service
from tests.pipelines.service.services import ENDS, SPEC, service_in, until


def test_a_submitted_job_can_be_watched_to_its_end(service: Service, client: TestClient):
    answer = client.post("/api/jobs", json={"spec": SPEC, "settings": ["seed=3"], "cores": 1})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["state"], made["created"][-1]) == ("small", "queued", "Z")

    service.dispatcher.tick()
    folder = service.settings.jobs / made["id"]
    until(lambda: not processes.is_running(folder))
    service.dispatcher.tick()

    at = answer.headers["Location"]
    assert client.get(at).json()["state"] == "done"
    assert client.get(f"{at}/log").json() == {"lines": ["attempt 1"]}
    assert client.get(f"{at}/spec").json()["settings"] == ["seed=3"]
    assert client.get(f"{at}/progress").json()["ended"] == []
    assert client.get("/api/jobs", params={"state": "done"}).json()["jobs"][0]["id"] == made["id"]
    assert client.get("/api/jobs", params={"state": "failed"}).json() == {"jobs": [], "next": None}


@pytest.mark.slow
def test_a_forecast_is_a_job_of_the_queue_that_ends_with_a_plan_and_writes_no_run(service: Service, client: TestClient):
    service.dispatcher.command = ATTEMPT
    spec = f"{SPEC}signals: [statistics]\ndedup: {{near: null}}\n"
    made = client.post("/api/plans", json={"spec": spec, "cores": 1}).json()
    at = f"/api/jobs/{made['id']}"
    assert (
        client.get(f"{at}/plan").json()["detail"] == f"job {made['id']}: expected a forecast, found none; it is queued"
    )
    service.dispatcher.tick()
    until(lambda: not processes.is_running(service.settings.jobs / made["id"]), seconds=300)  # kernels may compile
    service.dispatcher.tick()

    job, plan = client.get(at).json(), client.get(f"{at}/plan").json()
    assert (job["state"], job["action"], job["error"]) == ("done", "plan", None), client.get(f"{at}/log").text
    assert (plan["input_files"], plan["documents"], plan["kept"]) == (1, 1, [1, 1])
    assert plan["total_cpu_seconds"] > 0
    assert not Path(job["run"]).exists()
    assert client.get(f"{at}/overview").status_code == 404, "there is no run to look at"


def test_a_job_that_nothing_can_be_done_with_says_so(client: TestClient):
    job = client.post("/api/jobs", json={"spec": SPEC}).json()

    answer = client.post(f"/api/jobs/{job['id']}/retry")
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"job {job['id']}: expected a job that one can retry, found one that is queued"
    assert client.post(f"/api/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/jobs/{job['id']}/retry").json()["state"] == "queued"
    assert client.get(f"/api/jobs/{'0' * 21}").status_code == 404


def test_validation_says_where_a_spec_is_wrong(client: TestClient):
    wrong = "job: small\ninputs: {files: {files: [data/*.txt], weight: 99}}\n"
    found = client.post("/api/validate", json={"spec": wrong}).json()

    assert found["problems"] == [
        {
            "message": "spec.yaml:2:39: inputs.files.weight: expected a number in [0, 16], found 99",
            "line": 2,
            "column": 39,
            "path": "inputs.files.weight",
        }
    ]
    unused = SPEC + "gates: {quality: {rules: [{signal: num_words, min: 5}]}}\n"
    for spec, gates in ((SPEC, []), (unused, ["quality"])):
        answer = client.post("/api/validate", json={"spec": spec}).json()
        assert answer == {"valid": True, "job": "small", "problems": [], "unused_gates": gates}


@pytest.mark.parametrize(
    "named",
    ["/etc/passwd", "../../*", "data/../../service", "link/*", "file:///etc", "~/x", "data/*/../../../../etc/*"],
)
def test_a_spec_may_only_name_files_below_the_allowed_folders(service: Service, client: TestClient, named: str):
    (service.settings.roots[0] / "link").symlink_to("/etc")
    spec = SPEC.replace("data/*.txt", named)

    answer = client.post("/api/jobs", json={"spec": spec})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{named}: expected a path below {service.settings.roots[0]}")


def test_paths_of_models_tokenizers_and_lists_are_held_to_the_same(service: Service, client: TestClient):
    for extra in (
        "shards: {tokenizer: /etc/passwd}",
        "language_model: {path: /etc/passwd, sha256: '" + "0" * 64 + "'}",
        "url_lists: {ut1: data, categories: [../../../etc]}",
        "url_lists: {hosts: [/etc/hosts]}",
        "decontamination: {index: /etc/passwd}",
        "classifiers: {good: {model: /etc/passwd}}",
        "perplexity: {any: {model: /etc/passwd}}",
    ):
        answer = client.post("/api/jobs", json={"spec": f"{SPEC}{extra}\n"})
        assert "expected a path below" in answer.text, (extra, answer.text)


def test_a_spec_that_was_sent_may_not_choose_how_it_is_executed(client: TestClient):
    command = "--environment_config={}"
    answer = client.post("/api/jobs", json={"spec": f"{SPEC}runner: {{options: ['{command}']}}\n"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == (
        "runner: expected FnApiRunner without options in a spec that was sent, found FnApiRunner with 1 options; "
        "use gristmill run for them"
    )
    by_setting = client.post("/api/jobs", json={"spec": SPEC, "settings": ["runner.name=FlinkRunner"]})
    assert by_setting.status_code == 422


@pytest.mark.parametrize(
    ("completions", "said"),
    [
        ("endpoint: 'http://127.0.0.1:8400/api'", "expected one of the servers that this service may ask (none)"),
        ("endpoint: 'http://169.254.169.254/latest', network: private", "found 'http://169.254.169.254/latest'"),
        ("endpoint: 'https://collector.example/v1', network: public", "gristmill serve --model-server adds one"),
        ("endpoint: 'http://127.0.0.1/v1', answers: service.db", "completions.answers: expected none in a spec that"),
    ],
)
def test_a_spec_that_was_sent_reaches_no_model_server_by_itself(client: TestClient, completions: str, said: str):
    whole = f"{SPEC}completions: {{{completions}}}\n"
    by_setting = [f"completions={{{completions}}}"]
    schedule = {"name": "often", "trigger": "interval", "expression": "3600", "spec": whole}
    for answer in (
        client.post("/api/jobs", json={"spec": whole}),
        client.post("/api/jobs", json={"spec": SPEC, "settings": by_setting}),
        client.post("/api/plans", json={"spec": whole}),
        client.post("/api/schedules", json=schedule),
    ):
        assert answer.status_code == 422
        assert said in answer.json()["detail"]


def test_a_spec_may_ask_the_model_servers_that_the_service_names_and_so_may_the_job(tmp_path: Path):
    server = "http://127.0.0.1:8000/v1"
    tells = f'{ENDS}print("may ask", os.environ["{MODEL_SERVERS}"], flush=True)\nend(0)'
    service = service_in(tmp_path, script=tells, model_servers=(server,))
    client = TestClient(create_app(service), base_url="http://127.0.0.1")
    answer = client.post("/api/jobs", json={"spec": f"{SPEC}completions: {{endpoint: '{server}/'}}\n"})
    assert answer.status_code == 201, answer.text

    service.dispatcher.tick()
    job = answer.json()["id"]
    until(lambda: not processes.is_running(service.settings.jobs / job))
    service.dispatcher.tick()
    assert client.get(f"/api/jobs/{job}/log").json()["lines"] == ["attempt 1", f"may ask {server}"]


@pytest.mark.parametrize("sent", ['"\\ud800"', "Infinity", "1e999", "[" * 500 + "]" * 500, '{"a": NaN}'])
def test_what_is_no_proper_json_is_refused_and_not_repeated(client: TestClient, sent: str):
    for key in ("spec", "folder", "settings", "cores", "sample_documents", "x"):
        body = {"spec": json.dumps(SPEC)} | {key: sent}
        content = "{" + ", ".join(f'"{name}": {value}' for name, value in body.items()) + "}"
        answer = client.post("/api/jobs", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, (key, answer.text)
        assert answer.json()["detail"]
