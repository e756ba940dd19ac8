"""The service's SQL on a real Postgres, which the test starts in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pipelines.service.database import open_database
from pipelines.service.tables import Base
from tests.pipelines.service.services import new_job, service_in, until
from tests.pipelines.service.test_dispatcher import _ticked, without_children
from tests.pipelines.service.test_schedules import add

pytestmark = pytest.mark.slow
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of an empty database, over a socket in a folder."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if not BINARIES or (os.geteuid() == 0 and shutil.which("setpriv") is None):
        pytest.skip("no Postgres here (Debian: apt-get install postgresql)")
    user: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:  # Postgres refuses to run as root
            shutil.chown(folder, "postgres")
            user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]

        def run(program: str, *arguments: str) -> None:
            command = [*user, str(BINARIES[-1] / program), "-D", f"{folder}/data", *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

        run("initdb", "-U", "gristmill", "-A", "trust", "-N")
        run("pg_ctl", "start", "-w", "-l", f"{folder}/log", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off")
        yield f"postgresql+psycopg://gristmill@/postgres?host={folder}"
        run("pg_ctl", "stop", "-m", "immediate")


def test_migrations_queue_leases_tokens_schedules_and_trainings_work_on_postgres(url: str, tmp_path: Path):
    services = [service_in(tmp_path, database=url, owner=f"service {number}") for number in range(2)]
    first = services[0]
    with first.jobs.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)
        assert found == []

    jobs = [first.jobs.submit(new_job(first)) for _ in range(6)]
    assert (
        first.jobs.submit(new_job(first, request_key="7")).id == first.jobs.submit(new_job(first, request_key="7")).id
    )
    threads = [
        threading.Thread(target=lambda at=at: until(lambda: all(_ticked(at.dispatcher, job) == "done" for job in jobs)))
        for at in services
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: all(without_children(service) for service in services))
    assert {job.attempt for job in first.jobs.page()} == {1}
    assert sum(first.jobs.num_by_state().values()) == 7

    assert first.tokens.principal(first.tokens.make("ops", ("admin",))) is not None
    first.audit.note("ops", "POST /api/jobs", 201)
    assert first.audit.page()[0].what == "POST /api/jobs"
    add(first.schedules, first, "interval", "60")
    assert first.schedules.run_now("nightly").schedule_id == first.schedules.get("nightly").id
    training = first.trainings.register(export="0" * 16, name="tiny", host="here", global_batch=8, steps=10)
    assert first.trainings.tell(training.id, [], state="done")
    for service in services:
        service.jobs.engine.dispose()


def test_two_services_may_migrate_at_once(url: str):
    engines = []
    threads = [threading.Thread(target=lambda: engines.append(open_database(url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engines) == 3
    for engine in engines:
        engine.dispose()
