"""Which files the patterns of an input name, in a fixed order, with hostile file trees in mind.

What a spec names outright must be there and readable, else nothing starts. What a glob or a folder turns up may be
anything: what cannot be read (FIFO, device, symlink loop, no permission) is listed with its `problem` and becomes
a dead letter. Names that begin with a dot are not matched by `*` nor found in folders.
"""

import dataclasses
import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow.fs as pafs

from curation.errors import InputError
from pipelines.inputs.confinement import is_allowed
from pipelines.inputs.files import InputFile
from pipelines.inputs.https import head_of
from pipelines.inputs.locations import local_path, remote, scheme_of
from pipelines.inputs.urls import strip_credentials

_MAGIC = frozenset("*?[")
_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def list_files(patterns: Sequence[str], root: Path) -> list[InputFile]:
    """Returns the files that `patterns` name, each once, sorted by `path` (bytewise).

    `path` counts from the deepest folder that holds the fixed part of every pattern, so it does not change when
    all files move together.

    Args:
        patterns: paths, globs (`**` any depth), folders (all files below) or URLs.
        root: folder that relative patterns count from (the spec's).

    Raises:
        InputError: a named file is missing or unreadable, a pattern matches nothing, a protocol is not allowed, or two
            files have one path.
    """
    found: dict[str, InputFile] = {}
    bases: list[str] = []
    for pattern in patterns:
        base, files = _of_pattern(pattern, root)
        bases.append(base)
        found.update((file.uri, file) for file in files)
    prefix = _common_folder(bases)
    files = [dataclasses.replace(file, path=_shown(file.uri[len(prefix) :])) for file in found.values()]
    files.sort(key=lambda file: file.path.encode())
    for one, other in pairwise(files):
        if one.path == other.path:
            raise InputError(
                f"{_shown(one.uri)} and {_shown(other.uri)}: expected different paths, found {one.path!r} twice"
            )
    return files


def _of_pattern(pattern: str, root: Path) -> tuple[str, Iterable[InputFile]]:
    """Returns the folder (ending in `/`) that the pattern's fixed part names, and its files."""
    scheme = scheme_of(pattern)
    if scheme == "https":
        return pattern.rpartition("/")[0] + "/", [_file(pattern, head_of(pattern))]
    return _local(pattern, root) if scheme == "file" else _remote(pattern)


def _file(uri: str, size: int, problem: str | None = None, detail: str = "") -> InputFile:
    return InputFile(uri=uri, path=uri, bytes=size, problem=problem, detail=detail)


