"""The only module that opens inputs; locally only regular files: a FIFO blocks for ever, a device may never end.

Which protocols are allowed is `locations.py`'s; which files a pattern names is `listing.py`'s.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Self, TypeVar, cast

import pyarrow as pa
import xxhash

from curation.errors import InputError
from pipelines.inputs.confinement import check_opened
from pipelines.inputs.files import InputFile
from pipelines.inputs.https import download
from pipelines.inputs.listing import list_files
from pipelines.inputs.locations import local_path, remote, scheme_of
from pipelines.inputs.urls import strip_credentials

__all__ = ["digest_of", "list_files", "open_bytes", "open_raw", "strip_credentials"]

UNOPENED = frozenset({"permission_denied", "not_a_file", "broken_symlink", "symlink_loop"})
"""Problems of files that are never opened."""
MAX_DOWNLOAD_BYTES = 1 << 40
_READ_BYTES = 1 << 20

Value = TypeVar("Value")


def open_raw(file: InputFile) -> BinaryIO:
    """Returns the stored bytes of `file` as a seekable stream, unbuffered: read in large pieces.

    Reading it raises InputError, never OSError, so that a failing disk or network is not taken for damaged data.

    Raises:
        PermissionError: it may not be read.
        InputError: it cannot be opened, or its size is not the one it was listed with.
    """
    try:
        stream = _open(file.uri, limit=MAX_DOWNLOAD_BYTES)
    except PermissionError:
        raise
    except OSError as error:
        raise InputError(f"{file.path}: cannot be opened: {error}") from None
    guarded = _Guarded(stream, file.path)
    size = guarded.seek(0, os.SEEK_END)
    guarded.seek(0)
    if file.bytes not in (size, -1):
        stream.close()
        raise InputError(f"{file.path}: expected {file.bytes} bytes as when it was listed, found {size}; start again")
    return cast("BinaryIO", guarded)


class _Guarded:
    """A stream that raises InputError, and closes, where the device or server fails."""

    def __init__(self, stream: BinaryIO, path: str) -> None:
        self._stream = stream
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        return self._stream.closed

    def read(self, size: int = -1) -> bytes:
        return self._guard(self._stream.read, size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._guard(self._stream.seek, offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()

    def _guard(self, call: Callable[..., Value], *arguments: int) -> Value:
        try:
            return call(*arguments)
        except OSError as error:
            self.close()
            raise InputError(f"{self._path}: cannot be read any more: {error}") from None


def open_bytes(name: str, *, root: Path, limit: int) -> bytes:
    """Returns the whole content of a path (relative to `root`) or an allowed URL.

    Raises:
        OSError: it cannot be opened, or has more than `limit` bytes.
        InputError: the protocol is not allowed.
    """
    uri = local_path(name, root=root) if scheme_of(name) == "file" else name
    with _open(uri, limit=limit) as stream:
        content = bytearray()
        while data := stream.read(min(_READ_BYTES, limit + 1 - len(content))):
            content += data
    if len(content) > limit:
        raise OSError(f"expected at most {limit} bytes, found more")
    return bytes(content)


def digest_of(file: InputFile) -> str | None:
    """Returns xxh3-128 (hex) of the stored bytes; None for what cannot be opened (`UNOPENED`). Reads the whole file.

    Raises:
        PermissionError: it may not be read.
        InputError: it cannot be read.
    """
    if file.problem in UNOPENED:
        return None
    digest = xxhash.xxh3_128()
    with open_raw(file) as stream:
        while data := stream.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _open(uri: str, *, limit: int) -> BinaryIO:
    scheme = scheme_of(uri)
    if scheme == "https":
        return download(uri, limit=limit)
    if scheme == "file":
        return _open_local(uri)
    filesystem, path = remote(uri)
    return cast("BinaryIO", filesystem.open_input_file(path))


def _open_local(path: str) -> BinaryIO:
    # O_NONBLOCK: opening a FIFO that took the file's place since it was listed must not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"expected a regular file: {path!r}")
    try:
        check_opened(descriptor, path)
    except InputError:
        os.close(descriptor)
        raise
    return cast("BinaryIO", os.fdopen(descriptor, "rb", buffering=0))


def as_arrow(stream: BinaryIO) -> pa.NativeFile:
    """Returns `stream` as what Arrow's readers take."""
    return pa.PythonFile(stream, mode="r")
