"""Pages about exports and the trainings on them: files, losses by step, and which documents a step took."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import Field

from pipelines.service import answers, training_routes
from pipelines.service.access import reads
from pipelines.service.asked import Asked, NamedJob
from pipelines.service.exports import MAX_PIECES, documents_at, exports_of, files_of, steps_of
from pipelines.service.pages.lines import of_losses
from pipelines.service.pages.rendering import PageRoute, page
from pipelines.service.run_queries import id_of
from pipelines.service.run_routes import ExportFolder, ExportName, JobRun, Name, unset

router = APIRouter(route_class=PageRoute, dependencies=[reads], prefix="/jobs/{job_id}")
BATCH = 64
SHOWN_PIECES = 500
Step = Annotated[Annotated[int, Field(ge=0, le=2**53)] | None, unset, Query()]
Batch = Annotated[Annotated[int, Field(ge=1, le=4096)] | None, unset, Query()]


@router.get("/exports/{export}")
def export_page(request: Request, named: NamedJob, export: ExportName, folder: ExportFolder) -> Response:
    """Shows an export: what it holds, its files, and the question which step took what."""
    found = next(item for item in exports_of(named.run) if item.name == export)
    return page(
        request, "export.html",
        job=answers.job_of(named), export=found, files=files_of(folder), batch=BATCH, step=None, doc="",
    )  # fmt: skip


@router.get("/exports/{export}/trace")
def trace(
    request: Request,
    named: NamedJob,
    run: JobRun,
    export: ExportName,
    folder: ExportFolder,
    *,
    step: Step = None,
    doc: Name = None,
    global_batch: Batch = None,
) -> Response:
    """Shows the documents of a training step, or the steps that take a document."""
    batch = global_batch or BATCH
    if (step is None) == (doc is None):
        raise HTTPException(422, "expected a step or a document, found both or neither")
    if step is not None:
        pieces = documents_at(folder, step=step, global_batch=batch)
    else:
        pieces = steps_of(folder, id_of(run, str(doc)), global_batch=batch)
    return page(
        request, "trace.html",
        job=answers.job_of(named), export=export, step=step, doc=doc or "", batch=batch,
        pieces=pieces[:SHOWN_PIECES], num_pieces=len(pieces), is_cut=len(pieces) >= MAX_PIECES,
    )  # fmt: skip


@router.get("/trainings/{training_id}")
def training(request: Request, named: NamedJob, training_id: answers.JobId, service: Asked) -> Response:
    """Shows a training on an export of this job: where it is, and its losses by step and stage."""
    found = training_routes.training(training_id, service)
    if found.export not in {export.name for export in exports_of(named.run)}:
        raise HTTPException(404, f"training {training_id}: expected one on an export of this job, found another")
    lines = of_losses(training_routes.points(training_id, service))
    return page(request, "training.html", job=answers.job_of(named), training=found, lines=lines)
