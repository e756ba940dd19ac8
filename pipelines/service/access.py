"""Who may do what: every route asks for a scope, of an API token or of a browser's session.

Where no token was ever made, the service listens on this machine only and whoever reaches it may do everything
(`tokens.LOCAL`). A change that comes with a session must repeat its CSRF token, in a header or a form field.
"""

import hmac
import math
from collections.abc import Callable

from anyio.to_thread import run_sync
from fastapi import Depends, HTTPException, Request

from pipelines.service.asked import service_of
from pipelines.service.tokens import COOKIE, LOCAL, Principal, Scope

TOO_MANY = 429
CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def checked(request: Request, secret: str, *, what: str) -> tuple[int, Principal] | None:
    """Returns the id of a token and whom it stands for; a wrong one is counted in the audit log as `what`: None.

    Raises:
        HTTPException: 429, too many wrong ones came, so this one was not looked at.
    """
    service = service_of(request)
    address = request.client.host if request.client else ""
    seconds = math.ceil(service.guesses.wait_seconds(address, secret))
    if seconds:
        raise HTTPException(
            TOO_MANY, f"expected no token for {seconds} s, since wrong ones came, found one; it was not looked at",
            headers={"Retry-After": str(seconds)},
        )  # fmt: skip
    found = service.tokens.principal(secret)
    if found is None:
        service.guesses.note_wrong(address, secret)
        service.audit.note_unknown(what, 401)
    else:
        service.guesses.note_right(address, secret)
    return found


def principal_of(request: Request) -> Principal | None:
    """Returns who sends a request; None: nobody that is known."""
    service = service_of(request)
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        found = checked(request, secret.strip(), what="Authorization: Bearer")
        return found[1] if found else None
    if not service.tokens.any():
        return LOCAL
    session = service.sessions.read(request.cookies.get(COOKIE, ""))
    known = service.tokens.by_id(session[0]) if session else None
    if session is None or known is None:
        return None
    return Principal(name=known[1].name, scopes=known[1].scopes, csrf=session[1])


def needs(scope: Scope) -> Callable[..., object]:
    """Returns a dependency that lets a request pass only if its sender may do `scope`."""

    async def check(request: Request) -> Principal:
        found = await run_sync(principal_of, request)
        if found is None:
            raise HTTPException(401, "expected an API token (Authorization: Bearer ...) or a session, found none",
                                headers={"WWW-Authenticate": "Bearer"})  # fmt: skip
        request.state.principal = found
        request.state.scope_needed = scope
        if not found.may(scope):
            raise HTTPException(403, f"expected a token with scope {scope}, found {', '.join(sorted(found.scopes))}")
        if found.csrf is not None and request.method in UNSAFE:
            await _check_csrf(request, found.csrf)
        return found

    return check


async def _check_csrf(request: Request, expected: str) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None and "form" in request.headers.get("content-type", ""):
        value = (await request.form()).get(CSRF_FIELD)
        given = value if isinstance(value, str) else None
    if given is None or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise HTTPException(403, f"expected the session's CSRF token in {CSRF_HEADER} or the field {CSRF_FIELD}")


reads = Depends(needs("read"))
runs = Depends(needs("run"))
reviews = Depends(needs("review"))
administers = Depends(needs("admin"))
