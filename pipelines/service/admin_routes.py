"""Sessions, the audit log, health and metrics over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import PlainTextResponse

from pipelines.service import answers, metrics
from pipelines.service.access import administers, checked, principal_of, reads
from pipelines.service.asked import Asked
from pipelines.service.run_routes import Name, unset
from pipelines.service.tokens import COOKIE, SESSION_SECONDS

router = APIRouter(tags=["service"], responses=answers.REFUSALS)
STALE_SECONDS = 60
Outcome = Annotated[Literal["done", "refused"] | None, unset, Query()]


@router.get("/healthz")
def health() -> answers.Health:
    """Says that the process answers."""
    return answers.Health(status="ok")


@router.get("/readyz", responses={503: {"model": answers.Failed}})
def ready(service: Asked) -> answers.Health:
    """Says whether the database answers and the queue is looked after."""
    try:
        service.jobs.num_by_state()
    except Exception:  # whatever a driver raises: the database is not there
        raise HTTPException(503, "the database does not answer") from None
    last = service.dispatcher.last_tick_ms
    if last and service.jobs.now_ms() - last > STALE_SECONDS * 1000:
        raise HTTPException(503, "the queue is not looked after")
    return answers.Health(status="ok")


@router.get("/metrics", response_class=PlainTextResponse, dependencies=[reads])
def numbers(service: Asked) -> PlainTextResponse:
    """Returns metrics in Prometheus's text format."""
    return PlainTextResponse(metrics.exposition(service), media_type="text/plain; version=0.0.4")


@router.post("/api/session", status_code=201)
def log_in(body: answers.LogIn, service: Asked, request: Request, response: Response) -> answers.Session:
    """Begins a browser's session with an API token, and returns the CSRF token of its changes."""
    found = checked(request, body.token, what=f"POST {request.url.path}")
    if found is None:
        raise HTTPException(401, "expected a valid API token, found another")
    cookie = service.sessions.make(found[0])
    session = service.sessions.read(cookie)
    assert session is not None, "it was made just now"
    response.set_cookie(
        COOKIE, cookie, max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answers.Session(name=found[1].name, scopes=sorted(found[1].scopes), csrf=session[1])


@router.get("/api/session")
def session(request: Request) -> answers.Session:
    """Says who asks; `csrf` is what a session's changes must repeat."""
    found = principal_of(request)
    if found is None:
        raise HTTPException(401, "expected an API token or a session, found none")
    return answers.Session(name=found.name, scopes=sorted(found.scopes), csrf=found.csrf)


@router.delete("/api/session", status_code=204, dependencies=[reads])
def log_out(response: Response) -> None:
    """Ends a browser's session."""
    response.delete_cookie(COOKIE)


@router.get("/api/audit", dependencies=[administers])
def audit(
    service: Asked,
    *,
    who: Name = None,
    what: Name = None,
    outcome: Outcome = None,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    count: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[answers.AuditEntry]:
    """Lists the changes that were asked for, the newest first; `what`: those that hold it."""
    refused = None if outcome is None else outcome == "refused"
    found = service.audit.page(who=who, what=what, refused=refused, before=before, count=count)
    return [answers.audit_of(entry) for entry in found]
