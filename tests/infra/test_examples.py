"""The examples of orchestrators: their HTTP part against a service, and the DAG's and asset's own code with stand-ins.

What is executed is their files' code, with decorators that call; tests/soak/test_orchestrators.py has the real ones.
"""

import runpy
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.service.service import Service
from pipelines.shards import export_shards
from tests.pipelines.service.services import ENDS, SPEC, live, service_in
from tests.token_runs import documents, texts, write_run

EXAMPLES = Path(__file__).resolve().parents[2] / "infra" / "examples"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service that asks for tokens, whose jobs end at once, named by the examples' variables."""
    service = service_in(tmp_path, script=ENDS + "end(0)")
    monkeypatch.setenv("GRISTMILL_TOKEN", service.tokens.make("airflow", ("run",)))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "gristmill_client", raising=False)
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            service.dispatcher.tick()

    with live(service) as url:
        monkeypatch.setenv("GRISTMILL_URL", url)
        thread = threading.Thread(target=work)
        thread.start()
        yield service
        stop.set()
        thread.join()


def called(function: Callable[..., object] | None = None, **_: object) -> Callable[..., object]:
    """A decorator, with or without arguments, that leaves a function as it is."""
    return function if function is not None else called


@pytest.mark.slow
def test_the_client_waits_for_its_first_job_when_it_is_tried_again(client: Service, tmp_path: Path):
    found = runpy.run_path(str(EXAMPLES / "gristmill_client.py"))
    job = found["submit"](SPEC, key="run 1")
    assert found["submit"](SPEC, key="run 1") == job
    assert found["wait"](job, poll_seconds=0.05)["state"] == "done"
    assert found["newest_export"](job) is None
    (row,) = client.jobs.page()
    export_shards(write_run(Path(row.run), [documents(texts(40))]))
    assert found["newest_export"](job)["rows"] > 0
    with pytest.raises(RuntimeError, match=r"/api/jobs: 422 .*expected keys that describe a job"):
        found["submit"]("- 1", key="run 2")


@pytest.mark.parametrize("name", ["airflow_dag.py", "dagster_asset.py"])
def test_an_orchestrators_example_runs_its_job_to_the_end(client: Service, name: str, monkeypatch: pytest.MonkeyPatch):
    stand_ins = {
        "airflow.sdk": {"dag": called, "task": called},
        "dagster": {"asset": called, "MaterializeResult": dict, "AssetExecutionContext": object, "Definitions": dict},
    }
    for module, names in stand_ins.items():
        made = types.ModuleType(module)
        made.__dict__.update(names)
        monkeypatch.setitem(sys.modules, module, made)
    monkeypatch.setitem(sys.modules, "airflow", types.ModuleType("airflow"))
    code = (EXAMPLES / name).read_text().replace("/srv/gristmill", str(client.settings.roots[0]))
    (client.settings.roots[0] / "job.yaml").write_text(SPEC)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    scope: dict[str, object] = {"__name__": "example"}
    exec(compile(code, name, "exec"), scope)  # the example's own code
    if name == "dagster_asset.py":
        found = scope["training_shards"](types.SimpleNamespace(run_id="7"))  # type: ignore[operator]
        assert found["metadata"]["run"].startswith(str(client.settings.runs))
    (job,) = client.jobs.page()
    assert (job.state, job.submitter) == ("done", "airflow")
