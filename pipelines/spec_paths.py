"""The paths in a spec: listed, or made to start from another folder."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from curation.errors import SpecError
from pipelines.configured import LISTS
from pipelines.inputs.locations import local_path, scheme_of
from pipelines.scoring import with_paths
from pipelines.spec import JobSpec


def moved(spec: JobSpec, *, root: Path, folder: Path) -> JobSpec:
    """Returns `spec` with its relative paths made relative to `folder`; URLs and absolute paths stay.

    Args:
        spec: the job.
        root: folder that its relative paths start from.
        folder: where the spec is to lie.
    """
    return _with(spec, lambda path: _moved(path, root, folder))


def paths_in(spec: JobSpec) -> list[str]:
    """Returns every path, pattern and URL that `spec` names, as it is written."""
    found: list[str] = []

    def noted(path: str) -> str:
        found.append(path)
        return path

    _with(spec, noted)
    lists = spec.url_lists
    return [*found, *(f"{lists.ut1}/{category}" for category in lists.categories)]


def with_answers_below(spec: JobSpec, *, root: Path) -> JobSpec:
    """Returns `spec` with the file of kept answers as an absolute path, wherever the run goes on later.

    Raises:
        SpecError: it is none on this machine.
    """
    given = spec.completions
    if given is None or given.answers is None:
        return spec
    if scheme_of(given.answers) != "file":
        raise SpecError(f"completions.answers: expected a path on this machine, found {given.answers!r}")
    return replace(spec, completions=replace(given, answers=local_path(given.answers, root=root)))


def _with(spec: JobSpec, changed: Callable[[str], str]) -> JobSpec:
    inputs = {
        name: replace(given, files=tuple(changed(file) for file in given.files)) for name, given in spec.inputs.items()
    }
    shards, model = spec.shards, spec.language_model
    if shards is not None:
        shards = replace(shards, tokenizer=changed(shards.tokenizer))
    if model.path is not None:
        model = replace(model, path=changed(model.path))
    index = spec.decontamination
    if index is not None:
        index = replace(index, index=changed(index.index))
    spec = with_paths(spec, changed)
    completions = spec.completions
    if completions is not None and completions.answers is not None:
        completions = replace(completions, answers=changed(completions.answers))
    lists = spec.url_lists
    files = {key: tuple(changed(file) for file in found) for key in LISTS if (found := getattr(lists, key)) is not None}
    lists = replace(lists, ut1=lists.ut1 and changed(lists.ut1), **files)
    spec = replace(spec, inputs=inputs, shards=shards, language_model=model, url_lists=lists, decontamination=index)
    return replace(spec, completions=completions)


def _moved(path: str, root: Path, folder: Path) -> str:
    if "://" in path or Path(path).is_absolute():
        return path
    return os.path.relpath(root.absolute() / path, folder.absolute())
