"""Pulls again and again: when a hint comes, else every so many seconds; polling is the truth."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from annotator.hints import HEADER, Hints
from annotator.label_studio import LabelStudio
from annotator.ledger import project_of
from annotator.pull import Pulled
from annotator.transport import Unanswered
from curation.errors import GristmillError, RunLocked
from curation.schema import TASK_KINDS


def pulls(pull: Callable[[], list[Pulled]], wait: Callable[[], object]) -> Iterator[list[Pulled] | GristmillError]:
    """Yields what each pull found, without end; a server that is away, or a push under way, is waited for."""
    while True:
        try:
            yield pull()
        except (Unanswered, RunLocked) as error:
            yield error
        wait()


@contextlib.contextmanager
def hooked(run: Path, server: LabelStudio, hints: Hints, *, url: str) -> Iterator[bool]:
    """Asks the server to call `url` when somebody answers; yields whether it will.

    A server refuses addresses of its own machine and network unless it is told to trust them. Hooks that an earlier
    process left are removed.
    """
    projects = [found.project for kind in TASK_KINDS if (found := project_of(run, kind)) is not None]
    made: list[int] = []
    try:
        for project in projects:
            for old in server.hooks(project, header=HEADER):
                server.delete_hook(old)
            hook = server.add_hook(project, url=url, headers={HEADER: hints.secret})
            made += [hook] if hook is not None else []
        yield bool(made)
    finally:
        for mine in made:
            with contextlib.suppress(GristmillError):
                server.delete_hook(mine)
