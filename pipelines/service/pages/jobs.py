"""Pages about jobs: the list, the form that starts one, and what a person may do with one."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from curation.errors import GristmillError
from pipelines.service import answers, job_routes, processes
from pipelines.service.access import reads, runs
from pipelines.service.admission import place_of
from pipelines.service.asked import Asked, NamedJob
from pipelines.service.pages.rendering import UNPROCESSABLE, PageRoute, page
from pipelines.service.run_routes import unset
from pipelines.service.service import Service
from pipelines.service.tables import STATES, State

router = APIRouter(route_class=PageRoute, dependencies=[reads])
PER_PAGE = 50
EXAMPLE = """job: my-corpus
inputs:
  pages: {files: ["data/*.jsonl.gz"]}
"""


SpecText = Annotated[str, Form(max_length=2 * answers.MAX_SPEC_CHARS)]
Folder = Annotated[answers.Text | None, unset, Form()]
Sample = Annotated[Annotated[int, Field(ge=1, le=2**62)] | None, unset, Form()]
Only = Annotated[State | None, unset, Query()]


@router.get("/")
def jobs(request: Request, service: Asked, state: Only = None, before: answers.JobId | None = None) -> Response:
    """Lists jobs, newest first."""
    found = service.jobs.page(states=[state] if state else [], before=before, count=PER_PAGE)
    counts = service.jobs.num_by_state()
    return page(
        request, "jobs.html",
        jobs=[answers.job_of(job) for job in found],
        progress={job.id: _progress(service, job.id) for job in found if job.state == "running"},
        counts={name: counts.get(name, 0) for name in STATES},
        state=state, before=before, next=found[-1].id if len(found) == PER_PAGE else None,
        is_live=bool(counts.get("queued") or counts.get("running")),
    )  # fmt: skip


def _progress(service: Service, job_id: str) -> answers.Progress:
    return answers.progress_of(processes.read_json(service.settings.jobs / job_id / processes.PROGRESS))


@router.get("/new")
def new(request: Request, service: Asked, like: answers.JobId | None = None) -> Response:
    """Shows the form of a new job; `like`: with the spec of an earlier one."""
    earlier = service.jobs.get(like) if like else None
    spec, folder = (earlier.spec, earlier.folder) if earlier else (EXAMPLE, "")
    return _form(request, service, spec=spec, folder=folder)


def _form(
    request: Request,
    service: Service,
    *,
    spec: str,
    folder: str,
    sample: int | None = None,
    validation: answers.Validation | None = None,
) -> Response:
    status = 200 if validation is None or validation.valid else UNPROCESSABLE
    roots = service.settings.roots
    values = {"spec": spec, "folder": folder, "sample": sample, "validation": validation}
    return page(request, "new.html", status_code=status, roots=roots, **values)


@router.post("/new/check")
def check(request: Request, service: Asked, spec: SpecText = "", folder: Folder = None) -> Response:
    """Returns what is wrong with a spec that is being written."""
    body = answers.SpecBody(spec=_lines(spec), folder=folder)
    return page(request, "problems.html", validation=job_routes.validate(body, service))


@router.post("/new", dependencies=[runs])
def submit(
    request: Request,
    service: Asked,
    *,
    spec: SpecText = "",
    folder: Folder = None,
    sample: Sample = None,
    what: Annotated[Literal["run", "plan"], Form()] = "run",
) -> Response:
    """Queues a job, or a forecast of it, and leads to its page; a wrong spec comes back with what is wrong."""
    text = _lines(spec)
    body = answers.Submission.model_validate({"spec": text, "folder": folder, "sample_documents": sample})
    queue = job_routes.plan if what == "plan" else job_routes.submit
    try:
        job = queue(body, service, request, Response())
    except GristmillError as error:
        place = place_of(str(error))
        problem = answers.Problem(message=str(error), line=place.line, column=place.column, path=place.path)
        validation = answers.Validation(valid=False, job=None, problems=[problem])
        return _form(request, service, spec=text, folder=folder or "", sample=sample, validation=validation)
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


def _lines(text: str) -> str:
    """Returns a form's text with line ends as a file has them: forms send CR LF."""
    return text.replace("\r\n", "\n")


@router.post("/jobs/{job_id}/{verb}", dependencies=[runs])
def change(named: NamedJob, verb: Literal["cancel", "retry", "resume"], service: Asked) -> Response:
    """Ends a job, goes on with it, or decides it anew; leads back to its page."""
    job_routes.change(named, verb, service)
    return RedirectResponse(f"/jobs/{named.id}", status_code=303)
