"""Held-out documents as tokens, and bits per byte: what every model of the experiment is measured by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from infra.experiment.corpus import Page

Tokens = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """N documents that no arm has seen; `bytes_N` leaves out the first token, which nothing predicts."""

    sources: tuple[str, ...]
    tokens: tuple[Tokens, ...]
    bytes_N: NDArray[np.int64]

    def bits_per_byte(self, bits_N: Reals, source: str | None = None) -> float:
        """Returns bits over bytes, of one source or of all."""
        chosen = np.array([source in (None, each) for each in self.sources])
        return float(bits_N[chosen].sum() / self.bytes_N[chosen].sum())


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tokens]:
    """Returns the token ids of each text."""
    found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [np.array(each.ids, dtype=np.int64) for each in found]


def held_out(pages: Sequence[Page], tokenizer: Path) -> HeldOut:
    """Returns the pages as tokens."""
    model = Tokenizer.from_file(str(tokenizer))
    tokens = encode(model, [page.text for page in pages])
    first = [len(model.decode(ids[:1].tolist()).encode()) for ids in tokens]
    sizes = [len(page.text.encode()) for page in pages]
    return HeldOut(
        sources=tuple(page.source for page in pages),
        tokens=tuple(tokens),
        bytes_N=np.array(sizes) - np.array(first),
    )
