"""Schedules: when jobs are submitted, and that each is submitted once."""

import dataclasses
import datetime
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from curation.errors import SpecError
from pipelines.command.schedule import schedule as command
from pipelines.service.jobs import Jobs
from pipelines.service.schedules import NewSchedule, Schedules
from pipelines.service.service import Service
from tests.pipelines.service.services import SPEC, new_job, service_in


class Clock:
    """A clock that tests set."""

    def __init__(self, time: str) -> None:
        self.set(time)

    def set(self, time: str) -> None:
        self.now = datetime.datetime.fromisoformat(time).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-03-28T12:00:00+01:00")


@pytest.fixture
def schedules(service: Service, clock: Clock) -> Schedules:
    return Schedules(Jobs(service.jobs.engine, service.jobs.runs, clock=clock))


def add(schedules: Schedules, service: Service, trigger: str, expression: str, **changes: object) -> None:
    given = {"name": "nightly", "trigger": trigger, "expression": expression, "job": new_job(service)}
    schedules.add(NewSchedule(**(given | changes)))  # type: ignore[arg-type]


def due(schedules: Schedules, zone: str = "UTC") -> str:
    ms = schedules.get("nightly").next_ms
    assert ms is not None
    return datetime.datetime.fromtimestamp(ms / 1000, tz=datetime.UTC).isoformat()


def ended(schedules: Schedules) -> int:
    """Ends all jobs; returns how many there are."""
    jobs = schedules.jobs.page()
    for job in jobs:
        schedules.jobs.cancel(job.id)
    return len(jobs)


def test_a_cron_line_counts_in_its_time_zone_through_a_change_of_the_clock(
    schedules: Schedules, service: Service, clock: Clock
):
    add(schedules, service, "cron", "30 3 * * *", time_zone="Europe/Zurich")
    assert due(schedules) == "2026-03-29T01:30:00+00:00", "summer time begins that night"
    clock.set("2026-03-29T01:29:59+00:00")
    schedules.tick()
    assert schedules.jobs.page() == []
    clock.set("2026-03-29T01:30:00+00:00")
    schedules.tick()
    assert [job.submitter for job in schedules.jobs.page()] == ["schedule nightly"]
    assert due(schedules) == "2026-03-30T01:30:00+00:00"


def test_times_that_passed_while_no_service_ran_make_one_job_or_none(
    schedules: Schedules, service: Service, clock: Clock
):
    add(schedules, service, "interval", "3600", missed="once")
    add(schedules, service, "interval", "3600", missed="skip", grace_seconds=60, name="strict")
    clock.set("2026-03-29T12:30:00+01:00")
    schedules.tick()

    assert len(schedules.jobs.page()) == 1
    assert schedules.get("strict").last_outcome == "missed by 84600 s"
    assert due(schedules) == "2026-03-29T12:00:00+00:00", "it goes on by its own interval, not from the late job"


def test_a_job_that_has_not_ended_is_not_overtaken(schedules: Schedules, service: Service, clock: Clock):
    add(schedules, service, "interval", "60")
    clock.now += 60
    schedules.tick()
    (first,) = schedules.jobs.page()
    clock.now += 60
    schedules.tick()
    assert len(schedules.jobs.page()) == 1
    assert schedules.get("nightly").last_outcome == f"job {first.id} has not ended"
    ended(schedules)
    clock.now += 60
    schedules.tick()
    assert len(schedules.jobs.page()) == 2


def test_two_services_submit_the_job_of_a_schedule_once(schedules: Schedules, service: Service, clock: Clock):
    add(schedules, service, "interval", "60")
    clock.now += 60
    (read_by_both,) = schedules.all()
    other = Schedules(schedules.jobs)
    schedules._fire(read_by_both, schedules.jobs.now_ms())
    other._fire(read_by_both, schedules.jobs.now_ms())
    assert len(schedules.jobs.page()) == 1


