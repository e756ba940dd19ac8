"""Schedules: a spec that becomes a job again and again, by cron, by interval, or when new files appear.

The database is the store. APScheduler's triggers say when a schedule is due next; its own store is not used, for it
pickles what it keeps and fires twice where two processes share it. Here whoever moves `next_ms` on from the value it
read submits the job, both in one transaction: two services on one database fire once, and none in between is lost.
"""

import datetime
import hashlib
import json
import os
import time
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from curation.errors import GristmillError, InputError, SpecError
from pipelines.inputs.open import list_files
from pipelines.service.admission import NEW_FILES
from pipelines.service.database import reading, writing
from pipelines.service.jobs import Jobs, NewJob, new_id
from pipelines.service.tables import ENDED, Job, Schedule, SeenFile

POLL_SECONDS = 30
SETTLED_SECONDS = 5.0  # a local file that changed later than this may still be being written
MAX_NEW_FILES = 1000
MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS = 10, 366 * 86400
TRIGGERS, MISSED = ("cron", "interval", "files"), ("once", "skip")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """What a schedule is made of; the job's spec and paths were checked.

    `missed`: what becomes of times that passed while no service ran, beyond `grace_seconds`: one job for all of them
    (`once`), or none (`skip`).
    """

    name: str
    trigger: str
    expression: str
    time_zone: str = "UTC"
    missed: str = "once"
    grace_seconds: int = 60
    job: NewJob


@dataclass(frozen=True, slots=True)
class Schedules:
    """The schedules of a database."""

    jobs: Jobs

    def add(self, new: NewSchedule) -> Schedule:
        """Adds a schedule. Files that are there already count as seen only once a job read them.

        Raises:
            SpecError: it can never be due, or its name is taken.
        """
        now = self.jobs.now_ms()
        row = Schedule(
            id=new_id(now),
            name=new.name,
            trigger=new.trigger,
            expression=new.expression,
            time_zone=new.time_zone,
            missed=new.missed,
            grace_seconds=new.grace_seconds,
            spec=new.job.spec,
            folder=str(new.job.folder),
            settings=list(new.job.settings),
            cores=new.job.cores,
            memory_bytes=new.job.memory_bytes,
            created_ms=now,
        )
        check(row)
        row.next_ms = now if row.trigger == "files" else next_due(row, after_ms=now)
        try:
            with writing(self.jobs.engine) as session:
                session.add(row)
        except IntegrityError:
            raise SpecError(f"{new.name}: expected a new name, found a schedule that has it; remove it first") from None
        return row

    def all(self) -> list[Schedule]:
        """Returns every schedule by name."""
        with reading(self.jobs.engine) as session:
            return list(session.scalars(select(Schedule).order_by(Schedule.name)))

    def get(self, name: str) -> Schedule:
        """Returns a schedule.

        Raises:
            InputError: there is none of this name.
        """
        with reading(self.jobs.engine) as session:
            found = session.scalars(select(Schedule).where(Schedule.name == name)).one_or_none()
        if found is None:
            raise InputError(f"{name}: expected the name of a schedule, found none; gristmill schedule list")
        return found

    def remove(self, name: str) -> None:
        """Removes a schedule and what it has seen; its jobs stay.

        Raises:
            InputError: there is none of this name.
        """
        found = self.get(name)
        with writing(self.jobs.engine) as session:
            session.execute(delete(SeenFile).where(SeenFile.schedule_id == found.id))
            session.execute(delete(Schedule).where(Schedule.id == found.id))

    def run_now(self, name: str) -> Job:
        """Submits the job of a schedule at once, which counts as its last time; when it is due next stays.

        Raises:
            InputError: there is none of this name.
        """
        found = self.get(name)
        files = list(_new_files(found, self._seen(found)))[:MAX_NEW_FILES] if found.trigger == "files" else []
        with writing(self.jobs.engine) as session:
            job = self._job(found, files)
            session.add(job)
            _note_seen(session, found, files, job.created_ms)
            values = {"last_job": job.id, "last_ms": job.created_ms, "last_outcome": "submitted"}
            session.execute(update(Schedule).where(Schedule.id == found.id).values(**values))
        return job

    def tick(self) -> None:
        """Submits the jobs of all schedules that are due."""
        now = self.jobs.now_ms()
        with reading(self.jobs.engine) as session:
            query = select(Schedule).where(Schedule.next_ms <= now).order_by(Schedule.next_ms, Schedule.id)
            due = list(session.scalars(query))
        for schedule in due:
            self._fire(schedule, now)

    def _fire(self, due: Schedule, now: int) -> None:
        files: list[_NewFile] = []
        outcome = self._reason_against(due, now)
        if outcome is None and due.trigger == "files":
            try:
                files = list(_new_files(due, self._seen(due)))[:MAX_NEW_FILES]
                outcome = None if files else "no new files"
            except GristmillError as error:
                outcome = str(error)
        with writing(self.jobs.engine) as session:
            job = None if outcome else self._job(due, files)
            values: dict[str, object] = {"last_outcome": outcome or "submitted", "last_ms": due.next_ms}
            if job is not None:
                values["last_job"] = job.id
            moved = update(Schedule).where(Schedule.id == due.id, Schedule.next_ms == due.next_ms)
            done = session.connection().execute(moved.values(next_ms=next_due(due, after_ms=now), **values))
            if done.rowcount == 1 and job is not None:
                session.add(job)
                _note_seen(session, due, files, now)

    def _reason_against(self, due: Schedule, now: int) -> str | None:
        """Returns why no job is submitted though the time has come."""
        late = (now - (due.next_ms or now)) / 1000
        if due.missed == "skip" and late > due.grace_seconds:
            return f"missed by {late:.0f} s"
        last = self.jobs.get(due.last_job) if due.last_job else None
        if last is not None and last.state not in ENDED:
            return f"job {last.id} has not ended"
        return None

    def _job(self, of: Schedule, files: Sequence["_NewFile"]) -> Job:
        listed = json.dumps([file.uri for file in files])
        return self.jobs.row_of(
            NewJob(
                name=of.name,
                spec=of.spec,
                folder=Path(of.folder),
                settings=tuple(setting.replace(NEW_FILES, listed) for setting in of.settings),
                cores=of.cores,
                memory_bytes=of.memory_bytes,
                submitter=f"schedule {of.name}",
                schedule_id=of.id,
            )
        )

    def _seen(self, schedule: Schedule) -> set[str]:
        with reading(self.jobs.engine) as session:
            return set(session.scalars(select(SeenFile.path_sha256).where(SeenFile.schedule_id == schedule.id)))


