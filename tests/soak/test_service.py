"""The service under 20 kills at random moments; what happened is written to infra/benchmarks/results."""

from collections import Counter
from pathlib import Path

import pytest

from infra.benchmarks.records import circumstances, save
from tests.pipelines.service.killing import at_random_moments, export_digests, real_service, times_finished

pytestmark = pytest.mark.soak
KILLS, SEED = 20, 20261130


def test_twenty_kills_that_meet_a_run_lose_no_job_run_none_twice_and_change_no_export(tmp_path: Path):
    with real_service(tmp_path, cores=2) as service:
        done, jobs = at_random_moments(service, kills=KILLS, seed=SEED)
        ended = [service.wait(job, seconds=900) for job in jobs]

        kills = Counter(kill.of for kill in done)
        assert min(kills["service"], kills["run"]) > 0
        assert [job["state"] for job in ended] == ["done"] * len(jobs)
        assert sum(int(str(job["attempt"])) for job in ended) >= len(jobs) + kills["run"], "each kill met a run"
        assert [times_finished(str(job["run"])) for job in ended] == [1] * len(jobs)
        digests = {export_digests(str(job["run"])) for job in ended}
        assert len(digests) == 1
    stages = {of: dict(Counter(kill.stage for kill in done if kill.of == of).most_common()) for of in kills}
    met = {"kills": kills, "stage_that_was_met": stages, "attempts": [job["attempt"] for job in ended]}
    save("service_kills", {"circumstances": circumstances(), "seed": SEED, **met})
