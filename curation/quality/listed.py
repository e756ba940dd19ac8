"""Lists of names kept in files, one a line: which of millions of entries a text is, without a Python object per entry.

Entries lie in one Arrow array sorted by hash; what a hash finds is compared in full. The format is that of UT1's and
SquidGuard's lists (https://dsi.ut-capitole.fr/blacklists/): one entry a line; empty lines and those that begin with `#`
are none.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from curation.errors import ArtifactError

CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFile:
    """A file of entries: where it is, what decisions call it, and the sha256 (hex) that it must have (null: any)."""

    path: str
    name: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """E entries of some lists, by ascending hash; equal ones in the order of their lists."""

    hash_E: NDArray[np.uint64]
    text_E: pa.ChunkedArray
    list_E: NDArray[np.uint16]
    names: tuple[str, ...]
    """Names of the lists that `list_E` counts."""

    def first(self, candidates: Iterable[str]) -> tuple[str, str] | None:
        """Returns (entry, name of its list) of the first candidate that is an entry."""
        for candidate in candidates:
            place = self._place(candidate)
            if place is not None:
                return candidate, self.names[self.list_E[place]]
        return None

    def _place(self, text: str) -> int | None:
        hashed = np.uint64(xxhash.xxh3_64_intdigest(text.encode()))
        place = int(np.searchsorted(self.hash_E, hashed))
        while place < self.hash_E.size and self.hash_E[place] == hashed:
            if self.text_E[place].as_py() == text:
                return place
            place += 1
        return None


def read_entries(files: tuple[ListFile, ...], form: Callable[[str], str]) -> Entries:
    """Returns the entries of `files`.

    Args:
        files: at most 65,536.
        form: the form in which entries are compared; an empty one is left out.

    Raises:
        ArtifactError: a file is missing, has another digest or is no UTF-8.
    """
    texts, hashes, lists = [], [], []
    for number, file in enumerate(files):
        entries = filter(None, map(form, lines_of(file)))
        while lines := list(islice(entries, CHUNK)):
            texts.append(pa.array(lines, pa.large_string()))
            hashes.append(np.array([xxhash.xxh3_64_intdigest(line.encode()) for line in lines], dtype=np.uint64))
            lists.append(np.full(len(lines), number, dtype=np.uint16))
    hash_E = np.concatenate([np.empty(0, dtype=np.uint64), *hashes])
    order = np.argsort(hash_E, kind="stable")
    return Entries(
        hash_E=hash_E[order],
        text_E=pa.chunked_array(texts, pa.large_string()).take(pa.array(order)),
        list_E=np.concatenate([np.empty(0, dtype=np.uint16), *lists])[order],
        names=tuple(file.name for file in files),
    )


def lines_of(file: ListFile) -> Iterator[str]:
    """Yields the entries of one file as they stand, without white space around them.

    Raises:
        ArtifactError: it is missing, has another digest or is no UTF-8.
    """
    try:
        content = Path(file.path).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{file.path}: expected a list, one entry a line ({error.strerror})") from None
    found = hashlib.sha256(content).hexdigest()
    if file.sha256 is not None and found != file.sha256.lower():
        raise ArtifactError(f"{file.path}: expected a list of sha256 {file.sha256}, found {found}; start the run again")
    for number, line in enumerate(io.BytesIO(content.removeprefix(b"\xef\xbb\xbf")), start=1):
        try:
            entry = line.decode().strip()
        except UnicodeDecodeError:
            raise ArtifactError(f"{file.path}: line {number}: expected UTF-8, found {line[:40]!r}") from None
        if entry and not entry.startswith("#"):
            yield entry
