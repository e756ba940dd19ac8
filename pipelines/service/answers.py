"""What the API takes and gives, as pydantic models: its OpenAPI schema."""

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pipelines.service import tables

MAX_SPEC_CHARS = 1 << 20
Text = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]
Spec = Annotated[str, StringConstraints(max_length=MAX_SPEC_CHARS)]
Short = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{21}$")]


class Strict(BaseModel):
    """A body: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class SpecBody(Strict):
    """A spec as a file would hold it."""

    spec: Spec
    folder: Text | None = Field(None, description="where relative paths start; below an allowed root, the default")
    settings: list[Text] = Field(default_factory=list, max_length=200, description="`key=value` each, as --set")


class Submission(SpecBody):
    """A job to run."""

    sample_documents: int | None = Field(None, ge=1, le=2**62, description="at most so many documents")
    cores: int | None = Field(None, ge=1, le=4096, description="cores to wait for and use; default: all")
    memory_bytes: int | None = Field(
        None, ge=1, le=2**50, description="memory to wait for, and to keep to where others wait; default: by the spec"
    )


class NewSchedule(SpecBody):
    """A schedule to add."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
    trigger: Literal["cron", "interval", "files"]
    expression: Text = Field(description="a cron line; seconds; or a path, pattern or URL")
    time_zone: Annotated[str, StringConstraints(max_length=64, pattern=r"^[\w+/-]+$")] = "UTC"
    missed: Literal["once", "skip"] = Field("once", description="times while no service ran: one job, or none")
    grace_seconds: int = Field(60, ge=0, le=86400, description="skip: how late it may be")
    cores: int | None = Field(None, ge=1, le=4096)
    memory_bytes: int | None = Field(None, ge=1, le=2**50)

    @property
    def files_location(self) -> str | None:
        """Where the trigger looks for files."""
        return self.expression if self.trigger == "files" else None


class Schedule(BaseModel):
    """A schedule, and what came of the last time."""

    id: str
    name: str
    trigger: Literal["cron", "interval", "files"]
    expression: str
    time_zone: str
    missed: Literal["once", "skip"]
    grace_seconds: int
    due: datetime.datetime | None
    last: datetime.datetime | None
    last_job: str | None
    last_outcome: str | None


class NewTraining(Strict):
    """A training that begins, or goes on."""

    export: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")]
    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    host: Short
    global_batch: int = Field(ge=1, le=2**31)
    steps: int = Field(ge=0, le=2**53)


class Point(BaseModel):
    """What a training measured at a step: losses in nats per token."""

    step: int = Field(ge=0, le=2**53)
    stage: Short | None
    loss: Finite | None
    losses: dict[Short, Finite] = Field(max_length=64)


class Points(Strict):
    """Steps that a training made since it told last."""

    points: list[Point] = Field(max_length=1000)
    state: Literal["running", "done", "stopped"] = "running"


class Training(BaseModel):
    """A training: where it is in its data, and when it told of itself last."""

    id: str
    name: str
    export: str
    host: str
    global_batch: int
    steps: int
    state: Literal["running", "done", "stopped"]
    is_lost: bool
    step: int | None  # the last one it told of, from 0; null: none yet
    stage: str | None
    created: datetime.datetime
    seen: datetime.datetime


class Problem(BaseModel):
    """What is wrong with a spec, and where."""

    message: str
    line: int | None = None
    column: int | None = None
    path: str | None = None


class Validation(BaseModel):
    """Whether a spec can run."""

    valid: bool
    job: str | None
    problems: list[Problem]
    unused_gates: list[str] = []
    """Gates that no input names, so that they judge nothing."""


class Failed(BaseModel):
    """Why a request was refused."""

    detail: str


REFUSALS: dict[int | str, dict[str, object]] = {
    status: {"model": Failed} for status in (401, 403, 404, 409, 413, 421, 429)
}
"""What any route may answer beside its own; 422 is FastAPI's for what does not fit, and ours for a wrong spec."""


class Health(BaseModel):
    """Whether the service works."""

    status: Literal["ok"]


class LogIn(Strict):
    """What begins a session."""

    token: Text


class Session(BaseModel):
    """Who asks; `csrf` is null where no session's cookie was sent."""

    name: str
    scopes: list[str]
    csrf: str | None


