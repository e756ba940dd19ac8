"""What requests have in common: the service they ask, and how what is not there or went wrong is told."""

from typing import Annotated, cast

import duckdb
import pyarrow as pa
from fastapi import Depends, HTTPException, Request

from curation.errors import GristmillError, InputError, RunLocked
from pipelines.service.answers import JobId
from pipelines.service.run_queries import TooSlow
from pipelines.service.service import Service
from pipelines.service.tables import Job


class Conflict(Exception):
    """A request that the state of what it names does not allow."""


STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Conflict, 409),
    (RunLocked, 409),
    (InputError, 422),
    (TooSlow, 503),
    (pa.lib.ArrowException, 503),  # a run that is damaged, or being written or removed
    (duckdb.Error, 503),
    (FileNotFoundError, 503),
    (GristmillError, 422),
)
"""Which answer an error of ours becomes; the first entry that fits."""


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
