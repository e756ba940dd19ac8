"""`gristmill doctor`: what a run needs of this machine, and what is there."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from curation.errors import GristmillError

MIN_PYTHON, NEXT_PYTHON = (3, 11), (3, 14)
MIN_FREE_BYTES = 3 << 30
MIN_MEMORY_BYTES = 2 << 30
PACKAGES = ("apache-beam", "pyarrow", "duckdb", "numba", "fasttext-community", "tokenizers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    check: str
    found: str
    ok: bool


def findings() -> list[Finding]:
    """Returns what was found, in a fixed order."""
    return list(_findings())


def _findings() -> Iterator[Finding]:
    version = sys.version_info[:2]
    yield Finding(check="Python", found=platform.python_version(), ok=MIN_PYTHON <= version < NEXT_PYTHON)
    for name in PACKAGES:
        try:
            yield Finding(check=name, found=metadata.version(name), ok=True)
        except metadata.PackageNotFoundError:
            yield Finding(check=name, found="missing: pip install gristmill", ok=False)
    yield Finding(check="cores", found=str(os.cpu_count()), ok=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding(check="memory", found=f"{memory / 2**30:.1f} GiB", ok=memory >= MIN_MEMORY_BYTES)
    free = shutil.disk_usage(Path.cwd()).free
    yield Finding(check="free disk", found=f"{free / 2**30:.1f} GiB in {Path.cwd()}", ok=free >= MIN_FREE_BYTES)
    scratch = Path(tempfile.gettempdir())
    yield Finding(check="scratch folder", found=str(scratch), ok=os.access(scratch, os.W_OK))
    yield _model()


def _model() -> Finding:
    from curation.quality.language import PACKAGED_MODEL, PACKAGED_SHA256, load_model  # noqa: PLC0415 (doctor answers even where this import fails)

    try:
        load_model(str(PACKAGED_MODEL), PACKAGED_SHA256)
        return Finding(check="language model", found=f"sha256 {PACKAGED_SHA256[:16]}", ok=True)
    except GristmillError as error:
        return Finding(check="language model", found=str(error), ok=False)
