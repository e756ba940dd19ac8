"""Model files by path and digest: what is checked is what is used."""

import hashlib
from pathlib import Path

from curation.errors import ArtifactError

MODELS = Path(__file__).with_name("models")
"""The models that come with the package; see its NOTICE and the cards beside them."""


def verified_file(path: str | Path, sha256: str | None, *, what: str) -> bytes:
    """Returns the content of a file.

    Args:
        path: where it is.
        sha256: digest (hex) that it must have; null: any.
        what: what messages say was expected, e.g. `a fastText model`.

    Raises:
        ArtifactError: it is missing or has another digest.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: expected {what}, found none ({error.strerror})") from None
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise ArtifactError(f"{path}: expected {what} of sha256 {sha256}, found {found}; correct path or digest")
    return content
