"""One service: its settings, its database, and what it does beside answering requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.service.database import open_database
from pipelines.service.dispatcher import Dispatcher
from pipelines.service.jobs import Jobs
from pipelines.service.settings import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What every request and every page may ask."""

    settings: ServiceSettings
    jobs: Jobs
    dispatcher: Dispatcher

    @contextmanager
    def working(self) -> Iterator[None]:
        """Runs the queue beside the block."""
        thread = threading.Thread(target=self.dispatcher.run, name="dispatcher", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.dispatcher.stop()
            thread.join()


def open_service(settings: ServiceSettings) -> Service:
    """Returns a service on its database, which is made or brought up to date; nothing runs yet."""
    for folder in (settings.data, settings.jobs, settings.runs):
        folder.mkdir(parents=True, exist_ok=True)
    settings.data.chmod(0o700)
    jobs = Jobs(open_database(settings.database), settings.runs)
    return Service(settings=settings, jobs=jobs, dispatcher=Dispatcher(settings=settings, jobs=jobs))
