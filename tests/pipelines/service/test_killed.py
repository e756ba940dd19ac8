"""A service and a run that are killed: no job is lost, none is run twice, and exports are the same."""

from pathlib import Path

import pytest

from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.service import processes
from pipelines.service.dispatcher import counts_of
from pipelines.spec_file import parse_spec
from tests.pipelines.service.killing import SPEC, RealService, export_digests, input_files, real_service, times_finished
from tests.pipelines.service.services import until

pytestmark = pytest.mark.slow


def test_a_killed_run_and_a_killed_service_lose_nothing_and_repeat_nothing(tmp_path: Path):
    whole = whole_run(tmp_path / "whole")
    with real_service(tmp_path) as service:
        first, waiting = (str(service.ask("/api/jobs", {"spec": SPEC})["id"]) for _ in range(2))
        run = Path(str(service.ask(f"/api/jobs/{first}")["run"]))
        until((run / "accounts").is_dir, seconds=120)
        (pid, *_) = processes.members(service.job_folder(first))
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "500\n", (
            "where memory ends, runs go before the service"
        )
        assert service.kill_run(first)
        until(lambda: attempt(service, first) == 2, seconds=120)
        service.kill()
        assert processes.members(service.job_folder(first)) != [], "a run outlives its service"
        service.start()
        assert service.ask(f"/api/jobs/{waiting}/cancel", {})["id"] == waiting, "what waited is still there"

        killed = service.wait(first)
        assert (killed["state"], killed["attempt"]) == ("done", 2), killed
        assert times_finished(str(run)) == 1
        assert export_digests(str(run)) == export_digests(str(whole))
        assert killed["counts"] == counts_of(whole)


def attempt(service: RealService, job: str) -> object:
    """Returns which attempt of a job has a process that said who it is."""
    return processes.read_json(service.job_folder(job) / processes.PROCESS).get("attempt")


def whole_run(folder: Path) -> Path:
    """Returns a run of the same spec on the same files that nobody kills."""
    files = input_files(folder)
    spec = parse_spec(SPEC.encode(), name="spec.yaml", folder=files)
    run = folder / "run"
    run_job(spec, spec_path=files / "spec.yaml", output=str(run), limit=None, settings=(), progress=silent())
    return run
