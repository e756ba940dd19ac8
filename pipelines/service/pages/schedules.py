"""The page of schedules: when each is due, what came of the last time."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import RedirectResponse, Response

from pipelines.service import schedule_routes
from pipelines.service.access import reads, runs
from pipelines.service.asked import Asked
from pipelines.service.pages.rendering import PageRoute, page

router = APIRouter(route_class=PageRoute, dependencies=[reads], prefix="/schedules")
Name = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


@router.get("")
def schedules(request: Request, service: Asked) -> Response:
    """Lists schedules by name."""
    return page(request, "schedules.html", schedules=schedule_routes.schedules(service))


@router.post("/{name}/run", dependencies=[runs])
def run_now(name: Name, service: Asked) -> Response:
    """Submits the job of a schedule at once, and leads to it."""
    return RedirectResponse(f"/jobs/{schedule_routes.run_now(name, service).id}", status_code=303)


@router.post("/{name}/remove", dependencies=[runs])
def remove(name: Name, service: Asked) -> Response:
    """Removes a schedule; its jobs stay."""
    schedule_routes.remove(name, service)
    return RedirectResponse("/schedules", status_code=303)
