"""Numba kernels: NumPy arrays in and out, nothing of ours known.

`kernel` is the one decorator. Compiled code is cached under the user's cache folder in a directory named
by a digest of all kernel files and the Numba version, because Numba looks only at the file of the function
itself: after an edit of a callee it would go on using the stale caller. `NUMBA_CACHE_DIR` overrides the
folder. Where nothing is writable, kernels compile without a cache, and a warning says so once.
"""

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def digest_of_kernels() -> str:
    """Returns 16 hex digits that change with any kernel file and with the Numba version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\x00" + path.read_bytes())
    return digest.hexdigest()[:16]


def _folder_of_user() -> Path:
    """Returns the user's cache folder.

    Raises:
        RuntimeError: the user has no home directory.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gristmill"


def cache_folder() -> Path | None:
    """Returns the folder for compiled kernels, made if missing (mode 0700); None if none can be written."""
    if configured := numba.config.CACHE_DIR:  # type: ignore[attr-defined]
        return Path(configured)
    try:
        folder = _folder_of_user() / "kernels" / digest_of_kernels()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return None


def _configure() -> bool:
    """Points Numba at the cache folder; returns whether there is one."""
    folder = cache_folder()
    if folder is None:
        message = "no writable cache folder: kernels compile anew in each process (set NUMBA_CACHE_DIR)"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return False
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return True


CACHED = _configure()


def kernel(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compiles `function` with the settings of all kernels: no GIL, cached, no fast maths, one thread."""
    compiled: Callable[Parameters, Result] = numba.njit(nogil=True, cache=CACHED)(function)
    return compiled


def borrowing(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compiles `function` like `kernel`, without counting references: for functions that make no array.

    A call counts those of all its array arguments, atomically, up and down. Where calls happen per word that was
    a quarter of the time. Compilation fails if the function makes an array after all.
    """
    compiled: Callable[Parameters, Result] = numba.njit(nogil=True, cache=CACHED, _nrt=False)(function)  # type: ignore[call-overload]
    return compiled


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compiles `function` like `borrowing`, as a part of each caller: a call passes seven words or more per array.

    Of twenty arrays, per word, that was more than a third of the time again.
    """
    compiled: Callable[Parameters, Result] = numba.njit(nogil=True, inline="always", _nrt=False)(function)  # type: ignore[call-overload]
    return compiled