class NewToken(Strict):
    """A token to make."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    scopes: list[Literal["read", "run", "review", "admin"]] = Field(min_length=1, max_length=4)
    days: int | None = Field(None, ge=1, le=36500, description="ends after so many; default: never")


class Token(BaseModel):
    """A token, without the token itself."""

    id: int
    name: str
    scopes: list[str]
    state: Literal["works", "over", "revoked"]
    created: datetime.datetime
    expires: datetime.datetime | None
    revoked: datetime.datetime | None


class MadeToken(Token):
    """A token that was just made: the only time that it is seen."""

    token: str


class AuditEntry(BaseModel):
    """A change that somebody asked for."""

    id: int
    at: datetime.datetime
    who: str
    what: str
    status: int
    times: int
    """Of what nobody known tried, from `at` to the end of that hour; else 1."""


class Job(BaseModel):
    """A job."""

    id: str
    name: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    action: Literal["run", "resume", "plan"]
    is_stopping: bool
    attempt: int
    run: str
    cores: int
    memory_bytes: int
    sample_documents: int | None
    submitter: str
    schedule_id: str | None
    created: datetime.datetime
    started: datetime.datetime | None
    finished: datetime.datetime | None
    exit_code: int | None
    error: str | None
    counts: dict[str, int] | None


class JobPage(BaseModel):
    """Jobs, newest first; `next` is the `before` of the following page."""

    jobs: list[Job]
    next: str | None


class Stage(BaseModel):
    """A stage that ended."""

    stage: str
    summary: str
    started: datetime.datetime | None
    finished: datetime.datetime
    total: int = 0
    points: list[tuple[int, int]] = []
    """(milliseconds since 1970, how many were done), a few of them."""


class Progress(BaseModel):
    """How far the process of a job is; `points` as those of a stage that ended."""

    stage: str | None
    done: int
    total: int
    unit: str | None
    started: datetime.datetime | None
    points: list[tuple[int, int]] = []
    ended: list[Stage]


class Log(BaseModel):
    """The end of a job's log; control characters are written out."""

    lines: list[str]


def time_of(milliseconds: int | None) -> datetime.datetime | None:
    """Returns a time of the database."""
    return None if milliseconds is None else datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC)


def job_of(row: tables.Job) -> Job:
    """Returns a job as the API shows it."""
    return Job.model_validate(
        {
            **{name: getattr(row, name) for name in Job.model_fields if hasattr(row, name)},
            "is_stopping": row.state == "running" and row.cancel_ms is not None,
            "created": time_of(row.created_ms),
            "started": time_of(row.started_ms),
            "finished": time_of(row.finished_ms),
        }
    )


def progress_of(content: dict[str, object]) -> Progress:
    """Returns what a job's process wrote in its progress file."""
    now, ended = content.get("now"), content.get("ended")
    now = now if isinstance(now, dict) else {}
    return Progress(
        stage=now.get("stage"),
        done=now.get("done", 0),
        total=now.get("total", 0),
        unit=now.get("unit"),
        started=time_of(now.get("started_ms")),
        points=now.get("points", []),
        ended=[
            Stage.model_validate(
                {**stage, "started": time_of(stage.get("started_ms")), "finished": time_of(stage["finished_ms"])}
            )
            for stage in (ended if isinstance(ended, list) else [])
        ],
    )


def audit_of(row: tables.AuditEntry) -> AuditEntry:
    """Returns an entry of the audit log as the API shows it."""
    at = datetime.datetime.fromtimestamp(row.at_ms / 1000, tz=datetime.UTC)
    return AuditEntry(id=row.id, at=at, who=row.who, what=row.what, status=row.status, times=row.times)


def token_of(row: tables.Token, *, now_ms: int) -> Token:
    """Returns a token as the API shows it."""
    is_over = row.expires_ms is not None and row.expires_ms <= now_ms
    return Token.model_validate(
        {
            **{name: getattr(row, name) for name in ("id", "name", "scopes")},
            "state": "revoked" if row.revoked_ms is not None else "over" if is_over else "works",
            "created": time_of(row.created_ms),
            "expires": time_of(row.expires_ms),
            "revoked": time_of(row.revoked_ms),
        }
    )


def schedule_of(row: tables.Schedule) -> Schedule:
    """Returns a schedule as the API shows it."""
    values = {name: getattr(row, name) for name in Schedule.model_fields if hasattr(row, name)}
    return Schedule.model_validate({**values, "due": time_of(row.next_ms), "last": time_of(row.last_ms)})


def training_of(row: tables.Training, *, is_lost: bool) -> Training:
    """Returns a training as the API shows it."""
    values = {name: getattr(row, name) for name in Training.model_fields if hasattr(row, name)}
    values["step"] = row.step if row.step >= 0 else None
    times = {"created": time_of(row.created_ms), "seen": time_of(row.seen_ms)}
    return Training.model_validate({**values, **times, "is_lost": is_lost})
