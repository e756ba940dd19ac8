"""The form of a new schedule: what was written in it, and what is wrong with each field."""

import datetime
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Form
from pydantic import ValidationError

from curation.errors import GristmillError, SpecError
from pipelines.service import answers
from pipelines.service.admission import admit, allowed_folder
from pipelines.service.schedules import upcoming
from pipelines.service.service import Service

SHOWN_TIMES = 3
Field = Annotated[str, Form(max_length=4096)]
Long = Annotated[str, Form(max_length=2 * answers.MAX_SPEC_CHARS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What stands in the fields."""

    name: str = ""
    trigger: str = "cron"
    expression: str = ""
    time_zone: str = "UTC"
    missed: str = "once"
    grace_seconds: str = "60"
    spec: str = ""
    folder: str = ""
    settings: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A form with what is wrong, by field; `asked` is what to add where nothing is, `due` the times that follow."""

    asked: answers.NewSchedule | None
    problems: dict[str, str] = field(default_factory=dict)
    due: tuple[datetime.datetime, ...] = ()


def written(
    *,
    name: Field = "",
    trigger: Field = "cron",
    expression: Field = "",
    time_zone: Field = "",
    missed: Field = "once",
    grace_seconds: Field = "",
    spec: Long = "",
    folder: Field = "",
    settings: Long = "",
) -> Written:
    """Returns the fields of a form that was sent; line ends as a file has them: forms send CR LF."""
    return Written(
        name=name.strip(),
        trigger=trigger,
        expression=expression.strip(),
        time_zone=time_zone.strip(),
        missed=missed,
        grace_seconds=grace_seconds.strip(),
        spec=spec.replace("\r\n", "\n"),
        folder=folder.strip(),
        settings=settings.replace("\r\n", "\n"),
    )


def judged(form: Written, service: Service) -> Judged:
    """Returns what a form asks for, or what is wrong with it."""
    asked, problems = _parsed(form)
    due: tuple[datetime.datetime, ...] = ()
    try:
        due = upcoming(
            trigger=form.trigger,
            expression=form.expression,
            time_zone=form.time_zone,
            after_ms=service.jobs.now_ms(),
            count=SHOWN_TIMES,
        )
    except SpecError as error:
        problems.setdefault("time_zone" if str(error).startswith("time_zone:") else "expression", str(error))
    if any(row.name == form.name for row in service.schedules.all()):
        problems.setdefault("name", "a schedule has this name; remove that one first, or choose another name")
    for name, message in _admission(form, service).items():
        problems.setdefault(name, message)
    return Judged(asked=None if problems else asked, problems=problems, due=due)


def _parsed(form: Written) -> tuple[answers.NewSchedule | None, dict[str, str]]:
    values = {name: getattr(form, name) for name in Written.__slots__ if name != "settings"}
    values |= {"folder": form.folder or None, "settings": [line for line in form.settings.split("\n") if line.strip()]}
    try:
        return answers.NewSchedule.model_validate(values), {}
    except ValidationError as error:
        return None, {str(item["loc"][0]): _expected(str(item["loc"][0]), item["msg"]) for item in error.errors()}


def _expected(name: str, message: str) -> str:
    if name == "name":
        return "expected letters, digits, - and _, at most 100"
    return message[0].lower() + message[1:]


def _admission(form: Written, service: Service) -> dict[str, str]:
    """Returns what is wrong with what the job reads: its folder, its files, its spec."""
    try:
        allowed_folder(form.folder or None, service.settings)
    except GristmillError as error:
        return {"folder": str(error)}
    settings = tuple(line for line in form.settings.split("\n") if line.strip())
    location = form.expression if form.trigger == "files" and form.expression else None
    try:
        admit(form.spec, folder=form.folder or None, settings=settings, service=service.settings, location=location)
    except GristmillError as error:
        is_location = location is not None and str(error).startswith(f"{location}:")
        return {"expression" if is_location else "spec": str(error)}
    return {}
