"""Services on a temporary folder, and processes that obey the protocol of an attempt without running anything."""

import asyncio
import contextlib
import functools
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from sqlalchemy import update

from pipelines.service.app import create_app, prepare
from pipelines.service.audit import Audit
from pipelines.service.database import connect, open_database, writing
from pipelines.service.dispatcher import Dispatcher
from pipelines.service.jobs import Jobs, NewJob
from pipelines.service.reviewing import Reviewing
from pipelines.service.schedules import Schedules
from pipelines.service.service import Service
from pipelines.service.settings import ServiceSettings
from pipelines.service.tables import Job
from pipelines.service.tokens import Sessions, Tokens
from pipelines.service.trainings import Trainings

SPEC = "job: small\ninputs: {files: {files: [data/*.txt]}}\n"
ENDS = """
import json, os, sys, pathlib
folder = pathlib.Path(sys.argv[1])
order = json.loads((folder / "order.json").read_text())
(folder / "process.json").write_text(json.dumps({"pid": os.getpid(), "attempt": order["attempt"]}))
print("attempt", order["attempt"], flush=True)
def end(code, error=None):
    path = folder / f"exit-{order['attempt']}.json"
    path.with_suffix(".new").write_text(json.dumps({"code": code, "error": error}))
    path.with_suffix(".new").replace(path)
    sys.exit(code)
"""
WAITS = (
    ENDS
    + """
try:
    sys.stdin = open(folder / "go")  # a FIFO: opened when the test opens it too
    end(int(sys.stdin.read() or 0))
except KeyboardInterrupt:
    end(130, "interrupted")
"""
)


def settings_in(folder: Path, **changes: object) -> ServiceSettings:
    """Returns settings of a service in `folder`, whose root is `folder/files`."""
    (folder / "files" / "data").mkdir(parents=True, exist_ok=True)
    (folder / "files" / "data" / "a.txt").write_text("One small text of a few words.\n")
    given = {
        "data": folder / "service",
        "runs": folder / "runs",
        "roots": (folder / "files",),
        "database": f"sqlite:///{folder / 'service' / 'service.db'}",
        "cores": 2,
        "memory_bytes": 8 << 30,
    }
    return ServiceSettings(**(given | changes))  # type: ignore[arg-type]


@functools.cache
def migrated() -> bytes:
    """Returns the file of an empty SQLite database: a copy costs far less than its migrations."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "service.db")
        open_database(f"sqlite:///{file}").dispose()
        return file.read_bytes()


def service_in(folder: Path, *, script: str = ENDS + "end(0)", owner: str | None = None, **changes: object) -> Service:
    """Returns a service whose jobs run `script` instead of a run; nothing ticks by itself."""
    settings = settings_in(folder, **changes)
    for made in (settings.data, settings.jobs, settings.runs):
        made.mkdir(parents=True, exist_ok=True)
    database = settings.data / "service.db"
    if is_own := settings.database == f"sqlite:///{database}":
        with contextlib.suppress(FileExistsError), database.open("xb") as file:
            file.write(migrated())
    engine = connect(settings.database) if is_own else open_database(settings.database)
    jobs = Jobs(engine, settings.runs)
    dispatcher = Dispatcher(settings=settings, jobs=jobs, command=(sys.executable, "-c", script))
    if owner is not None:
        dispatcher.owner = owner
    return Service(
        settings=settings,
        jobs=jobs,
        tokens=Tokens(engine),
        sessions=Sessions(b"a key of the tests"),
        audit=Audit(engine),
        dispatcher=dispatcher,
        schedules=Schedules(jobs),
        trainings=Trainings(jobs),
        reviewing=Reviewing(command=(sys.executable, "-c", "import sys; sys.exit('error: no review server')")),
    )


@contextlib.contextmanager
def live(service: Service, *, prepared: bool = False) -> Iterator[str]:
    """Yields the address of a service that answers over a socket; nothing ticks by itself.

    `prepared`: as `gristmill serve` is before it listens; else the first answer takes longer.
    """
    app = create_app(service)
    if prepared:
        asyncio.run(prepare(app))
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def new_job(service: Service, **changes: object) -> NewJob:
    """Returns a small job for `service`."""
    given = {"name": "small", "spec": SPEC, "folder": service.settings.roots[0], "cores": 1, "memory_bytes": 1 << 30}
    return NewJob(**(given | changes))  # type: ignore[arg-type]


def until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Waits for something that another process does; fails when it takes too long."""
    end = time.monotonic() + seconds
    pause = 0.005
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(pause)
        pause = min(2 * pause, 0.1)  # who waits long should not take the processor from what is waited for


def finished_job(service: Service, run: Path) -> Job:
    """Returns a done job whose run directory is `run`."""
    job = service.jobs.submit(new_job(service))
    with writing(service.jobs.engine) as session:
        session.execute(update(Job).where(Job.id == job.id).values(run=str(run), state="done"))
    return job
