"""Arrays in a file: an npz archive, written the same for the same arrays, and read without trusting it.

NumPy's own reader takes what a member's header claims before it looks at the bytes, and inflates what was deflated.
Here members are stored as they are, as `np.savez` writes them, and the directory and the headers are held against the
bytes that are there before memory is taken.
"""

import io
import json
import tokenize
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np

IS_ENCRYPTED = 0x1
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
ERRORS = (ValueError, KeyError, TypeError, OverflowError, RuntimeError, OSError, EOFError, zipfile.BadZipFile)
"""What `read_archive` raises for a file that is none, and what taking its JSON apart raises."""


def write_archive(about: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Returns a file: the arrays, and `about` as the bytes of its JSON."""
    file = io.BytesIO()
    np.savez(file, about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def read_archive(content: bytes, *, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Returns the arrays of these names.

    Raises:
        ValueError: a member is compressed, encrypted, larger than the file or of Python objects, or its header is not
            of its size.
        KeyError: there is no such member.
        zipfile.BadZipFile, RuntimeError, OSError, EOFError: it is no archive, damaged, or uses what Python cannot read.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: _array(file, name, most=len(content)) for name in names}


def _array(file: zipfile.ZipFile, name: str, *, most: int) -> np.ndarray:
    """Returns one array; its member has `most` bytes or fewer."""
    member = file.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & IS_ENCRYPTED:
        raise ValueError(f"{name} compressed or encrypted, where members are stored as they are")
    if member.file_size != member.compress_size or member.file_size > most:
        raise ValueError(f"{name} of {member.file_size} bytes, more than its share of the file")
    data = file.read(member)
    stream = io.BytesIO(data)
    shape, is_fortran, dtype = _header(stream, name)
    if dtype.hasobject or is_fortran:
        raise ValueError(f"{name} of Python objects or in Fortran's order")
    array = np.frombuffer(data, dtype=np.uint8)[stream.tell() :]
    expected = dtype.itemsize
    for size in shape:
        expected *= size
    if array.size != expected or min(shape, default=0) < 0:
        raise ValueError(f"{name} of {array.size} bytes, where {dtype} {shape} has {expected}")
    return array.copy().view(dtype).reshape(shape)


def _header(stream: io.BytesIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Returns (shape, whether in Fortran's order, dtype) of an array's header."""
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise ValueError(f"{name} of npy version {version}")
    try:
        shape, is_fortran, dtype = HEADERS[version](stream)
    except (
        SyntaxError,
        tokenize.TokenError,
        MemoryError,
        UserWarning,
    ) as error:  # Python's parser, and Python 2's form
        raise ValueError(f"{name}: header: {error}") from None
    return shape, is_fortran, dtype
