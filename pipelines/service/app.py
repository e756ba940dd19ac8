"""The web application: routers on one service.

The pages are one more router: a router finds the service by `service_of(request)` and asks the same functions as the
API does.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.types import Message, Scope

from curation.text.safe import visible
from pipelines.service.admin_routes import router as admin_routes
from pipelines.service.asked import STATUS, service_of
from pipelines.service.guard import Guard
from pipelines.service.job_routes import router as job_routes
from pipelines.service.pages import router as pages
from pipelines.service.pages.rendering import compile_templates
from pipelines.service.review_routes import router as review_routes
from pipelines.service.run_routes import router as run_routes
from pipelines.service.schedule_routes import router as schedule_routes
from pipelines.service.service import Service
from pipelines.service.token_routes import router as token_routes
from pipelines.service.training_routes import router as training_routes

__all__ = ["API", "create_app", "service_of"]
API = (admin_routes, job_routes, run_routes, review_routes, schedule_routes, token_routes, training_routes)
"""The routers that the OpenAPI description tells of."""


def create_app(service: Service, *, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """Returns the application.

    Args:
        service: what it serves.
        routers: more than the API and the pages.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await prepare(app)
        with service.working():
            yield

    app = FastAPI(
        title="Gristmill",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.service = service
    for router in (*API, pages, *routers):
        app.include_router(router)
    for kind, status in STATUS:
        app.add_exception_handler(kind, _answered(status))
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_middleware(Guard)
    return app


async def prepare(app: FastAPI) -> None:
    """Builds what the first answer would build: every route, for a path that is none, and every template."""
    compile_templates()
    scope: Scope = {"type": "http", "method": "GET", "path": "/-", "root_path": "", "headers": [], "query_string": b""}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        return None

    await app.router(scope, receive, send)


def _misfit(_: Request, error: Exception) -> Response:
    """Says what does not fit, without repeating it: what was sent may be no JSON (infinities, lone surrogates)."""
    assert isinstance(error, RequestValidationError), "the handler of these"
    found = [{key: item[key] for key in ("type", "loc", "msg")} for item in error.errors()]
    return Response(json.dumps({"detail": found}, default=str), status_code=422, media_type="application/json")


def _answered(status: int) -> Callable[[Request, Exception], JSONResponse]:
    def answer(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": visible(str(error), keep_newlines=True)}, status_code=status)

    return answer
