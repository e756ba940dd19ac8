"""Artifacts: models, tokenizers and lists that a spec names by path or URL, checked against their digest."""

import hashlib
from pathlib import Path

from curation.errors import ArtifactError
from pipelines.inputs.open import open_bytes

MAX_ARTIFACT_BYTES = 1 << 30


def read_artifact(name: str, *, root: Path, sha256: str | None) -> bytes:
    """Returns the content of an artifact.

    Args:
        name: a path (relative to `root`) or an allowed URL.
        root: the spec's folder.
        sha256: expected digest (hex), or null for a local file.

    Raises:
        ArtifactError: it is missing, too large, or has another digest.
    """
    try:
        content = open_bytes(name, root=root, limit=MAX_ARTIFACT_BYTES)
    except OSError as error:
        raise ArtifactError(f"{name}: cannot read this artifact: {error.strerror or error}") from None
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise ArtifactError(f"{name}: expected sha256 {sha256}, found {found}; check the file or correct the spec")
    return content
