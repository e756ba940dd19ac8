"""The log: one JSON object a line, whatever it holds, with the job that it is about."""

import json
import logging
import sys

import pytest
from fastapi.testclient import TestClient

from pipelines.service.logs import JsonLines
from pipelines.service.service import Service
from tests.pipelines.service.services import new_job


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("gristmill.service", logging.WARNING, __file__, 1, message, None, None)
    made.__dict__.update(extra)
    return made


def test_a_record_is_one_line_of_ascii_whatever_it_holds():
    line = JsonLines().format(record("a\nb \x1b[31m \u202e", job="1a2b", path="/x\ny"))
    assert (line.count("\n"), line.isascii(), "\x1b" in line) == (0, True, False)
    found = json.loads(line)
    assert found["event"] == "a\nb \x1b[31m \u202e"
    assert (found["level"], found["job"], found["path"]) == ("WARNING", "1a2b", "/x\ny")
    assert found["time"].endswith("+00:00")


def test_an_error_comes_with_where_it_was_raised():
    made = record("tick failed")
    try:
        raise ValueError("the reason")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = JsonLines().format(made)
    assert "\n" not in line
    assert json.loads(line)["error"].endswith("ValueError: the reason")


def test_requests_and_jobs_are_logged_with_the_id_of_the_job(
    client: TestClient, service: Service, caplog: pytest.LogCaptureFixture
):
    job = service.jobs.submit(new_job(service))
    with caplog.at_level(logging.INFO, logger="gristmill.service"):
        client.get(f"/api/jobs/{job.id}")
        client.get("/api/jobs")
        service.dispatcher.tick()
    said = [json.loads(JsonLines().format(found)) for found in caplog.records if found.name == "gristmill.service"]
    assert [(line["event"], line.get("job")) for line in said] == [
        ("request", job.id),
        ("request", None),
        ("job started", job.id),
    ]
    assert (said[0]["method"], said[0]["status"], said[0]["who"]) == ("GET", 200, "local")
    service.dispatcher.children[job.id].wait()
