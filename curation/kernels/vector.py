"""The few machine operations that Numba has no spelling for: 64 bytes at a time, wide multiply, bit counts.

Portable LLVM IR, no assembly: the same code becomes AVX2, SSE2 or NEON. Loads are unchecked, so every
caller reads from scratch that is padded on both sides; under NUMBA_BOUNDSCHECK=1 the wrappers touch the
first and last byte through the checked path first (otherwise LLVM removes those reads as dead). With the
JIT off the same names are plain Python.
"""

# mypy: allow-untyped-calls

from collections.abc import Callable

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from curation.kernels import borrowing, plain
from curation.kernels.plain import Bytes, Floats

BLOCK = 64
"""Bytes that one classification covers: one bit each in a uint64."""

I8, I16, I32, I64, I128 = (ir.IntType(bits) for bits in (8, 16, 32, 64, 128))
BYTES = ir.VectorType(I8, BLOCK)
KEY_BYTES = 32
"""Bytes that `first_bytes` reads."""


def _splat(value: int) -> ir.Constant:
    return ir.Constant(BYTES, [ir.Constant(I8, value & 0xFF)] * BLOCK)


def address(context, builder, signature, args, position, index):  # type: ignore[no-untyped-def]
    """Returns the pointer to byte args[index] of the array args[position]."""
    array = context.make_array(signature.args[position])(context, builder, args[position])
    data = builder.bitcast(array.data, I8.as_pointer())
    return builder.gep(data, [args[index]])


def element(context, builder, signature, args, position, index):  # type: ignore[no-untyped-def]
    """Returns the pointer to element args[index] of the array args[position]."""
    array = context.make_array(signature.args[position])(context, builder, args[position])
    return builder.gep(array.data, [args[index]])


def _between(builder, block, low, count):  # type: ignore[no-untyped-def]
    return builder.icmp_unsigned("<", builder.sub(block, _splat(low)), _splat(count))


@intrinsic
def _classify_ir(typing_context, source, index, target, target_index):  # type: ignore[no-untyped-def]
    signature = types.UniTuple(types.uint64, 6)(source, types.uint64, target, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = builder.bitcast(address(context, builder, signature, args, 0, 1), BYTES.as_pointer())
        block = builder.load(pointer, align=1)
        upper = _between(builder, block, ord("A"), 26)
        lowered = builder.or_(block, builder.select(upper, _splat(0x20), _splat(0)))
        out = builder.bitcast(address(context, builder, signature, args, 2, 3), BYTES.as_pointer())
        builder.store(lowered, out, align=1)
        digit = _between(builder, block, ord("0"), 10)
        word = builder.or_(_between(builder, lowered, ord("a"), 26), digit)
        newline = builder.icmp_unsigned("==", block, _splat(10))
        lead = builder.icmp_signed(">", block, _splat(0xBF))
        ideograph = _between(builder, block, 0xE5, 5)
        table = builder.and_(_between(builder, block, 0xC0, 0x40), builder.not_(ideograph))
        masks = [builder.bitcast(m, I64) for m in (word, digit, newline, lead, ideograph, table)]
        return context.make_tuple(builder, signature.return_type, masks)

    return signature, codegen


@intrinsic
def _byte_mask_ir(typing_context, source, index, byte):  # type: ignore[no-untyped-def]
    signature = types.uint64(source, types.uint64, types.uint8)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = builder.bitcast(address(context, builder, signature, args, 0, 1), BYTES.as_pointer())
        block = builder.load(pointer, align=1)
        one = builder.insert_element(ir.Constant(BYTES, ir.Undefined), args[2], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), [0] * BLOCK)
        return builder.bitcast(
            builder.icmp_unsigned("==", block, builder.shuffle_vector(one, ir.Constant(BYTES, ir.Undefined), zeros)),
            I64,
        )

    return signature, codegen


@intrinsic
def _pairs_mask_ir(typing_context, source, index, firsts, seconds):  # type: ignore[no-untyped-def]
    signature = types.uint64(source, types.uint64, types.uint64, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = address(context, builder, signature, args, 0, 1)
        after = builder.gep(pointer, [ir.Constant(I64, 1)])
        lowered = [
            builder.or_(builder.load(builder.bitcast(at, BYTES.as_pointer()), align=1), _splat(0x20))
            for at in (pointer, after)
        ]
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), [0] * BLOCK)
        undefined, found = ir.Constant(BYTES, ir.Undefined), None
        for lane in range(8):
            is_here = []
            for block, packed in zip(lowered, args[2:], strict=True):
                byte = builder.trunc(builder.lshr(packed, ir.Constant(I64, 8 * lane)), I8)
                one = builder.insert_element(undefined, byte, ir.Constant(ir.IntType(32), 0))
                is_here.append(builder.icmp_unsigned("==", block, builder.shuffle_vector(one, undefined, zeros)))
            pair = builder.and_(*is_here)
            found = pair if found is None else builder.or_(found, pair)
        return builder.bitcast(found, I64)

    return signature, codegen


