"""A file that a command was asked to write, outside any run directory."""

from pathlib import Path

from curation.errors import GristmillError


def write_output(path: Path, content: bytes) -> None:
    """Writes `content`, replacing what is there.

    Raises:
        GristmillError: the file cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise GristmillError(f"{path}: cannot write: {error.strerror}") from None
