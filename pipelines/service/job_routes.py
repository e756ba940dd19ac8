"""Jobs over HTTP: submit, validate, list, watch, cancel, retry."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response

from curation.errors import GristmillError
from pipelines.judging import unused_gates
from pipelines.service import answers, joblogs, processes
from pipelines.service.access import reads, runs
from pipelines.service.admission import admit, check_size, place_of, sized
from pipelines.service.asked import Asked, Conflict, NamedJob
from pipelines.service.jobs import MAX_PAGE, NewJob
from pipelines.service.service import Service
from pipelines.service.tables import Action, State

router = APIRouter(
    prefix="/api",
    tags=["jobs"],
    responses=answers.REFUSALS,
    dependencies=[reads],
)
Memory = Annotated[int | None, Query(ge=1, le=2**50)]
RequestKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200, min_length=1)]


@router.post("/jobs", status_code=201, dependencies=[runs])
def submit(
    body: answers.Submission, service: Asked, request: Request, response: Response, request_key: RequestKey = None
) -> answers.Job:
    """Queues a job. The same `Idempotency-Key` again gives the job that the first request made."""
    job = service.jobs.submit(_new_job(body, service, request, request_key=request_key))
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return answers.job_of(job)


@router.post("/plans", status_code=201, dependencies=[runs])
def plan(body: answers.Submission, service: Asked, request: Request, response: Response) -> answers.Job:
    """Queues a forecast of what a job would do and take: a job of its own, which ends with a plan."""
    job = service.jobs.submit(_new_job(body, service, request, action="plan"))
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return answers.job_of(job)


def _new_job(
    body: answers.Submission,
    service: Service,
    request: Request,
    *,
    action: Action = "run",
    request_key: str | None = None,
) -> NewJob:
    settings = tuple(body.settings)
    admitted = admit(body.spec, folder=body.folder, settings=settings, service=service.settings)
    cores, memory = sized(admitted.spec, body.cores, body.memory_bytes, service=service.settings)
    return NewJob(
        name=admitted.spec.job,
        spec=body.spec,
        folder=admitted.folder,
        settings=settings,
        sample_documents=body.sample_documents,
        cores=cores,
        memory_bytes=memory,
        action=action,
        submitter=request.state.principal.name,
        request_key=request_key,
    )


@router.get("/jobs/{job_id}/plan")
def planned(named: NamedJob, service: Asked) -> dict[str, object]:
    """Returns the forecast that a job of `POST /api/plans` made."""
    found = processes.read_json(service.dispatcher.folder(named) / processes.PLAN)
    if not found:
        raise HTTPException(404, f"job {named.id}: expected a forecast, found none; it is {named.state}")
    return found


@router.post("/validate")
def validate(body: answers.SpecBody, service: Asked) -> answers.Validation:
    """Tells whether a spec can run, and where it is wrong; reads no input."""
    try:
        admitted = admit(body.spec, folder=body.folder, settings=tuple(body.settings), service=service.settings)
    except GristmillError as error:
        place = place_of(str(error))
        problem = answers.Problem(message=str(error), line=place.line, column=place.column, path=place.path)
        return answers.Validation(valid=False, job=None, problems=[problem])
    unused = unused_gates(admitted.spec)
    return answers.Validation(valid=True, job=admitted.spec.job, problems=[], unused_gates=unused)


@router.get("/jobs")
def jobs(
    service: Asked,
    state: Annotated[list[State], Query(max_length=5)] = [],  # noqa: B006 - FastAPI copies defaults
    name: Annotated[str | None, Query(max_length=200)] = None,
    before: answers.JobId | None = None,
    count: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> answers.JobPage:
    """Lists jobs, newest first."""
    found = service.jobs.page(states=state, name=name, before=before, count=count)
    return answers.JobPage(
        jobs=[answers.job_of(job) for job in found], next=found[-1].id if len(found) == count else None
    )


@router.get("/jobs/{job_id}")
def job(named: NamedJob) -> answers.Job:
    """Returns one job."""
    return answers.job_of(named)


@router.get("/jobs/{job_id}/spec")
def spec(named: NamedJob) -> answers.SpecBody:
    """Returns the spec of a job as it was sent."""
    return answers.SpecBody(spec=named.spec, folder=named.folder, settings=named.settings)


@router.get("/jobs/{job_id}/progress")
def progress(named: NamedJob, service: Asked) -> answers.Progress:
    """Tells how far a job is: its stage, and those before."""
    return answers.progress_of(processes.read_json(service.dispatcher.folder(named) / processes.PROGRESS))


@router.get("/jobs/{job_id}/log")
def log(named: NamedJob, service: Asked, lines: Annotated[int, Query(ge=1, le=joblogs.MAX_LINES)] = 200) -> answers.Log:
    """Returns the end of a job's log."""
    return answers.Log(lines=joblogs.tail(service.dispatcher.folder(named), lines=lines))


@router.post("/jobs/{job_id}/{verb}", status_code=202, dependencies=[runs])
def change(
    named: NamedJob, verb: Literal["cancel", "retry", "resume"], service: Asked, memory_bytes: Memory = None
) -> answers.Job:
    """Changes what becomes of a job.

    `cancel` ends it, `retry` goes on with a failed or cancelled one from where it stopped, `resume` decides a
    finished one anew with people's answers. The last two may wait for other `memory_bytes` than before.
    """
    if verb == "cancel":
        changed = service.jobs.cancel(named.id)
    else:
        check_size(named.cores, memory_bytes or named.memory_bytes, service=service.settings)
        action: Action = "resume" if verb == "resume" else "run"
        changed = service.jobs.again(named.id, action=action, memory_bytes=memory_bytes)
    found = service.jobs.get(named.id) or named
    if not changed:
        raise Conflict(f"job {named.id}: expected a job that one can {verb}, found one that is {found.state}")
    return answers.job_of(found)
