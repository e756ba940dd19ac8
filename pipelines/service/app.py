"""The web application: routers on one service.

The pages are one more router: a router finds the service by `service_of(request)` and asks the same functions as the
API does.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import duckdb
import pyarrow as pa
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from curation.errors import GristmillError, InputError
from curation.text.safe import visible
from pipelines.service.admin_routes import router as admin_routes
from pipelines.service.asked import Conflict, service_of
from pipelines.service.guard import Guard
from pipelines.service.job_routes import router as job_routes
from pipelines.service.pages import router as pages
from pipelines.service.run_queries import TooSlow
from pipelines.service.run_routes import router as run_routes
from pipelines.service.schedule_routes import router as schedule_routes
from pipelines.service.service import Service
from pipelines.service.training_routes import router as training_routes

__all__ = ["create_app", "service_of"]

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Conflict, 409),
    (InputError, 422),
    (TooSlow, 503),
    (pa.lib.ArrowException, 503),  # a run that is damaged, or being written or removed
    (duckdb.Error, 503),
    (FileNotFoundError, 503),
    (GristmillError, 422),
)
"""Which answer an error of ours becomes; the first entry that fits."""


def create_app(service: Service, *, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """Returns the application.

    Args:
        service: what it serves.
        routers: more than the API and the pages.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
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
    for router in (admin_routes, job_routes, run_routes, schedule_routes, training_routes, pages, *routers):
        app.include_router(router)
    for kind, status in STATUS:
        app.add_exception_handler(kind, _answered(status))
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_middleware(Guard, hosts=service.settings.hosts, audit=service.audit.note)
    return app


def _misfit(_: Request, error: Exception) -> Response:
    """Says what does not fit, without repeating it: what was sent may be no JSON (infinities, lone surrogates)."""
    assert isinstance(error, RequestValidationError), "the handler of these"
    found = [{key: item[key] for key in ("type", "loc", "msg")} for item in error.errors()]
    return Response(json.dumps({"detail": found}, default=str), status_code=422, media_type="application/json")


def _answered(status: int) -> Callable[[Request, Exception], JSONResponse]:
    def answer(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": visible(str(error), keep_newlines=True)}, status_code=status)

    return answer
