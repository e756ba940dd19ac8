"""Tokens and the audit log, over HTTP and on their pages: who may see and change them, and what is shown once."""

import re

import pytest
from fastapi.testclient import TestClient

from curation.errors import SpecError
from pipelines.service.service import Service
from pipelines.service.tokens import COOKIE, SCOPES, Scope

HOSTILE = "<img src=x onerror=alert(1)>\u202e\x1b[31m"


def bearer(service: Service, scope: Scope) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.tokens.make(f'the {scope}', (scope,))}"}


def logged_in(client: TestClient, service: Service, scope: Scope) -> str:
    """Begins a session; returns its CSRF token."""
    client.post("/login", data={"token": service.tokens.make(f"the {scope}", (scope,))})
    session = service.sessions.read(client.cookies[COOKIE])
    assert session is not None
    return session[1]


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope != "admin"])
def test_only_an_administrator_sees_or_changes_tokens_and_the_audit_log(
    client: TestClient, service: Service, scope: Scope
):
    headers = bearer(service, scope)
    for path in ("/tokens", "/audit", "/api/tokens", "/api/audit"):
        assert client.get(path, headers=headers).status_code == 403, path
    assert client.post("/tokens", data={"name": "more", "scope": "admin"}, headers=headers).status_code == 403
    assert client.post("/api/tokens", json={"name": "more", "scopes": ["admin"]}, headers=headers).status_code == 403
    assert client.delete("/api/tokens/1", headers=headers).status_code == 403
    assert client.post("/tokens/1/revoke", headers=headers).status_code == 403
    assert [row.name for row in service.tokens.page(works=True)] == [f"the {scope}"]
    shown = client.get("/", headers=headers).text
    assert 'href="/tokens"' not in shown
    assert 'href="/audit"' not in shown


def test_a_token_is_made_shown_once_listed_and_revoked_over_http(client: TestClient, service: Service):
    admin = bearer(service, "admin")
    made = client.post("/api/tokens", json={"name": "air", "scopes": ["run", "read", "run"], "days": 3}, headers=admin)
    assert made.status_code == 201
    found = made.json()
    assert found["scopes"] == ["read", "run"]
    assert client.get("/api/jobs", headers={"Authorization": f"Bearer {found['token']}"}).status_code == 200

    listed = client.get("/api/tokens?name=ai", headers=admin)
    assert [(row["name"], row["state"]) for row in listed.json()] == [("air", "works")]
    assert found["token"] not in listed.text
    assert client.delete(f"/api/tokens/{found['id']}", headers=admin).status_code == 204
    assert client.get("/api/jobs", headers={"Authorization": f"Bearer {found['token']}"}).status_code == 401
    assert client.delete(f"/api/tokens/{found['id']}", headers=admin).status_code == 404
    assert [row["state"] for row in client.get("/api/tokens?state=ended", headers=admin).json()] == ["revoked"]
    assert [row["what"] for row in client.get("/api/audit?outcome=done", headers=admin).json()] == [
        f"DELETE /api/tokens/{found['id']} 'air'",
        f"POST /api/tokens {found['id']} 'air' (read, run)",
    ], "the log says which token"


