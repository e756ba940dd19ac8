"""Checkpoints of a run: model, optimiser and the place in the data, in one, loadable on any number of ranks.

A checkpoint is a folder of `torch.distributed.checkpoint`, written by a thread while training goes on. `manifest.json`
comes last, with a digest of every file; they are compared before anything is loaded. The folder gets its name by one
rename, so one that is there is whole. torch keeps its table of contents in a pickle: load checkpoints that you trust.
"""

import hashlib
import json
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.optim import AdamW

from curation.errors import VerifyError

NAME = "manifest.json"
DIGITS = 8
MOMENTS = ("exp_avg", "exp_avg_sq")

State = dict[str, dict[str, Tensor]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A finished checkpoint: the steps done, where the data goes on, and the configuration of its model."""

    folder: Path
    step: int
    data: Mapping[str, object]
    config: Mapping[str, object]


def model_state(model: nn.Module) -> dict[str, Tensor]:
    """Returns the weights by name, tied ones once; the tensors are the model's own."""
    return {name: weight.detach() for name, weight in model.named_parameters()}


def optimizer_state(model: nn.Module, optimizer: AdamW) -> dict[str, Tensor]:
    """Returns AdamW's moments and step counts by weight; makes them, as zeros, where there are none yet."""
    state: dict[str, Tensor] = {}
    for name, weight in model.named_parameters():
        of_weight = optimizer.state[weight]
        if not of_weight:
            count_device = weight.device if optimizer.defaults["fused"] else "cpu"
            of_weight["step"] = torch.zeros((), dtype=torch.float32, device=count_device)
            of_weight.update({moment: torch.zeros_like(weight) for moment in MOMENTS})
        state |= {f"{name}.{key}": of_weight[key].detach() for key in ("step", *MOMENTS)}
    return state


def place_state(data: Mapping[str, object]) -> dict[str, Tensor]:
    """Returns a place in the data as tensors, so that it lies inside the checkpoint like the weights."""
    digest = bytes.fromhex(str(data["manifest_sha256"]))
    row = data["next_row"]
    assert isinstance(row, int), "the loader's state"
    return {"next_row": torch.tensor(row), "manifest_sha256": torch.frombuffer(bytearray(digest), dtype=torch.uint8)}


def place_of(state: Mapping[str, Tensor]) -> dict[str, object]:
    """Returns the loader's state that `place_state` made."""
    digest = bytes(state["manifest_sha256"].tolist()).hex()
    return {"manifest_sha256": digest, "next_row": int(state["next_row"])}


class Checkpoints:
    """The checkpoints under `root`; every rank of a process group makes one and calls the same methods."""

    def __init__(self, root: Path, *, keep: int, config: Mapping[str, object]) -> None:
        self.root, self.keep, self.config = root, keep, config
        self._pending: Future[object] | None = None
        self._publisher: threading.Thread | None = None
        self._failure: BaseException | None = None
        # a group of its own: the thread that writes must not meet the messages of training
        self._group = dist.new_group(backend="gloo")
        self._is_first = dist.get_rank() == 0

    def save(self, step: int, state: State, data: Mapping[str, object]) -> None:
        """Starts to write a checkpoint of `step` steps, after the one before is done.

        Raises:
            RuntimeError: the one before could not be written.
        """
        self.wait()
        folder = self.root / f"step-{step:0{DIGITS}d}"
        if folder.exists():
            return
        unfinished = self.root / f"unfinished-{step:0{DIGITS}d}"
        if self._is_first:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
        dist.barrier(self._group)
        whole = {**state, "data": place_state(data)}
        self._pending = dcp.async_save(whole, checkpoint_id=str(unfinished), process_group=self._group)
        if self._is_first:
            manifest = {"step": step, "data": dict(data), "config": dict(self.config)}
            self._publisher = threading.Thread(target=self._publish, args=(self._pending, unfinished, folder, manifest))
            self._publisher.start()

    def wait(self) -> None:
        """Returns when the checkpoint that is being written is there.

        Raises:
            RuntimeError: it could not be written.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return
        pending.result()
        if self._publisher is not None:
            self._publisher.join()
        if self._failure is not None:
            raise RuntimeError(f"{self.root}: a checkpoint could not be written: {self._failure}") from self._failure
        dist.barrier(self._group)

    def _publish(self, pending: Future[object], unfinished: Path, folder: Path, manifest: dict[str, object]) -> None:
        """Digests what all ranks wrote, gives the folder its name, and removes older checkpoints."""
        try:
            pending.result()
            manifest["files"] = {path.name: _digest(path) for path in sorted(unfinished.iterdir())}
            (unfinished / NAME).write_text(json.dumps(manifest, indent=1))
            unfinished.replace(folder)
            for old in finished(self.root)[: -self.keep]:
                shutil.rmtree(old)
        except BaseException as error:  # raised again by `wait`
            self._failure = error


def finished(root: Path) -> list[Path]:
    """Returns the folders of finished checkpoints, oldest first."""
    return sorted(path.parent for path in root.glob(f"step-*/{NAME}"))


def read_saved(folder: Path) -> Saved:
    """Returns what the checkpoint in `folder` says of itself, after comparing every file with its digest.

    Raises:
        VerifyError: it is not whole, or a file was changed.
    """
    try:
        manifest = json.loads((folder / NAME).read_bytes())
        files, step, data, config = (manifest[key] for key in ("files", "step", "data", "config"))
        listed = {str(name): str(digest) for name, digest in files.items()}
        saved = Saved(folder=folder, step=int(step), data=dict(data), config=dict(config))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerifyError(f"{folder / NAME}: expected the manifest of a checkpoint, found {error!r}") from error
    names = {path.name for path in folder.iterdir()} - {NAME}
    if names != set(listed):
        raise VerifyError(f"{folder}: expected the files {sorted(listed)}, found {sorted(names)}")
    for name, expected in sorted(listed.items()):
        if (found := _digest(folder / name)) != expected:
            raise VerifyError(
                f"{folder / name}: expected sha256 {expected}, found {found}; the file was changed or damaged: "
                "remove this checkpoint's folder to go on from the one before it"
            )
    return saved


def load(saved: Saved, state: State) -> dict[str, object]:
    """Fills the tensors of `state` from a checkpoint, whatever ranks wrote it; returns its place in the data.

    Raises:
        VerifyError: the place inside the checkpoint is not the one that its manifest names.
    """
    place = place_state(saved.data)
    dcp.load({**state, "data": place}, checkpoint_id=str(saved.folder))
    if (found := place_of(place)) != dict(saved.data):
        raise VerifyError(f"{saved.folder}: data: expected {dict(saved.data)}, found {found}")
    return found


def average_weights(folders: list[Path], model: nn.Module) -> None:
    """Sets the weights of `model` to the mean of those in `folders` (arXiv 1803.05407, of the last checkpoints).

    Raises:
        VerifyError: see `read_saved`.
    """
    weights = model_state(model)
    sums = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}
    for folder in folders:
        load(read_saved(folder), {"model": weights})
        for name, weight in weights.items():
            sums[name] += weight
    for name, weight in weights.items():
        weight.copy_(sums[name] / len(folders))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
