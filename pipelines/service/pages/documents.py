"""Pages about the documents of a run: lists, one document with what decided about it, two side by side."""

from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pipelines.service import answers, run_queries
from pipelines.service.access import reads
from pipelines.service.asked import NamedJob
from pipelines.service.pages.highlights import differing, noted, pieces
from pipelines.service.pages.rendering import PageRoute, page
from pipelines.service.run_routes import JobRun, WantedDocuments

router = APIRouter(route_class=PageRoute, dependencies=[reads], prefix="/jobs/{job_id}")
PER_PAGE = 50
DocumentName = Annotated[str, Query(min_length=1, max_length=4096)]


@router.get("/documents")
def documents(request: Request, named: NamedJob, run: JobRun, wanted: WantedDocuments) -> Response:
    """Lists documents by id."""
    asked = {name: value for name, value in asdict(wanted).items() if value is not None}
    given = {name: value for name, value in asked.items() if name != "after"}
    found = run_queries.documents(run, wanted, count=PER_PAGE)
    last = found[-1]["document"]["doc_id"] if len(found) == PER_PAGE else None
    return page(
        request, "documents.html",
        job=answers.job_of(named), found=found, asked=given, after=wanted.after, here=urlencode(asked),
        next=urlencode(given | {"after": last}) if last else None,
        first=urlencode(given),
    )  # fmt: skip


@router.get("/document")
def document(request: Request, named: NamedJob, run: JobRun, name: DocumentName) -> Response:
    """Shows one document: its text with what was marked in it, and every value beside its thresholds."""
    found = run_queries.document(run, name)
    text = found["text"]
    marked = None if text is None else pieces(text, noted(text, found))
    return page(request, "document.html", job=answers.job_of(named), found=found, marked=marked)


@router.get("/beside")
def beside(request: Request, named: NamedJob, run: JobRun, one: DocumentName, other: DocumentName) -> Response:
    """Shows two documents side by side, what only one of them has marked."""
    left, right = run_queries.side(run, one), run_queries.side(run, other)
    texts = (left["text"] or "", right["text"] or "")
    sides = (
        (left, pieces(texts[0], differing(texts[0], texts[1]))),
        (right, pieces(texts[1], differing(texts[1], texts[0]))),
    )
    return page(request, "beside.html", job=answers.job_of(named), sides=sides)
