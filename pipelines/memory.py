"""Gives freed memory back to the system between units and stages, so that peaks of one do not add to the next.

Arrow's pool and glibc keep what was freed for later use; in a driver with workers beside it the sum of what all of
them keep is the peak of the run.
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pyarrow as pa


def release_unused() -> None:
    """Returns what is free in Arrow's pool and in the C library's heap; costs some milliseconds.

    The first call in a process sets aside what the collector has found alive, most of it Beam's modules: to look at
    all of it again at each call took 0.1 s (measured).
    """
    gc.collect()
    _set_aside()
    pa.default_memory_pool().release_unused()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@contextmanager
def thawed_afterwards() -> Iterator[None]:
    """Lets the collector see again what was set aside, when the block ends: a run is over, its process may go on."""
    try:
        yield
    finally:
        gc.unfreeze()
        _set_aside.cache_clear()


@cache
def _set_aside() -> None:
    """Does it once: to ask the collector whether it has been done takes as long as to do it (measured)."""
    gc.freeze()


@cache
def _malloc_trim() -> "ctypes._NamedFuncPointer | None":
    """Returns glibc's `malloc_trim`, None where the C library has none."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
