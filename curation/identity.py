"""Names of things: document ids, content hashes, fingerprints.

A `doc_id` is xxh3-128 of (source name in the spec, path relative to the input's root, offset of the
record), so it is the same in any directory, machine or run. xxh3 is no proof against an attacker:
what *decides* on content (exact deduplication) compares BLAKE2b-128.
"""

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

ID_BYTES = 16

type_of_id = pa.binary(ID_BYTES)

_latest = threading.local()


def doc_id(source: str, path: str, offset: int) -> bytes:
    """Returns the 16-byte id of the record at `offset` (bytes, or row number) of `path` in `source`."""
    key = b"\x00".join((source.encode(), path.encode("utf-8", "surrogateescape"), b"%d" % offset))
    return xxhash.xxh3_128_digest(key)


def doc_ids(source: str, path: str, offsets: Iterable[int]) -> list[bytes]:
    """Returns `doc_id` of many offsets of one file."""
    prefix = b"\x00".join((source.encode(), path.encode("utf-8", "surrogateescape"), b""))
    return [xxhash.xxh3_128_digest(prefix + b"%d" % offset) for offset in offsets]


def child_id(parent_id: bytes, *, recipe: str, index: int) -> bytes:
    """Returns the 16-byte id of a document made from another: the same in any run.

    Args:
        parent_id: of the document that it was made from.
        recipe: digest of all that decides how: generator, model, template, seed, parameters.
        index: which one of those that this recipe makes of the parent, from 0.
    """
    return xxhash.xxh3_128_digest(b"\x00child\x00".join((parent_id, recipe.encode(), b"%d" % index)))


def hash_bytes(data: bytes | memoryview) -> bytes:
    """Returns xxh3-128 of `data` (fast; not for decisions on hostile content)."""
    return xxhash.xxh3_128_digest(data)


def secure_hash(data: bytes | memoryview) -> bytes:
    """Returns BLAKE2b-128 of `data`."""
    return hashlib.blake2b(data, digest_size=ID_BYTES).digest()


def secure_hashes(array: pa.Array) -> pa.Array:
    """Returns BLAKE2b-128 of each value's bytes (string or binary; null counts as empty), without Python objects.

    The hashes of the last array are remembered per thread: a text that no step changes is hashed once. It is held
    meanwhile, since a freed address is soon that of other text.
    """
    key = (array.type, array.offset, len(array), *(buffer and buffer.address for buffer in array.buffers()))
    if getattr(_latest, "key", None) != key:
        _latest.hashes, _latest.key, _latest.array = _secure_hashes(array), key, array
    latest: pa.Array = _latest.hashes
    return latest


def _secure_hashes(array: pa.Array) -> pa.Array:
    if array.null_count:
        array = array.fill_null(pa.scalar(b"").cast(array.type))
    _, offsets, values = array.buffers()
    width = np.int64 if array.type in (pa.large_string(), pa.large_binary()) else np.int32
    bounds = np.frombuffer(offsets or b"", dtype=width)[array.offset : array.offset + len(array) + 1].tolist()
    data = memoryview(values or b"")
    return pa.array([secure_hash(data[start:end]) for start, end in pairwise(bounds)], type=type_of_id)


def sha256_of(text: str) -> str:
    """Returns the sha256 (hex) of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(value: Mapping[str, object] | list[object]) -> str:
    """Returns the sha256 (hex) of `value` as canonical JSON: sorted keys, no spaces, ASCII only."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return sha256_of(text)


def uniform_of(ids: pa.Array, *, seed: int, purpose: str) -> NDArray[np.float64]:
    """Returns one number in [0, 1) per 16-byte id, keyed by (seed, id, purpose).

    All randomness about documents comes from here, so that a retry, another order or another worker
    draws the same numbers. The 53 high bits of xxh3-64 make the float64.
    """
    key = xxhash.xxh3_64_intdigest(purpose.encode(), seed=seed & (2**64 - 1))
    hashes = [xxhash.xxh3_64_intdigest(item, seed=key) for item in ids.to_pylist()]
    return (np.array(hashes, dtype=np.uint64) >> np.uint64(11)).astype(np.float64) * 2.0**-53
