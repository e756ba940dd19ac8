"""The form of a new schedule: what is wrong stands at its field, and nothing is added until all is right."""

import pytest
from fastapi.testclient import TestClient

from pipelines.service.pages.schedule_form import Written, judged
from pipelines.service.service import Service
from tests.pipelines.service.services import SPEC

GOOD = {"name": "nightly", "trigger": "cron", "expression": "30 3 * * *", "time_zone": "Europe/Zurich", "spec": SPEC}


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"name": "a b"}, "name", "expected letters, digits, - and _, at most 100"),
        ({"expression": "30 25 * * *"}, "expression", "cron: expected five fields like '0 3 * * *'"),
        ({"trigger": "interval", "expression": "3"}, "expression", "interval: expected seconds from 10 to"),
        ({"trigger": "files", "expression": "/etc/*"}, "expression", "/etc/*: expected a path below"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "time_zone: expected a name like Europe/Zurich"),
        ({"grace_seconds": "-1"}, "grace_seconds", "input should be greater than or equal to 0"),
        ({"spec": "job: a\ninputs: {files: 3}\n"}, "spec", "spec.yaml:2:10: "),
        ({"folder": "/etc"}, "folder", "/etc: expected a path below"),
        ({"settings": "inputs"}, "spec", ""),
    ],
)
def test_each_mistake_is_told_at_its_field_and_no_other(
    service: Service, changed: dict[str, str], field: str, message: str
):
    found = judged(Written(**(GOOD | changed)), service)
    assert found.asked is None
    assert list(found.problems) == [field]
    assert found.problems[field].startswith(message)


def test_a_right_form_says_when_it_is_due_in_its_own_time_zone_over_a_change_of_the_clock(service: Service):
    found = judged(Written(**GOOD), service)
    assert (found.problems, len(found.due)) == ({}, 3)
    assert {(time.hour, time.minute, str(time.tzinfo)) for time in found.due} == {(3, 30, "Europe/Zurich")}


def test_a_schedule_is_added_from_the_form_and_a_wrong_one_comes_back_as_it_was_written(
    client: TestClient, service: Service
):
    refused = client.post("/schedules/new", data=GOOD | {"grace_seconds": "60", "expression": "61 3 * * *"})
    assert (refused.status_code, 'value="61 3 * * *"' in refused.text) == (422, True)
    assert 'aria-invalid="true"' in refused.text
    assert service.schedules.all() == []

    answer = client.post(
        "/schedules/new", data=GOOD | {"grace_seconds": "60", "missed": "skip"}, follow_redirects=False
    )
    assert answer.headers["location"] == "/schedules"
    (added,) = service.schedules.all()
    assert (added.name, added.missed, added.time_zone, added.spec) == ("nightly", "skip", "Europe/Zurich", SPEC)
    assert "a schedule has this name" in client.post("/schedules/new", data=GOOD | {"grace_seconds": "60"}).text


def test_while_it_is_written_nothing_is_said_of_fields_that_are_empty_still(client: TestClient):
    answer = client.post("/schedules/new/check", data={"name": "a b", "expression": "", "spec": "", "time_zone": "UTC"})
    assert "expected letters, digits" in answer.text
    assert answer.text.count("<bdi>") == 1
    assert 'hx-swap-oob="true"' in answer.text


def test_the_form_of_a_schedule_like_a_job_has_its_spec(client: TestClient, service: Service):
    client.post("/api/jobs", json={"spec": SPEC})
    (job,) = service.jobs.page()
    assert "job: small" in client.get(f"/schedules/new?like={job.id}").text
