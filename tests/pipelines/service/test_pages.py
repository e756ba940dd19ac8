"""What pages answer without a browser: sessions, CSRF, policies, refusals; and where a text is marked."""

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from pipelines.service import answers
from pipelines.service.app import create_app
from pipelines.service.pages.highlights import Mark, Piece, differing, noted, pieces
from pipelines.service.pages.rendering import when
from pipelines.service.schedules import NewSchedule
from pipelines.service.service import Service
from pipelines.service.tokens import COOKIE
from tests.pipelines.service.services import finished_job, new_job
from tests.rundirs import example_docs, write_run


def test_marks_that_overlap_cut_a_text_into_pieces_with_the_labels_of_each():
    marks = [Mark(start=2, end=6, label="a"), Mark(start=4, end=99, label="b"), Mark(start=8, end=8, label="none")]
    assert pieces("0123456789", marks) == [
        Piece(text="01", labels=()),
        Piece(text="23", labels=("a",)),
        Piece(text="45", labels=("a", "b")),
        Piece(text="6789", labels=("b",)),
    ]
    assert pieces("", marks) == []


def test_spans_of_people_and_paragraphs_in_another_language_are_marked_by_characters():
    text = "Grüße aus Köln.\nEnglish here.\n"
    start = len("Grüße aus Köln.\n".encode())
    paragraphs = [
        {"start": 0, "end": start, "language": "de", "score": 0.9},
        {"start": start, "end": len(text.encode()), "language": "en", "score": 0.9},
    ]
    people = [{"reviewer": "ann", "spans": [{"label": "boilerplate", "start": 10, "end": 14}]}]
    answer = {"explanation": {"signals": {"language": "de"}}}
    found = list(noted(text, {"people": people, "paragraphs": paragraphs, "answer": answer, "edits": []}))  # type: ignore[typeddict-item]

    assert [(text[mark.start : mark.end], mark.label) for mark in found] == [
        ("Köln", "boilerplate (ann)"),
        ("English here.\n", "language en"),
    ]


def test_what_was_masked_and_lines_that_come_again_are_marked():
    text = "Write to <EMAIL> now.\n\n Menu \nA line.\nMenu\n\nMenu"
    edits = [{"rule": "privacy/email", "replacement": "<EMAIL>"}, {"rule": "lines/short", "replacement": ""}]
    answer = {"explanation": None}
    found = list(noted(text, {"people": [], "paragraphs": [], "answer": answer, "edits": edits}))  # type: ignore[typeddict-item]

    assert [(text[mark.start : mark.end], mark.label) for mark in found] == [
        ("<EMAIL>", "put there by privacy/email"),
        ("Menu", "repeated"),
        ("Menu", "repeated"),
    ]


@pytest.mark.parametrize(
    ("text", "other", "marked"),
    [
        ("one two three four five six", "one two three four five seven", ["six"]),
        ("a b c d e X f g h i j", "a b c d e f g h i j", ["X"]),
        ("Same words, other SIGNS here now", "same words other signs! here now", []),
        ("short one", "long text that holds none of it", ["short one"]),
        ("", "text", []),
        ("今天天气很好啊", "今天天气很坏啊", ["好啊"]),
    ],
)
def test_what_only_one_of_two_texts_holds_is_marked(text: str, other: str, marked: list[str]):
    assert [text[mark.start : mark.end] for mark in differing(text, other)] == marked


