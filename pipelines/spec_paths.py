"""The spec of a run for another folder: its relative paths start where the run was started."""

import os
from dataclasses import replace
from pathlib import Path

from pipelines.configured import LISTS
from pipelines.scoring import with_paths
from pipelines.spec import JobSpec


def moved(spec: JobSpec, *, root: Path, folder: Path) -> JobSpec:
    """Returns `spec` with its relative paths made relative to `folder`; URLs and absolute paths stay.

    Args:
        spec: the job.
        root: folder that its relative paths start from.
        folder: where the spec is to lie.
    """
    inputs = {
        name: replace(given, files=tuple(_moved(file, root, folder) for file in given.files))
        for name, given in spec.inputs.items()
    }
    shards, model = spec.shards, spec.language_model
    if shards is not None:
        shards = replace(shards, tokenizer=_moved(shards.tokenizer, root, folder))
    if model.path is not None:
        model = replace(model, path=_moved(model.path, root, folder))
    index = spec.decontamination
    if index is not None:
        index = replace(index, index=_moved(index.index, root, folder))
    spec = with_paths(spec, lambda path: _moved(path, root, folder))
    lists = spec.url_lists
    files = {
        key: tuple(_moved(file, root, folder) for file in found)
        for key in LISTS
        if (found := getattr(lists, key)) is not None
    }
    lists = replace(lists, ut1=lists.ut1 and _moved(lists.ut1, root, folder), **files)
    return replace(spec, inputs=inputs, shards=shards, language_model=model, url_lists=lists, decontamination=index)


def _moved(path: str, root: Path, folder: Path) -> str:
    if "://" in path or Path(path).is_absolute():
        return path
    return os.path.relpath(root.absolute() / path, folder.absolute())
