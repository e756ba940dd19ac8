"""A page from a template: autoescape, the report's filters, and errors as pages too.

Text from data passes `visible` (the filters `plain` and `block`) and autoescape, and stands in `<bdi>`; the policy that
`guard` sends forbids inline scripts and styles, should both fail.
"""

import datetime
import hashlib
import re
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from importlib.resources import files

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from curation.text.safe import visible
from pipelines.answers import Paragraph, failure_text, number
from pipelines.report.page import block, breakable, link, percent, plain, segment, size
from pipelines.service.asked import STATUS

UNAUTHORIZED, UNPROCESSABLE = 401, 422
MINUTE, HOUR = 60, 3600
MAX_VALUE = 1000
SCRIPTS = ("htmx.min.js", "uplot.min.js", "charts.js")


@cache
def environment() -> Environment:
    """Returns the environment of all templates."""
    made = Environment(
        loader=PackageLoader("pipelines.service.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        plain=plain, block=block, breakable=breakable, link=link, percent=percent, size=size,
        number=number, failure=lambda item: plain(failure_text(item)), when=when, duration=duration, value=value,
        shown=shown, leaf=leaf,
    )  # fmt: skip
    made.globals.update(asset=asset, segment=segment)
    return made


def compile_templates() -> None:
    """Compiles every template, which takes longer than to answer with one."""
    for name in environment().list_templates():
        environment().get_template(name)


def page(request: Request, template: str, *, status_code: int = 200, **values: object) -> HTMLResponse:
    """Returns a page; every template knows who asks (`principal`, None where nobody is known) and the path."""
    principal = getattr(request.state, "principal", None)
    content = environment().get_template(template).render(
        principal=principal, csrf=(principal.csrf if principal else None) or "", at=request.url.path, **values
    )  # fmt: skip
    return HTMLResponse(content, status_code=status_code)


def leaf(path: str) -> str:
    """Returns the last name of a path, which a training on another machine told of: POSIX or Windows."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path


def when(time: datetime.datetime | None) -> str:
    """Returns a time for reading: 2026-11-30 18:04 UTC."""
    return "–" if time is None else f"{time:%Y-%m-%d %H:%M} UTC"


def duration(start: datetime.datetime | None, end: datetime.datetime | None = None) -> str:
    """Returns the time between two times, or since one: 3 min 20 s."""
    if start is None:
        return "–"
    seconds = max(int(((end or datetime.datetime.now(datetime.UTC)) - start).total_seconds()), 0)
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min {seconds % MINUTE} s"
    return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"


def value(item: float | str | list[Paragraph] | None) -> str:
    """Returns what a signal found, for reading."""
    if isinstance(item, list):
        return plain(", ".join(f"{of['start']}-{of['end']} {of['language'] or 'none'}" for of in item), MAX_VALUE)
    return plain(item, MAX_VALUE) if isinstance(item, str) else number(item)


def shown(text: str) -> str:
    """Returns a piece of a document's text as it is, with all but line breaks and tabs made harmless."""
    return visible(text.replace("\r\n", "\n").replace("\t", "    "), keep_newlines=True)


@cache
def static(name: str) -> tuple[bytes, str]:
    """Returns a static file and its media type.

    Raises:
        KeyError: there is none of this name.
    """
    here = files("pipelines.service.pages") / "static"
    if name == "style.css":
        report = files("pipelines.report") / "templates" / "style.css"
        parts = (report, here / "uplot.css", here / "pages.css")
        return b"\n".join(part.read_bytes() for part in parts), "text/css"
    if name in SCRIPTS:
        return (here / name).read_bytes(), "text/javascript"
    raise KeyError(name)


@cache
def asset(name: str) -> str:
    """Returns the address of a static file; another content, another address."""
    return f"/static/{name}?v={hashlib.sha256(static(name)[0]).hexdigest()[:12]}"


class PageRoute(APIRoute):
    """A route whose refusals are pages: nobody known leads to the log-in page, all else says what was expected."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        """Returns the handler with errors answered."""
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except HTTPException as error:
                if error.status_code == UNAUTHORIZED:
                    return _to_log_in(request)
                return _refused(request, error.status_code, str(error.detail), headers=error.headers)
            except RequestValidationError as error:
                places = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
                return _refused(request, UNPROCESSABLE, f"expected other values in {places}")
            except tuple(kind for kind, _ in STATUS) as error:
                status = next(status for kind, status in STATUS if isinstance(error, kind))
                return _refused(request, status, str(error))

        return answered


def _to_log_in(request: Request) -> Response:
    """Leads to the log-in page; a part of a page that is asked for again makes the whole page go there."""
    if request.headers.get("hx-request"):
        return Response(headers={"HX-Redirect": "/login"})
    return RedirectResponse("/login", status_code=303)


def _refused(request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
    answer = page(request, "error.html", status_code=status, status=status, detail=detail)
    answer.headers.update(headers or {})
    return answer