def test_nobody_known_is_led_to_log_in_and_a_part_asked_for_again_takes_the_whole_page_there(
    client: TestClient, service: Service
):
    token = service.tokens.make("ops", ("run",))
    answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/", headers={"HX-Request": "true"}).headers["hx-redirect"] == "/login"
    assert client.post("/login", data={"token": "gm_other"}).status_code == 401

    answer = client.post("/login", data={"token": token}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in answer.headers["set-cookie"].lower()


def test_a_form_without_the_sessions_csrf_token_changes_nothing(client: TestClient, service: Service):
    client.post("/login", data={"token": service.tokens.make("ops", ("run",))})
    job = service.jobs.submit(new_job(service))
    refused = client.post(f"/jobs/{job.id}/cancel", data={"csrf": "guessed"})
    assert (refused.status_code, "CSRF" in refused.text) == (403, True)
    assert service.jobs.page(states=["queued"]) != []

    session = service.sessions.read(client.cookies[COOKIE])
    assert session is not None
    answer = client.post(f"/jobs/{job.id}/cancel", data={"csrf": session[1]}, follow_redirects=False)
    assert answer.headers["location"] == f"/jobs/{job.id}"
    assert service.jobs.page(states=["cancelled"]) != []


def test_refusals_are_pages_that_say_what_was_expected(client: TestClient, service: Service):
    missing = client.get("/jobs/" + "0" * 21)
    assert (missing.status_code, "expected a job, found none" in missing.text) == (404, True)
    job = service.jobs.submit(new_job(service))
    conflict = client.post(f"/jobs/{job.id}/resume")
    assert (conflict.status_code, "found one that is queued" in conflict.text) == (409, True)
    wrong = client.post("/new", data={"spec": "job: a\ninputs: {files: 3}\n", "folder": "", "sample": ""})
    assert (wrong.status_code, "Line 2, column 10" in wrong.text) == (422, True)
    assert {missing.headers["content-type"], conflict.headers["content-type"]} == {"text/html; charset=utf-8"}


def test_a_spec_keeps_its_bytes_through_the_form(client: TestClient, service: Service):
    client.post("/new", data={"spec": "job: a\r\ninputs: {files: {files: [data/*.txt]}}\r\n"})
    (job,) = service.jobs.page()
    assert job.spec == "job: a\ninputs: {files: {files: [data/*.txt]}}\n"
    assert "job: a\ninputs" in client.get(f"/new?like={job.id}").text


def test_the_first_page_after_a_start_is_answered_within_200_ms_of_cpu_time(service: Service):
    app = create_app(service)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        begun = time.process_time()
        assert client.get("/").status_code == 200
        assert time.process_time() - begun < 0.2, "routes and templates are built before the service listens"


def test_older_jobs_are_on_further_pages(client: TestClient, service: Service):
    jobs = [service.jobs.submit(new_job(service)).id for _ in range(51)]
    first = client.get("/").text
    shown = [job for job in jobs if job in first]
    assert len(shown) == 50
    (left,) = set(jobs) - set(shown)
    oldest = min(shown)
    assert f"/?before={oldest}" in first
    assert left in client.get(f"/?before={oldest}").text


def test_the_report_is_sent_where_no_script_of_it_could_run(client: TestClient, service: Service, tmp_path: Path):
    write_run(tmp_path / "run", example_docs())
    (tmp_path / "run" / "report.html").write_text("<script>alert(1)</script>")
    answer = client.get(f"/jobs/{finished_job(service, tmp_path / 'run').id}/report")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script-src" not in policy


def test_a_schedule_is_run_and_removed_from_its_page(client: TestClient, service: Service):
    assert "No schedule yet" in client.get("/schedules").text
    job = new_job(service)
    service.schedules.add(NewSchedule(name="nightly", trigger="cron", expression="30 3 * * *", job=job))
    assert "30 3 * * *" in client.get("/schedules").text

    answer = client.post("/schedules/nightly/run", follow_redirects=False)
    assert answer.headers["location"] == f"/jobs/{service.jobs.page()[0].id}"
    row = service.schedules.get("nightly")
    last = f'<td data-name="last">{when(answers.time_of(row.last_ms))} <a href="/jobs/{row.last_job}">job</a>'
    assert row.last_ms is not None
    assert last in client.get("/schedules").text
    client.post("/schedules/nightly/remove")
    assert service.schedules.all() == []
