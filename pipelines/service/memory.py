"""How much memory jobs take, and which of them is ended when they take more than there is.

A job is queued with an estimate, so it may take more as long as nobody is promised it: a limit per job would end runs
that harm no one, and RLIMIT_AS or RLIMIT_DATA count address space, which Arrow, Numba and DuckDB reserve freely, and by
process, of which a run has several. What is counted is what cannot be dropped: anonymous, shared and swapped pages of
all processes of a job, not the files that it has mapped.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from pipelines.service import processes

MARGIN = 1.25
"""A job is ended only above its reservation and a quarter more: estimates are no better than that."""
LOOK_SECONDS = 1.0
"""Between two looks at what jobs take."""
_COUNTED = ("RssAnon:", "RssShmem:", "VmSwap:")
_KIB = 1024


def taken_by_folder() -> dict[Path, int]:
    """Returns the bytes that the processes of each job take, by the job's folder; one look at all processes."""
    taken: dict[Path, int] = {}
    for pid, folder in processes.marked():
        taken[folder] = taken.get(folder, 0) + _bytes_of(pid)
    return taken


def _bytes_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        rows = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return sum(int(row[1]) * _KIB for row in rows if row and row[0] in _COUNTED)
    return 0


def counted(reserved: int, taken: int) -> int:
    """Returns the bytes that a running job has: what it takes, and what it may still take."""
    return max(reserved, taken)


def one_too_many(reserved: Mapping[str, int], taken: Mapping[str, int], *, most: int) -> str | None:
    """Returns the job that is furthest above its reservation where all together have more than `most` bytes.

    None: there is enough, or no job is above its reservation by more than the margin.
    """
    if sum(counted(size, taken.get(job, 0)) for job, size in reserved.items()) <= most:
        return None
    excess = {job: taken.get(job, 0) - size for job, size in reserved.items() if taken.get(job, 0) > MARGIN * size}
    return max(excess, key=lambda job: (excess[job], job)) if excess else None
