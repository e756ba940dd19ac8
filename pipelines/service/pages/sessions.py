"""Log-in with an API token, log-out, and the files that every page needs."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from pipelines.service import admin_routes, answers
from pipelines.service.access import principal_of, reads
from pipelines.service.asked import Asked
from pipelines.service.pages.rendering import PageRoute, page, static

router = APIRouter(route_class=PageRoute)
Token = Annotated[str, Form(max_length=4096)]


@router.get("/static/{name}")
def file(name: str) -> Response:
    """Returns a style sheet or script; its address holds its digest."""
    try:
        content, media = static(name)
    except KeyError:
        raise HTTPException(404, "expected a file of these pages, found none") from None
    return Response(content, media_type=media, headers={"cache-control": "public, max-age=31536000, immutable"})


@router.get("/login")
def login_page(request: Request) -> Response:
    """Asks for a token; whoever is known already goes on."""
    if principal_of(request) is not None:
        return RedirectResponse("/", status_code=303)
    return page(request, "login.html", wrong=False, wait=None)


@router.post("/login")
def log_in(request: Request, service: Asked, token: Token) -> Response:
    """Begins a session."""
    response = RedirectResponse("/", status_code=303)
    try:
        admin_routes.log_in(answers.LogIn(token=token.strip().replace("\0", "")), service, request, response)
    except HTTPException as error:
        wait = (error.headers or {}).get("Retry-After")
        refused = page(request, "login.html", status_code=error.status_code, wrong=wait is None, wait=wait)
        refused.headers.update(error.headers or {})
        return refused
    return response


@router.post("/logout", dependencies=[reads])
def log_out() -> Response:
    """Ends the session."""
    response = RedirectResponse("/login", status_code=303)
    admin_routes.log_out(response)
    return response
