"""The run of a job over HTTP: funnel, rules, documents, duplicates, review, exports."""

from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, Response
from pydantic import BeforeValidator, StringConstraints

from curation.errors import InputError
from pipelines.rundir import Run
from pipelines.service import answers, exports, run_queries
from pipelines.service.access import reads
from pipelines.service.asked import NamedJob
from pipelines.service.run_queries import MAX_PAGE, Wanted

router = APIRouter(prefix="/api/jobs/{job_id}", tags=["runs"], dependencies=[reads], responses=answers.REFUSALS)
unset = BeforeValidator(lambda value: None if value == "" else value)
"""For a field of a form that was left empty."""
Hex = Annotated[Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{2}){1,16}$")] | None, unset, Query()]
Name = Annotated[Annotated[str, StringConstraints(max_length=300)] | None, unset, Query()]
Ending = Annotated[Literal["kept", "dropped", "review"] | None, unset, Query()]
ExportName = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{8,64}$")]


def run_of_job(named: NamedJob) -> Run:
    """Returns the run of a job as it was decided last.

    Raises:
        HTTPException: 404, it has written nothing yet.
    """
    try:
        return run_queries.newest(named.run)
    except InputError:
        raise HTTPException(404, f"job {named.id}: expected a run, found none yet; it is {named.state}") from None


JobRun = Annotated[Run, Depends(run_of_job)]


@router.get("/overview")
def overview(run: JobRun) -> run_queries.Overview:
    """Returns the funnel, and every rule with what passes it and what it did."""
    return run_queries.overview(run)


def wanted_documents(
    *,
    state: Ending = None,
    rule: Name = None,
    decided_by: Name = None,
    source: Name = None,
    cluster: Hex = None,
    after: Hex = None,
) -> Wanted:
    """Returns which documents a request asks for; `after` is the last id of the page before."""
    return Wanted(state=state, rule=rule, decided_by=decided_by, source=source, cluster=cluster, after=after)


WantedDocuments = Annotated[Wanted, Depends(wanted_documents)]


@router.get("/documents")
def documents(
    run: JobRun, wanted: WantedDocuments, *, count: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50
) -> list[run_queries.Listed]:
    """Lists documents by id; `after` is the last id of the page before."""
    return run_queries.documents(run, wanted, count=count)


@router.get("/document")
def document(run: JobRun, name: Annotated[str, Query(min_length=1, max_length=4096)]) -> run_queries.Document:
    """Returns a document by id, URL or own id: its text with spans, every value beside its thresholds, its copies."""
    return run_queries.document(run, name)


@router.get("/clusters")
def clusters(run: JobRun, count: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50) -> list[run_queries.Cluster]:
    """Lists the largest groups of documents that are the same; `documents?cluster=` lists the members of one."""
    return run_queries.clusters(run, most=count)


@router.get("/review")
def review(named: NamedJob, _: JobRun) -> run_queries.ReviewState:
    """Tells what waits for people, and how much they have answered."""
    return run_queries.review_state(named.run)


@router.get("/exports")
def listed_exports(named: NamedJob) -> list[exports.ExportFound]:
    """Lists the exports of a run, the newest first."""
    return exports.exports_of(named.run)


def folder_of_export(named: NamedJob, export: ExportName) -> Path:
    """Returns the folder of the export that a path names.

    Raises:
        HTTPException: 404, there is none.
    """
    try:
        return exports.export_folder(named.run, export)
    except InputError as error:
        raise HTTPException(404, str(error)) from None


ExportFolder = Annotated[Path, Depends(folder_of_export)]


@router.get("/exports/{export}/files")
def export_files(folder: ExportFolder) -> list[exports.ExportFile]:
    """Lists the files of an export with their digests."""
    return exports.files_of(folder)


@router.get("/exports/{export}/files/{path:path}", response_class=FileResponse)
@router.head("/exports/{export}/files/{path:path}", include_in_schema=False)
def export_file(folder: ExportFolder, path: str, request: Request) -> Response:
    """Sends a file of an export, or ranges of it; its ETag is its sha256."""
    found = next((file for file in exports.files_of(folder) if file.path == path), None)
    if found is None:
        raise HTTPException(404, f"{path!r}: expected a file of this export, found none")
    tag = f'"{found.sha256}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=31536000, immutable"}
    asked = request.headers.get("if-none-match", "")
    if asked == "*" or tag in [entry.strip().removeprefix("W/") for entry in asked.split(",")]:
        return Response(status_code=304, headers=headers)
    return FileResponse(folder / path, headers=headers, media_type="application/octet-stream")


@router.get("/exports/{export}/trace")
def trace(
    folder: ExportFolder,
    step: Annotated[int, Query(ge=0, le=2**53)],
    global_batch: Annotated[int, Query(ge=1, le=4096)],
) -> list[dict[str, str | int | bool]]:
    """Lists the documents of a training step, as where a loss rose."""
    return exports.documents_at(folder, step=step, global_batch=global_batch)  # type: ignore[return-value]


@router.get("/exports/{export}/steps")
def steps(
    run: JobRun,
    folder: ExportFolder,
    name: Annotated[str, Query(min_length=1, max_length=4096)],
    global_batch: Annotated[int, Query(ge=1, le=4096)],
) -> list[dict[str, str | int | bool]]:
    """Lists the pieces of a document (by id, URL or own id) with the training step that takes each first."""
    found = exports.steps_of(folder, run_queries.id_of(run, name), global_batch=global_batch)
    return found  # type: ignore[return-value]
