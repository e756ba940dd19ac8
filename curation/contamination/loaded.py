"""Indexes that a process has read: a step names one by path and digest and reads it once."""

import functools
import hashlib
from pathlib import Path

from curation.contamination.index import Index, read_index
from curation.errors import ArtifactError


@functools.lru_cache(maxsize=2)
def loaded_index(path: str, sha256: str) -> Index:
    """Returns the index in the file at `path`.

    Raises:
        ArtifactError: the file is missing, has another digest, or is no index.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: expected an index of evaluation sets ({error.strerror})") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.lower():
        raise ArtifactError(
            f"{path}: expected an index of sha256 {sha256}, found {found}; correct the path or the digest"
        )
    return read_index(content, name=path)
