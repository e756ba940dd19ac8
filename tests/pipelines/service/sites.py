"""Services with everything that pages can show, as long and hostile as data may be; and with nothing."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import update

from pipelines.service import joblogs, processes
from pipelines.service.database import writing
from pipelines.service.schedules import NewSchedule
from pipelines.service.service import Service
from pipelines.service.tables import Job, Schedule
from pipelines.service.tokens import COOKIE
from pipelines.service.trainings import Point
from pipelines.shards import export_shards
from tests.pipelines.report.hostile import ATTACKS, hostile_run
from tests.pipelines.service.page_addresses import Shown, addresses
from tests.pipelines.service.services import finished_job, new_job, service_in
from tests.rundirs import example_docs, identity, write_run
from tests.token_runs import documents, texts
from tests.token_runs import write_run as write_tokens

MANY = 51
LONG = "W" * 200
HUGE = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A service, the addresses of its pages, and the cookie of an administrator's session ({}: none is needed)."""

    service: Service
    pages: tuple[str, ...]
    cookie: dict[str, str]


def full_site(folder: Path) -> Site:
    """Returns a service with more of everything than a page holds, all of it hostile."""
    service = service_in(folder)
    shown = _shown(service, folder / "run")
    states = [_job_in_state(service, "running"), _job_in_state(service, "failed"), _forecast(service)]
    for number in range(MANY):
        service.jobs.submit(new_job(service, name=_attack(number), submitter=_attack(number)))
        service.tokens.make(_attack(number), ("read",))
        service.audit.note(_attack(number), f"POST {ATTACKS[number % len(ATTACKS)]}{LONG}", 403)
        add_schedule(service, f"{LONG[:90]}-{number}")
    row, _ = service.tokens.add("the administrator", ("admin",), days=1)
    write_run(folder / "example", example_docs())
    example = f"/jobs/{finished_job(service, folder / 'example').id}"
    judged = (example, f"{example}/document?name={identity(example_docs(), 3).hex()}")
    missing = "/jobs/" + "0" * 21
    pages = [path for paths in addresses(shown).values() for path in paths if not path.endswith("/report")]
    cookie = {"name": COOKIE, "value": service.sessions.make(row.id)}
    return Site(service=service, pages=(*pages, *states, *judged, missing), cookie=cookie)


def empty_site(folder: Path) -> Site:
    """Returns a service with one job, whose run holds nothing, and no token, so that anybody is the administrator."""
    service = service_in(folder)
    write_run(folder / "run", ())
    job = f"/jobs/{finished_job(service, folder / 'run').id}"
    own = ("/?state=failed", "/new", "/schedules", "/schedules/new", "/tokens", "/audit", "/tokens?name=x")
    return Site(service=service, pages=(*own, job, f"{job}/documents", f"{job}/review"), cookie={})


def _attack(number: int) -> str:
    return f"{ATTACKS[number % len(ATTACKS)][:150]}{number}"


def _shown(service: Service, run: Path) -> Shown:
    ids = hostile_run(run).decisions.to_table(columns=["doc_id"])["doc_id"].to_pylist()
    batches = [documents(texts(200), source=ATTACKS[0]), documents(texts(40), source="a" * 3000)]
    export_shards(write_tokens(run.parent / "tokens", batches))
    shutil.copytree(run.parent / "tokens/exports", run / "exports")
    export = (run / "exports/latest").read_text().strip()
    job = finished_job(service, run)
    training = service.trainings.register(
        export=export, name=ATTACKS[1] + LONG[:150], host=LONG, global_batch=2**31, steps=HUGE
    )
    stages = [_attack(number).replace("\0", "")[:40] for number in range(12)]
    points = [
        Point(step=step * HUGE // 100, stage=stages[step % 12], loss=None if step % 7 == 0 else 1e300 / (step + 1),
              losses={stages[step % 12]: 4.5})
        for step in range(100)
    ]  # fmt: skip
    service.trainings.tell(training.id, points, state="running")
    exported = batches[0]["doc_id"][3].as_py().hex()
    return Shown(
        job=job.id, document=ids[3].hex(), other=ids[0].hex(), export=export, exported_document=exported,
        training=training.id,
    )  # fmt: skip


def _job_in_state(service: Service, state: str) -> str:
    """Adds a job that runs or failed, with progress and a log; returns the address of its page."""
    job = service.jobs.submit(new_job(service, name=ATTACKS[0] + LONG[:150]))
    values = {"state": state, "error": None if state == "running" else f"error: {ATTACKS[10]}{LONG}", "owner": "none"}
    with writing(service.jobs.engine) as session:
        session.execute(update(Job).where(Job.id == job.id).values(started_ms=1000, lease_ms=HUGE, **values))
    folder = service.dispatcher.folder(job)
    folder.mkdir(parents=True)
    ended = {"stage": LONG, "summary": ATTACKS[2] + LONG, "started_ms": 1000, "finished_ms": 3000, "total": 4}
    now = {"stage": ATTACKS[9], "done": HUGE // 2, "total": HUGE, "unit": LONG, "started_ms": 3000}
    content = {"ended": [ended | {"points": [[1000, 0], [3000, 4]]}], "now": now | {"points": [[3500, 1]]}}
    (folder / processes.PROGRESS).write_text(json.dumps(content))
    (folder / joblogs.LOG).write_text("\n".join(_attack(number) + LONG for number in range(30)))
    return f"/jobs/{job.id}"


def _forecast(service: Service) -> str:
    job = service.jobs.submit(new_job(service, name="forecast", action="plan"))
    with writing(service.jobs.engine) as session:
        session.execute(update(Job).where(Job.id == job.id).values(state="done"))
    folder = service.dispatcher.folder(job)
    folder.mkdir(parents=True)
    (folder / processes.PLAN).write_text(json.dumps({ATTACKS[0]: [LONG, {"deep": {"deeper": ATTACKS[9]}}]}))
    return f"/jobs/{job.id}"


def add_schedule(service: Service, name: str) -> None:
    """Adds a schedule whose last outcome is hostile."""
    service.schedules.add(NewSchedule(name=name, trigger="cron", expression="30 3 * * *", job=new_job(service)))
    with writing(service.jobs.engine) as session:
        values = {"last_outcome": f"{ATTACKS[1]}{LONG}", "last_ms": 1000, "time_zone": "America/Argentina/Buenos_Aires"}
        session.execute(update(Schedule).where(Schedule.name == name).values(**values))
