"""What every request passes before it is answered, whatever its path: plain ASGI, outermost.

- The Host header must name this service, else a page of another site could reach it under a name of its own (DNS
  rebinding).
- A change that a browser sends from another site is refused by `Sec-Fetch-Site` and `Origin` (as Go's
  net/http.CrossOriginProtection does), so a service without users is safe beside a browser.
- A body is at most `MAX_BODY_BYTES`, counted as it arrives.
- Answers forbid everything but what this service itself serves (CSP), framing, sniffing and referrers.
- Changes are written to the audit log; every answer is counted and logged.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.service import metrics
from pipelines.service.access import UNSAFE
from pipelines.service.audit import Audit
from pipelines.service.service import Service

LOG = logging.getLogger("gristmill.service")
MAX_BODY_BYTES = 4 << 20
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """The middleware; the application's service says which names it answers to and notes changes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.monotonic()
        service: Service = scope["app"].state.service
        status = [500]
        scope.setdefault("state", {})
        reply = _with_headers(send, status)
        refused = _refusal(scope["method"], Headers(scope=scope), hosts=service.settings.hosts)
        if refused is not None:
            await refused(scope, receive, reply)
        else:
            await self.app(scope, _limited(receive), reply)
        await _noted(scope, service.audit, status[0], time.monotonic() - started)


def _refusal(method: str, headers: Headers, *, hosts: Collection[str]) -> JSONResponse | None:
    host = headers.get("host", "")
    name = host_name(host)
    if name not in hosts:
        return _refused(421, f"Host: expected one of {', '.join(sorted(hosts))}, found {name!r}")
    if method in UNSAFE and _is_cross_site(headers, host):
        return _refused(403, "expected a request of this site, found one that another site's page sent")
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY_BYTES:
        return _refused(413, f"expected a body of at most {MAX_BODY_BYTES} bytes, found {length[:20]}")
    return None


async def _noted(scope: Scope, audit: Audit, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "")
    metrics.REQUESTS.labels(scope["method"], route, status).inc()
    metrics.REQUEST_SECONDS.labels(route).observe(seconds)
    principal = scope["state"].get("principal")
    facts = {"method": scope["method"], "path": scope["path"], "status": status, "seconds": round(seconds, 4)}
    job = scope.get("path_params", {}).get("job_id")
    named = {} if job is None else {"job": job}
    LOG.info("request", extra={**facts, **named, "who": principal.name if principal else None})
    if scope["method"] in UNSAFE and scope["state"].get("scope_needed", "read") != "read":
        about = scope["state"].get("about")
        what = f"{scope['method']} {scope['path']}" + (f" {about}" if about else "")
        await run_sync(audit.note, principal.name, what, status)


def host_name(host: str) -> str:
    """Returns the name in a Host header, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_cross_site(headers: Headers, host: str) -> bool:
    """Tells whether a browser says that another site's page sent this; what is no browser says nothing."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return True


def _refused(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=status)


def _limited(receive: Receive) -> Callable[[], Awaitable[Message]]:
    left = MAX_BODY_BYTES

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"expected a body of at most {MAX_BODY_BYTES} bytes, found more")
        return message

    return counted


def _with_headers(send: Send, status: list[int]) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            status[0] = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sent