@dataclass(frozen=True, slots=True)
class _NewFile:
    """A file, and the digest of what tells it from another one of its name."""

    uri: str
    mark: str


def _new_files(schedule: Schedule, seen: set[str]) -> Iterator[_NewFile]:
    """Yields files of the trigger that no job was submitted for, in order of their paths; `seen` are their marks.

    Raises:
        InputError: they cannot be listed.
    """
    try:
        found = list_files([schedule.expression], Path(schedule.folder))
    except InputError as error:
        if "found none" in str(error):  # nothing has come yet
            return
        raise
    settled = time.time() - SETTLED_SECONDS
    for file in found:
        changed = _changed_ns(file.uri)
        mark = hashlib.sha256(f"{file.uri}\0{file.bytes}\0{changed}".encode("utf-8", "surrogateescape")).hexdigest()
        if file.problem is None and mark not in seen and changed <= settled * 1e9:
            yield _NewFile(file.uri, mark)


def _changed_ns(uri: str) -> int:
    """Returns when a local file was changed; 0 for others, which appear when they are whole."""
    return 0 if "://" in uri else os.stat(uri).st_mtime_ns


def _note_seen(session: Session, schedule: Schedule, files: Sequence["_NewFile"], now: int) -> None:
    for file in files:
        session.merge(SeenFile(schedule_id=schedule.id, path_sha256=file.mark, seen_ms=now))


def check(schedule: Schedule) -> None:
    """Checks when a schedule is due.

    Raises:
        SpecError: it is never due, or its time zone is unknown.
    """
    if schedule.trigger not in TRIGGERS or schedule.missed not in MISSED:
        raise SpecError(f"expected a trigger of {TRIGGERS} and missed of {MISSED}, found {schedule.trigger!r}")
    try:
        zoneinfo.ZoneInfo(schedule.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise SpecError(f"time_zone: expected a name like Europe/Zurich, found {schedule.time_zone!r}") from None
    if schedule.trigger == "cron" and next_due(schedule, after_ms=schedule.created_ms) is None:
        raise SpecError(f"cron: expected a time that comes, found {schedule.expression!r}")
    if schedule.trigger == "interval":
        _interval_seconds(schedule.expression)


def _interval_seconds(expression: str) -> int:
    is_number = expression.isascii() and expression.isdigit() and len(expression) <= len(str(MAX_INTERVAL_SECONDS))
    seconds = int(expression) if is_number else 0
    if not MIN_INTERVAL_SECONDS <= seconds <= MAX_INTERVAL_SECONDS:
        raise SpecError(
            f"interval: expected seconds from {MIN_INTERVAL_SECONDS} to {MAX_INTERVAL_SECONDS}, found {expression!r}"
        )
    return seconds


def upcoming(
    *, trigger: str, expression: str, time_zone: str, after_ms: int, count: int
) -> tuple[datetime.datetime, ...]:
    """Returns the next times at which such a schedule would be due, in its time zone; of files it has none.

    Raises:
        SpecError: it is never due, or its time zone is unknown.
    """
    row = Schedule(trigger=trigger, expression=expression, time_zone=time_zone, missed="once", created_ms=after_ms)
    check(row)
    found: list[datetime.datetime] = []
    while trigger != "files" and len(found) < count:
        due = next_due(row, after_ms=after_ms)
        if due is None:
            break
        found.append(datetime.datetime.fromtimestamp(due / 1000, tz=zoneinfo.ZoneInfo(time_zone)))
        after_ms = due
    return tuple(found)


def next_due(schedule: Schedule, *, after_ms: int) -> int | None:
    """Returns when a schedule is due next after a time; None: never.

    Raises:
        SpecError: its cron line cannot be read.
    """
    zone = zoneinfo.ZoneInfo(schedule.time_zone)
    after = datetime.datetime.fromtimestamp((after_ms + 1) / 1000, tz=zone)
    if schedule.trigger == "files":
        return after_ms + POLL_SECONDS * 1000
    if schedule.trigger == "interval":
        start = datetime.datetime.fromtimestamp(schedule.created_ms / 1000, tz=zone)
        trigger = IntervalTrigger(seconds=_interval_seconds(schedule.expression), start_date=start, timezone=zone)
    else:
        try:
            trigger = CronTrigger.from_crontab(schedule.expression, timezone=zone)
        except (ValueError, KeyError, IndexError, OverflowError) as error:
            found = f"found {schedule.expression!r} ({error})"
            raise SpecError(f"cron: expected five fields like '0 3 * * *', {found}") from None
    due = trigger.get_next_fire_time(None, after)
    return None if due is None else int(due.timestamp() * 1000)
