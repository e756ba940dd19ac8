"""Every page of the service by its route, with addresses that show it: what tests and benchmarks of all pages walk."""

from dataclasses import dataclass

from fastapi.routing import APIRoute

from pipelines.service.pages import PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the pages of a job show: its id, two documents of its run, an export, a document in that, a training."""

    job: str
    document: str
    other: str
    export: str
    exported_document: str
    training: str


def addresses(shown: Shown) -> dict[str, tuple[str, ...]]:
    """Returns addresses by route; a page of several kinds has one for each."""
    job = f"/jobs/{shown.job}"
    export = f"{job}/exports/{shown.export}"
    routes = {
        "/": ("/", "/?state=failed"),
        "/new": ("/new", f"/new?like={shown.job}"),
        "/login": ("/login",),
        "/schedules": ("/schedules",),
        "/schedules/new": (f"/schedules/new?like={shown.job}",),
        "/tokens": ("/tokens", "/tokens?name=nightly&state=works"),
        "/audit": ("/audit", "/audit?who=nightly&what=cancel&outcome=refused"),
        "/jobs/{job_id}": (job,),
        "/jobs/{job_id}/report": (f"{job}/report",),
        "/jobs/{job_id}/documents": (f"{job}/documents", f"{job}/documents?state=dropped&rule=quality/num_words"),
        "/jobs/{job_id}/document": (f"{job}/document?name={shown.document}",),
        "/jobs/{job_id}/beside": (f"{job}/beside?one={shown.document}&other={shown.other}",),
        "/jobs/{job_id}/review": (f"{job}/review",),
        "/jobs/{job_id}/exports/{export}": (export,),
        "/jobs/{job_id}/exports/{export}/trace": (
            f"{export}/trace?step=0&global_batch=64",
            f"{export}/trace?doc={shown.exported_document}&global_batch=64",
        ),
        "/jobs/{job_id}/trainings/{training_id}": (f"{job}/trainings/{shown.training}",),
    }
    assert set(routes) == page_routes(), "a page without an address here would be seen by no test of all pages"
    return routes


def page_routes() -> set[str]:
    """Returns the routes that answer a browser's GET; the files beside the pages are none."""
    routes = [route for part in PARTS for route in part.routes if isinstance(route, APIRoute)]
    return {route.path_format for route in routes if "GET" in route.methods} - {"/static/{name}"}
