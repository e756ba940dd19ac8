"""The folder of an export: stages, validation, order, tokenizer, digests, and the manifest that makes it one.

Everything is written and synced under a temporary name beside the target, then renamed at once; on an object store
the files are uploaded and `manifest.json` goes last. No manifest = no export.
"""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from curation.curriculum.shard_schema import FORMAT, ORDER, format_version
from curation.errors import GristmillError
from pipelines.export_order import Side, order_rows, stage_entry, synthetic_totals, totals_of
from pipelines.faults import reach
from pipelines.parts import write_part
from pipelines.shard_file import Layout, sha256_of, write_stage
from pipelines.store import Store
from pipelines.token_store import TokenStore
from pipelines.tokenize import PinnedTokenizer

MANIFEST, DIGESTS, TOKENIZER, ORDER_FILE = "manifest.json", "MANIFEST.sha256", "tokenizer.json", "order.parquet"
VALIDATION = "validation"
MOST_SYNTHETIC = "max_synthetic_fraction"
"""Key of the manifest, where the share of synthetic tokens is bounded."""
TEMPORARY = ".tmp-export-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What both sides of an export have in common; `manifest` holds the keys that the caller knows."""

    tokens: TokenStore
    layout: Layout
    tokenizer: PinnedTokenizer
    manifest: Mapping[str, object]


def publish_folder(store: Store, folder: str, content: Content, *, train: Side, held_out: Side) -> None:
    """Writes an export and puts it in place.

    Raises:
        GristmillError: `folder` is taken, or cannot be written.
        ConservationError: tokens were lost or made up.
    """
    target = store.local_path(folder) if store.is_local else None
    parent = target.parent if target else Path(tempfile.gettempdir())
    temporary = parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        if target:
            _remove_leftovers(parent)
        _write_folder(temporary, content, train=train, held_out=held_out)
        reach("before_manifest")
        if target:
            temporary.rename(target)
            _sync(target.parent)
        else:
            _upload(store, temporary, folder)
    except OSError as error:
        reason = error.strerror or error
        raise GristmillError(
            f"{store.uri}/{folder}: cannot write: {reason}; free space or rights, then run again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_folder(root: Path, content: Content, *, train: Side, held_out: Side) -> None:
    root.mkdir()
    heldout = _write_side(root / VALIDATION, content, held_out, extra={"split": VALIDATION, "heldout": None})
    rule = "hash of (seed, site), else cluster, else doc_id; sites, clusters and families whole"
    _write_side(root, content, train, extra={"split": "train", "heldout": heldout | {"rule": rule}})
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    lines = "".join(f"{sha256_of(root / path)}  {path}\n" for path in paths)
    _write(root / DIGESTS, lines.encode())
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            _sync(path)


def _write_side(root: Path, content: Content, side: Side, *, extra: Mapping[str, object]) -> dict[str, object]:
    """Writes one side with a manifest of its own; returns what the other side's manifest says of it."""
    root.mkdir(exist_ok=True)
    _write(root / TOKENIZER, content.tokenizer.content)
    files: list[dict[str, object]] = []
    for number, stage in enumerate(side.stages):
        folder = f"stages/{number:02d}-{stage.name}"
        files += write_stage(content.tokens, stage, content.layout, root=root, folder=folder)
    order = write_part(Store(str(root)), ORDER_FILE, ORDER, order_rows(content.tokens, side)).written
    totals = totals_of(content.tokens, side)
    if MOST_SYNTHETIC in content.manifest:
        totals |= synthetic_totals(content.tokens, side)
    if content.layout.has_mask:
        totals["targets"] = sum(int(str(file["targets"])) for file in files)
    manifest = _json(
        {
            **content.manifest,
            **extra,
            "format": FORMAT,
            "format_version": format_version(has_mask=content.layout.has_mask),
            **({"loss_mask": True} if content.layout.has_mask else {}),
            "tokenizer": {
                "sha256": content.tokenizer.sha256,
                "vocab_size": content.tokenizer.vocab_size,
                "eos": content.tokenizer.eos,
                "eos_id": content.tokenizer.eos_id,
            },
            "seq_len": content.layout.sequence_length,
            "dtype": content.layout.dtype,
            "totals": totals,
            "stages": [stage_entry(content.tokens, stage) for stage in side.stages],
            "files": files,
            "order": {"path": ORDER_FILE, "bytes": order.bytes, "sha256": order.sha256},
            "order_digest": side.digest,
        }
    )
    _write(root / MANIFEST, manifest)
    counts = {name: totals[name] for name in ("rows", "documents", "tokens")}
    return {"path": f"{root.name}/{MANIFEST}", "sha256": hashlib.sha256(manifest).hexdigest(), **counts}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _upload(store: Store, root: Path, folder: str) -> None:
    """Uploads every file, the manifest last."""
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    for path in [*(path for path in paths if path != MANIFEST), MANIFEST]:
        with (root / path).open("rb") as source, store.publish(f"{folder}/{path}", replace=True) as target:
            shutil.copyfileobj(source, target, 1 << 20)


def _remove_leftovers(parent: Path) -> None:
    """Removes what a killed export left; the run's lock keeps others out meanwhile."""
    for path in parent.glob(f"{TEMPORARY}*"):
        shutil.rmtree(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
