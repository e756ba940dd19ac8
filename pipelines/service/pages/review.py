"""The page of a run's review: what waits for people, how far they are, and what a person may do about it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from pipelines.report.people import ROUTES
from pipelines.service import answers, review_routes, reviewing, run_queries
from pipelines.service.access import reads, reviews
from pipelines.service.asked import Asked, NamedJob
from pipelines.service.pages.rendering import PageRoute, page
from pipelines.service.reviewing import Errand
from pipelines.service.run_queries import MAX_PAGE
from pipelines.service.run_routes import JobRun, WantedDocuments

router = APIRouter(route_class=PageRoute, dependencies=[reads], prefix="/jobs/{job_id}/review")
FIRST = 10
Count = Annotated[int | None, Query(ge=0, le=MAX_PAGE)]


@router.get("")
def review(
    request: Request, named: NamedJob, service: Asked, _: JobRun, sent: Count = None, before: Count = None
) -> Response:
    """Shows what waits for people; `sent` and `before`: what came of documents that were just sent."""
    return page(
        request, "review.html",
        job=answers.job_of(named),
        review=run_queries.review_state(named.run),
        last=reviewing.last_of(service.settings.jobs / named.id),
        sent=sent, asked_before=before, routes=ROUTES,
    )  # fmt: skip


@router.post("/send", dependencies=[reviews])
def send(
    named: NamedJob,
    service: Asked,
    run: JobRun,
    wanted: WantedDocuments,
    *,
    doc: Annotated[list[review_routes.DocId] | None, Form(max_length=MAX_PAGE)] = None,
    what: Annotated[Literal["selected", "first"], Form()] = "selected",
) -> Response:
    """Sends documents that were chosen, or the first of a list, to people, and leads to the page of the review."""
    if what == "first":
        doc = [item["document"]["doc_id"] for item in run_queries.documents(run, wanted, count=FIRST)]
    if not doc:
        raise HTTPException(422, "expected documents that were chosen, found none; go back and choose some")
    done = service.reviewing.send(named, doc)
    if done.num_new:
        review_routes.ask_server("push", named, service, run)
    return RedirectResponse(
        f"/jobs/{named.id}/review?sent={done.num_new}&before={done.num_asked_before}", status_code=303
    )


@router.post("/{errand}", dependencies=[reviews])
def ask_server(errand: Errand, named: NamedJob, service: Asked, run: JobRun) -> Response:
    """Puts questions into Label Studio, or fetches answers, and leads back to the page, which says what came of it."""
    review_routes.ask_server(errand, named, service, run)
    return RedirectResponse(f"/jobs/{named.id}/review", status_code=303)
