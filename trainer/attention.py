"""Causal attention inside documents: FlexAttention on CUDA, PyTorch's SDPA with a boolean mask elsewhere.

A query sees keys of its own document, not after itself and, in a sliding-window layer, not further back than the window
(Longformer, arXiv 2004.05150, section 3.1). SDPA is the reference; FlexAttention skips blocks that hold nothing to see.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

Mask: TypeAlias = Tensor | BlockMask
"""What the keys of each query are: (R, 1, T, T) bool, or blocks of it for FlexAttention."""


def document_mask(segments: Tensor, *, window: int | None = None) -> Mask:
    """Returns the mask of rows whose tokens belong to documents `segments` (R, T); it suits their device.

    Padding is a document of its own, so no query is without keys.
    """
    return flex_mask(segments, window=window) if segments.is_cuda else bool_mask(segments, window=window)


def bool_mask(segments: Tensor, *, window: int | None = None) -> Tensor:
    """Returns (R, 1, T, T) bool: whether query i sees key j."""
    place = torch.arange(segments.shape[1], device=segments.device)
    distance = place[:, None] - place
    near = (distance >= 0) if window is None else (distance >= 0) & (distance < window)
    return near & (segments[:, None, :, None] == segments[:, None, None, :])


def flex_mask(segments: Tensor, *, window: int | None = None) -> BlockMask:
    """Returns the same mask as FlexAttention takes it."""

    def sees(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen = (query >= key) & (segments[row, query] == segments[row, key])
        return seen if window is None else seen & (query - key < window)

    rows, length = segments.shape
    return create_block_mask(sees, rows, None, length, length, device=segments.device)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Mask) -> Tensor:
    """Returns (R, H, T, d): what queries (R, H, T, d) read; keys and values may have fewer heads, shared in groups."""
    if isinstance(mask, BlockMask):
        is_eager = query.is_cuda and not torch.compiler.is_compiling()  # a compiled block compiles it with itself
        flex = _compiled_flex() if is_eager else flex_attention
        return flex(query, key, value, block_mask=mask, enable_gqa=True)
    return scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)


@cache
def _compiled_flex() -> Callable[..., Tensor]:
    """Compiled once: without that, FlexAttention makes the whole score matrix."""
    compiled: Callable[..., Tensor] = torch.compile(flex_attention)
    return compiled
