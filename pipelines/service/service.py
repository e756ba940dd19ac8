"""One service: its settings, its database, and what it does beside answering requests."""

import contextlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from curation.errors import SpecError
from pipelines.service.audit import Audit
from pipelines.service.database import open_database
from pipelines.service.dispatcher import Dispatcher
from pipelines.service.guesses import Guesses
from pipelines.service.jobs import Jobs
from pipelines.service.processes import write_file
from pipelines.service.reviewing import Reviewing
from pipelines.service.schedules import Schedules
from pipelines.service.settings import ServiceSettings
from pipelines.service.tokens import Sessions, Tokens
from pipelines.service.trainings import Trainings

LOG = logging.getLogger("gristmill.service")
KEY, HOME = "session.key", "home"
SCHEDULES_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What every request and every page may ask."""

    settings: ServiceSettings
    jobs: Jobs
    tokens: Tokens
    sessions: Sessions
    audit: Audit
    dispatcher: Dispatcher
    schedules: Schedules
    trainings: Trainings
    reviewing: Reviewing = field(default_factory=Reviewing)
    guesses: Guesses = field(default_factory=Guesses)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Looks after the queue and the schedules beside the block; jobs that run go on after it."""
        stop = threading.Event()
        every = ((self.dispatcher.tick, self.settings.tick_seconds), (self.schedules.tick, SCHEDULES_SECONDS))
        threads = [threading.Thread(target=_again, args=(tick, seconds, stop), daemon=True) for tick, seconds in every]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _again(tick: Callable[[], None], seconds: float, stop: threading.Event) -> None:
    """Ticks until it is stopped; an error is logged, and the next tick tries again."""
    while not stop.wait(seconds):
        try:
            tick()
        except Exception:  # a full disk or a lost database must not end the service
            LOG.exception("tick failed")


def open_service(settings: ServiceSettings) -> Service:
    """Returns a service on its database, which is made or brought up to date; nothing runs yet.

    Raises:
        SpecError: it is to listen to other machines and has no users.
    """
    for folder in (settings.data, settings.jobs, settings.runs):
        folder.mkdir(parents=True, exist_ok=True)
    settings.data.chmod(0o700)
    engine = open_database(settings.database)
    tokens, jobs = Tokens(engine), Jobs(engine, settings.runs)
    if not settings.is_loopback and not tokens.any():
        raise SpecError(
            f"--host {settings.host}: expected API tokens before other machines may ask, found none; "
            "gristmill token add NAME --scope admin makes one"
        )
    return Service(
        settings=settings,
        jobs=jobs,
        tokens=tokens,
        sessions=Sessions(_key(settings)),
        audit=Audit(engine),
        dispatcher=Dispatcher(settings=settings, jobs=jobs, home=home_of(settings.data)),
        schedules=Schedules(jobs),
        trainings=Trainings(jobs),
    )


def home_of(data: Path) -> str:
    """Returns the name of a service's folder, which is drawn once: services that share the folder have the same."""
    path = data / HOME
    if not path.exists():
        drawn = data / f".{HOME}.{secrets.token_hex(8)}"
        drawn.write_text(drawn.name[-16:])
        with contextlib.suppress(FileExistsError):  # another service was first
            path.hardlink_to(drawn)
        drawn.unlink()
    return path.read_text()


def _key(settings: ServiceSettings) -> bytes:
    """Returns the secret that sessions are signed with; made once."""
    path = settings.data / KEY
    if not path.exists():
        write_file(path, secrets.token_bytes(32))
    return path.read_bytes()
