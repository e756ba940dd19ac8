"""What `curation.kernels.vector` and `float_lanes` do, in plain Python: the kernels run on it when the JIT is off."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def _mask(bits: NDArray[np.bool_]) -> np.uint64:
    return np.uint64(int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little"))


def classify(source: Bytes, index: np.uint64, target: Bytes, target_index: np.uint64) -> tuple[np.uint64, ...]:
    """See `curation.kernels.vector.classify`."""
    block = source[int(index) : int(index) + 64].astype(np.int64)
    upper = (block >= ord("A")) & (block <= ord("Z"))
    lowered = np.where(upper, block + 32, block)
    target[int(target_index) : int(target_index) + 64] = lowered
    digit = (block >= ord("0")) & (block <= ord("9"))
    word = ((lowered >= ord("a")) & (lowered <= ord("z"))) | digit
    lead = (block & 0xC0) != 0x80
    ideograph = (block >= 0xE5) & (block <= 0xE9)
    table = (block >= 0xC0) & ~ideograph
    return tuple(_mask(bits) for bits in (word, digit, block == 10, lead, ideograph, table))


def mask_of_byte(source: Bytes, index: np.uint64, byte: np.uint8) -> np.uint64:
    """See `curation.kernels.vector.mask_of_byte`."""
    return _mask(source[int(index) : int(index) + 64] == byte)


def mask_of_space(source: Bytes, index: np.uint64) -> np.uint64:
    """See `curation.kernels.vector.mask_of_space`."""
    return _mask(np.isin(source[int(index) : int(index) + 64], (0, 9, 10, 11, 12, 13, 32)))


def first_bytes(source: Bytes, index: np.uint64, size: np.uint64) -> tuple[np.uint64, ...]:
    """See `curation.kernels.vector.first_bytes`."""
    kept = source[int(index) : int(index) + int(size)].tobytes().ljust(32, b"\0")
    return tuple(np.uint64(int.from_bytes(kept[at : at + 8], "little")) for at in range(0, 32, 8))


def has_key(source: Bytes, index: np.uint64, size: np.uint64, keys: Floats, key_index: np.uint64) -> bool:
    """See `curation.kernels.vector.has_key`."""
    key = tuple(keys[int(key_index) : int(key_index) + 8].view(np.uint64))
    return first_bytes(source, index, size) == key


def add_8(target: Floats, target_index: np.uint64, source: Bytes | Floats, index: np.uint64) -> None:
    """See `curation.kernels.float_lanes.add_8`."""
    target[int(target_index) : int(target_index) + 8] += _floats(source, int(index), 8)


def float_at(source: Bytes | Floats, index: np.uint64) -> np.float32:
    """See `curation.kernels.float_lanes.float_at`."""
    return np.float32(_floats(source, int(index), 1)[0])


def _floats(source: Bytes | Floats, index: int, count: int) -> Floats:
    return source[index : index + 4 * count // source.itemsize].view(np.float32)


def add_8_of_rows(
    target: Floats,
    target_index: np.uint64,
    source: Bytes,
    index: np.uint64,
    size: np.uint64,
    rows: NDArray[np.uint32],
    first: np.uint64,
    end: np.uint64,
) -> None:
    """See `curation.kernels.float_lanes.add_8_of_rows`."""
    for row in rows[int(first) : int(end)]:
        target[int(target_index) : int(target_index) + 8] += _floats(source, int(index) + int(row) * int(size), 8)


def dot_8(
    left: Floats, left_index: np.uint64, right: Bytes | Floats, index: np.uint64, blocks: np.uint64
) -> np.float32:
    """See `curation.kernels.float_lanes.dot_8`."""
    total, count = np.zeros(8, dtype=np.float32), 8 * int(blocks)
    for block in (left[int(left_index) : int(left_index) + count] * _floats(right, int(index), count)).reshape(-1, 8):
        total = total + block
    while total.size > 1:
        total = total[: total.size // 2] + total[total.size // 2 :]
    return np.float32(total[0])


def products_32(
    left: Floats, left_index: np.uint64, right: Floats, index: np.uint64, size: np.uint64, out: Floats, at: np.uint64
) -> None:
    """See `curation.kernels.float_lanes.products_32`."""
    rows = right[int(index) : int(index) + 32 * int(size)].reshape(-1, 32)
    total = np.zeros(32, dtype=np.float32)
    for number, row in zip(left[int(left_index) : int(left_index) + int(size)], rows, strict=True):
        total = total + number * row
    out[int(at) : int(at) + 32] = total


def sigmoids_32(values: Floats, index: np.uint64) -> None:
    """See `curation.kernels.float_lanes.sigmoids_32`."""
    exponents = np.clip(-values[int(index) : int(index) + 32], -87, 87)
    values[int(index) : int(index) + 32] = 1 / (1 + np.exp(exponents))


def prefetch(source: Floats, index: np.uint64) -> None:
    """See `curation.kernels.vector.prefetch`: it changes no result."""


def mask_of_pairs(source: Bytes, index: np.uint64, firsts: np.uint64, seconds: np.uint64) -> np.uint64:
    """See `curation.kernels.vector.mask_of_pairs`."""
    lowered = source[int(index) : int(index) + 65] | 0x20
    pairs = zip(int(firsts).to_bytes(8, "little"), int(seconds).to_bytes(8, "little"), strict=True)
    is_pair = [(lowered[:-1] == first) & (lowered[1:] == second) for first, second in pairs]
    return _mask(np.any(is_pair, axis=0))


def load_u64(source: Bytes, index: np.uint64) -> np.uint64:
    """See `curation.kernels.vector.load_u64`."""
    return np.uint64(int.from_bytes(source[int(index) : int(index) + 8].tobytes(), "little"))


def multiply(left: np.uint64, right: np.uint64) -> np.uint64:
    """See `curation.kernels.vector.multiply`."""
    product = int(left) * int(right)
    return np.uint64((product ^ product >> 64) & (2**64 - 1))


def count_bits(mask: np.uint64) -> np.uint64:
    """See `curation.kernels.vector.count_bits`."""
    return np.uint64(int(mask).bit_count())


def lowest_bit(mask: np.uint64) -> np.uint64:
    """See `curation.kernels.vector.lowest_bit`."""
    value = int(mask)
    return np.uint64((value & -value).bit_length() - 1 if value else 64)
