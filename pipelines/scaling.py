"""What a run of N documents takes, by arithmetic: bytes per document of everything that grows with N.

`gristmill plan` and docs/scaling.md use the same functions. Sizes follow from the formats and array types of the code,
and a test compares them with what a run writes.
"""

from dataclasses import dataclass

from pipelines.linking import ENTRY_BYTES, SHUFFLE_COPIES, Keys
from pipelines.spec import NearSpec

DRIVER_BYTES = 132
"""Bytes per document that a driver holds at its peak, while links become survivors: 2,514 MiB for 20 million documents
(measured, infra/benchmarks/results/memory.json)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes and passes of a run; `near` is None where near deduplication is off."""

    num_documents: int
    shingles_per_document: float
    near: NearSpec | None
    memory_bytes: int

    @property
    def minhash_bytes(self) -> int:
        """Signatures as stored, before compression: one number per permutation."""
        if self.near is None:
            return 0
        signing = self.near.signing
        return self.num_documents * signing.bands * signing.rows * (8 if signing.scheme == "affine64" else 4)

    @property
    def shingle_bytes(self) -> int:
        """Shingle sets as stored: a uint32 hash each."""
        return 0 if self.near is None else round(self.num_documents * self.shingles_per_document * 4)

    @property
    def shuffle_bytes(self) -> int:
        """Payload of all shuffles: an entry of hash and rank per band."""
        return 0 if self.near is None else self.num_documents * self.near.signing.bands * ENTRY_BYTES

    @property
    def num_passes(self) -> int:
        """Graphs that shuffle, so that each stays within `memory_bytes` on one machine."""
        if self.near is None or not self.num_documents:
            return 0
        return len(Keys.of(self.near, self.num_documents).passes(self.num_documents, self.memory_bytes))

    @property
    def pass_bytes(self) -> int:
        """Memory of the largest pass with Beam's local runner."""
        if self.near is None or not self.num_documents:
            return 0
        keys = Keys.of(self.near, self.num_documents)
        largest = max(len(run) for run in keys.passes(self.num_documents, self.memory_bytes))
        return round(self.num_documents / keys.partitions * largest * ENTRY_BYTES * SHUFFLE_COPIES)

    @property
    def driver_bytes(self) -> int:
        """Whole-run arrays on the driver, links and what finding survivors takes."""
        return self.num_documents * DRIVER_BYTES
