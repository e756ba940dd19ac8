"""Jobs in the database: what may become of one, each change one transaction that checks what it changes.

`queued -> running -> done | failed | cancelled`; a failed or cancelled one may be queued again and goes on in the
same run directory. Every change is an UPDATE that names the state it expects, so of two services that want the same
one changes it and the other learns that it did not.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from pipelines.service.database import reading, writing
from pipelines.service.tables import ENDED, Action, Job, State

MAX_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a job is made of; paths and settings were checked."""

    name: str
    spec: str
    folder: Path
    settings: tuple[str, ...] = ()
    sample_documents: int | None = None
    cores: int
    memory_bytes: int
    action: Action = "run"
    submitter: str = "local"
    schedule_id: str | None = None
    request_key: str | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of a database; `clock` gives seconds since 1970."""

    engine: Engine
    runs: Path
    clock: Callable[[], float] = time.time

    def now_ms(self) -> int:
        """Returns the time in milliseconds."""
        return int(self.clock() * 1000)

    def submit(self, new: NewJob) -> Job:
        """Queues a job and returns it; one with a known `request_key` is returned as it is, and nothing is queued."""
        known = self.of_request(new.request_key)
        if known is not None:
            return known
        job = self.row_of(new)
        try:
            with writing(self.engine) as session:
                session.add(job)
        except IntegrityError:  # the same request came twice at once
            known = self.of_request(new.request_key)
            if known is None:
                raise
            return known
        return job

    def row_of(self, new: NewJob) -> Job:
        """Returns the row of a new job, for a transaction of the caller's."""
        now = self.now_ms()
        identity = new_id(now)
        return Job(
            id=identity,
            name=new.name,
            state="queued",
            action=new.action,
            spec=new.spec,
            folder=str(new.folder),
            run=str(self.runs / f"{new.name}-{identity[-10:]}"),
            settings=list(new.settings),
            sample_documents=new.sample_documents,
            cores=new.cores,
            memory_bytes=new.memory_bytes,
            submitter=new.submitter,
            schedule_id=new.schedule_id,
            request_key=new.request_key,
            attempt=0,
            deaths=0,
            created_ms=now,
            queued_ms=now,
        )

    def of_request(self, key: str | None) -> Job | None:
        """Returns the job that a request with this key made."""
        if key is None:
            return None
        with reading(self.engine) as session:
            return session.scalars(select(Job).where(Job.request_key == key)).one_or_none()

    def get(self, job_id: str) -> Job | None:
        """Returns a job."""
        with reading(self.engine) as session:
            return session.get(Job, job_id)

    def page(
        self, *, states: Sequence[State] = (), name: str | None = None, before: str | None = None, count: int = 50
    ) -> list[Job]:
        """Returns jobs, newest first.

        Args:
            states: only jobs in one of these; empty: all.
            name: only jobs of this name.
            before: only jobs older than this id: the last one of the page before.
            count: at most `MAX_PAGE`.
        """
        query = select(Job).order_by(Job.id.desc()).limit(min(count, MAX_PAGE))
        query = query.where(Job.state.in_(states)) if states else query
        query = query.where(Job.name == name) if name is not None else query
        query = query.where(Job.id < before) if before is not None else query
        with reading(self.engine) as session:
            return list(session.scalars(query))

    def num_by_state(self) -> dict[str, int]:
        """Returns how many jobs are in each state that any is in."""
        with reading(self.engine) as session:
            rows = session.execute(select(Job.state, func.count()).group_by(Job.state)).all()
        return {state: count for state, count in rows}

    def cancel(self, job_id: str) -> bool:
        """Asks for the end of a job: a queued one ends at once, a running one when its process has. False: it ended."""
        now = self.now_ms()
        if self._change(job_id, Job.state == "queued", state="cancelled", finished_ms=now):
            return True
        if self._change(job_id, Job.state == "running", Job.cancel_ms.is_(None), cancel_ms=now):
            return True
        found = self.get(job_id)
        return found is not None and found.state == "running"

    def again(self, job_id: str, *, action: Action, memory_bytes: int | None = None) -> bool:
        """Queues an ended job once more; False: its state does not allow it.

        `run` goes on with a failed or cancelled job, `resume` decides a done one anew with people's answers.
        `memory_bytes` is what it waits for from now on; None: as before.
        """
        states = ("done",) if action == "resume" else ("failed", "cancelled")
        planned = self.get(job_id)
        if planned is not None and planned.action == "plan":
            action, states = "plan", ("failed", "cancelled")
        fresh = {"finished_ms": None, "exit_code": None, "error": None, "cancel_ms": None, "deaths": 0}
        fresh |= {} if memory_bytes is None else {"memory_bytes": memory_bytes}
        now = self.now_ms()
        return self._change(job_id, Job.state.in_(states), state="queued", queued_ms=now, action=action, **fresh)

    # ---- for the service that runs them

    def queued(self, *, home: str = "", count: int = 32) -> list[Job]:
        """Returns the jobs that wait and that a service of this home may start, the one that is next first."""
        query = select(Job).where(Job.state == "queued", _of_home(home)).order_by(Job.queued_ms, Job.id).limit(count)
        with reading(self.engine) as session:
            return list(session.scalars(query))

    def claim(self, job: Job, *, owner: str, lease_seconds: float, home: str = "") -> int | None:
        """Takes a queued job for `owner` and returns the number of its new attempt; None: another one has it."""
        now = self.now_ms()
        attempt = job.attempt + 1
        taken = self._change(
            job.id, Job.state == "queued", Job.attempt == job.attempt, _of_home(home),
            state="running", owner=owner, home=home, lease_ms=now + int(lease_seconds * 1000), attempt=attempt,
            started_ms=job.started_ms or now,
        )  # fmt: skip
        return attempt if taken else None

    def is_attempt(self, job_id: str, attempt: int, *, owner: str) -> bool:
        """Tells whether this is the attempt that runs, and `owner` watches it."""
        job = self.get(job_id)
        return job is not None and (job.state, job.attempt, job.owner) == ("running", attempt, owner)

    def watched_by(self, owner: str) -> list[Job]:
        """Returns the running jobs that `owner` watches."""
        query = select(Job).where(Job.state == "running", Job.owner == owner).order_by(Job.id)
        with reading(self.engine) as session:
            return list(session.scalars(query))

    def renew(self, owner: str, *, lease_seconds: float) -> None:
        """Says that `owner` is still there."""
        lease = self.now_ms() + int(lease_seconds * 1000)
        query = update(Job).where(Job.state == "running", Job.owner == owner).values(lease_ms=lease)
        with writing(self.engine) as session:
            session.execute(query)

    def take_over(self, owner: str, *, gone: Sequence[str], lease_seconds: float, home: str = "") -> list[Job]:
        """Takes the running jobs whose lease is over, or whose owner is one of `gone`; returns all that `owner` has.

        Of another home, only those whose end was asked for: whether their processes live cannot be seen from here.
        """
        now = self.now_ms()
        left = or_(Job.lease_ms < now, Job.owner.in_(gone)) if gone else Job.lease_ms < now
        may = or_(_of_home(home), Job.cancel_ms.is_not(None))
        query = update(Job).where(Job.state == "running", Job.owner != owner, left, may)
        with writing(self.engine) as session:
            session.execute(query.values(owner=owner, lease_ms=now + int(lease_seconds * 1000)))
        return self.watched_by(owner)

    def owners(self) -> list[str]:
        """Returns the services that watch running jobs."""
        with reading(self.engine) as session:
            query = select(Job.owner).where(Job.state == "running", Job.owner.is_not(None)).distinct()
            return [owner for owner in session.scalars(query) if owner is not None]

    def finish(
        self,
        job: Job,
        *,
        owner: str,
        state: State,
        exit_code: int | None,
        error: str | None,
        counts: dict[str, int] | None = None,
    ) -> bool:
        """Ends a running job; False: it is not `owner`'s any more."""
        assert state in ENDED, "a job ends in an end state"
        values: dict[str, object] = {"state": state, "exit_code": exit_code, "error": error, "counts": counts}
        return self._mine(job, owner, finished_ms=self.now_ms(), owner=None, lease_ms=None, **values)

    def put_back(self, job: Job, *, owner: str) -> bool:
        """Queues a job again whose process vanished; it keeps its place by the time it was queued."""
        return self._mine(job, owner, state="queued", deaths=job.deaths + 1, owner=None, lease_ms=None)

    def _mine(self, job: Job, watcher: str, **values: object) -> bool:
        return self._change(job.id, Job.state == "running", Job.owner == watcher, Job.attempt == job.attempt, **values)

    def _change(self, job_id: str, *expected: ColumnElement[bool], **values: object) -> bool:
        """Changes a job that is as expected; False: it is not, and nothing was changed."""
        with writing(self.engine) as session:
            done = session.connection().execute(update(Job).where(Job.id == job_id, *expected).values(**values))
            return done.rowcount == 1


def _of_home(home: str) -> ColumnElement[bool]:
    return or_(Job.home.is_(None), Job.home == home)


def new_id(now_ms: int) -> str:
    """Returns a new id; ids sort by the time they were made at."""
    return f"{now_ms:011x}{secrets.token_hex(5)}"
