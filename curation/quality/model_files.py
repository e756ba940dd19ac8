"""Model files by path and digest: what is checked is what is used."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from curation.errors import ArtifactError

Content = TypeVar("Content", bytes, memoryview)

MODELS = Path(__file__).with_name("models")
"""The models that come with the package; see its NOTICE and the cards beside them."""


def read_file(path: Path) -> memoryview:
    """Returns a file's bytes, in memory for which NumPy asks for huge pages where it is large.

    Rows lie all over a matrix: with 4 KiB pages a model of 800 MB took 1.2 times as long for the same texts.

    Raises:
        OSError: it cannot be read.
    """
    return np.fromfile(path, dtype=np.uint8).data


def verified_file(path: str | Path, sha256: str | None, *, what: str) -> bytes:
    """Returns the content of a file.

    Args:
        path: where it is.
        sha256: digest (hex) that it must have; null: any.
        what: what messages say was expected, e.g. `a fastText model`.

    Raises:
        ArtifactError: it is missing or has another digest.
    """
    return _verified(Path.read_bytes, path, sha256, what)


def verified_fasttext(path: str | Path, sha256: str | None) -> memoryview:
    """Returns the content of a fastText model's file as `read_file` does; otherwise as `verified_file`."""
    return _verified(read_file, path, sha256, "a fastText model")


def _verified(read: Callable[[Path], Content], path: str | Path, sha256: str | None, what: str) -> Content:
    try:
        content = read(Path(path))
    except OSError as error:
        raise ArtifactError(f"{path}: expected {what}, found none ({error.strerror})") from None
    if sha256 is not None:
        found = hashlib.sha256(content).hexdigest()
        if found != sha256.lower():
            raise ArtifactError(f"{path}: expected {what} of sha256 {sha256}, found {found}; correct path or digest")
    return content
