"""The files that measuring needs beside its inputs: models and lists, where they are and what they must hold.

The driver reads each once and notes its digest, which the fingerprint covers. A worker takes a local file where it lies
and copies one from a URL into the cache folder of the user, named by its digest: it is fetched once per machine.
"""

import functools
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from curation.errors import ArtifactError
from pipelines.configured import LocalFile, needed_files
from pipelines.inputs.artifacts import read_artifact
from pipelines.inputs.locations import local_path, scheme_of
from pipelines.scoring import named_files
from pipelines.spec import JobSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file as the spec names it, where every worker finds it (an absolute path or a URL), and its sha256 (hex)."""

    name: str
    place: str
    sha256: str


def artifacts_of(spec: JobSpec, *, root: Path) -> tuple[Artifact, ...]:
    """Returns the files that measuring this job reads; reads each once.

    Args:
        spec: the job.
        root: folder that relative paths of the spec start from.

    Raises:
        ArtifactError: one is missing, or has another digest than the spec says.
    """
    scored = ((name, sha256) for _, name, sha256 in named_files(spec))
    return tuple(_identified(name, sha256, root) for name, sha256 in (*needed_files(spec, root=root), *scored))


def local_files(artifacts: tuple[Artifact, ...]) -> dict[str, LocalFile]:
    """Returns the local files by the name in the spec; fetches what is not on this machine yet.

    Raises:
        ArtifactError: one cannot be fetched, or has another digest.
    """
    return {
        artifact.name: LocalFile(
            path=Path(artifact.place) if scheme_of(artifact.place) == "file" else _copy_of(artifact),
            sha256=artifact.sha256,
        )
        for artifact in artifacts
    }


def _identified(name: str, sha256: str | None, root: Path) -> Artifact:
    content = read_artifact(name, root=root, sha256=sha256)
    found = hashlib.sha256(content).hexdigest()
    is_local = scheme_of(name) == "file"
    return Artifact(name=name, place=local_path(name, root=root) if is_local else name, sha256=found)


@functools.lru_cache(maxsize=64)
def _copy_of(artifact: Artifact) -> Path:
    """Returns this machine's copy of a file at a URL; looked at once per process."""
    for folder in _cache_folders():
        path = folder / artifact.sha256
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256:
            return path
    content = read_artifact(artifact.place, root=Path(), sha256=artifact.sha256)
    for folder in _cache_folders():
        try:
            return _stored(folder / artifact.sha256, content)
        except OSError:
            continue
    raise ArtifactError(
        f"{artifact.name}: no folder to keep it in: set XDG_CACHE_HOME or TMPDIR to one with free space"
    )


def _cache_folders() -> list[Path]:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return [Path(home) / "gristmill" / "artifacts", Path(tempfile.gettempdir()) / f"gristmill-artifacts-{os.getuid()}"]


def _stored(path: Path, content: bytes) -> Path:
    """Puts a file in place by one rename, so that workers beside each other never see half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)
    return path
