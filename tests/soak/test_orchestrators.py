"""The examples in infra/examples, in Airflow and Dagster themselves: each curates the quickstart by `gristmill serve`.

Both are in venvs of their own. What happened is written to infra/benchmarks/results/orchestrators.json.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from infra.benchmarks.peers import python_of, version_of
from infra.benchmarks.records import circumstances, save
from tests.conftest import REPOSITORY
from tests.pipelines.service.killing import RealService, export_digests, real_service

pytestmark = [pytest.mark.soak, pytest.mark.peer]

EXAMPLES = REPOSITORY / "infra/examples"
MATERIALIZED = """
import json
from dagster import AssetKey, DagsterInstance
event = DagsterInstance.get().get_latest_materialization_event(AssetKey("training_shards"))
found = event.dagster_event.event_specific_data.materialization.metadata
print(json.dumps({"run_id": event.run_id, **{name: value.value for name, value in found.items()}}))
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealService]:
    """A service with the quickstart below its root, that asks for the token of its environment."""
    with real_service(tmp_path_factory.mktemp("orchestrators")) as found:
        shutil.copytree(REPOSITORY / "pipelines/jobs", found.folder / "files", dirs_exist_ok=True)
        add = [sys.executable, "-m", "pipelines.command.main", "token", "add", "orchestrator", "--scope", "run"]
        made = subprocess.run(
            [*add, "--data", "service"], cwd=found.folder, check=True, stdout=subprocess.PIPE, text=True
        )
        found.token = made.stdout.strip()
        yield found


def placed(name: str, service: RealService, folder: Path) -> Path:
    """Puts an example and its client into a folder, with the quickstart as its spec; returns the example."""
    folder.mkdir()
    shutil.copy(EXAMPLES / "gristmill_client.py", folder)
    code = (EXAMPLES / name).read_text(encoding="utf-8")
    assert "/srv/gristmill/job.yaml" in code
    (folder / name).write_text(code.replace("/srv/gristmill/job.yaml", str(service.folder / "files/quickstart.yaml")))
    return folder / name


def called(command: list[str | Path], service: RealService, folder: Path, **environment: str) -> str:
    """Runs a command in a folder, with the examples' own variables for the service; returns all that it printed."""
    names = {"GRISTMILL_URL": f"http://127.0.0.1:{service.port}", "GRISTMILL_TOKEN": service.token}
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=os.environ | names | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def json_in(said: str, begin: str) -> object:
    """Returns the JSON value that begins so, among other lines."""
    return json.JSONDecoder().raw_decode(said[said.index(begin) :])[0]


def in_airflow(service: RealService, folder: Path) -> dict[str, object]:
    """Runs the DAG in Airflow; returns the run's id and the log, which has what its last task handed on."""
    python = python_of("apache-airflow")
    file = placed("airflow_dag.py", service, folder)
    environment = {
        "AIRFLOW_HOME": str(folder.parent / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    airflow: list[str | Path] = [python, "-m", "airflow"]
    called([*airflow, "db", "migrate"], service, folder, **environment)
    test = [*airflow, "dags", "test", "-f", file, "curate", "2026-12-01T00:00:00+00:00"]
    said = called(test, service, folder, **environment)
    assert not [line for line in said.splitlines() if file.name in line and "deprecated" in line], said
    runs = called([*airflow, "dags", "list-runs", "curate", "--output", "json"], service, folder, **environment)
    (run,) = cast("list[dict[str, object]]", json_in(runs, '[{"'))
    assert run["state"] == "success"
    return {"run_id": run["run_id"], "said": said}


def in_dagster(service: RealService, folder: Path) -> dict[str, object]:
    """Materializes the asset in Dagster; returns the run's id and the metadata that Dagster then has of it."""
    python = python_of("dagster")
    file = placed("dagster_asset.py", service, folder)
    home = folder.parent / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    command: list[str | Path] = [
        python,
        "-m",
        "dagster",
        "asset",
        "materialize",
        "--select",
        "training_shards",
        "-f",
        file,
    ]
    called(command, service, folder, DAGSTER_HOME=str(home))
    said = called([python, "-c", MATERIALIZED], service, folder, DAGSTER_HOME=str(home))
    return cast("dict[str, object]", json_in(said, '{"run_id"'))


def test_a_dag_in_airflow_and_an_asset_in_dagster_curate_the_quickstart_to_the_same_bytes(
    service: RealService, tmp_path: Path
):
    by_airflow = in_airflow(service, tmp_path / "dags")
    by_dagster = in_dagster(service, tmp_path / "code")
    second, first = service.jobs_in("done")
    assert [first["submitter"], second["submitter"]] == ["orchestrator"] * 2
    assert export_digests(str(first["run"])) == export_digests(str(second["run"]))

    (export,) = cast("list[dict[str, object]]", service.ask(f"/api/jobs/{first['id']}/exports")["list"])
    assert f"Returned value was: {export}" in str(by_airflow["said"]), "the export is handed on"
    same = ("name", "rows", "tokens")
    assert {name: by_dagster[name] for name in same} == {name: export[name] for name in same}
    assert (by_dagster["job"], by_dagster["run"]) == (second["id"], second["run"])
    spec = (service.folder / "files/quickstart.yaml").read_text()
    for tool, run_id, job in (("airflow", by_airflow["run_id"], first), ("dagster", by_dagster["run_id"], second)):
        body: dict[str, object] = {"spec": spec, "folder": str(service.folder / "files")}
        again = service.ask("/api/jobs", body, headers={"Idempotency-Key": f"{tool} {run_id}"})
        assert again["id"] == job["id"], "a task that is tried again finds its first job"

    kept = {"rows": export["rows"], "tokens": export["tokens"], "export": export["name"]}
    versions = [version_of("apache-airflow"), version_of("dagster")]
    save("orchestrators", {"circumstances": circumstances(), "tools": versions, "same_export": kept})