@intrinsic
def _load_ir(typing_context, source, index):  # type: ignore[no-untyped-def]
    signature = types.uint64(source, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = builder.bitcast(address(context, builder, signature, args, 0, 1), I64.as_pointer())
        return builder.load(pointer, align=1)

    return signature, codegen


@intrinsic
def _multiply_ir(typing_context, left, right):  # type: ignore[no-untyped-def]
    signature = types.uint64(types.uint64, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        product = builder.mul(builder.zext(args[0], I128), builder.zext(args[1], I128))
        high = builder.trunc(builder.lshr(product, ir.Constant(I128, 64)), I64)
        return builder.xor(builder.trunc(product, I64), high)

    return signature, codegen


@intrinsic
def _count_ir(typing_context, mask):  # type: ignore[no-untyped-def]
    signature = types.uint64(types.uint64)
    return signature, lambda context, builder, signature, args: builder.ctpop(args[0])


@intrinsic
def _lowest_ir(typing_context, mask):  # type: ignore[no-untyped-def]
    signature = types.uint64(types.uint64)
    return signature, lambda context, builder, signature, args: builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))


@intrinsic
def _mask_of_space_ir(typing_context, source, index):  # type: ignore[no-untyped-def]
    signature = types.uint64(source, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = builder.bitcast(address(context, builder, signature, args, 0, 1), BYTES.as_pointer())
        block = builder.load(pointer, align=1)
        space = builder.or_(builder.icmp_unsigned("==", block, _splat(0x20)), _between(builder, block, 9, 5))
        return builder.bitcast(builder.or_(space, builder.icmp_unsigned("==", block, _splat(0))), I64)

    return signature, codegen


def _first_bytes_of(context, builder, signature, args):  # type: ignore[no-untyped-def]
    kind = ir.VectorType(I8, KEY_BYTES)
    block = builder.load(builder.bitcast(address(context, builder, signature, args, 0, 1), kind.as_pointer()), align=1)
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, builder.trunc(args[2], I8), ir.Constant(I32, 0))
    sizes = builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(I32, KEY_BYTES), [0] * KEY_BYTES))
    inside = builder.icmp_unsigned("<", ir.Constant(kind, [ir.Constant(I8, i) for i in range(KEY_BYTES)]), sizes)
    return builder.select(inside, block, ir.Constant(kind, [ir.Constant(I8, 0)] * KEY_BYTES))


