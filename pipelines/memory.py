"""Gives freed memory back to the system between units and stages, so that peaks of one do not add to the next.

Arrow's pool and glibc keep what was freed for later use; in a driver with workers beside it the sum of what all of
them keep is the peak of the run.
"""

import ctypes
import gc
import sys
from functools import cache

import pyarrow as pa


def release_unused() -> None:
    """Returns what is free in Arrow's pool and in the C library's heap; costs some milliseconds."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> "ctypes._NamedFuncPointer | None":
    """Returns glibc's `malloc_trim`, None where the C library has none."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
