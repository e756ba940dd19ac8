"""Indexes that a process has read, by their digest: a step names one by path and digest and reads it once."""

from pathlib import Path

from curation.contamination.index import Index, digest_of, read_index
from curation.errors import ArtifactError

MOST_KEPT = 2
_kept: dict[str, Index] = {}


def keep_index(content: bytes, *, name: str) -> str:
    """Keeps the index in a file's bytes for the steps of this process; returns its sha256 (hex).

    Raises:
        ArtifactError: it is no index.
    """
    digest = digest_of(content)
    if digest not in _kept:
        index = read_index(content, name=name)
        while len(_kept) >= MOST_KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept[digest] = index
    return digest


def is_kept(sha256: str) -> bool:
    """Returns whether the index of a digest is at hand."""
    return sha256.lower() in _kept


def loaded_index(path: str, sha256: str) -> Index:
    """Returns the index of a digest: one that is kept, else that of the file at `path`.

    Raises:
        ArtifactError: the file is missing, has another digest, or is no index.
    """
    kept = _kept.get(sha256.lower())
    if kept is not None:
        return kept
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: expected an index of evaluation sets ({error.strerror})") from None
    found = digest_of(content)
    if found != sha256.lower():
        raise ArtifactError(
            f"{path}: expected an index of sha256 {sha256}, found {found}; correct the path or the digest"
        )
    keep_index(content, name=path)
    return _kept[found]
