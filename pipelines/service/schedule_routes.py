"""Schedules over HTTP."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as PathParameter

from pipelines.service import answers
from pipelines.service.access import reads, runs
from pipelines.service.admission import admit, sized
from pipelines.service.asked import Asked
from pipelines.service.jobs import NewJob
from pipelines.service.schedules import NewSchedule

router = APIRouter(prefix="/api/schedules", tags=["schedules"], dependencies=[reads], responses=answers.REFUSALS)
Name = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


@router.get("")
def schedules(service: Asked) -> list[answers.Schedule]:
    """Lists schedules by name."""
    return [answers.schedule_of(row) for row in service.schedules.all()]


@router.post("", status_code=201, dependencies=[runs])
def add(body: answers.NewSchedule, service: Asked) -> answers.Schedule:
    """Adds a schedule."""
    settings = tuple(body.settings)
    admitted = admit(
        body.spec, folder=body.folder, settings=settings, service=service.settings, location=body.files_location
    )
    cores, memory = sized(admitted.spec, body.cores, body.memory_bytes, service=service.settings)
    job = NewJob(
        name=admitted.spec.job,
        spec=body.spec,
        folder=admitted.folder,
        settings=settings,
        cores=cores,
        memory_bytes=memory,
    )
    when = body.model_dump(include={"name", "trigger", "expression", "time_zone", "missed", "grace_seconds"})
    return answers.schedule_of(service.schedules.add(NewSchedule(job=job, **when)))


@router.get("/{name}")
def schedule(name: Name, service: Asked) -> answers.Schedule:
    """Returns one schedule."""
    return answers.schedule_of(service.schedules.get(name))


@router.delete("/{name}", status_code=204, dependencies=[runs])
def remove(name: Name, service: Asked) -> None:
    """Removes a schedule; its jobs stay."""
    service.schedules.remove(name)


@router.post("/{name}/run", status_code=202, dependencies=[runs])
def run_now(name: Name, service: Asked) -> answers.Job:
    """Submits the job of a schedule at once."""
    return answers.job_of(service.schedules.run_now(name))