def test_new_files_are_given_to_one_job_each_and_one_that_changed_is_new(
    schedules: Schedules, service: Service, clock: Clock
):
    folder = service.settings.roots[0] / "data"
    setting = "inputs.files.files={new_files}"
    job = dataclasses.replace(new_job(service), settings=(setting,))
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("text")
        os.utime(folder / name, (1.0, 1.0))
    add(schedules, service, "files", "data/*.txt", job=job)

    schedules.tick()
    (first,) = schedules.jobs.page()
    assert first.settings == [f'inputs.files.files=["{folder}/a.txt", "{folder}/b.txt"]']

    def next_job() -> list[str]:
        before = ended(schedules)
        clock.now += 60
        schedules.tick()
        jobs = schedules.jobs.page()
        return jobs[0].settings if len(jobs) > before else []

    assert next_job() == []
    assert schedules.get("nightly").last_outcome == "no new files"
    (folder / "c.txt").write_text("still being written")
    assert next_job() == [], "it changed a moment ago"
    os.utime(folder / "c.txt", (2.0, 2.0))
    assert next_job() == [f'inputs.files.files=["{folder}/c.txt"]']
    os.utime(folder / "a.txt", (3.0, 3.0))
    assert next_job() == [f'inputs.files.files=["{folder}/a.txt"]']


@pytest.mark.parametrize(
    ("trigger", "expression", "found"),
    [
        ("cron", "every day", "cron: expected five fields like '0 3 * * *', found 'every day'"),
        ("cron", "0 0 31 2 *", "cron: expected a time that comes, found '0 0 31 2 *'"),
        ("interval", "1", "interval: expected seconds from 10 to 31622400, found '1'"),
        ("interval", "9" * 400, "interval: expected seconds from 10 to 31622400"),
    ],
)
def test_a_schedule_that_is_never_due_is_refused(
    schedules: Schedules, service: Service, trigger: str, expression: str, found: str
):
    with pytest.raises(SpecError) as raised:
        add(schedules, service, trigger, expression)
    assert str(raised.value).startswith(found)


def test_a_job_that_is_run_by_hand_is_the_last_time_and_moves_nothing_that_is_due(
    schedules: Schedules, service: Service, clock: Clock
):
    add(schedules, service, "cron", "30 3 * * *")
    before = due(schedules)
    clock.now += 90
    job = schedules.run_now("nightly")
    row = schedules.get("nightly")
    assert (row.last_ms, row.last_outcome, row.last_job) == (int(clock.now * 1000), "submitted", job.id)
    assert due(schedules) == before


def test_schedules_over_http(client: TestClient, service: Service):
    body = {"name": "nightly", "trigger": "cron", "expression": "0 3 * * *", "spec": SPEC, "time_zone": "Asia/Bangkok"}
    made = client.post("/api/schedules", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["due"].endswith("T20:00:00Z")
    assert client.post("/api/schedules", json=body).status_code == 422, "the name is taken"

    job = client.post("/api/schedules/nightly/run").json()
    assert client.get("/api/schedules/nightly").json()["last_job"] == job["id"]
    outside = body | {"name": "files", "trigger": "files", "expression": "/etc/*"}
    assert "expected a path below" in client.post("/api/schedules", json=outside).json()["detail"]
    assert client.delete("/api/schedules/nightly").status_code == 204
    assert client.get("/api/schedules").json() == []
    assert service.jobs.get(job["id"]) is not None, "its jobs stay"


def test_schedules_by_command(tmp_path: Path):
    service = service_in(tmp_path)
    spec = service.settings.roots[0] / "job.yaml"
    spec.write_text(SPEC)
    at = ["--data", str(service.settings.data)]

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(command, [*arguments, *at], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    files = ("--files", "data/*.txt", "--set", "inputs.files.files={new_files}")
    said("add", "crawl", str(spec), *files)
    job = service.jobs.get(said("run-now", "crawl").strip())
    assert job is not None
    assert job.schedule_id is not None
    head, row = said("list").splitlines()
    assert row.startswith("crawl  files  data/*.txt")
    submitted = datetime.datetime.fromtimestamp(job.created_ms / 1000, tz=datetime.UTC)
    assert row[head.index("last time") :].startswith(submitted.isoformat(timespec="seconds"))
    assert row.endswith("submitted")
    said("remove", "crawl")
    assert service.schedules.all() == []
