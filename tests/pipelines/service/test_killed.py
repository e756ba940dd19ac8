"""A service and a run that are killed: no job is lost, none is run twice, and exports are the same."""

from pathlib import Path

import pytest

from pipelines.service import processes
from tests.pipelines.service.killing import SPEC, export_digests, real_service, times_finished
from tests.pipelines.service.services import until

pytestmark = pytest.mark.slow


def test_a_killed_service_and_a_killed_run_lose_nothing_and_repeat_nothing(tmp_path: Path):
    with real_service(tmp_path) as service:
        first, second = (str(service.ask("/api/jobs", {"spec": SPEC})["id"]) for _ in range(2))
        until(lambda: bool(processes.members(service.job_folder(first))), seconds=120)
        service.kill()
        service.start()
        whole = service.wait(first)
        assert (whole["state"], whole["attempt"]) == ("done", 1), whole

        accounts = Path(str(whole["run"])).with_name(f"small-{second[-10:]}") / "accounts"
        until(accounts.is_dir, seconds=120)
        assert service.kill_run(second)
        killed = service.wait(second)
        assert (killed["state"], killed["attempt"]) == ("done", 2), killed

        for job in (whole, killed):
            assert times_finished(str(job["run"])) == 1
        assert export_digests(str(whole["run"])) == export_digests(str(killed["run"]))
        assert whole["counts"] == killed["counts"]
