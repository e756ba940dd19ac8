"""`gristmill serve`: a queue of jobs behind HTTP, in one process."""

import os
from pathlib import Path

import click

from pipelines.command.speaking import say

DATA = Path("gristmill-service")
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA,
    show_default=True,
    help="Folder of the service's own files.",
)
database_option = click.option("--database", metavar="URL", help="Default: SQLite in the folder of --data.")

roots_option = click.option(
    "--root",
    "roots",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    help="Folder that specs may name files in; may be given again. Default: the working directory.",
)
model_servers_option = click.option(
    "--model-server",
    "model_servers",
    multiple=True,
    metavar="URL",
    help="A completions.endpoint that specs may name; may be given again. Default: none.",
)


@click.command()
@data_option
@database_option
@click.option(
    "--runs", type=click.Path(path_type=Path, file_okay=False), help="Where runs are written. Default: ./runs."
)
@roots_option
@model_servers_option
@click.option("--cores", type=click.IntRange(min=1), help="Cores for runs. Default: those of this process.")
@click.option("--memory-gib", type=click.FloatRange(min=0.1), help="Memory for runs. Default: 4/5 of the machine's.")
@click.option(
    "--restarts",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="How often a run whose process was killed is started again.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address than loopback needs API tokens.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="A further name that others reach it by.")
@click.option("--port", type=click.IntRange(0, 65535), default=8400, show_default=True)
def serve(
    *,
    data: Path,
    database: str | None,
    runs: Path | None,
    roots: tuple[Path, ...],
    model_servers: tuple[str, ...],
    cores: int | None,
    memory_gib: float | None,
    restarts: int,
    host: str,
    names: tuple[str, ...],
    port: int,
) -> None:
    """Runs jobs from a queue, on this machine, for whoever asks over HTTP on 127.0.0.1.

    Stopping it stops no run: the next one finds them again.

    Example: gristmill serve --root data
    """
    import uvicorn  # noqa: PLC0415 - an extra

    from pipelines.inputs.confinement import environment_of  # noqa: PLC0415
    from pipelines.service.app import create_app  # noqa: PLC0415
    from pipelines.service.logs import log_as_json  # noqa: PLC0415
    from pipelines.service.service import open_service  # noqa: PLC0415
    from pipelines.service.settings import settings_of  # noqa: PLC0415

    settings = settings_of(
        data,
        runs=runs,
        roots=roots,
        model_servers=model_servers,
        database=database,
        cores=cores,
        memory_bytes=int(memory_gib * 2**30) if memory_gib else None,
        host=host,
        port=port,
        names=names,
        restarts=restarts,
    )
    log_as_json()
    confined = environment_of(settings.allowed, settings.model_servers)
    os.environ.update(confined)  # what a trigger looks at is confined like its jobs
    service = open_service(settings)
    open_to = "API tokens are asked for" if service.tokens.any() else "no users: whoever is on this machine may do all"
    say(f"http://{settings.host}:{settings.port}  ({open_to})")
    uvicorn.run(
        create_app(service),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
