"""Jobs in the database."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pipelines.service.database import migrate
from pipelines.service.service import Service
from pipelines.service.tables import Base
from tests.pipelines.service.services import new_job, service_in


def test_the_migrations_make_the_tables_that_the_code_expects_and_do_nothing_twice(service: Service):
    migrate(service.jobs.engine)
    with service.jobs.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_of_two_services_that_want_a_job_one_gets_it(service: Service):
    job = service.jobs.submit(new_job(service))

    assert service.jobs.claim(job, owner="one", lease_seconds=15) == 1
    assert service.jobs.claim(job, owner="two", lease_seconds=15) is None
    assert [found.id for found in service.jobs.watched_by("one")] == [job.id]


def test_a_job_is_taken_over_when_its_lease_is_over_and_not_before(tmp_path: Path):
    now = [1000.0]
    service = service_in(tmp_path)
    jobs = type(service.jobs)(service.jobs.engine, service.jobs.runs, clock=lambda: now[0])
    job = jobs.submit(new_job(service))
    jobs.claim(job, owner="one", lease_seconds=15)

    now[0] += 15
    assert jobs.take_over("two", gone=[], lease_seconds=15) == []
    now[0] += 0.001
    assert [found.owner for found in jobs.take_over("two", gone=[], lease_seconds=15)] == ["two"]

    attempt = jobs.get(job.id)
    assert attempt is not None
    assert not jobs.finish(attempt, owner="one", state="done", exit_code=0, error=None), "it is two's now"
    assert not jobs.is_attempt(job.id, 1, owner="one")


def test_the_same_request_key_makes_one_job(service: Service):
    first = service.jobs.submit(new_job(service, request_key="dag-7"))
    again = service.jobs.submit(new_job(service, request_key="dag-7", name="other"))

    assert (again.id, again.name) == (first.id, "small")
    assert len(service.jobs.page()) == 1


def test_pages_list_every_job_once_newest_first(service: Service):
    ids = [service.jobs.submit(new_job(service)).id for _ in range(7)]

    found: list[str] = []
    while page := service.jobs.page(before=found[-1] if found else None, count=3):
        found += [job.id for job in page]

    assert found == sorted(ids, reverse=True)


def test_a_queued_job_ends_at_once_and_an_ended_one_cannot_be_cancelled(service: Service):
    job = service.jobs.submit(new_job(service))

    assert service.jobs.cancel(job.id)
    assert not service.jobs.cancel(job.id)
    assert not service.jobs.again(job.id, action="resume"), "only a done job is decided anew"
    assert service.jobs.again(job.id, action="run")
    assert [found.id for found in service.jobs.queued()] == [job.id]
