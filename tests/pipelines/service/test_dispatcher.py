"""The queue: what is started, and what becomes of processes and services that are killed."""

import os
import signal
import threading
from pathlib import Path

from sqlalchemy import update

from pipelines.service import joblogs, processes
from pipelines.service.database import writing
from pipelines.service.dispatcher import Dispatcher
from pipelines.service.service import Service, home_of
from pipelines.service.tables import Job
from tests.pipelines.service.services import ENDS, WAITS, new_job, service_in, until


def submitted(service: Service, **changes: object) -> tuple[Job, Path]:
    """Queues a job that waits for its FIFO `go`."""
    job = service.jobs.submit(new_job(service, **changes))
    folder = service.dispatcher.folder(job)
    folder.mkdir(parents=True)
    os.mkfifo(folder / "go")
    return job, folder


def let_go(folder: Path, code: int = 0) -> None:
    """Lets a waiting process end with `code`, and waits for that."""
    with (folder / "go").open("w") as fifo:
        fifo.write(str(code))
    until(lambda: not processes.is_running(folder))


def buried(service: Service) -> None:
    """Waits for the processes of a service that ticks no more, as the system does when it is gone."""
    for child in service.dispatcher.children.values():
        child.wait()


def state(service: Service, job: Job) -> tuple[str, int]:
    found = service.jobs.get(job.id)
    assert found is not None
    return found.state, found.attempt


def started(folder: Path, attempt: int = 1) -> int:
    """Waits until the process of an attempt says who it is."""
    until(lambda: processes.read_json(folder / processes.PROCESS).get("attempt") == attempt)
    return int(str(processes.read_json(folder / processes.PROCESS)["pid"]))


def test_jobs_start_in_order_while_cores_and_memory_last_and_a_large_one_is_waited_for(tmp_path: Path):
    service = service_in(tmp_path, script=WAITS)
    first, folder = submitted(service)
    large, large_folder = submitted(service, cores=2)
    small, small_folder = submitted(service)

    service.dispatcher.tick()
    assert [state(service, job)[0] for job in (first, large, small)] == ["running", "queued", "queued"]

    for done in (folder, large_folder, small_folder):
        let_go(done)
        service.dispatcher.tick()
    assert [state(service, job) for job in (first, large, small)] == [("done", 1)] * 3


def test_a_failed_job_says_why_and_goes_on_when_retried(tmp_path: Path):
    service = service_in(tmp_path, script=ENDS + "end(0 if order['attempt'] == 2 else 3, 'error: too many')")
    job = service.jobs.submit(new_job(service))
    folder = service.dispatcher.folder(job)
    service.dispatcher.tick()
    until(lambda: not processes.is_running(folder))
    service.dispatcher.tick()

    found = service.jobs.get(job.id)
    assert found is not None
    assert (found.state, found.exit_code, found.error) == ("failed", 3, "error: too many")

    assert service.jobs.again(job.id, action="run")
    service.dispatcher.tick()
    until(lambda: not processes.is_running(folder))
    service.dispatcher.tick()
    assert state(service, job) == ("done", 2)
    assert joblogs.tail(folder, lines=10) == ["attempt 1", "attempt 2"]


def test_a_killed_process_is_started_again_and_after_its_restarts_the_job_has_failed(tmp_path: Path):
    service = service_in(tmp_path, script=WAITS, restarts=1)
    job, folder = submitted(service)
    for attempt in (1, 2):
        service.dispatcher.tick()
        os.kill(started(folder, attempt), signal.SIGKILL)
        until(lambda: not processes.is_running(folder))
        service.dispatcher.tick()
        if attempt == 1:
            assert state(service, job) == ("running", 2), "put back, and started again at once"

    found = service.jobs.get(job.id)
    assert found is not None
    assert found.state == "failed"
    assert (found.error or "").startswith("its process was killed 2 times; is there enough memory?")


def test_a_service_finds_the_process_that_an_earlier_one_started(tmp_path: Path):
    first = service_in(tmp_path, script=WAITS)
    job, folder = submitted(first)
    first.dispatcher.tick()
    pid = started(folder)

    gone = f"{os.uname().nodename}:{pid}:1"  # a process of that id lives, but started at another time
    first.jobs.take_over(gone, gone=[first.dispatcher.owner], lease_seconds=600)
    later = service_in(tmp_path, script=WAITS)
    later.dispatcher.tick()
    assert state(later, job) == ("running", 1), "the lease of a service that lives no more is not waited for"
    let_go(folder)
    buried(first)
    later.dispatcher.tick()
    assert state(later, job) == ("done", 1)


def test_a_job_that_was_claimed_but_never_started_is_started_by_the_next_service(tmp_path: Path):
    service = service_in(tmp_path)
    job = service.jobs.submit(new_job(service))
    service.jobs.claim(job, owner=f"{os.uname().nodename}:1:0", lease_seconds=600)

    service.dispatcher.tick()
    folder = service.dispatcher.folder(job)
    until(lambda: processes.exit_of(folder, 2) is not None and not processes.is_running(folder))
    service.dispatcher.tick()
    assert state(service, job) == ("done", 2)


def test_while_a_process_lives_no_service_starts_a_second_one(tmp_path: Path):
    service = service_in(tmp_path, script=WAITS)
    job, folder = submitted(service)
    service.dispatcher.tick()
    pid = started(folder)
    found = service.jobs.get(job.id)
    assert found is not None

    service.jobs.put_back(found, owner=service.dispatcher.owner)  # as if it had been thought dead
    service.dispatcher.tick()
    assert processes.members(folder) == [pid]
    let_go(folder)
    buried(service)


