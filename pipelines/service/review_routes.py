"""Review over HTTP: send documents to people, put questions into Label Studio, fetch answers."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from pipelines.sending import Sent
from pipelines.service import answers
from pipelines.service.access import reads, reviews
from pipelines.service.asked import Asked, NamedJob
from pipelines.service.reviewing import Errand, Ran
from pipelines.service.run_queries import MAX_PAGE
from pipelines.service.run_routes import JobRun

router = APIRouter(prefix="/api/jobs/{job_id}/review", tags=["runs"], dependencies=[reads], responses=answers.REFUSALS)
DocId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Chosen(answers.Strict):
    """Documents that people are to look at."""

    documents: list[DocId] = Field(min_length=1, max_length=MAX_PAGE)


@router.post("/send", dependencies=[reviews])
def send(body: Chosen, named: NamedJob, service: Asked, _: JobRun) -> Sent:
    """Asks people about documents; those that they are asked about already are only counted."""
    return service.reviewing.send(named, body.documents)


@router.post("/{errand}", dependencies=[reviews])
def ask_server(errand: Errand, named: NamedJob, service: Asked, _: JobRun) -> Ran:
    """Puts the questions into Label Studio (`push`), or fetches what was answered (`pull`)."""
    folder = service.settings.jobs / named.id
    return service.reviewing.ask_server(named, errand, folder=folder, now_ms=service.jobs.now_ms())
