"""Choices that follow from (seed, document, purpose) alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import xxhash

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Draws:
    """The random choices about one document."""

    seed: int
    doc_id: bytes

    def number(self, purpose: str) -> int:
        """Returns a number in [0, 2^64)."""
        return xxhash.xxh3_64_intdigest(self.doc_id + purpose.encode(), seed=self.seed & (2**64 - 1))

    def choice(self, items: Sequence[Item], purpose: str) -> Item:
        """Returns one of the items."""
        return items[self.number(purpose) % len(items)]

    def shuffled(self, items: Sequence[Item], purpose: str) -> tuple[Item, ...]:
        """Returns the items in an order of their own."""
        order = sorted(range(len(items)), key=lambda at: (self.number(f"{purpose}/{at}"), at))
        return tuple(items[at] for at in order)
