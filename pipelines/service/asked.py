"""What requests have in common: the service they ask, and how what is not there is told."""

from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request

from pipelines.service.answers import JobId
from pipelines.service.service import Service
from pipelines.service.tables import Job


class Conflict(Exception):
    """A request that the state of what it names does not allow."""


def service_of(request: Request) -> Service:
    """Returns the service that a request asks."""
    return cast(Service, request.app.state.service)


Asked = Annotated[Service, Depends(service_of)]


def job_of_path(job_id: JobId, service: Asked) -> Job:
    """Returns the job that a path names.

    Raises:
        HTTPException: 404, there is none.
    """
    job = service.jobs.get(job_id)
    if job is None:
        raise HTTPException(404, f"job {job_id}: expected a job, found none")
    return job


NamedJob = Annotated[Job, Depends(job_of_path)]
