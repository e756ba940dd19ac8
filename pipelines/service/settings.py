"""What one service is told at its start: where it keeps things, what it may read, how much it may use."""

import os
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Everything that `gristmill serve` is told.

    `data` holds the database and one folder per job (spec, log, lock, exit files); `runs` the run directories.
    """

    data: Path
    runs: Path
    roots: tuple[Path, ...]  # folders that specs may name files in; `runs` is one of them always
    database: str  # an SQLAlchemy URL
    cores: int
    memory_bytes: int
    host: str = "127.0.0.1"
    port: int = 8400
    model_servers: tuple[str, ...] = ()
    """Endpoints that specs may name: each gets documents, and the key in this process's environment."""
    names: tuple[str, ...] = ()
    """Further names that others reach it by, in the Host header."""
    restarts: int = 3
    """How often a run whose process was killed is started again before it counts as failed."""
    lease_seconds: float = 15.0
    tick_seconds: float = 0.25
    stop_seconds: float = 10.0
    """How long a cancelled run may take to end by itself before its process group is killed."""

    @property
    def jobs(self) -> Path:
        """Folder of the jobs' own folders."""
        return self.data / "jobs"

    @property
    def allowed(self) -> tuple[Path, ...]:
        """Folders that a run may read from, symbolic links resolved."""
        return tuple(dict.fromkeys(path.resolve() for path in (*self.roots, self.runs)))

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a Host header may name."""
        return tuple(dict.fromkeys((*LOOPBACK, self.host, *self.names)))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK


def machine_memory() -> int:
    """Returns the bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def settings_of(
    data: Path,
    *,
    runs: Path | None = None,
    roots: tuple[Path, ...] = (),
    database: str | None = None,
    cores: int | None = None,
    memory_bytes: int | None = None,
    host: str = "127.0.0.1",
    port: int = 8400,
    model_servers: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
    restarts: int = 3,
) -> ServiceSettings:
    """Returns settings with the defaults worked out: runs under `./runs`, files under the working directory.

    Four fifths of the machine's memory are given out; the rest is left to the service and the system.
    """
    data = data.absolute()
    return ServiceSettings(
        data=data,
        runs=(runs or Path("runs")).absolute(),
        roots=tuple(root.absolute() for root in roots) or (Path.cwd(),),
        database=database or f"sqlite:///{data / 'service.db'}",
        cores=cores or len(os.sched_getaffinity(0)),
        memory_bytes=memory_bytes or machine_memory() * 4 // 5,
        host=host,
        port=port,
        model_servers=model_servers,
        names=names,
        restarts=restarts,
    )
