"""The service under 20 kills at random moments; what happened is written to infra/benchmarks/results."""

from pathlib import Path

import pytest

from infra.benchmarks.records import circumstances, save
from tests.pipelines.service.killing import SPEC, at_random_moments, export_digests, real_service, times_finished

pytestmark = pytest.mark.soak
NUM_JOBS, KILLS, SEED = 8, 20, 20261130


def test_twenty_kills_lose_no_job_run_none_twice_and_change_no_export(tmp_path: Path):
    with real_service(tmp_path, cores=2) as service:
        jobs = [str(service.ask("/api/jobs", {"spec": SPEC, "cores": 1})["id"]) for _ in range(NUM_JOBS)]
        done = at_random_moments(service, jobs, kills=KILLS, seed=SEED)
        ended = [service.wait(job, seconds=900) for job in jobs]

        assert done["service"] > 0
        assert done["run"] > 0
        assert [job["state"] for job in ended] == ["done"] * NUM_JOBS
        assert [times_finished(str(job["run"])) for job in ended] == [1] * NUM_JOBS
        digests = {export_digests(str(job["run"])) for job in ended}
        assert len(digests) == 1
    attempts = [job["attempt"] for job in ended]
    save("service_kills", {"circumstances": circumstances(), "seed": SEED, "kills": done, "attempts": attempts})