def test_a_token_is_made_and_revoked_on_its_page_with_the_sessions_csrf_token_only(
    client: TestClient, service: Service
):
    csrf = logged_in(client, service, "admin")
    form = {"name": HOSTILE, "scope": ["read", "review"], "days": ""}
    assert client.post("/tokens", data=form).status_code == 403
    made = client.post("/tokens", data=form | {"csrf": csrf})
    assert made.status_code == 201
    shown = re.search(r'id="secret"[^>]*>([^<]*)<', made.text)
    assert shown is not None
    found = service.tokens.principal(shown[1])
    assert found is not None
    assert (found[1].name, sorted(found[1].scopes)) == (HOSTILE, ["read", "review"])
    for path in ("/tokens", "/audit"):
        again = client.get(path).text
        assert shown[1] not in again, "it is shown once"
        assert "&lt;img src=x" in again
        assert [part for part in ("<img", "\u202e", "\x1b") if part in again] == []

    assert client.post(f"/tokens/{found[0]}/revoke").status_code == 403
    assert service.tokens.principal(shown[1]) is not None
    gone = client.post(f"/tokens/{found[0]}/revoke", data={"csrf": csrf}, follow_redirects=False)
    assert gone.headers["location"] == "/tokens"
    assert service.tokens.principal(shown[1]) is None
    assert "revoked" in client.get("/tokens?state=ended").text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": " "}, "name: string should have at least 1 character"),
        ({"name": "x" * 201}, "name: string should have at most 200 characters"),
        ({"name": "nobody"}, "neither of local, nobody"),
        ({"scope": []}, "scopes: list should have at least 1 item"),
        ({"scope": ["root"]}, "scopes: input should be"),
        ({"days": "0"}, "days: input should be greater than or equal to 1"),
        ({"days": "soon"}, "days: input should be a valid integer"),
    ],
)
def test_a_wrong_form_makes_no_token_and_says_why(
    client: TestClient, service: Service, changed: dict[str, object], said: str
):
    answer = client.post("/tokens", data={"name": "air", "scope": ["run"], "days": ""} | changed)
    assert answer.status_code == 422
    assert said in answer.text
    assert not service.tokens.any()


def test_no_token_takes_the_name_of_somebody_in_the_audit_log(service: Service):
    with pytest.raises(SpecError, match="found 'local'"):
        service.tokens.make("local", ("read",))


def test_the_first_token_is_told_what_it_changes_and_from_then_on_one_is_needed(client: TestClient):
    assert "give the first one the scope" in client.get("/tokens").text
    made = client.post("/tokens", data={"name": "ops", "scope": ["admin"]})
    assert made.status_code == 201
    assert "no token yet" not in made.text
    assert client.get("/tokens", follow_redirects=False).headers["location"] == "/login"


def test_tokens_and_changes_are_on_pages_that_keep_their_filter(client: TestClient, service: Service):
    admin = bearer(service, "admin")
    for number in range(52):
        service.tokens.make(f"bot-{number:02}", ("read",))
        service.audit.note("bot", f"POST /api/jobs/{number:02}_%/cancel", 201 if number % 2 else 409)
    service.audit.note("ops", "POST /api/jobs", 201)

    first = client.get("/tokens?name=bot", headers=admin).text
    assert "bot-51" in first
    assert "bot-01" not in first
    (following,) = re.findall(r'rel="next" href="([^"]*)"', first)
    second = client.get(following.replace("&amp;", "&"), headers=admin).text
    assert re.findall(r"bot-\d+", re.sub(r"aria-label=\"[^\"]*\"", "", second)) == ["bot-01", "bot-00"]
    assert "the admin" not in second

    (following,) = re.findall(r'rel="next" href="([^"]*)"', client.get("/audit?who=bot", headers=admin).text)
    second = client.get(following.replace("&amp;", "&"), headers=admin).text.replace("<wbr>", "")
    assert ("/01_%" in second, "/00_%" in second, "/02_%" in second) == (True, True, False)
    listed = client.get("/api/audit?what=1_%25/&outcome=refused", headers=admin).json()
    assert listed == [], "a percent sign is one, and what ends in 1 was not refused"
    assert len(client.get("/api/audit?what=1_%25/&outcome=done", headers=admin).json()) == 6
    assert [row["who"] for row in client.get("/api/audit?count=1", headers=admin).json()] == ["ops"]


def test_nothing_found_is_said(client: TestClient, service: Service):
    assert "No token yet." in client.get("/tokens").text
    assert "No change was asked for yet." in client.get("/audit").text
    assert "No token is like this." in client.get("/tokens?name=x").text
    assert "No further change is like this." in client.get("/audit?before=1").text
