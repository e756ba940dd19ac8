"""Which specs may be run for somebody who is not at the keyboard: what they name, and how they run.

A path must lie in an allowed folder, symbolic links resolved; the same is asked again of every file when a run opens
it (`pipelines.inputs.confinement`). Beam options are refused: some of them are commands to execute. A model is asked
only at the servers that the service was started with, and answers are kept in the service's own file.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from curation.errors import InputError, SpecError
from pipelines.inputs.confinement import check_listed
from pipelines.inputs.locations import local_path, scheme_of
from pipelines.service.settings import ServiceSettings
from pipelines.spec import CompletionsSpec, JobSpec, RunnerSpec
from pipelines.spec_file import parse_spec
from pipelines.spec_paths import paths_in

NAME = "spec.yaml"
NEW_FILES = "{new_files}"
"""In a schedule's setting: the files that its trigger found, so that a job reads those alone."""
LOCAL_RUNNER = RunnerSpec().name
_PLACE = re.compile(r"^[^:\s]+:(\d+):(\d+): (?:([\w.\[\]-]+): )?")
WORKER_BYTES = 512 << 20
DRIVER_BYTES = 1 << 30
"""Estimates to queue by, beside the link stage's memory (a run of 400 MB peaks at 1.4 GiB: memory.json)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A spec that may run, and the folder that its relative paths start from."""

    spec: JobSpec
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a spec an error is; None where the message does not say it."""

    line: int | None
    column: int | None
    path: str | None


def admit(
    content: str,
    *,
    folder: str | None,
    settings: tuple[str, ...],
    service: ServiceSettings,
    location: str | None = None,
) -> Admitted:
    """Returns the job of a spec that somebody sent, after checking that it may run here.

    Args:
        content: the spec's text.
        folder: where relative paths start; None: the first allowed folder.
        settings: `key=value` each.
        service: says which folders and model servers are allowed.
        location: one more that must be allowed: a path, pattern or URL beside the spec.

    Raises:
        SpecError: it is wrong, or asks for what only the command line may.
        InputError: it names a file outside the allowed folders, or another model server.
    """
    base = allowed_folder(folder, service)
    if location is not None:
        settings = tuple(setting.replace(NEW_FILES, json.dumps([location])) for setting in settings)
    spec = parse_spec(content.encode("utf-8", "surrogatepass"), name=NAME, settings=settings, folder=None)
    if spec.runner.options or spec.runner.name != LOCAL_RUNNER:
        raise SpecError(
            f"runner: expected {LOCAL_RUNNER} without options in a spec that was sent, found "
            f"{spec.runner.name} with {len(spec.runner.options)} options; use gristmill run for them"
        )
    _check_completions(spec.completions, service)
    for name in [*paths_in(spec), *([location] if location is not None else [])]:
        check_location(name, base=base, service=service)
    parse_spec(content.encode("utf-8", "surrogatepass"), name=NAME, settings=settings, folder=base)
    return Admitted(spec=spec, folder=base)


def _check_completions(given: CompletionsSpec | None, service: ServiceSettings) -> None:
    if given is None:
        return
    if given.answers is not None:
        raise SpecError(
            f"completions.answers: expected none in a spec that was sent, found {given.answers!r}; "
            "the service keeps answers in a file of its own"
        )
    check_listed(given.endpoint, service.model_servers)


def allowed_folder(folder: str | None, service: ServiceSettings) -> Path:
    """Returns the folder, absolute; relative ones start from the first allowed folder.

    Raises:
        InputError: it is no folder, or not allowed.
    """
    base = service.roots[0] / folder if folder else service.roots[0]
    if not _is_allowed(str(base), service):
        raise _refused(str(base), service)
    if not base.is_dir():
        raise InputError(f"{folder}: expected a folder, found none")
    return base


def check_location(name: str, *, base: Path, service: ServiceSettings) -> None:
    """Checks a path, pattern or URL of a spec.

    Raises:
        InputError: its protocol or its folder is not allowed.
    """
    if scheme_of(name) != "file":
        return
    path = local_path(name, root=base)
    segments = path.split("/")
    fixed = next((index for index, segment in enumerate(segments) if set("*?[") & set(segment)), len(segments))
    if not _is_allowed("/".join(segments[:fixed]) or "/", service):
        raise _refused(name, service)


def _is_allowed(path: str, service: ServiceSettings) -> bool:
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(root) for root in service.allowed)


def _refused(name: str, service: ServiceSettings) -> InputError:
    listed = ", ".join(map(str, service.allowed))
    return InputError(f"{name}: expected a path below {listed}, found another; gristmill serve --root adds folders")


def place_of(message: str) -> Place:
    """Returns where the error is that a message of `parse_spec` tells of."""
    match = _PLACE.match(message)
    if match is None:
        return Place(line=None, column=None, path=None)
    return Place(line=int(match.group(1)), column=int(match.group(2)), path=match.group(3))


def sized(spec: JobSpec, cores: int | None, memory_bytes: int | None, *, service: ServiceSettings) -> tuple[int, int]:
    """Returns the cores and bytes that a job waits for, defaults worked out.

    Raises:
        SpecError: more than the service has.
    """
    cores = cores or service.cores
    memory = memory_bytes or min(needed_memory(spec, cores=cores), service.memory_bytes)
    check_size(cores, memory, service=service)
    return cores, memory


def check_size(cores: int, memory_bytes: int, *, service: ServiceSettings) -> None:
    """Checks that a job could ever start.

    Raises:
        SpecError: it wants more than the service has.
    """
    if cores > service.cores or memory_bytes > service.memory_bytes:
        raise SpecError(
            f"expected at most {service.cores} cores and {service.memory_bytes} bytes of memory, "
            f"found {cores} and {memory_bytes}; gristmill serve --cores and --memory-gib say how much there is"
        )


def needed_memory(spec: JobSpec, *, cores: int) -> int:
    """Returns the bytes that a job is queued with where nobody says how many it needs."""
    return DRIVER_BYTES + spec.limits.memory_bytes + cores * WORKER_BYTES