@intrinsic
def _first_bytes_ir(typing_context, source, index, size):  # type: ignore[no-untyped-def]
    signature = types.UniTuple(types.uint64, 4)(source, types.uint64, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        words = builder.bitcast(_first_bytes_of(context, builder, signature, args), ir.VectorType(I64, 4))
        parts = [builder.extract_element(words, ir.Constant(I32, i)) for i in range(4)]
        return context.make_tuple(builder, signature.return_type, parts)

    return signature, codegen


@intrinsic
def _has_key_ir(typing_context, source, index, size, keys, key_index):  # type: ignore[no-untyped-def]
    signature = types.boolean(source, types.uint64, types.uint64, keys, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kept = _first_bytes_of(context, builder, signature, args)
        key = builder.bitcast(element(context, builder, signature, args, 3, 4), kept.type.as_pointer())
        differs = builder.icmp_unsigned("!=", kept, builder.load(key, align=1))
        return builder.icmp_unsigned("==", builder.bitcast(differs, I32), ir.Constant(I32, 0))

    return signature, codegen


@intrinsic
def _prefetch_ir(typing_context, source, index):  # type: ignore[no-untyped-def]
    signature = types.void(source, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = element(context, builder, signature, args, 0, 1)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, I32, I32, I32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, *(ir.Constant(I32, value) for value in (0, 3, 1))])  # read, keep, data
        return context.get_dummy_value()

    return signature, codegen


@borrowing
def _classify(source, index, target, target_index):  # type: ignore[no-untyped-def]
    """Lowers A-Z of 64 bytes into `target`; returns masks (word, digit, newline, lead, ideograph, table).

    `lead`: bytes that begin a character. `ideograph`: leads E5..E9, always Han. `table`: other leads of
    characters above ASCII, whose class has to be looked up.
    """
    source[index], source[index + np.uint64(63)]
    target[target_index], target[target_index + np.uint64(63)]
    return _classify_ir(source, index, target, target_index)  # type: ignore[call-arg]


@borrowing
def _mask_of_byte(source, index, byte):  # type: ignore[no-untyped-def]
    """Returns uint64: bit i is set where source[index + i] == byte."""
    source[index], source[index + np.uint64(63)]
    return _byte_mask_ir(source, index, byte)  # type: ignore[call-arg]


@borrowing
def _mask_of_space(source, index):  # type: ignore[no-untyped-def]
    """Returns uint64: bit i is set where source[index + i] is 9 to 13, 32 or 0: ASCII white space and NUL."""
    source[index], source[index + np.uint64(63)]
    return _mask_of_space_ir(source, index)  # type: ignore[call-arg]


@borrowing
def _first_bytes(source, index, size):  # type: ignore[no-untyped-def]
    """Returns the first `size` (at most 32) bytes from `index`, then zeros, as four little-endian uint64."""
    source[index], source[index + np.uint64(KEY_BYTES - 1)]
    return _first_bytes_ir(source, index, size)  # type: ignore[call-arg]


@borrowing
def _has_key(source, index, size, keys, key_index):  # type: ignore[no-untyped-def]
    """Returns whether `first_bytes` of (source, index, size) are the 32 bytes at element `key_index` of float32."""
    source[index], source[index + np.uint64(KEY_BYTES - 1)], keys[key_index], keys[key_index + np.uint64(7)]
    return _has_key_ir(source, index, size, keys, key_index)  # type: ignore[call-arg]


@borrowing
def _prefetch(source, index):  # type: ignore[no-untyped-def]
    """Asks for the cache line of source[index], which may lie anywhere."""
    _prefetch_ir(source, index)  # type: ignore[call-arg]


@borrowing
def _mask_of_pairs(source, index, firsts, seconds):  # type: ignore[no-untyped-def]
    """Returns uint64: bit i is set where source[index + i] and the byte after it are one of eight pairs.

    Lane c (8 bits) of `firsts` and of `seconds` is a pair; bytes are compared after `| 0x20`, so in either case.
    """
    source[index], source[index + np.uint64(64)]
    return _pairs_mask_ir(source, index, firsts, seconds)  # type: ignore[call-arg]


@borrowing
def _load_u64(source, index):  # type: ignore[no-untyped-def]
    """Returns eight bytes from `index` as a little-endian uint64."""
    source[index], source[index + np.uint64(7)]
    return _load_ir(source, index)  # type: ignore[call-arg]


@borrowing
def _multiply(left, right):  # type: ignore[no-untyped-def]
    """Returns high xor low half of the 128-bit product: the mixer of wyhash and xxh3."""
    return _multiply_ir(left, right)  # type: ignore[call-arg]


@borrowing
def _count_bits(mask):  # type: ignore[no-untyped-def]
    """Returns the number of set bits."""
    return _count_ir(mask)  # type: ignore[call-arg]


@borrowing
def _lowest_bit(mask):  # type: ignore[no-untyped-def]
    """Returns the index of the lowest set bit; 64 if none is set."""
    return _lowest_ir(mask)  # type: ignore[call-arg]


_JIT = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
classify: Callable[[Bytes, np.uint64, Bytes, np.uint64], tuple[np.uint64, ...]] = _classify if _JIT else plain.classify
mask_of_byte: Callable[[Bytes, np.uint64, np.uint8], np.uint64] = _mask_of_byte if _JIT else plain.mask_of_byte
mask_of_space: Callable[[Bytes, np.uint64], np.uint64] = _mask_of_space if _JIT else plain.mask_of_space
first_bytes: Callable[[Bytes, np.uint64, np.uint64], tuple[np.uint64, ...]] = (
    _first_bytes if _JIT else plain.first_bytes
)
has_key: Callable[[Bytes, np.uint64, np.uint64, Floats, np.uint64], bool] = _has_key if _JIT else plain.has_key
prefetch: Callable[[Floats, np.uint64], None] = _prefetch if _JIT else plain.prefetch
mask_of_pairs: Callable[[Bytes, np.uint64, np.uint64, np.uint64], np.uint64] = (
    _mask_of_pairs if _JIT else plain.mask_of_pairs
)
load_u64: Callable[[Bytes, np.uint64], np.uint64] = _load_u64 if _JIT else plain.load_u64
multiply: Callable[[np.uint64, np.uint64], np.uint64] = _multiply if _JIT else plain.multiply
count_bits: Callable[[np.uint64], np.uint64] = _count_bits if _JIT else plain.count_bits
lowest_bit: Callable[[np.uint64], np.uint64] = _lowest_bit if _JIT else plain.lowest_bit
