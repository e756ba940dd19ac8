"""The process of a job: started in a session of its own, known by a lock that only it holds, ended by its group.

The service takes the lock (flock) of the job's folder and hands the open file to the process it starts. The kernel
drops it when the process is gone, however it went. So "is it running?" needs no process id, which could be another
process's by now; nothing can be started twice, whoever starts it and whenever one of the two is killed; and a service
that comes later finds what an earlier one started. What the process did stands in `exit-<attempt>.json`; where it
is missing, the process was killed.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.service.tables import Job

LOCK, ORDER, PROCESS, PROGRESS = "lock", "order.json", "process.json", "progress.json"
LOG, SPEC, PLAN = "log.txt", "spec.yaml", "plan.json"
MARK = "GRISTMILL_JOB_FOLDER"
"""Environment variable that every process of a job has."""
LOCK_TRIES, LOCK_PAUSE_SECONDS = 100, 0.01  # another service may look at the lock at the same moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a process is started to do; `order.json` in the job's folder."""

    job: str
    attempt: int
    action: str
    folder: str
    run: str
    settings: list[str]
    sample_documents: int | None
    cores: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended."""

    code: int
    error: str | None


class AlreadyRunning(Exception):
    """The job has a process."""


def start(
    job: Job,
    *,
    attempt: int,
    folder: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    is_wanted: Callable[[], bool],
) -> subprocess.Popen[bytes] | None:
    """Starts the process of an attempt.

    Args:
        job: the job.
        attempt: its number.
        folder: of the job's own files.
        command: what to execute; the folder is its last argument.
        environment: of the process, beside the job's mark.
        is_wanted: asked when nobody else can start one any more; False: nothing is started, and None returned.

    Raises:
        AlreadyRunning: one of an earlier attempt lives.
        OSError: it cannot be started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder) as lock:
        if not is_wanted():
            return None
        order = Order(
            job=job.id,
            attempt=attempt,
            action=job.action,
            folder=job.folder,
            run=job.run,
            settings=list(job.settings),
            sample_documents=job.sample_documents,
            cores=job.cores,
        )
        write_file(folder / SPEC, job.spec.encode())
        write_file(folder / ORDER, json.dumps(asdict(order)).encode())
        with (folder / LOG).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - this Python and a folder of ours
                [*command, str(folder)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**environment, MARK: str(folder)},
                start_new_session=True,
                pass_fds=(lock,),
            )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(LOCK_TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            raise AlreadyRunning(str(folder))
        yield lock
    finally:
        os.close(lock)  # the process that was started holds it too: it stays locked


def is_running(folder: Path) -> bool:
    """Tells whether the job has a process."""
    try:
        lock = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def exit_of(folder: Path, attempt: int) -> Exit | None:
    """Returns how an attempt ended; None: it runs, was killed, or never began."""
    content = read_json(folder / f"exit-{attempt}.json")
    return Exit(code=int(str(content["code"])), error=_text(content["error"])) if content else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def interrupt(folder: Path) -> None:
    """Asks the process of a job to end, as Ctrl-C does; what it has published stays."""
    leader = read_json(folder / PROCESS)
    if leader and is_running(folder):
        for pid in members(folder):
            if pid == leader["pid"]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)


def kill(folder: Path) -> None:
    """Kills every process of a job, workers that outlived their driver too."""
    for pid in members(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def members(folder: Path) -> list[int]:
    """Returns the processes of this user that were started for a job: those that carry its mark."""
    return sorted(pid for pid, of in marked() if of == folder)


def marked() -> Iterator[tuple[int, Path]]:
    """Yields the processes of this user that were started for a job, with the job's folder."""
    mark = f"{MARK}=".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                for variable in (entry / "environ").read_bytes().split(b"\0"):
                    if variable.startswith(mark):
                        yield int(entry.name), Path(os.fsdecode(variable.removeprefix(mark)))


def read_json(path: Path) -> dict[str, object]:
    """Returns the object in a file; empty where there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Puts a file in place as a whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)
