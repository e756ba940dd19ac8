"""Stored signatures as datasketch's MinHash objects and back, for its LSH, LSHForest, ensembles and Redis storage.

Needs `datasketch` 2.0 or newer. Its objects then know our permutations (same seed and scheme), so that texts signed
elsewhere can be compared with them: update one with our 32-bit shingles, or 64-bit ones by `affine64`, as numbers.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.banding import Scheme

_DTYPES: dict[Scheme, "np.dtype[np.uint32] | np.dtype[np.uint64]"] = {
    "affine32": np.dtype("<u4"),
    "affine64": np.dtype("<u8"),
}


class Sketch(Protocol):
    """What is used of a `datasketch.MinHash`."""

    seed: int
    scheme: str
    num_perm: int
    hashvalues: NDArray[np.uint32] | NDArray[np.uint64]
    permutations: NDArray[np.uint32] | NDArray[np.uint64]


def to_datasketch(minhash: pa.Array, *, seed: int = 1, scheme: Scheme = "affine32") -> list[Sketch | None]:
    """Returns one `datasketch.MinHash` per row of a stored `minhash` column; null (a short text) gives None.

    Args:
        minhash: binary column of signatures.
        seed: that of the spec, `dedup.near.seed`.
        scheme: that of the spec, `dedup.near.scheme`.

    Raises:
        ImportError: datasketch 2.0 is not installed.
        ValueError: a row is no signature of this scheme, or rows differ in length.
    """
    peer = _peer()
    rows = minhash.to_pylist()
    sizes = {len(row) for row in rows if row is not None}
    width = _DTYPES[scheme].itemsize
    if len(sizes) > 1 or any(size % width or not size for size in sizes):
        expected = f"signatures of one length, a multiple of {width} bytes by {scheme}"
        raise ValueError(f"minhash: expected {expected}, found lengths {sorted(sizes)}")
    drawn = peer(num_perm=max(sizes, default=width) // width, seed=seed, scheme=scheme).permutations
    made: list[Sketch | None] = []
    for row in rows:
        values = None if row is None else np.frombuffer(row, _DTYPES[scheme])
        given = {"seed": seed, "scheme": scheme, "permutations": drawn, "hashfunc": int}
        made.append(None if values is None else peer(hashvalues=values, **given))
    return made


def from_datasketch(sketches: Sequence[Sketch | None], *, seed: int = 1, scheme: Scheme = "affine32") -> pa.Array:
    """Returns a `minhash` column as Gristmill stores it; None gives null.

    Raises:
        ValueError: a sketch has another seed, scheme or number of permutations than the others.
    """
    num_perm = next((sketch.num_perm for sketch in sketches if sketch is not None), 0)
    for row, sketch in enumerate(sketches):
        if sketch is not None and (sketch.seed, sketch.scheme, sketch.num_perm) != (seed, scheme, num_perm):
            raise ValueError(
                f"sketch {row}: expected seed {seed}, scheme {scheme} and {num_perm} permutations, found seed "
                f"{sketch.seed}, scheme {sketch.scheme} and {sketch.num_perm}; such signatures cannot be compared"
            )
    packed = [None if sketch is None else sketch.hashvalues.astype(_DTYPES[scheme]).tobytes() for sketch in sketches]
    return pa.array(packed, pa.binary())


def _peer() -> Callable[..., Sketch]:
    try:
        from datasketch import MinHash  # noqa: PLC0415
    except ImportError:
        raise ImportError("expected datasketch 2.0 or newer, found none; pip install 'datasketch>=2.0,<3'") from None
    made: Callable[..., Sketch] = MinHash
    return made
