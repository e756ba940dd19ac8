"""Training runs over HTTP: they register, tell of their steps, and are shown beside their data."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from pipelines.service import answers, exports
from pipelines.service.access import reads, runs
from pipelines.service.asked import Asked, NamedJob
from pipelines.service.trainings import Point

router = APIRouter(prefix="/api", tags=["trainings"], dependencies=[reads], responses=answers.REFUSALS)


@router.post("/trainings", status_code=201, dependencies=[runs])
def register(body: answers.NewTraining, service: Asked) -> answers.Training:
    """Registers a training; the same export, name and host again is the same training."""
    row = service.trainings.register(**body.model_dump())
    return answers.training_of(row, is_lost=False)


@router.post("/trainings/{training_id}/points", status_code=202, dependencies=[runs])
def tell(training_id: answers.JobId, body: answers.Points, service: Asked) -> answers.Training:
    """Notes what a training measured, at most 1,000 steps at once; none: it lives."""
    points = [Point(**point.model_dump()) for point in body.points]
    if not service.trainings.tell(training_id, points, state=body.state):
        raise _missing(training_id)
    return training(training_id, service)


@router.get("/trainings")
def trainings(
    service: Asked,
    before: answers.JobId | None = None,
    count: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[answers.Training]:
    """Lists trainings, the newest first."""
    found = service.trainings.page(before=before, count=count)
    return [answers.training_of(row, is_lost=service.trainings.is_lost(row)) for row in found]


@router.get("/trainings/{training_id}")
def training(training_id: answers.JobId, service: Asked) -> answers.Training:
    """Returns a training: where it is, and its losses."""
    row = service.trainings.get(training_id)
    if row is None:
        raise _missing(training_id)
    return answers.training_of(row, is_lost=service.trainings.is_lost(row))


@router.get("/trainings/{training_id}/points")
def points(training_id: answers.JobId, service: Asked) -> list[answers.Point]:
    """Returns the losses of a training by step, about 1,000 points at most."""
    return [answers.Point.model_validate(row, from_attributes=True) for row in service.trainings.points(training_id)]


@router.get("/jobs/{job_id}/trainings")
def of_job(named: NamedJob, service: Asked) -> list[answers.Training]:
    """Lists the trainings on the exports of a job."""
    names = [export.name for export in exports.exports_of(named.run)]
    found = service.trainings.page(exports=names)
    return [answers.training_of(row, is_lost=service.trainings.is_lost(row)) for row in found]


def _missing(training_id: str) -> HTTPException:
    return HTTPException(404, f"training {training_id}: expected a training, found none")
