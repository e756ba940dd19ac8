"""What jobs take of the machine's memory, and which one is ended."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.service import memory, processes
from pipelines.service.app import create_app
from pipelines.service.service import Service
from tests.pipelines.service.services import WAITS, service_in
from tests.pipelines.service.test_dispatcher import buried, let_go, started, state, submitted

MIB = 1 << 20
TAKES = "taken = bytes(b'x') * (120 << 20)\n" + WAITS
"""A process that waits, with 120 MiB that cannot be dropped."""


def look(service: Service, clock: list[float]) -> None:
    """Ticks a little later than the last look at memory."""
    clock[0] += 2 * memory.LOOK_SECONDS
    service.dispatcher.tick()


def timed(service: Service) -> list[float]:
    """Lets the clock of a service's queue stand still until a test moves it."""
    clock = [1_800_000_000.0]
    service.dispatcher.jobs = replace(service.jobs, clock=lambda: clock[0])
    return clock


def test_a_job_that_takes_more_than_there_is_ends_with_all_its_processes_and_says_why(tmp_path: Path):
    service = service_in(tmp_path, script=TAKES, memory_bytes=100 * MIB)
    clock = timed(service)
    job, folder = submitted(service, memory_bytes=50 * MIB)
    service.dispatcher.tick()
    started(folder)
    look(service, clock)

    found = service.jobs.get(job.id)
    assert found is not None
    assert (found.state, found.exit_code) == ("failed", None)
    assert (found.error or "").startswith("expected at most 52428800 bytes of memory, which it was queued with, and")
    buried(service)
    assert processes.members(folder) == []
    look(service, clock)
    assert state(service, job) == ("failed", 1), "it is not started again: it would only take the same"

    client = TestClient(create_app(service), base_url="http://127.0.0.1")
    refused = client.post(f"/api/jobs/{job.id}/retry", params={"memory_bytes": 200 * MIB})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("expected at most 2 cores and 104857600 bytes of memory, found 1 and")
    again = client.post(f"/api/jobs/{job.id}/retry", params={"memory_bytes": 90 * MIB}).json()
    assert (again["state"], again["memory_bytes"]) == ("queued", 90 * MIB)


def test_what_nobody_is_promised_may_be_taken_and_is_given_to_no_other_meanwhile(tmp_path: Path):
    service = service_in(tmp_path, script=TAKES, memory_bytes=200 * MIB)
    clock = timed(service)
    (first, folder), (second, second_folder) = [submitted(service, memory_bytes=80 * MIB) for _ in range(2)]
    service.jobs.cancel(second.id)
    service.dispatcher.tick()
    started(folder)
    look(service, clock)
    assert state(service, first) == ("running", 1)
    assert service.dispatcher.taken[first.id] > memory.MARGIN * 80 * MIB

    service.jobs.again(second.id, action="run")
    look(service, clock)
    assert state(service, second) == ("queued", 0), "80 MiB would be left by what was promised, not by what is taken"
    let_go(folder)
    look(service, clock)
    look(service, clock)
    assert [state(service, job) for job in (first, second)] == [("done", 1), ("running", 1)]
    let_go(second_folder)
    buried(service)


@pytest.mark.parametrize(
    ("taken", "ended"),
    [
        ({"a": 40, "b": 40}, None),
        ({"a": 60, "b": 30}, None),
        ({"a": 51, "b": 60}, None),
        ({"a": 90, "b": 5}, "a"),
        ({"a": 70, "b": 80}, "b"),
        ({"a": 80, "b": 80}, "b"),
        ({}, None),
    ],
)
def test_the_job_that_is_furthest_above_its_reservation_goes_where_promises_could_not_be_kept(
    taken: dict[str, int], ended: str | None
):
    assert memory.one_too_many({"a": 50, "b": 50}, taken, most=115) == ended
