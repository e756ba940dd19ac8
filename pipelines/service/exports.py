"""The exports of a run, its rounds' too: what a trainer may fetch, by name and digest.

Only files that an export's own list of digests names are served, so no path leads out of it. A file never changes, so
its sha256 is its ETag.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.errors import InputError
from pipelines.export_folder import DIGESTS, MANIFEST
from pipelines.exported import Exported
from pipelines.service.processes import read_json
from pipelines.store import Store
from pipelines.tracing import documents_of_step, steps_of_documents

MAX_PIECES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """A file of an export."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFound:
    """An export: where it lies, what it comes from, how much it holds."""

    name: str
    folder: str  # absolute, for a trainer on this machine
    is_latest: bool
    parent: str | None
    rows: int
    tokens: int
    documents: int
    sequence_length: int
    stages: tuple[str, ...]
    created_ms: int


def exports_of(run: str) -> list[ExportFound]:
    """Returns the exports of a run, the newest first."""
    found = [_described(folder, latest) for folder, latest in _folders(Path(run))]
    return sorted(found, key=lambda export: (export.created_ms, export.name), reverse=True)


def _folders(run: Path) -> Iterator[tuple[Path, str]]:
    for pointer in [run / "exports/latest", *sorted(run.glob("rounds/*/exports/latest"))]:
        if pointer.is_file():
            latest = pointer.read_text().strip()
            for folder in sorted(pointer.parent.iterdir()):
                if (folder / MANIFEST).is_file():
                    yield folder, latest


def _described(folder: Path, latest: str) -> ExportFound:
    manifest = read_json(folder / MANIFEST)
    totals, stages = manifest.get("totals"), manifest.get("stages")
    assert isinstance(totals, dict), "the exporter wrote it"
    assert isinstance(stages, list), "the exporter wrote it"
    parent = manifest.get("parent")
    return ExportFound(
        name=folder.name,
        folder=str(folder),
        is_latest=folder.name == latest,
        parent=None if parent is None else str(parent),
        rows=int(totals["rows"]),
        tokens=int(totals["tokens"]),
        documents=int(totals["documents"]),
        sequence_length=int(str(manifest["seq_len"])),
        stages=tuple(str(stage["name"]) for stage in stages),
        created_ms=(folder / MANIFEST).stat().st_mtime_ns // 1_000_000,
    )


def export_folder(run: str, name: str) -> Path:
    """Returns the folder of an export.

    Raises:
        InputError: the run has no export of this name.
    """
    for folder, _ in _folders(Path(run)):
        if folder.name == name:
            return folder
    raise InputError(f"{name}: expected an export of this run, found none of that name")


def files_of(folder: Path) -> list[ExportFile]:
    """Returns every file of an export with its digest, as `MANIFEST.sha256` lists them."""
    lines = (folder / DIGESTS).read_text().splitlines()
    pairs = [line.split("  ", 1) for line in lines if "  " in line]
    return [ExportFile(path=path, bytes=(folder / path).stat().st_size, sha256=sha256) for sha256, path in pairs]


def documents_at(folder: Path, *, step: int, global_batch: int) -> list[dict[str, object]]:
    """Returns the pieces of documents that a training step took, at most `MAX_PIECES`.

    Args:
        folder: of the export.
        step: number of the step, from 0.
        global_batch: rows per step over all ranks.

    Raises:
        InputError: the export is empty.
    """
    return documents_of_step(_exported(folder), step, global_batch=global_batch)[:MAX_PIECES]


def steps_of(folder: Path, doc_id: bytes, *, global_batch: int) -> list[dict[str, object]]:
    """Returns the pieces of a document with the step that takes each first, at most `MAX_PIECES`."""
    return steps_of_documents(_exported(folder), [doc_id], global_batch=global_batch)[:MAX_PIECES]


def _exported(folder: Path) -> Exported:
    return Exported(store=Store(str(folder)), folder=".", manifest=json.loads((folder / MANIFEST).read_bytes()))
