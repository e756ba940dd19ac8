"""A decoder-only transformer in plain PyTorch: RMSNorm, RoPE, grouped-query attention, SwiGLU; optionally experts.

Pre-norm blocks as in Llama 2 (arXiv 2307.09288, section 2.2). Layers follow a pattern of global and sliding-window
attention. Rows hold several documents; attention and positions stay inside each (arXiv 2402.13991).

Shapes: R rows, T tokens of a row, D width, H heads, G key-value heads, d width of a head, F width of the feed-forward
layer, E experts, K experts of a token, C slots of an expert per row, V vocabulary.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from trainer.attention import Mask, attend, document_mask

PATTERNS = frozenset({"global", "sliding"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The architecture; layer i attends as `pattern[i % len(pattern)]` says.

    `num_experts` 0: one dense feed-forward layer. `capacity_factor` None: an expert takes whatever comes; else at most
    that factor times its even share of a row, and what is above passes it by (Switch, arXiv 2101.03961, section 2.2).

    Raises:
        ValueError: sizes that do not fit each other.
    """

    vocab_size: int
    dim: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    ffn_dim: int
    pattern: tuple[str, ...] = ("global",)
    window: int = 1024
    rope_base: float = 10_000.0  # RoFormer, arXiv 2104.09864, section 3.3
    norm_eps: float = 1e-5  # Llama 2
    init_std: float = 0.02  # GPT-2
    tied: bool = True
    num_experts: int = 0
    experts_per_token: int = 2
    capacity_factor: float | None = 1.25  # Switch, section 2.2
    balance_weight: float = 0.01  # Switch, section 2.2

    def __post_init__(self) -> None:
        if self.dim % (2 * self.num_heads) or self.num_heads % self.num_kv_heads:
            raise ValueError(
                "expected dim to be an even multiple of num_heads, and num_heads a multiple of num_kv_heads, found "
                f"{self.dim}, {self.num_heads} and {self.num_kv_heads}"
            )
        if not self.pattern or not PATTERNS.issuperset(self.pattern):
            raise ValueError(f"pattern: expected some of {', '.join(sorted(PATTERNS))}, found {self.pattern}")
        if self.num_experts and not 1 <= self.experts_per_token <= self.num_experts:
            raise ValueError(
                f"experts_per_token: expected 1 to num_experts = {self.num_experts}, found {self.experts_per_token}"
            )

    @property
    def head_dim(self) -> int:
        """Width of a head."""
        return self.dim // self.num_heads


def rms_norm(config: ModelConfig) -> nn.RMSNorm:
    """Returns a layer that scales to root mean square 1, then by a learned weight (arXiv 1910.07467, equation 4)."""
    return nn.RMSNorm(config.dim, eps=config.norm_eps)


def rope_tables(positions: Tensor, *, head_dim: int, base: float) -> Tensor:
    """Returns (2, R, 1, T, d/2) float32: cosines and sines of the angles at `positions` (R, T)."""
    pairs = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32)
    angles = positions[:, None, :, None].float() * base ** (-pairs / head_dim)
    return torch.stack((angles.cos(), angles.sin()))


def rotate(x: Tensor, rope: Tensor) -> Tensor:
    """Returns `x` (R, H, T, d) with the pairs (i, i + d/2) turned by the angles of `rope`, as in Llama."""
    (cos, sin), (first, second) = rope, x.float().chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).type_as(x)


