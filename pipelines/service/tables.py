"""The service's database: what it must not forget. Times are milliseconds since 1970, UTC.

The schema is made by the migrations beside this file; a test compares the two.
"""

from typing import Literal

from sqlalchemy import JSON, BigInteger, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

State = Literal["queued", "running", "done", "failed", "cancelled"]
Action = Literal["run", "resume"]

STATES: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled")
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")


class Base(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map = {int: BigInteger, dict[str, int]: JSON, list[str]: JSON}  # noqa: RUF012 - SQLAlchemy's name


class Job(Base):
    """One job: a spec that is to be run to its end, once.

    `id` sorts by time of submission. `attempt` counts the processes that were started for it; `deaths` those of
    them that vanished without an exit code since a person last asked for it. While it runs, `owner` is the service
    that watches it, until `lease_ms`; after that any other may.
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
    lease_ms: Mapped[int | None]
    cancel_ms: Mapped[int | None]  # when its end was asked for
    created_ms: Mapped[int]
    queued_ms: Mapped[int]
    started_ms: Mapped[int | None]
    finished_ms: Mapped[int | None]
    exit_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    counts: Mapped[dict[str, int] | None]  # of a finished run, from its manifest