def test_a_service_that_slept_through_its_lease_starts_nothing(tmp_path: Path):
    sleeper = service_in(tmp_path, owner="sleeper").dispatcher
    other = service_in(tmp_path, owner="other")
    job = other.jobs.submit(new_job(other))

    class Slow(type(other.jobs)):  # type: ignore[misc] # what happens between claim and start
        def is_attempt(self, job_id: str, attempt: int, *, owner: str) -> bool:
            other.jobs.take_over("other", gone=["sleeper"], lease_seconds=15)
            return super().is_attempt(job_id, attempt, owner=owner)

    sleeper.jobs = Slow(other.jobs.engine, other.jobs.runs)
    sleeper.tick()
    assert not (other.dispatcher.folder(job) / processes.ORDER).exists()


def test_a_cancelled_job_ends_by_itself_or_its_whole_group_is_killed(tmp_path: Path):
    service = service_in(tmp_path, script=WAITS)
    job, folder = submitted(service)
    service.dispatcher.tick()
    started(folder)
    assert service.jobs.cancel(job.id)
    service.dispatcher.tick()
    until(lambda: not processes.is_running(folder))
    service.dispatcher.tick()
    assert state(service, job) == ("cancelled", 1)

    deaf = ENDS + "import signal, subprocess\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    deaf += "subprocess.run(['sleep', '600'])"
    service = service_in(tmp_path, script=deaf, stop_seconds=0.0)
    job = service.jobs.submit(new_job(service))
    folder = service.dispatcher.folder(job)
    service.dispatcher.tick()
    until(lambda: len(processes.members(folder)) == 2)
    assert service.jobs.cancel(job.id)
    until(lambda: _ticked(service.dispatcher, job) == "cancelled")
    assert processes.members(folder) == []


def _ticked(dispatcher: Dispatcher, job: Job) -> str:
    dispatcher.tick()
    found = dispatcher.jobs.get(job.id)
    assert found is not None
    return found.state


def test_the_process_of_a_job_that_another_service_took_over_is_no_zombie(tmp_path: Path):
    first, second = [service_in(tmp_path, script=WAITS, owner=f"service {number}") for number in range(2)]
    job, folder = submitted(first)
    first.dispatcher.tick()
    child = first.dispatcher.children[job.id]
    started(folder)
    with writing(first.jobs.engine) as session:
        session.execute(update(Job).where(Job.id == job.id).values(lease_ms=0))  # as of a service that slept
    second.dispatcher.tick()
    let_go(folder)
    assert _ticked(second.dispatcher, job) == "done"
    until(lambda: without_children(first))
    assert child.returncode == 0


def without_children(service: Service) -> bool:
    """Tells whether a service has no process left after one more tick."""
    service.dispatcher.tick()
    return not service.dispatcher.children


def test_two_services_on_one_database_run_every_job_once(tmp_path: Path):
    services = [service_in(tmp_path, owner=f"service {number}") for number in range(2)]
    jobs = [services[0].jobs.submit(new_job(services[0])) for _ in range(6)]

    def work(service: Service) -> None:
        until(lambda: all(_ticked(service.dispatcher, job) == "done" for job in jobs))

    threads = [threading.Thread(target=work, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: all(without_children(service) for service in services))
    logs = [joblogs.tail(services[0].dispatcher.folder(job), lines=10) for job in jobs]
    assert logs == [["attempt 1"]] * 6


def test_a_service_with_another_folder_starts_no_job_a_second_time_whose_process_it_cannot_see(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'one' / 'service' / 'service.db'}"
    first = service_in(tmp_path / "one", script=WAITS)
    second = service_in(tmp_path / "two", script=WAITS, database=url, owner="second")
    first.dispatcher.home, second.dispatcher.home = "one", "two"
    job, folder = submitted(first)
    first.dispatcher.tick()
    started(folder)
    with writing(first.jobs.engine) as session:
        session.execute(update(Job).where(Job.id == job.id).values(lease_ms=0, owner="gone"))  # its service was killed
    second.dispatcher.tick()
    assert state(second, job) == ("running", 1)
    assert not second.dispatcher.folder(job).exists()

    let_go(folder)
    buried(first)
    first.dispatcher.tick()  # as a service that is started in that folder again
    assert state(first, job) == ("done", 1)
    assert _ticked(second.dispatcher, second.jobs.submit(new_job(second))) == "running", "it has work of its own"
    for process in second.dispatcher.children.values():
        process.kill()
    buried(second)


def test_a_job_of_a_folder_that_is_lost_ends_where_somebody_asks_for_it_and_is_started_nowhere_else(tmp_path: Path):
    service = service_in(tmp_path)
    service.dispatcher.home = "here"
    job = service.jobs.submit(new_job(service))
    service.jobs.claim(job, owner="gone", lease_seconds=-1, home="lost")
    assert _ticked(service.dispatcher, job) == "running"
    assert service.jobs.cancel(job.id)
    assert _ticked(service.dispatcher, job) == "cancelled"
    assert service.jobs.again(job.id, action="run")
    assert _ticked(service.dispatcher, job) == "queued"


def test_services_that_share_a_folder_have_one_home_and_others_have_others(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = home_of(tmp_path / "one")
    assert home_of(tmp_path / "one") == first
    assert home_of(tmp_path / "two") != first
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["home"]