class Attention(nn.Module):
    """Grouped-query attention (arXiv 2305.13245). A rank of a tensor-parallel group holds some of the heads."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kv_dim = config.num_kv_heads * config.head_dim
        self.head_dim = config.head_dim
        self.query = nn.Linear(config.dim, config.dim, bias=False)
        self.key = nn.Linear(config.dim, kv_dim, bias=False)
        self.value = nn.Linear(config.dim, kv_dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim, bias=False)

    def forward(self, x: Tensor, rope: Tensor, mask: Mask) -> Tensor:
        """Returns (R, T, D)."""
        heads = [
            layer(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        ]
        read = attend(rotate(heads[0], rope), rotate(heads[1], rope), heads[2], mask)
        return self.out(read.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """The gated feed-forward layer (arXiv 2002.05202, equation 6)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.dim, config.ffn_dim, bias=False)
        self.up = nn.Linear(config.dim, config.ffn_dim, bias=False)
        self.down = nn.Linear(config.ffn_dim, config.dim, bias=False)

    def forward(self, x: Tensor, _valid: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (R, T, D), and no routing to tell of: zeros (2,)."""
        return self.down(F.silu(self.gate(x)) * self.up(x)), x.new_zeros(2, dtype=torch.float32)


class Experts(nn.Module):
    """A mixture of SwiGLU experts: each token goes to its K most likely ones.

    Balance and capacity are taken per row, so a step's loss does not depend on how rows are spread over ranks, and an
    earlier token never waits for a later one. With a capacity, a document can crowd out a later one of its row.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        experts, dim, ffn = config.num_experts, config.dim, config.ffn_dim
        self.top_k, self.capacity_factor = config.experts_per_token, config.capacity_factor
        self.router = nn.Linear(dim, experts, bias=False)
        self.gate = nn.Parameter(torch.empty(experts, dim, ffn))
        self.up = nn.Parameter(torch.empty(experts, dim, ffn))
        self.down = nn.Parameter(torch.empty(experts, ffn, dim))

    def forward(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (R, T, D), and (2,) float32: the summed balance loss, and how many choices found no slot."""
        with torch.autocast(x.device.type, enabled=False):  # close calls of the router differ in bfloat16
            chance_RTE = F.linear(x.float(), self.router.weight.float()).softmax(-1)
        weight_RTK, chosen_RTK = chance_RTE.topk(self.top_k, dim=-1)
        weight_RTK = weight_RTK / weight_RTK.sum(-1, keepdim=True)
        wants_RTKE = F.one_hot(chosen_RTK, chance_RTE.shape[-1]) * valid[:, :, None, None]
        slot_RTK, kept_RTK, slots = self._slots(wants_RTKE, chosen_RTK)
        told = torch.stack((_balance(chance_RTE, wants_RTKE, valid), (wants_RTKE.sum(-1) - kept_RTK).sum().float()))
        return self._mix(x, weight_RTK * kept_RTK, slot_RTK, slots), told

    def _slots(self, wants_RTKE: Tensor, chosen_RTK: Tensor) -> tuple[Tensor, Tensor, int]:
        """Returns the slot (of E*C) of each choice, whether it has one (0 or 1), and C."""
        _, length, top_k, experts = wants_RTKE.shape
        slots = length
        if self.capacity_factor is not None:
            slots = min(length, math.ceil(self.capacity_factor * length * top_k / experts))
        before_RTKE = wants_RTKE.flatten(1, 2).cumsum(1).view_as(wants_RTKE) - wants_RTKE
        place_RTK = (before_RTKE * wants_RTKE).sum(-1)
        kept_RTK = (place_RTK < slots) & (wants_RTKE.sum(-1) > 0)
        return chosen_RTK * slots + place_RTK.clamp(max=slots - 1), kept_RTK.long(), slots

    def _mix(self, x: Tensor, weight_RTK: Tensor, slot_RTK: Tensor, slots: int) -> Tensor:
        """Returns each token's weighted sum of what its experts make of it."""
        rows, length, dim = x.shape
        experts = self.gate.shape[0]
        slot_RN = slot_RTK.flatten(1)[:, :, None].expand(-1, -1, dim)
        sent_RND = (x[:, :, None] * (weight_RTK > 0)[..., None].to(x.dtype)).flatten(1, 2)
        box = x.new_zeros(rows, experts * slots, dim).scatter_add(1, slot_RN, sent_RND)
        box = box.unflatten(1, (experts, slots)).transpose(0, 1).flatten(1, 2)
        done = torch.bmm(F.silu(torch.bmm(box, self.gate)) * torch.bmm(box, self.up), self.down)
        done = done.unflatten(1, (rows, slots)).transpose(0, 1).flatten(1, 2)
        read = done.gather(1, slot_RN).unflatten(1, (length, self.top_k))
        return (read * weight_RTK[..., None].to(read.dtype)).sum(2).to(x.dtype)


def _balance(chance_RTE: Tensor, wants_RTKE: Tensor, valid: Tensor) -> Tensor:
    """Returns the load-balancing loss (Switch, equation 4) of each row times its tokens, summed; 1 a token at best."""
    tokens_R = valid.sum(1).clamp(min=1)
    share_RE = wants_RTKE.sum((1, 2)) / (tokens_R[:, None] * wants_RTKE.shape[2])
    chance_RE = (chance_RTE * valid[..., None]).sum(1) / tokens_R[:, None]
    return (wants_RTKE.shape[3] * (share_RE * chance_RE).sum(1) * valid.sum(1)).sum()


class Block(nn.Module):
    """Attention and a feed-forward layer, each added to what it read."""

    def __init__(self, config: ModelConfig, number: int) -> None:
        super().__init__()
        self.kind = config.pattern[number % len(config.pattern)]
        self.attention_norm, self.attention = rms_norm(config), Attention(config)
        self.ffn_norm, self.ffn = rms_norm(config), (Experts(config) if config.num_experts else SwiGLU(config))

    def forward(self, x: Tensor, rope: Tensor, mask: Mask, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (R, T, D), and what the feed-forward layer tells of its routing."""
        x = x + self.attention(self.attention_norm(x), rope, mask)
        change, told = self.ffn(self.ffn_norm(x), valid)
        return x + change, told


class Transformer(nn.Module):
    """The model; `recompute` makes a block's activations again in the backward pass instead of keeping them."""

    def __init__(self, config: ModelConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config, self.recompute = config, False
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.blocks = nn.ModuleList(Block(config, number) for number in range(config.num_layers))
        self.norm = rms_norm(config)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.tie()
        self._draw(torch.Generator().manual_seed(seed))

    def tie(self) -> None:
        """Makes the head use the embedding's weights, where the configuration says so."""
        if self.config.tied:
            self.head.weight = self.embedding.weight

    def _draw(self, generator: torch.Generator) -> None:
        """Draws weights as GPT-2 does: those that write to the residual stream smaller by sqrt(2 * layers)."""
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                writes = name.endswith(("attention.out.weight", "ffn.down.weight", "ffn.down"))
                std = self.config.init_std / (math.sqrt(2 * self.config.num_layers) if writes else 1)
                nn.init.normal_(weight, std=std, generator=generator)

    def forward(self, tokens: Tensor, segments: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Returns logits (R, T, V), and (2,): the balance loss summed over tokens, and choices without a slot.

        Both are means over layers. `segments` (R, T) numbers the documents of a row, -1 is padding.
        """
        config, valid = self.config, segments >= 0
        rope = rope_tables(positions, head_dim=config.head_dim, base=config.rope_base)
        windows = {"global": None, "sliding": config.window}
        masks = {kind: document_mask(segments, window=windows[kind]) for kind in sorted(set(config.pattern))}
        x, told = self.embedding(tokens), []
        for block in self.blocks:
            if self.recompute and self.training:
                x, of_block = checkpoint(block, x, rope, masks[block.kind], valid, use_reentrant=False)
            else:
                x, of_block = block(x, rope, masks[block.kind], valid)
            told.append(of_block)
        return self.head(self.norm(x)), torch.stack(told).mean(0)

    def num_parameters(self) -> int:
        """Returns how many weights there are, tied ones once."""
        return sum(weight.numel() for weight in self.parameters())
