"""The pages of administrators: API tokens, and who asked for which change."""

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field, ValidationError

from curation.errors import GristmillError
from pipelines.service import admin_routes, answers, token_routes
from pipelines.service.access import administers
from pipelines.service.asked import Asked
from pipelines.service.pages.rendering import UNPROCESSABLE, PageRoute, page
from pipelines.service.run_routes import Name, unset
from pipelines.service.service import Service
from pipelines.service.tokens import SCOPES

router = APIRouter(route_class=PageRoute, dependencies=[administers])
PER_PAGE = 50
Before = Annotated[Annotated[int, Field(ge=1, le=2**53)] | None, unset, Query()]
Days = Annotated[Annotated[str, Form(max_length=20)] | None, unset, Form()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """A page of a list: what was asked for, and the queries of the first and the next page (None: it is the last)."""

    asked: dict[str, str | None]
    before: int | None
    first: str
    next: str | None


@router.get("/tokens")
def tokens(
    request: Request,
    service: Asked,
    *,
    name: Name = None,
    state: token_routes.Works = None,
    before: Before = None,
) -> Response:
    """Lists API tokens, with a form for a new one."""
    return _tokens(request, service, name=name, state=state, before=before)


def _tokens(
    request: Request,
    service: Service,
    *,
    name: str | None = None,
    state: Literal["works", "ended"] | None = None,
    before: int | None = None,
    status_code: int = 200,
    **values: object,
) -> Response:
    found = token_routes.tokens(service, name=name, state=state, before=before, count=PER_PAGE)
    blank: dict[str, object] = {"made": None, "problem": None, "given": {"name": "", "scope": ["read"], "days": ""}}
    return page(
        request, "tokens.html", status_code=status_code,
        tokens=found, scopes=SCOPES, is_open=not service.tokens.any(),
        paged=_paged({"name": name, "state": state}, before, [item.id for item in found]), **(blank | values),
    )  # fmt: skip


def _paged(asked: dict[str, str | None], before: int | None, ids: list[int]) -> Paged:
    """Returns where a page of entries with these ids stands."""
    given = {name: value for name, value in asked.items() if value}
    following = urlencode({**given, "before": ids[-1]}) if len(ids) == PER_PAGE else None
    return Paged(asked=asked, before=before, first=urlencode(given), next=following)


@router.post("/tokens")
def make(
    request: Request,
    service: Asked,
    *,
    name: Annotated[str, Form(max_length=4096)] = "",
    scope: Annotated[list[str] | None, Form(max_length=len(SCOPES))] = None,
    days: Days = None,
) -> Response:
    """Makes a token and shows it, once; a wrong form comes back with what is wrong."""
    given = {"name": name, "scope": scope or [], "days": days or ""}
    try:
        body = answers.NewToken.model_validate({"name": name.strip(), "scopes": scope or [], "days": days})
        made = token_routes.make(body, service, request)
    except ValidationError as error:
        problem = "; ".join(f"{item['loc'][0]}: {item['msg'][0].lower()}{item['msg'][1:]}" for item in error.errors())
        return _tokens(request, service, status_code=UNPROCESSABLE, problem=problem, given=given)
    except GristmillError as error:
        return _tokens(request, service, status_code=UNPROCESSABLE, problem=str(error), given=given)
    return _tokens(request, service, status_code=201, made=made)


@router.post("/tokens/{token_id}/revoke")
def revoke(request: Request, token_id: token_routes.TokenId, service: Asked) -> Response:
    """Ends a token, and leads back to the list."""
    token_routes.revoke(token_id, service, request)
    return RedirectResponse("/tokens", status_code=303)


@router.get("/audit")
def audit(
    request: Request,
    service: Asked,
    *,
    who: Name = None,
    what: Name = None,
    outcome: admin_routes.Outcome = None,
    before: Before = None,
) -> Response:
    """Lists the changes that were asked for, the newest first."""
    found = admin_routes.audit(service, who=who, what=what, outcome=outcome, before=before, count=PER_PAGE)
    asked = {"who": who, "what": what, "outcome": outcome}
    return page(request, "audit.html", entries=found, paged=_paged(asked, before, [entry.id for entry in found]))
