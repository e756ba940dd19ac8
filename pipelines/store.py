"""Where a run is written: a local folder or an object-store prefix, with one way to publish a file.

Locally a file is written under a unique temporary name, synced, and renamed; object stores publish a
name when its upload ends, so there the final name is written directly. A name that exists already must
have the same content: a replayed work unit writes the same bytes or the run fails.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
from pyarrow import fs

from curation.errors import GristmillError, InputError
from pipelines.faults import reach
from pipelines.inputs.locations import remote

CHUNK_BYTES = 1 << 20
TEMPORARY = ".tmp-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A published file: its name in the store, size in bytes and sha256 (hex)."""

    name: str
    bytes: int
    sha256: str


class HashingFile:
    """A write-only binary file that digests and counts what passes through."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.num_bytes = 0
        self.closed = False

    def write(self, data: bytes | memoryview) -> int:
        """Writes all of `data`."""
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        self._file.write(view)
        self._digest.update(view)
        self.num_bytes += len(view)
        return len(view)

    def flush(self) -> None:
        """Does nothing: the file below is flushed at publication."""

    def hexdigest(self) -> str:
        """Returns the sha256 of all that was written."""
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Store:
    """A folder (path) or prefix (`s3://bucket/prefix`); picklable, so that workers can hold it.

    A file that is not here is opened in `below`, another store, where there is one; nothing is written there.
    """

    uri: str
    below: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether `uri` is a local path."""
        return "://" not in self.uri

    def resolve(self) -> tuple[fs.FileSystem, str]:
        """Returns the file system and the path of the root in it."""
        if self.is_local:
            return fs.LocalFileSystem(), str(Path(self.uri).absolute())
        if self.uri.startswith("file://"):
            filesystem, path = fs.FileSystem.from_uri(self.uri)
            return filesystem, path.rstrip("/")
        return remote(self.uri)

    def local_path(self, name: str = "") -> Path:
        """Returns the local path of `name`.

        Raises:
            InputError: the store is not local.
        """
        if not self.is_local:
            raise InputError(f"expected a local folder, found {self.uri}; copy the run to a local folder first")
        return Path(self.uri).absolute() / name

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Returns the sorted names (relative to the root) of the published files in `folder`, recursively."""
        filesystem, root = self.resolve()
        selector = fs.FileSelector(f"{root}/{folder}".rstrip("/"), recursive=True, allow_not_found=True)
        files = [info.path[len(root) + 1 :] for info in filesystem.get_file_info(selector) if info.is_file]
        return sorted(name for name in files if name.endswith(suffix) and not _is_temporary(name))

    def exists(self, name: str) -> bool:
        """Returns whether `name` is published."""
        filesystem, root = self.resolve()
        return bool(filesystem.get_file_info(f"{root}/{name}").is_file)

    def open(self, name: str) -> pa.NativeFile:
        """Opens a published file for random access.

        Raises:
            InputError: there is no such file.
        """
        filesystem, root = self.resolve()
        try:
            return filesystem.open_input_file(f"{root}/{name}")
        except FileNotFoundError:
            if self.below is not None:
                return Store(self.below).open(name)
            raise InputError(f"{self.uri}/{name}: expected a file of a run, found nothing") from None

    def read(self, name: str) -> bytes:
        """Returns the content of a published file."""
        with self.open(name) as file:
            return bytes(file.read())

    def digest(self, name: str) -> Written:
        """Returns size and sha256 of a published file."""
        digest, num_bytes = hashlib.sha256(), 0
        with self.open(name) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                num_bytes += len(chunk)
        return Written(name=name, bytes=num_bytes, sha256=digest.hexdigest())

    def write(self, name: str, content: bytes, *, replace: bool = False) -> Written:
        """Publishes `content` as `name` (see `publish`)."""
        with self.publish(name, replace=replace) as file:
            file.write(content)
        return Written(name=name, bytes=file.num_bytes, sha256=file.hexdigest())

    @contextlib.contextmanager
    def publish(self, name: str, *, replace: bool = False) -> Iterator[HashingFile]:
        """Yields a file that is published as `name` when the block ends without an error.

        Args:
            name: relative to the root.
            replace: overwrite what is there; else an existing file must have the same content.

        Raises:
            GristmillError: `name` exists with other content, or the disk is full.
        """
        opener = self._publish_local if self.is_local else self._publish_object
        same = self.digest(name) if not replace and self.exists(name) else None
        with opener(name, same) as file:
            yield file

    @contextlib.contextmanager
    def _publish_local(self, name: str, same: Written | None) -> Iterator[HashingFile]:
        path = self.local_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}-{path.name}")
        try:
            with temporary.open("xb") as raw:
                file = HashingFile(raw)
                yield file
                raw.flush()
                os.fsync(raw.fileno())
            reach("after_temp_write")
            if same is not None:
                _check_same(file, same)
                return
            reach("before_rename")
            temporary.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            raise GristmillError(
                f"{path}: cannot write: {error.strerror or error}; free space or rights, then run again"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _publish_object(self, name: str, same: Written | None) -> Iterator[HashingFile]:
        if same is not None:
            with Path(os.devnull).open("wb") as sink:
                file = HashingFile(sink)
                yield file
            _check_same(file, same)
            return
        filesystem, root = self.resolve()
        with filesystem.open_output_stream(f"{root}/{name}", compression=None) as stream:
            yield HashingFile(stream)

    def sweep(self) -> None:
        """Deletes temporary files that killed writers left; only under the run's lock."""
        if self.is_local:
            for path in self.local_path().rglob(f"{TEMPORARY}*"):
                if path.is_file():
                    path.unlink()

    def size(self, name: str) -> int:
        """Returns the bytes of a published file."""
        filesystem, root = self.resolve()
        return int(filesystem.get_file_info(f"{root}/{name}").size)

    def remove_file(self, name: str) -> None:
        """Deletes a published file."""
        filesystem, root = self.resolve()
        filesystem.delete_file(f"{root}/{name}")

    def remove(self, folder: str) -> None:
        """Deletes `folder` and all in it, if it is there."""
        filesystem, root = self.resolve()
        with contextlib.suppress(FileNotFoundError):
            filesystem.delete_dir(f"{root}/{folder}")


def _check_same(file: HashingFile, same: Written) -> None:
    if file.hexdigest() != same.sha256:
        raise GristmillError(
            f"{same.name}: written before with sha256 {same.sha256[:16]}, now {file.hexdigest()[:16]}; "
            "the same work unit must give the same bytes: remove the run directory and report this"
        )


def _is_temporary(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith(TEMPORARY)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
