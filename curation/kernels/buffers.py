"""Memory of large arrays, used again as soon as nobody has the last array in it.

A fresh array costs a page fault per 4 KiB when it is first written: of the words of a text that was as long as
finding them. Buffers belong to a thread; each grows to the largest array that was asked for, up to MOST_BYTES.
"""

import sys
import threading
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)

MOST_BYTES = 64 << 20
"""Larger arrays are of giant documents, which are rare: their memory is given back."""

_HELD_ONLY = 3  # references to a buffer without a view: the dictionary's, the local name, getrefcount's argument

_held = threading.local()


def reused(name: str, size: int, dtype: type[Number]) -> NDArray[Number]:
    """Returns an array (size,) of anything, as `np.empty` does, in this thread's memory of that name.

    As long as a view of the last such array lives anywhere, that keeps its memory and new memory is taken.
    """
    num_bytes = size * np.dtype(dtype).itemsize
    if num_bytes > MOST_BYTES:
        return np.empty(size, dtype=dtype)
    buffers: dict[str, NDArray[np.uint8]] = vars(_held)
    buffer = buffers.get(name)
    if buffer is None or buffer.size < num_bytes or sys.getrefcount(buffer) > _HELD_ONLY:
        buffer = buffers[name] = np.empty(1 << max(num_bytes - 1, 1).bit_length(), dtype=np.uint8)
    return buffer[:num_bytes].view(dtype)
