"""A Label Studio server on this machine: started, found again, ended. It listens on 127.0.0.1 only.

A server is ours when our token, which no other server has, gets our account from it; an open port or a good
`/health` would be any server's.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from annotator.credentials import NAME as CREDENTIALS
from annotator.credentials import Credentials, credentials_of, new_credentials
from annotator.installation import DATABASE, Installation, server_environment, tail_of
from annotator.label_studio import LabelStudio
from annotator.transport import Http
from curation.errors import GristmillError, ReviewError

HOST = "127.0.0.1"
STATE, LOG = "server.json", "server.log"
START_SECONDS, STOP_SECONDS, STEP_SECONDS = 300.0, 20.0, 0.2
PRIVATE = 0o077
_children: "dict[int, subprocess.Popen[bytes]]" = {}
"""Servers that this process started: they outlive it, and are waited for only when it ends them itself."""
SERVING = Path(__file__).with_name("serving.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; `started` is the start time of its process, which tells it from a later one of the same id."""

    url: str
    pid: int
    started: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A server, its account, and whether the account is new (its password is shown once)."""

    server: Server
    credentials: Credentials
    is_new: bool


def start(
    data: Path, installed: Callable[[], Installation], *, port: int = 0, allow_local_webhooks: bool = False
) -> Started:
    """Starts the server of a data directory, or finds it running.

    Args:
        data: its data directory; made from the template where it is empty or missing.
        installed: installs Label Studio where needed.
        port: 0 takes a free one.
        allow_local_webhooks: for tests only: switches off the protection against requests to this machine.

    Raises:
        ReviewError: the port is taken, or the server does not start.
    """
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    with _alone(data):
        running = running_server(data)
        known = credentials_of(data)
        if running is not None and known is not None:
            return Started(server=running, credentials=known, is_new=False)
        installation = installed()
        if not (data / DATABASE).exists():
            shutil.copytree(installation.template, data, dirs_exist_ok=True)
            data.chmod(0o700)  # the copy took over the template's
        used = known or new_credentials(data)
        number = _free_port(port)
        try:
            server = _launch(data, installation, used, number, allow_local_webhooks=allow_local_webhooks)
        except ReviewError:
            if known is None:  # nobody has seen them
                (data / CREDENTIALS).unlink()
            raise
        return Started(server=server, credentials=used, is_new=known is None)


def running_server(data: Path) -> Server | None:
    """Returns the server of a data directory if its process is alive, else None."""
    try:
        server = Server(**json.loads((data / STATE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return server if _start_time(server.pid) == server.started else None


def stop(data: Path) -> bool:
    """Ends the server of a data directory; returns whether one was running."""
    server = running_server(data)
    if server is None:
        return False
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.pid, sign)
        if _waited(lambda: _start_time(server.pid) != server.started, STOP_SECONDS):
            break
    (data / STATE).unlink(missing_ok=True)
    if server.pid in _children:
        _children.pop(server.pid).wait()
    return True


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    try:
        with FileLock(data / "lock", timeout=0):
            yield
    except Timeout:
        raise ReviewError(f"{data}: another process is starting this server; wait for it") from None


def _launch(
    data: Path, installation: Installation, used: Credentials, port: int, *, allow_local_webhooks: bool
) -> Server:
    environment = server_environment(data)
    if allow_local_webhooks:
        environment["SSRF_PROTECTION_ENABLED"] = "false"
    log = data / LOG
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is ours
            [str(installation.python), "-I", str(SERVING), HOST, str(port)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            umask=PRIVATE,
        )
    _children[process.pid] = process
    assert process.stdin is not None, "stdin is a pipe"
    process.stdin.write(used.account())
    process.stdin.close()
    url = f"http://{HOST}:{port}"
    _wait_until_ready(process, url, used, log)
    server = Server(url=url, pid=process.pid, started=_start_time(process.pid) or 0, data=str(data))
    (data / STATE).write_text(json.dumps(asdict(server)))
    return server


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, used: Credentials, log: Path) -> None:
    client = LabelStudio(transport=Http(url=url, token=used.token, read_seconds=10), wait=lambda _: None)

    def is_ready() -> bool:
        if process.poll() is not None:
            code = process.returncode
            raise ReviewError(f"Label Studio ended while it started (exit code {code}); {log}: {tail_of(log)}")
        with contextlib.suppress(GristmillError):
            return _listens(url) and client.whoami() == used.email
        return False

    if not _waited(is_ready, START_SECONDS):
        process.kill()
        raise ReviewError(f"Label Studio did not answer within {START_SECONDS:.0f} s at {url}; see {log}")


def _listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise ReviewError(f"port {port} of {HOST} is taken by another program; choose one with --port") from None
        return int(probe.getsockname()[1])


def _waited(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(STEP_SECONDS)
    return True


def _start_time(pid: int) -> int | None:
    """Returns when a process started, in clock ticks since boot; None when it is gone or a zombie (Linux)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])
