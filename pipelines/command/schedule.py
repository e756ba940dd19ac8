"""`gristmill schedule`: jobs that are run again and again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.errors import SpecError
from pipelines.command.choosing import json_option
from pipelines.command.serve import data_option, database_option, model_servers_option, roots_option
from pipelines.command.speaking import show, show_json, table

if TYPE_CHECKING:
    from pipelines.service.schedules import Schedules
    from pipelines.service.settings import ServiceSettings


@click.group()
def schedule() -> None:
    """Adds, lists and removes schedules of the service; `gristmill serve` submits their jobs.

    Example: gristmill schedule add nightly job.yaml --cron '0 3 * * *' --time-zone Europe/Zurich
    """


@schedule.command()
@click.argument("name")
@click.argument("spec", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--cron", metavar="LINE", help="Minute, hour, day, month, day of week.")
@click.option("--every", metavar="SECONDS", help="An interval.")
@click.option("--files", metavar="PATTERN", help="When files appear that no job was submitted for: path, glob or URL.")
@click.option("--time-zone", default="UTC", show_default=True, help="Of --cron.")
@click.option(
    "--missed", type=click.Choice(["once", "skip"]), default="once", show_default=True,
    help="When no service ran at the time: one job afterwards, or none.",
)  # fmt: skip
@click.option(
    "--grace", type=click.IntRange(0, 86400), default=60, show_default=True, help="Seconds late at most: skip."
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Change one key of the spec; {new_files} stands for the files that --files found.",
)  # fmt: skip
@roots_option
@model_servers_option
@data_option
@database_option
def add(
    *,
    name: str,
    spec: Path,
    cron: str | None,
    every: str | None,
    files: str | None,
    time_zone: str,
    missed: str,
    grace: int,
    settings: tuple[str, ...],
    roots: tuple[Path, ...],
    model_servers: tuple[str, ...],
    data: Path,
    database: str | None,
) -> None:
    """Adds schedule NAME of the job in SPEC; relative paths start from the spec's folder.

    Example: gristmill schedule add crawl job.yaml --files 'crawl/*.warc.gz' --set 'inputs.web.files={new_files}'
    """
    from pipelines.service.admission import admit, sized  # noqa: PLC0415 - an extra
    from pipelines.service.jobs import NewJob  # noqa: PLC0415
    from pipelines.service.schedules import NewSchedule  # noqa: PLC0415

    given = {"cron": cron, "interval": every, "files": files}
    chosen = [(trigger, value) for trigger, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise click.UsageError(f"expected one of --cron, --every and --files, found {len(chosen)}")
    service = _settings(data, database, roots or (spec.absolute().parent,), model_servers)
    content = spec.read_text()
    admitted = admit(content, folder=str(spec.absolute().parent), settings=settings, service=service, location=files)
    cores, memory = sized(admitted.spec, None, None, service=service)
    job = NewJob(
        name=admitted.spec.job,
        spec=content,
        folder=admitted.folder,
        settings=settings,
        cores=cores,
        memory_bytes=memory,
    )
    (trigger, expression), *_ = chosen
    row = _schedules(service).add(
        NewSchedule(
            name=name, trigger=trigger, expression=expression, time_zone=time_zone, missed=missed, grace_seconds=grace,
            job=job,
        )
    )  # fmt: skip
    show(f"{row.name}: due {_time(row.next_ms)}")


@schedule.command("list")
@data_option
@database_option
@json_option
def listed(*, data: Path, database: str | None, as_json: bool) -> None:
    """Lists schedules: when they are due, and what came of the last time.

    Example: gristmill schedule list
    """
    from pipelines.service.answers import schedule_of  # noqa: PLC0415

    found = _schedules(_settings(data, database)).all()
    if as_json:
        show_json([schedule_of(row).model_dump(mode="json") for row in found])
        return
    rows = [
        (row.name, row.trigger, row.expression, _time(row.next_ms), _time(row.last_ms), row.last_outcome or "")
        for row in found
    ]
    show(table([("name", "by", "", "due", "last time", "what came of it"), *rows]))


@schedule.command()
@click.argument("name")
@data_option
@database_option
def remove(*, name: str, data: Path, database: str | None) -> None:
    """Removes schedule NAME; its jobs stay.

    Example: gristmill schedule remove nightly
    """
    _schedules(_settings(data, database)).remove(name)


@schedule.command("run-now")
@click.argument("name")
@data_option
@database_option
def run_now(*, name: str, data: Path, database: str | None) -> None:
    """Submits the job of schedule NAME at once, and prints its id.

    Example: gristmill schedule run-now nightly
    """
    show(_schedules(_settings(data, database)).run_now(name).id)


def _time(milliseconds: int | None) -> str:
    import datetime  # noqa: PLC0415 - only where a time is shown

    if milliseconds is None:
        return "never"
    return datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC).isoformat(timespec="seconds")


def _settings(
    data: Path, database: str | None, roots: tuple[Path, ...] = (), model_servers: tuple[str, ...] = ()
) -> "ServiceSettings":
    from pipelines.service.settings import settings_of  # noqa: PLC0415

    if not data.is_dir() and database is None:
        raise SpecError(f"{data}: expected the folder of a service, found none; gristmill serve makes it")
    return settings_of(data, roots=roots, database=database, model_servers=model_servers)


def _schedules(settings: "ServiceSettings") -> "Schedules":
    from pipelines.service.database import open_database  # noqa: PLC0415
    from pipelines.service.jobs import Jobs  # noqa: PLC0415
    from pipelines.service.schedules import Schedules  # noqa: PLC0415

    return Schedules(Jobs(open_database(settings.database), settings.runs))
