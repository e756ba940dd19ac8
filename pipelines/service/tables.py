"""The service's database: what it must not forget. Times are milliseconds since 1970, UTC.

The schema is made by the migrations beside this file; a test compares the two.
"""

from typing import Literal

from sqlalchemy import JSON, BigInteger, Double, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

State = Literal["queued", "running", "done", "failed", "cancelled"]
Action = Literal["run", "resume", "plan"]

STATES: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled")
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")


class Base(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map = {int: BigInteger, dict[str, int]: JSON, dict[str, float]: JSON, list[str]: JSON}  # noqa: RUF012 - SQLAlchemy's name


class Job(Base):
    """One job: a spec that is to be run to its end, once.

    `id` sorts by time of submission. `attempt` counts the processes that were started for it; `deaths` those of
    them that vanished without an exit code since a person last asked for it. While it runs, `owner` is the service
    that watches it, until `lease_ms`; after that another one of the same `home` may: only there a process that still
    lives is seen.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_by_state", "state", "queued_ms"),)

    id: Mapped[str] = mapped_column(String(21), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    action: Mapped[str] = mapped_column(String(16))
    spec: Mapped[str] = mapped_column(Text)
    folder: Mapped[str] = mapped_column(Text)  # where relative paths of the spec start
    run: Mapped[str] = mapped_column(Text)  # run directory
    settings: Mapped[list[str]]
    sample_documents: Mapped[int | None]
    cores: Mapped[int]
    memory_bytes: Mapped[int]
    submitter: Mapped[str] = mapped_column(String(200))
    schedule_id: Mapped[str | None] = mapped_column(String(21))
    request_key: Mapped[str | None] = mapped_column(String(200), unique=True)  # Idempotency-Key
    attempt: Mapped[int]
    deaths: Mapped[int]
    owner: Mapped[str | None] = mapped_column(String(100))
    home: Mapped[str | None] = mapped_column(String(40))  # of the service's folder that it was first started in
    lease_ms: Mapped[int | None]
    cancel_ms: Mapped[int | None]  # when its end was asked for
    created_ms: Mapped[int]
    queued_ms: Mapped[int]
    started_ms: Mapped[int | None]
    finished_ms: Mapped[int | None]
    exit_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    counts: Mapped[dict[str, int] | None]  # of a finished run, from its manifest


class Token(Base):
    """An API token; `sha256` is of the token itself, which is not stored."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    created_ms: Mapped[int]
    expires_ms: Mapped[int | None]
    revoked_ms: Mapped[int | None]


class AuditEntry(Base):
    """A change that somebody asked for, and the status it was answered with; `times` of what nobody known tried."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_by_who", "who", "id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at_ms: Mapped[int]
    who: Mapped[str] = mapped_column(String(200))
    what: Mapped[str] = mapped_column(Text)
    status: Mapped[int]
    times: Mapped[int] = mapped_column(default=1, server_default="1")


class Schedule(Base):
    """A job that is submitted again and again: by time (`next_ms`) or when files appear.

    `trigger` is `cron`, `interval` or `files`; `expression` a crontab line, seconds, or a folder or prefix. Whoever
    changes `next_ms` from the value it read submits the job, in one transaction: no two services do.
    """

    __tablename__ = "schedules"

    id: Mapped[str] = mapped_column(String(21), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    trigger: Mapped[str] = mapped_column(String(16))
    expression: Mapped[str] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(String(64))
    missed: Mapped[str] = mapped_column(String(16))  # once | skip
    grace_seconds: Mapped[int]
    spec: Mapped[str] = mapped_column(Text)
    folder: Mapped[str] = mapped_column(Text)
    settings: Mapped[list[str]]
    cores: Mapped[int]
    memory_bytes: Mapped[int]
    created_ms: Mapped[int]
    next_ms: Mapped[int | None]
    last_ms: Mapped[int | None]  # when it was last due, or run by hand
    last_job: Mapped[str | None] = mapped_column(String(21))
    last_outcome: Mapped[str | None] = mapped_column(Text)


class SeenFile(Base):
    """A file that a schedule's trigger has seen, by what tells it from another of its name."""

    __tablename__ = "seen_files"

    schedule_id: Mapped[str] = mapped_column(String(21), primary_key=True)
    path_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)  # of path, size and time
    seen_ms: Mapped[int]


class Training(Base):
    """A training run that told of itself; `seen_ms` is when it last did."""

    __tablename__ = "trainings"
    __table_args__ = (Index("trainings_by_export", "export"),)

    id: Mapped[str] = mapped_column(String(21), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    export: Mapped[str] = mapped_column(String(64))
    host: Mapped[str] = mapped_column(String(200))
    global_batch: Mapped[int]
    steps: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))  # running | done | stopped
    step: Mapped[int]  # the last one told of, from 0; -1: none
    stage: Mapped[str | None] = mapped_column(String(200))
    created_ms: Mapped[int]
    seen_ms: Mapped[int]


class TrainingPoint(Base):
    """What a training run measured at a step; losses by stage in nats per token."""

    __tablename__ = "training_points"

    training_id: Mapped[str] = mapped_column(String(21), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str | None] = mapped_column(String(200))
    loss: Mapped[float | None] = mapped_column(Double)
    losses: Mapped[dict[str, float]]
