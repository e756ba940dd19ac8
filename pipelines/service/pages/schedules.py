"""The pages of schedules: when each is due, what came of the last time, and the form of a new one."""

import zoneinfo
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from fastapi.responses import RedirectResponse, Response

from curation.errors import GristmillError
from pipelines.service import answers, schedule_routes
from pipelines.service.access import reads, runs
from pipelines.service.asked import Asked
from pipelines.service.pages.rendering import UNPROCESSABLE, PageRoute, page
from pipelines.service.pages.schedule_form import Judged, Written, judged, written

router = APIRouter(route_class=PageRoute, dependencies=[reads], prefix="/schedules")
Name = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Form = Annotated[Written, Depends(written)]


@router.get("")
def schedules(request: Request, service: Asked) -> Response:
    """Lists schedules by name."""
    return page(request, "schedules.html", schedules=schedule_routes.schedules(service))


@router.get("/new")
def new(request: Request, service: Asked, like: answers.JobId | None = None) -> Response:
    """Shows the form of a new schedule; `like`: with the spec of a job."""
    job = service.jobs.get(like) if like else None
    given = Written(spec=job.spec, folder=job.folder, settings="\n".join(job.settings)) if job else Written()
    return _form(request, given, Judged(asked=None))


def _form(request: Request, given: Written, found: Judged) -> Response:
    status = UNPROCESSABLE if found.problems else 200
    return page(request, "schedule.html", status_code=status, given=given, found=found, zones=_zones(), is_part=False)


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(zoneinfo.available_timezones()))


@router.post("/new/check")
def check(request: Request, service: Asked, form: Form) -> Response:
    """Returns what is wrong with a form that is being written; nothing is said of fields that are empty still."""
    found = judged(form, service)
    said = {name: message for name, message in found.problems.items() if getattr(form, name)}
    return page(request, "schedule_problems.html", found=Judged(asked=None, problems=said, due=found.due), is_part=True)


@router.post("/new", dependencies=[runs])
def add(request: Request, service: Asked, form: Form) -> Response:
    """Adds a schedule and leads to the list; a wrong form comes back with what is wrong beside each field."""
    found = judged(form, service)
    if found.asked is None:
        return _form(request, form, found)
    try:
        schedule_routes.add(found.asked, service)
    except GristmillError as error:  # such as another one that took the name meanwhile
        return _form(request, form, Judged(asked=None, problems={"name": str(error)}))
    return RedirectResponse("/schedules", status_code=303)


@router.post("/{name}/run", dependencies=[runs])
def run_now(name: Name, service: Asked) -> Response:
    """Submits the job of a schedule at once, and leads to it."""
    return RedirectResponse(f"/jobs/{schedule_routes.run_now(name, service).id}", status_code=303)


@router.post("/{name}/remove", dependencies=[runs])
def remove(name: Name, service: Asked) -> Response:
    """Removes a schedule; its jobs stay."""
    schedule_routes.remove(name, service)
    return RedirectResponse("/schedules", status_code=303)
