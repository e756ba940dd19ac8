"""The page of a job and its run: live progress, then the funnel that leads to documents, review, exports."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from curation.errors import InputError
from pipelines.report.page import NAME, Step, steps
from pipelines.rundir import Run
from pipelines.service import answers, exports, joblogs, processes, run_queries, training_routes
from pipelines.service.access import reads
from pipelines.service.asked import Asked, NamedJob
from pipelines.service.pages.lines import of_progress
from pipelines.service.pages.rendering import PageRoute, page
from pipelines.service.run_routes import JobRun
from pipelines.service.tables import ENDED, Job

router = APIRouter(route_class=PageRoute, dependencies=[reads], prefix="/jobs/{job_id}")
LOG_LINES = 200
LARGEST_CLUSTERS = 10
REPORT_CSP = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""The report brings its own policy, which allows its one style sheet by digest; this one only adds to it."""
LEADS_TO = {
    "Dropped by gates": {"state": "dropped"},
    "Exact duplicates": {"decided_by": "dedup/exact_*"},
    "Near duplicates": {"decided_by": "dedup/near"},
    "Same URL": {"decided_by": "dedup/url"},
    "Held: cluster undecided": {"decided_by": "dedup/cluster_undecided"},
    "Borderline pairs": {"decided_by": "dedup/near_borderline"},
    "In review": {"state": "review"},
    "Documents read": {},
    "Kept": {"state": "kept"},
}
"""Where a line of the funnel leads; the others are no documents, or several rules that stand below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the funnel; `query` lists its documents, None where they cannot be listed."""

    step: Step
    query: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page shows of a finished run."""

    overview: run_queries.Overview
    lines: tuple[Line, ...]
    clusters: list[run_queries.Cluster]
    exports: list[exports.ExportFound]
    has_report: bool

    @property
    def most_failed(self) -> int:
        """The most documents that one rule touched."""
        return max((max(row.counts.failed, row.counts.review) for row in self.overview.rules), default=0)


@router.get("")
def job(request: Request, named: NamedJob, service: Asked) -> Response:
    """Shows a job."""
    folder = service.dispatcher.folder(named)
    progress = answers.progress_of(processes.read_json(folder / processes.PROGRESS))
    return page(
        request, "job.html",
        job=answers.job_of(named),
        progress=progress,
        lines=of_progress(progress),
        plan=processes.read_json(folder / processes.PLAN) if named.action == "plan" else {},
        log=joblogs.tail(folder, lines=LOG_LINES),
        spec=named.spec,
        run=_shown(named),
        trainings=training_routes.of_job(named, service),
        is_live=named.state not in ENDED,
    )  # fmt: skip


def _shown(named: Job) -> Shown | None:
    """Returns what there is of the run; None while it is not finished."""
    if named.state not in ENDED:
        return None
    try:
        run = run_queries.newest(named.run)
    except InputError:
        return None
    if not run.store.exists("manifest.json"):
        return None
    found = run_queries.overview(run)
    return Shown(
        overview=found,
        lines=tuple(Line(step=step, query=_query(step)) for step in steps(found.funnel)),
        clusters=run_queries.clusters(run, most=LARGEST_CLUSTERS),
        exports=exports.exports_of(named.run),
        has_report=_report(run, named).is_file(),
    )


def _query(step: Step) -> str | None:
    asked = LEADS_TO.get(step.label)
    return None if asked is None or not step.count else urlencode(asked)


def _report(run: Run, named: Job) -> Path:
    """Returns where the report of what was decided last lies, else that of the run."""
    newest = Path(run.store.uri) / NAME
    return newest if newest.is_file() else Path(named.run) / NAME


@router.get("/report")
def report(named: NamedJob, run: JobRun) -> Response:
    """Sends the run's report."""
    path = _report(run, named)
    if not path.is_file():
        raise HTTPException(404, f"job {named.id}: expected a report, found none")
    return FileResponse(path, media_type="text/html", headers={"content-security-policy": REPORT_CSP})
