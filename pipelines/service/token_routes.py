"""API tokens over HTTP, for administrators: made (and shown) once, listed, revoked."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi import Path as PathParameter

from pipelines.service import answers
from pipelines.service.access import administers
from pipelines.service.asked import Asked
from pipelines.service.run_routes import Name, unset

router = APIRouter(prefix="/api/tokens", tags=["service"], dependencies=[administers], responses=answers.REFUSALS)
MAX_PAGE = 200
Works = Annotated[Literal["works", "ended"] | None, unset, Query()]
Before = Annotated[int | None, Query(ge=1, le=2**53)]
Count = Annotated[int, Query(ge=1, le=MAX_PAGE)]
TokenId = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


@router.get("")
def tokens(
    service: Asked, *, name: Name = None, state: Works = None, before: Before = None, count: Count = 50
) -> list[answers.Token]:
    """Lists tokens, the newest first; `name`: those whose name holds it."""
    found = service.tokens.page(
        name=name, works=None if state is None else state == "works", before=before, count=count
    )
    now = service.tokens.now_ms()
    return [answers.token_of(row, now_ms=now) for row in found]


@router.post("", status_code=201)
def make(body: answers.NewToken, service: Asked, request: Request) -> answers.MadeToken:
    """Makes a token: the only time that it can be seen."""
    row, secret = service.tokens.add(body.name, tuple(body.scopes), days=body.days)
    request.state.about = f"{row.id} {row.name!r} ({', '.join(row.scopes)})"
    described = answers.token_of(row, now_ms=row.created_ms)
    return answers.MadeToken(token=secret, **described.model_dump())


@router.delete("/{token_id}", status_code=204)
def revoke(token_id: TokenId, service: Asked, request: Request) -> None:
    """Ends a token and the sessions that were begun with it."""
    row = service.tokens.end(token_id)
    if row is None:
        raise HTTPException(404, f"token {token_id}: expected one that was not revoked, found none")
    request.state.about = repr(row.name)
