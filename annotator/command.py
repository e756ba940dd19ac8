"""`gristmill review`: start a Label Studio server, send it a run's questions, fetch the answers.

The command line finds this module by name, so that `pipelines` need not import `annotator`.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.errors import GristmillError
from curation.text.safe import visible

if TYPE_CHECKING:
    from annotator.pull import Pulled

run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout.")


@click.group()
def review() -> None:
    """Shows people the documents that rules cannot decide, and brings their decisions back.

    Example: gristmill review up && gristmill review push RUN && gristmill review pull RUN
    """


@review.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
def up(*, port: int) -> None:
    """Starts Label Studio on this machine; installs it the first time (about 1 GB, two minutes).

    Example: gristmill review up
    """
    from annotator.connection import data_folder  # noqa: PLC0415 - `--help` loads nothing
    from annotator.installation import cache_folder, install, is_installed  # noqa: PLC0415
    from annotator.server import start  # noqa: PLC0415

    cache = cache_folder(os.environ)
    if not is_installed(cache):
        _say(f"installing Label Studio into {cache}; this happens once")
    started = start(data_folder(os.environ), lambda: install(cache), port=port)
    _show(started.server.url)
    if started.is_new:
        _say(f"log in as {started.credentials.email} with the password {started.credentials.password}")
        _say("it is shown only now; it lies in credentials.json of the data directory, which only you can read")


@review.command()
def down() -> None:
    """Ends the server that `up` started; its data stays.

    Example: gristmill review down
    """
    from annotator.connection import data_folder  # noqa: PLC0415
    from annotator.server import stop  # noqa: PLC0415

    _say("stopped" if stop(data_folder(os.environ)) else "no server was running")


@review.command()
@json_option
def status(*, as_json: bool) -> None:
    """Says which server is used and whether it answers.

    Example: gristmill review status
    """
    from annotator.connection import connect  # noqa: PLC0415

    connection = connect(os.environ)
    user = connection.server.whoami()
    if as_json:
        _show(json.dumps({"url": connection.url, "user": user}))
    else:
        _show(f"{connection.url} answers; signed in as {user}")


@review.command()
@run_argument
@click.option("--new-project", is_flag=True, help="Begin anew in another project, e.g. after one was deleted.")
@json_option
def push(*, run: Path, new_project: bool, as_json: bool) -> None:
    """Makes a task for every question of a RUN; again, it makes only those that are missing.

    Example: gristmill review push runs/web-1a2b3c4d
    """
    from annotator.connection import connect  # noqa: PLC0415
    from annotator.ledger import forget_project  # noqa: PLC0415
    from annotator.push import push as pushed  # noqa: PLC0415
    from curation.schema import TASK_KINDS  # noqa: PLC0415

    connection = connect(os.environ)
    for kind in TASK_KINDS if new_project else ():
        forget_project(run, kind)
    found = pushed(run, connection.server, url=connection.url)
    if as_json:
        _show(json.dumps([{"kind": item.kind, "project": item.project, "new": item.num_new} for item in found]))
        return
    for item in found:
        _show(f"{item.num_new:,} of {item.num_tasks:,} {item.kind} tasks are new: {item.url}/projects/{item.project}")
        _warn_of_changes(item.kind, is_changed=item.config_changed)


@review.command()
@run_argument
@json_option
def pull(*, run: Path, as_json: bool) -> None:
    """Fetches what people answered since the last time into people/ of a RUN.

    Example: gristmill review pull runs/web-1a2b3c4d
    """
    from annotator.connection import connect  # noqa: PLC0415
    from annotator.pull import pull as pulled  # noqa: PLC0415

    connection = connect(os.environ)
    found = pulled(run, connection.server, url=connection.url)
    if as_json:
        counts = ("kind", "num_answered", "num_skipped", "num_deleted")
        _show(json.dumps([{name: getattr(item, name) for name in counts} for item in found]))
        return
    for item in found:
        _tell(item)


@review.command()
@run_argument
@click.option("--every", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds between pulls.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where hints come in; a free one unless said.")
@click.option("--hook", help="Address by which the server reaches that port; this machine's own unless said.")
def watch(*, run: Path, every: float, port: int, hook: str | None) -> None:
    """Pulls whenever the server hints that somebody answered, and every so often, until Ctrl+C.

    Example: gristmill review watch runs/web-1a2b3c4d --every 30
    """
    from annotator.connection import connect  # noqa: PLC0415
    from annotator.hints import listening  # noqa: PLC0415
    from annotator.pull import pull as pulled  # noqa: PLC0415
    from annotator.watching import hooked, pulls  # noqa: PLC0415

    connection = connect(os.environ)
    with listening(port) as hints, hooked(run, connection.server, hints, url=hook or hints.url) as is_hooked:
        hinted = f"when the server calls {hook or hints.url}, and " if is_hooked else ""
        _say(f"pulling {hinted}every {every:g} s; Ctrl+C ends it")
        for found in pulls(lambda: pulled(run, connection.server, url=connection.url), lambda: hints.wait(every)):
            if isinstance(found, GristmillError):
                _say(f"{found}; tried again in {every:g} s")
                continue
            for item in found:
                if item.num_answered or item.num_skipped or item.num_deleted:
                    _tell(item)


def _tell(item: "Pulled") -> None:
    _show(f"{item.kind}: {item.num_answered:,} answers, {item.num_skipped:,} skipped, {item.num_deleted:,} taken back")
    _warn_of_changes(item.kind, is_changed=item.config_changed)


def _warn_of_changes(kind: str, *, is_changed: bool) -> None:
    if is_changed:
        _say(f"the {kind} interface was changed on the server; answers carry the version they were given in")


def _say(text: str) -> None:
    click.echo(visible(text, keep_newlines=True), err=True)


def _show(text: str) -> None:
    click.echo(visible(text, keep_newlines=True))