def _shown(name: str) -> str:
    r"""Returns a file name as valid UTF-8: undecodable bytes become `\xNN`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _common_folder(bases: list[str]) -> str:
    """Returns the deepest folder above (or at) all of `bases`, which end in `/` as it does; `` where none is."""
    common = bases[0] if bases else ""
    for base in bases[1:]:
        while not base.startswith(common):
            common = common[:-1].rpartition("/")[0] + "/" if "/" in common[:-1] else ""
    return common


# ---- local files


def _local(pattern: str, root: Path) -> tuple[str, Iterable[InputFile]]:
    path = local_path(pattern, root=root)
    if os.path.lexists(path):
        if os.path.isdir(path):
            return _folder(path), list(_walk(path, ()))
        return _folder(os.path.dirname(path)), [_named(path)]
    segments = path.split("/")
    fixed = next((index for index, segment in enumerate(segments) if _MAGIC & set(segment)), None)
    if fixed is None:
        raise InputError(f"{_shown(path)}: expected a file or folder, found none; check the path")
    base = "/".join(segments[:fixed]) or "/"
    files = list(_glob(base, segments[fixed:], ()))
    if not files:
        raise InputError(f"{_shown(path)}: expected at least one file that matches, found none; check the pattern")
    return _folder(base), files


def _folder(path: str) -> str:
    return path.rstrip("/") + "/"


def _named(path: str) -> InputFile:
    """Returns the file of a path that the spec names outright."""
    file = _regular(path)
    if file.problem is None and not os.access(path, os.R_OK, effective_ids=True):
        file = _file(path, file.bytes, "permission_denied", "no permission to read it")
    if file.problem is not None:
        raise InputError(f"{_shown(path)}: expected a readable file, found {file.detail}")
    return file


def _regular(path: str) -> InputFile:
    """Returns the file at `path`, with a problem where it is no regular file."""
    if not is_allowed(path):
        return _file(path, 0, "permission_denied", "a link out of the allowed folders")
    try:
        found = os.stat(path)
    except PermissionError:
        return _file(path, 0, "permission_denied", "no permission to look at it")
    except FileNotFoundError:
        return _file(path, 0, "broken_symlink", "a symbolic link to nothing")
    except OSError as error:  # ELOOP
        return _file(path, 0, "symlink_loop", f"a symbolic link that leads nowhere ({error.strerror})")
    if stat.S_ISREG(found.st_mode):
        return _file(path, found.st_size)
    return _file(path, 0, "not_a_file", next((kind for test, kind in _KINDS if test(found.st_mode)), "no regular file"))


def _entries(folder: str) -> list[str]:
    return sorted(os.listdir(folder), key=os.fsencode)


def _enter(
    folder: str, above: tuple[tuple[int, int], ...]
) -> tuple[list[str], tuple[tuple[int, int], ...]] | InputFile:
    """Returns the names in a folder and the identities of it and the folders above, or why it cannot be entered."""
    if not is_allowed(folder):
        return _file(folder, 0, "permission_denied", "a link out of the allowed folders")
    try:
        found = os.stat(folder)
        if (found.st_dev, found.st_ino) in above:
            return _file(folder, 0, "symlink_loop", "a symbolic link to a folder above it")
        return _entries(folder), (*above, (found.st_dev, found.st_ino))
    except PermissionError:
        return _file(folder, 0, "permission_denied", "a folder without permission to list it")


def _walk(folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[InputFile]:
    """Yields every file below a folder, links to folders followed unless they lead back up."""
    entered = _enter(folder, above)
    if isinstance(entered, InputFile):
        yield entered
        return
    names, above = entered
    for name in names:
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        if os.path.isdir(path):
            yield from _walk(path, above)
        else:
            yield _regular(path)


def _glob(folder: str, segments: list[str], above: tuple[tuple[int, int], ...]) -> Iterator[InputFile]:
    """Yields the files below `folder` that the pattern's remaining segments match; a matched folder is walked."""
    if not os.path.isdir(folder):
        return
    entered = _enter(folder, above)
    if isinstance(entered, InputFile):
        yield entered
        return
    names, above = entered
    head, rest = segments[0], segments[1:]
    if head == "**":
        yield from _glob(folder, rest, above[:-1]) if rest else _walk(folder, above[:-1])
        if not rest:
            return
    for name in names:
        path = os.path.join(folder, name)
        if name.startswith(".") and not head.startswith("."):
            continue
        if head == "**":
            yield from _glob(path, segments, above)
        elif fnmatch.fnmatchcase(name, head):
            if rest:
                yield from _glob(path, rest, above)
            else:
                yield from _walk(path, above) if os.path.isdir(path) else iter((_regular(path),))


# ---- object stores


def _remote(pattern: str) -> tuple[str, Iterable[InputFile]]:
    filesystem, path = remote(pattern)
    scheme = pattern.split("://", 1)[0].lower() + "://"
    segments = path.split("/")
    fixed = next((index for index, segment in enumerate(segments) if _MAGIC & set(segment)), len(segments))
    base = "/".join(segments[:fixed])
    try:
        infos = _infos(filesystem, base)
    except OSError as error:
        raise InputError(f"{strip_credentials(pattern)}: cannot list it: {str(error)[:300]}") from None
    if fixed < len(segments):
        infos = [info for info in infos if _matches(info.path.split("/")[fixed:], segments[fixed:])]
    if not infos:
        raise InputError(f"{strip_credentials(pattern)}: expected at least one object, found none; check the URL")
    folder = base if len(infos) != 1 or infos[0].path != base else base.rpartition("/")[0]
    return scheme + _folder(folder), [_file(scheme + info.path, info.size) for info in infos]


def _infos(filesystem: pafs.FileSystem, base: str) -> list[pafs.FileInfo]:
    info = filesystem.get_file_info(base)
    if info.type == pafs.FileType.File:
        return [info]
    found = filesystem.get_file_info(pafs.FileSelector(base, allow_not_found=True, recursive=True))
    hidden = len(base.split("/"))
    return [
        info
        for info in found
        if info.type == pafs.FileType.File and not any(part.startswith(".") for part in info.path.split("/")[hidden:])
    ]


def _matches(parts: list[str], segments: list[str]) -> bool:
    """Tells whether a path matches a pattern; a pattern that ends at a folder takes all below it."""
    if not segments:
        return True
    if not parts:
        return False
    if segments[0] == "**":
        return _matches(parts, segments[1:]) or _matches(parts[1:], segments) if segments[1:] else True
    return fnmatch.fnmatchcase(parts[0], segments[0]) and _matches(parts[1:], segments[1:])
