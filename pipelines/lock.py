"""One writer per run directory: a file lock that the operating system releases when its process ends."""

import contextlib
from collections.abc import Iterator

from filelock import FileLock, Timeout

from curation.errors import RunLocked
from pipelines.store import Store


@contextlib.contextmanager
def run_lock(store: Store, name: str = "lock") -> Iterator[None]:
    """Holds a lock of a run for the block; object stores have none (their commit is the manifest).

    Raises:
        RunLocked: another process holds it.
    """
    if not store.is_local:
        yield
        return
    path = store.local_path(f"ledger/{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout:
        raise RunLocked(f"{store.uri}: another process is writing this run; wait for it or stop it") from None
