"""Reads spec files: YAML 1.2, strict, every message with line and column.

A spec is at most 1 MiB and has no key that is unknown or repeated. The types of `pipelines.spec` say what is expected;
ranges and cross-checks stand in `pipelines.spec_checks`. Messages read
`web.yaml:12:5: inputs.web.weight: expected a number in [0, 16], found '30%'. Write 0.3.`
"""

from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml.nodes import MappingNode

from curation.errors import SpecError
from pipelines.spec import JobSpec
from pipelines.spec_checks import check_spec
from pipelines.spec_nodes import Builder, shown
from pipelines.spec_text import dump_spec, scalar_text, spec_dict
from pipelines.spec_yaml import Place, compose, override

__all__ = ["check_job", "dump_spec", "load_spec", "parse_spec", "spec_dict", "spec_of_paths"]

MAX_SPEC_BYTES = 1 << 20


def load_spec(path: Path, *, settings: tuple[str, ...] = ()) -> JobSpec:
    """Returns the job that a spec file describes.

    Args:
        path: the file.
        settings: `key=value` each, dotted keys, YAML values; they replace what the file says.

    Raises:
        SpecError: anything that is not as expected; says where, what was expected and what was found.
    """
    try:
        if not path.is_file():
            raise SpecError(
                f"{path}: expected a spec (a YAML file), found {'a folder' if path.is_dir() else 'no file'}"
            )
        with path.open("rb") as file:
            content = file.read(MAX_SPEC_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot read this spec: {error.strerror or error}") from None
    return parse_spec(content, name=path.name, settings=settings, folder=path.parent)


def parse_spec(content: bytes, *, name: str, settings: tuple[str, ...] = (), folder: Path | None = None) -> JobSpec:
    """Returns the job of a spec's bytes; see `load_spec`.

    Args:
        content: the file's bytes.
        name: what messages call it.
        settings: see `load_spec`.
        folder: where relative paths start, to check that the tokenizer is there; None: not checked.
    """
    if len(content) > MAX_SPEC_BYTES:
        raise SpecError(
            f"{name}: expected at most {MAX_SPEC_BYTES} bytes, found more; a spec names files, it does not hold data"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {content[error.start]:#04x} at offset {error.start}"
        raise SpecError(f"{name}: expected UTF-8, found {found}") from None
    node = compose(text, name=name)
    if not isinstance(node, MappingNode):
        raise SpecError(f"{name}:1:1: expected keys that describe a job, found {shown(node)}")
    for setting in settings:
        override(node, setting)
    builder = Builder()
    spec = builder.build(node, JobSpec, "")
    _check(spec, name=name, places=builder.places, folder=folder)
    return spec


def check_job(spec: JobSpec) -> None:
    """Checks a spec that was made in Python as a spec file would be.

    Raises:
        SpecError: a value out of range, or two keys that contradict each other.
    """
    _check(spec, name="spec", places={}, folder=None)


def _check(spec: JobSpec, *, name: str, places: Mapping[str, Place], folder: Path | None) -> None:
    for path, message in check_spec(spec, folder=folder):
        nearest = path
        while nearest and nearest not in places:
            nearest = nearest.rpartition("." if not nearest.endswith("]") else "[")[0]
        if nearest:
            found = places[nearest]
            raise Place(found.file, found.line, found.column, path).error(message)
        raise SpecError(f"{name}: {path}: {message}")


def spec_of_paths(paths: tuple[str, ...], *, settings: tuple[str, ...] = ()) -> JobSpec:
    """Returns a job for plain paths: one input `files`, deduplication, no gates, kept text as the result.

    Args:
        paths: files, globs, folders or URLs; relative ones start from the working directory.
        settings: see `load_spec`.

    Raises:
        SpecError: a setting is wrong.
    """
    listed = ", ".join(scalar_text(path) for path in paths)
    content = f"job: files\ninputs: {{files: {{files: [{listed}]}}}}\n"
    return parse_spec(content.encode(), name="command line", settings=settings, folder=Path())
