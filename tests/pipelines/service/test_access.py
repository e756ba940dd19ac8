"""Who may ask what, and what a page of another site cannot do."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from curation.errors import SpecError
from pipelines.service import guard
from pipelines.service.app import create_app
from pipelines.service.guesses import Guesses
from pipelines.service.service import Service, open_service
from pipelines.service.tokens import COOKIE, Tokens
from tests.pipelines.service.services import SPEC, service_in, settings_in

JOB = {"spec": SPEC}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_without_tokens_this_machine_may_do_all_and_from_the_first_one_on_every_request_needs_one(
    service: Service, client: TestClient
):
    assert client.post("/api/jobs", json=JOB).json()["submitter"] == "local"
    secret = service.tokens.make("airflow", ("run",))

    refused = client.get("/api/jobs")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert client.get("/healthz").status_code == 200, "health needs no token"
    assert client.post("/api/jobs", json=JOB, headers=bearer(secret)).json()["submitter"] == "airflow"
    service.tokens.revoke("airflow")
    assert client.get("/api/jobs", headers=bearer(secret)).status_code == 401, "one that ended opens nothing again"


def test_a_token_may_do_what_its_scopes_say_and_is_stored_as_a_digest(service: Service, client: TestClient):
    reader, runner, admin = (service.tokens.make(name, (name,)) for name in ("read", "run", "admin"))  # type: ignore[arg-type]

    assert client.get("/api/jobs", headers=bearer(reader)).status_code == 200
    refused = client.post("/api/jobs", json=JOB, headers=bearer(reader))
    assert refused.status_code == 403
    assert refused.json()["detail"] == "expected a token with scope run, found read"
    assert client.post("/api/jobs", json=JOB, headers=bearer(runner)).status_code == 201
    assert client.get("/api/audit", headers=bearer(runner)).status_code == 403
    assert client.get("/api/audit", headers=bearer(admin)).status_code == 200
    assert reader not in (service.settings.data / "service.db").read_bytes().decode("latin-1")


def test_a_token_ends_after_its_days(service: Service):
    now = [1000.0]
    tokens = Tokens(service.tokens.engine, clock=lambda: now[0])
    secret = tokens.make("short", ("read",), days=1)
    now[0] += 86_399
    assert tokens.principal(secret) is not None
    now[0] += 1
    assert tokens.principal(secret) is None


def test_the_audit_log_names_who_changed_what(service: Service, client: TestClient):
    secret = service.tokens.make("ops", ("admin",))
    client.post("/api/jobs", json=JOB, headers=bearer(secret))
    client.post("/api/jobs", json={"spec": "job: 1"}, headers=bearer(secret))
    client.get("/api/jobs", headers=bearer(secret))

    entries = client.get("/api/audit", headers=bearer(secret)).json()
    assert [(entry["who"], entry["what"], entry["status"]) for entry in entries] == [
        ("ops", "POST /api/jobs", 422),
        ("ops", "POST /api/jobs", 201),
    ]


def test_wrong_log_ins_are_counted_by_the_hour_without_what_was_tried(
    service: Service, client: TestClient, app: FastAPI
):
    now = [7_200.0]
    app.state.service = replace(
        service, audit=replace(service.audit, clock=lambda: now[0]), guesses=Guesses(clock=lambda: now[0])
    )
    for guess in range(5):
        assert client.post("/api/session", json={"token": f"gm_{guess}"}).status_code == 401
        now[0] += 600
    assert client.post("/login", data={"token": "gm_guessed"}).status_code == 401
    now[0] += 601
    assert client.post("/api/session", json={"token": "gm_later"}).status_code == 401
    found = [
        (entry["who"], entry["what"], entry["status"], entry["times"]) for entry in client.get("/api/audit").json()
    ]
    assert found == [
        ("nobody", "POST /api/session", 401, 1),
        ("nobody", "POST /login", 401, 1),
        ("nobody", "POST /api/session", 401, 5),
    ], "however many guesses, one entry an hour and address"


def test_a_sessions_changes_must_repeat_its_csrf_token(service: Service, client: TestClient):
    secret = service.tokens.make("anna", ("run",))
    begun = client.post("/api/session", json={"token": secret})
    csrf = begun.json()["csrf"]
    cookie = begun.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie

    assert client.get("/api/jobs").status_code == 200
    refused = client.post("/api/jobs", json=JOB)
    assert refused.status_code == 403
    assert refused.json()["detail"] == "expected the session's CSRF token in x-csrf-token or the field csrf"
    assert client.post("/api/jobs", json=JOB, headers={"X-CSRF-Token": csrf}).status_code == 201
    assert client.get("/api/session").json()["csrf"] == csrf
    client.delete("/api/session", headers={"X-CSRF-Token": csrf})
    assert client.get("/api/jobs").status_code == 401


def test_a_cookie_that_was_tampered_with_or_whose_token_ended_is_worth_nothing(service: Service, client: TestClient):
    secret = service.tokens.make("anna", ("run",))
    client.post("/api/session", json={"token": secret})
    cookie = client.cookies[COOKIE]
    client.cookies.clear()
    assert client.get("/api/jobs", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 200
    forged = cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB")
    assert client.get("/api/jobs", headers={"Cookie": f"{COOKIE}={forged}"}).status_code == 401
    service.tokens.revoke("anna")
    assert client.get("/api/jobs", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "[::1", "a b"]
)
def test_a_name_that_another_site_points_at_this_machine_is_refused(client: TestClient, host: str):
    answer = client.get("/api/jobs", headers={"Host": host})
    assert answer.status_code == 421
    assert "127.0.0.1" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8400", "127.0.0.1:1", "[::1]:8400"])
def test_the_names_of_this_machine_are_answered(client: TestClient, host: str):
    assert client.get("/api/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
    ],
)
def test_a_change_that_another_sites_page_sends_is_refused(client: TestClient, headers: dict[str, str]):
    assert client.post("/api/jobs", json=JOB, headers=headers).status_code == 403
    assert client.get("/api/jobs", headers=headers).status_code == 200, "its browser shows that page nothing of it"


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(client: TestClient):
    much = b"x" * (guard.MAX_BODY_BYTES + 1)
    assert client.post("/api/jobs", content=much).status_code == 413
    assert client.post("/api/jobs", content=iter([much[:1000], much])).status_code == 413


def test_every_answer_forbids_what_is_not_the_services_own(client: TestClient):
    for path in ("/api/jobs", "/nowhere", "/healthz"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_without_users_it_listens_to_this_machine_only(tmp_path: Path):
    with pytest.raises(SpecError, match="expected API tokens before other machines may ask, found none"):
        open_service(settings_in(tmp_path, host="0.0.0.0"))
    Tokens(service_in(tmp_path).jobs.engine).make("ops", ("admin",))
    assert open_service(settings_in(tmp_path, host="0.0.0.0")).settings.host == "0.0.0.0"


def test_health_readiness_and_metrics(service: Service, client: TestClient):
    service.dispatcher.tick()
    client.post("/api/jobs", json=JOB)
    assert client.get("/readyz").json() == {"status": "ok"}
    numbers = client.get("/metrics").text
    assert 'gristmill_jobs{state="queued"} 1.0' in numbers
    assert 'gristmill_requests_total{method="POST",route="/api/jobs",status="201"}' in numbers

    service.dispatcher.last_tick_ms -= 120_000
    assert client.get("/readyz").status_code == 503


def test_a_further_router_asks_the_same_service(service: Service):
    from fastapi import APIRouter

    from pipelines.service.asked import Asked

    further = APIRouter()

    @further.get("/further")
    def first(asked: Asked) -> int:
        return len(asked.jobs.page())

    client = TestClient(create_app(service, routers=[further]), base_url="http://localhost")
    assert client.get("/further").json() == 0
