"""`gristmill token`: who may ask the service."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.errors import InputError
from pipelines.command.choosing import json_option
from pipelines.command.serve import data_option, database_option
from pipelines.command.speaking import say, show, show_json, table

if TYPE_CHECKING:
    from pipelines.service.tokens import Tokens


@click.group()
def token() -> None:
    """Makes, lists and ends API tokens of the service; from the first one on, every request needs one.

    Example: gristmill token add airflow --scope run
    """


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "run", "review", "admin"]),
    multiple=True,
    default=["read"],
    show_default=True,
    help="What it may do; may be given again. Each may read too; admin may do everything.",
)
@click.option("--days", type=click.IntRange(1, 36500), help="Ends after so many days. Default: never.")
@data_option
@database_option
def add(*, name: str, scopes: tuple[str, ...], days: int | None, data: Path, database: str | None) -> None:
    """Makes a token and prints it, once.

    Example: gristmill token add airflow --scope run
    """
    from pipelines.service.tokens import SCOPES  # noqa: PLC0415 - an extra

    made = _tokens(data, database).make(name, tuple(scope for scope in SCOPES if scope in scopes), days=days)
    say("it is shown only now; the service keeps its digest")
    show(made)


@token.command("list")
@data_option
@database_option
@json_option
def listed(*, data: Path, database: str | None, as_json: bool) -> None:
    """Lists the tokens, ended ones too.

    Example: gristmill token list
    """
    found = _tokens(data, database).all()
    if as_json:
        show_json([{"name": item.name, "scopes": item.scopes, "ended": item.revoked_ms is not None} for item in found])
        return
    rows = [(item.name, ", ".join(item.scopes), "ended" if item.revoked_ms else "") for item in found]
    show(table([("name", "scopes", ""), *rows]))


@token.command()
@click.argument("name")
@data_option
@database_option
def remove(*, name: str, data: Path, database: str | None) -> None:
    """Ends the tokens of NAME.

    Example: gristmill token remove airflow
    """
    if not _tokens(data, database).revoke(name):
        raise InputError(f"{name}: expected the name of a token that has not ended, found none; gristmill token list")


def _tokens(data: Path, database: str | None) -> "Tokens":
    from pipelines.service.database import open_database  # noqa: PLC0415
    from pipelines.service.settings import settings_of  # noqa: PLC0415
    from pipelines.service.tokens import Tokens  # noqa: PLC0415

    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Tokens(open_database(settings_of(data, database=database).database))
