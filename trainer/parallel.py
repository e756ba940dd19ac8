"""Spreads a model over ranks: a mesh of data parallel x tensor parallel.

In this order: tensor parallel, recomputation, `torch.compile` by block, then FSDP2 or DDP, as torchtitan does
(arXiv 2410.06511, section 2). Gradients of all ranks are summed, not averaged: a loss is already a share of the step's.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.rendezvous import rendezvous
from torch.distributed.tensor import DTensor, Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

from trainer.model import Transformer

DATA_PARALLEL = frozenset({"ddp", "fsdp"})
PRECISIONS = frozenset({"fp32", "bf16"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelConfig:
    """How ranks share the work; it changes speed and memory, and results only by rounding.

    `tensor` ranks hold one copy of the model between them, and share rows. `bf16` computes in bfloat16 and keeps
    weights, gradients and optimiser in float32.

    Raises:
        ValueError: no such way.
    """

    data: str = "fsdp"
    tensor: int = 1
    precision: str = "fp32"
    recompute: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        if self.data not in DATA_PARALLEL or self.precision not in PRECISIONS or self.tensor < 1:
            raise ValueError(
                "expected data ddp or fsdp, precision fp32 or bf16 and tensor of at least 1, found "
                f"{self.data!r}, {self.precision!r} and {self.tensor}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among the others, as `torchrun` says in its environment; alone without it."""

    rank: int = field(default_factory=lambda: int(os.environ.get("RANK", "0")))
    world: int = field(default_factory=lambda: int(os.environ.get("WORLD_SIZE", "1")))
    local_rank: int = field(default_factory=lambda: int(os.environ.get("LOCAL_RANK", "0")))

    @property
    def device(self) -> torch.device:
        """The CUDA device of this rank, else the CPU."""
        return torch.device("cuda", self.local_rank) if torch.cuda.is_available() else torch.device("cpu")

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """Joins the process group, of one rank too, while the block runs; one that is there is used and left."""
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if dist.is_initialized():
            yield
            return
        backend = "cpu:gloo,cuda:nccl" if self.device.type == "cuda" else "gloo"
        if self.world == 1:
            dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
        else:
            dist.init_process_group(backend, store=_fresh_store(), rank=self.rank, world_size=self.world)
        try:
            yield
        finally:
            dist.destroy_process_group()


def _fresh_store() -> dist.Store:
    """Returns where ranks find each other.

    `torchrun` may keep one store over restarts, with the addresses of ranks that are gone: each attempt has its keys.
    """
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store, _, _ = next(rendezvous("env://"))
    return dist.PrefixStore(f"attempt-{attempt}", store)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A model on its ranks: `call` is what to call, `model` owns the weights; they differ for DDP."""

    call: nn.Module
    model: Transformer
    config: ParallelConfig
    device: torch.device
    mesh: DeviceMesh | None
    data_rank: int
    data_world: int

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Returns the context to compute in; FSDP2 sees to precision itself."""
        is_needed = self.config.precision == "bf16" and not (self.mesh is not None and self.config.data == "fsdp")
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=is_needed)  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def accumulating(self, *, is_last: bool) -> Iterator[None]:
        """Sends gradients to the other ranks after the last micro batch of a step only."""
        if isinstance(self.call, DistributedDataParallel):
            with contextlib.nullcontext() if is_last else self.call.no_sync():
                yield
            return
        if hasattr(self.call, "set_requires_gradient_sync"):
            self.call.set_requires_gradient_sync(is_last)
        yield


def spread(model: Transformer, config: ParallelConfig, ranks: Ranks) -> Spread:
    """Puts `model`, the same on every rank, on its device and its ranks; changes it in place.

    Raises:
        ValueError: ranks or sizes that do not divide.
    """
    _check(model, config, ranks)
    model.to(ranks.device)
    model.recompute = config.recompute
    mesh = None
    if ranks.world > 1:
        shape = (ranks.world // config.tensor, config.tensor)
        mesh = init_device_mesh(ranks.device.type, shape, mesh_dim_names=("data", "tensor"))
    if mesh is not None and config.tensor > 1:
        _split(model, mesh["tensor"])
    if config.compile:
        for block in model.blocks:
            block.compile()
    return Spread(
        call=model if mesh is None else _replicate(model, config, mesh),
        model=model,
        config=config,
        device=ranks.device,
        mesh=mesh,
        data_rank=ranks.rank // config.tensor,
        data_world=ranks.world // config.tensor,
    )


def _check(model: Transformer, config: ParallelConfig, ranks: Ranks) -> None:
    sizes = {"ranks": ranks.world, "num_kv_heads": model.config.num_kv_heads, "ffn_dim": model.config.ffn_dim}
    for name, size in sizes.items():
        if size % config.tensor:
            raise ValueError(f"tensor parallel: expected {name} to be a multiple of {config.tensor}, found {size}")
    if config.tensor > 1 and model.config.num_experts:
        raise ValueError(f"tensor parallel: expected 1 for a model with experts, found {config.tensor}")
    if config.tensor > 1 and config.data == "ddp" and ranks.world > config.tensor:
        raise ValueError("expected fsdp beside tensor parallel, found ddp, which takes whole weights only")


def _split(model: Transformer, mesh: DeviceMesh) -> None:
    """Splits heads, feed-forward layers and vocabulary over `mesh` (Megatron-LM, arXiv 1909.08053, section 3)."""
    outer: dict[str, ParallelStyle] = {
        "embedding": RowwiseParallel(input_layouts=Replicate()),
        "head": ColwiseParallel(output_layouts=Replicate()),
    }
    inner: dict[str, ParallelStyle] = {
        **{f"attention.{name}": ColwiseParallel() for name in ("query", "key", "value")},
        **{f"ffn.{name}": ColwiseParallel() for name in ("gate", "up")},
        **{name: RowwiseParallel() for name in ("attention.out", "ffn.down")},
    }
    parallelize_module(model, mesh, outer)
    model.tie()
    for block in model.blocks:
        parallelize_module(block, mesh, inner)


def _replicate(model: Transformer, config: ParallelConfig, mesh: DeviceMesh) -> nn.Module:
    """Returns the model as data-parallel ranks call it."""
    if config.data == "ddp":
        return DistributedDataParallel(model, process_group=mesh["data"].get_group()) if mesh.size(0) > 1 else model
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, output_dtype=torch.float32)
    inner = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for block in model.blocks:
        fully_shard(block, mesh=mesh["data"], mp_policy=inner)
    fully_shard(model, mesh=mesh["data"], mp_policy=policy)
    return model


def clip_gradients(model: nn.Module, largest: float) -> float:
    """Scales all gradients so that their norm over all ranks is at most `largest`; returns what it was.

    Weights lie on different meshes (norms are not split by tensor parallel), so norms are taken mesh by mesh.
    """
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    by_mesh: dict[object, list[Tensor]] = {}
    for gradient in gradients:
        by_mesh.setdefault(gradient.device_mesh if isinstance(gradient, DTensor) else None, []).append(gradient)
    squares = 0.0
    for group in by_mesh.values():
        norm = nn.utils.get_total_norm(group)
        squares += float(norm.full_tensor() if isinstance(norm, DTensor) else norm) ** 2
    found = squares**0.5
    if found > largest:
        for gradient in gradients:
            gradient.mul_(largest / found)
    return float(found)
