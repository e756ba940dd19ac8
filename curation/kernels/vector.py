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
from numba.extending import intrinsic

from curation.kernels import kernel, plain
from curation.kernels.plain import Bytes

BLOCK = 64
"""Bytes that one classification covers: one bit each in a uint64."""

I8, I16, I64, I128 = (ir.IntType(bits) for bits in (8, 16, 64, 128))
BYTES = ir.VectorType(I8, BLOCK)


def _splat(value: int) -> ir.Constant:
    return ir.Constant(BYTES, [ir.Constant(I8, value & 0xFF)] * BLOCK)


def _address(context, builder, signature, args, position, index):  # type: ignore[no-untyped-def]
    array = context.make_array(signature.args[position])(context, builder, args[position])
    data = builder.bitcast(array.data, I8.as_pointer())
    return builder.gep(data, [args[index]])


def _between(builder, block, low, count):  # type: ignore[no-untyped-def]
    return builder.icmp_unsigned("<", builder.sub(block, _splat(low)), _splat(count))


@intrinsic
def _classify_ir(typing_context, source, index, target, target_index):  # type: ignore[no-untyped-def]
    signature = types.UniTuple(types.uint64, 6)(source, types.uint64, target, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = builder.bitcast(_address(context, builder, signature, args, 0, 1), BYTES.as_pointer())
        block = builder.load(pointer, align=1)
        upper = _between(builder, block, ord("A"), 26)
        lowered = builder.or_(block, builder.select(upper, _splat(0x20), _splat(0)))
        out = builder.bitcast(_address(context, builder, signature, args, 2, 3), BYTES.as_pointer())
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
        pointer = builder.bitcast(_address(context, builder, signature, args, 0, 1), BYTES.as_pointer())
        block = builder.load(pointer, align=1)
        one = builder.insert_element(ir.Constant(BYTES, ir.Undefined), args[2], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), [0] * BLOCK)
        return builder.bitcast(
            builder.icmp_unsigned("==", block, builder.shuffle_vector(one, ir.Constant(BYTES, ir.Undefined), zeros)),
            I64,
        )

    return signature, codegen


@intrinsic
def _load_ir(typing_context, source, index):  # type: ignore[no-untyped-def]
    signature = types.uint64(source, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = builder.bitcast(_address(context, builder, signature, args, 0, 1), I64.as_pointer())
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


@kernel
def _classify(source, index, target, target_index):  # type: ignore[no-untyped-def]
    """Lowers A-Z of 64 bytes into `target`; returns masks (word, digit, newline, lead, ideograph, table).

    `lead`: bytes that begin a character. `ideograph`: leads E5..E9, always Han. `table`: other leads of
    characters above ASCII, whose class has to be looked up.
    """
    source[index], source[index + np.uint64(63)]
    target[target_index], target[target_index + np.uint64(63)]
    return _classify_ir(source, index, target, target_index)  # type: ignore[call-arg]


@kernel
def _mask_of_byte(source, index, byte):  # type: ignore[no-untyped-def]
    """Returns uint64: bit i is set where source[index + i] == byte."""
    source[index], source[index + np.uint64(63)]
    return _byte_mask_ir(source, index, byte)  # type: ignore[call-arg]


@kernel
def _load_u64(source, index):  # type: ignore[no-untyped-def]
    """Returns eight bytes from `index` as a little-endian uint64."""
    source[index], source[index + np.uint64(7)]
    return _load_ir(source, index)  # type: ignore[call-arg]


@kernel
def _multiply(left, right):  # type: ignore[no-untyped-def]
    """Returns high xor low half of the 128-bit product: the mixer of wyhash and xxh3."""
    return _multiply_ir(left, right)  # type: ignore[call-arg]


@kernel
def _count_bits(mask):  # type: ignore[no-untyped-def]
    """Returns the number of set bits."""
    return _count_ir(mask)  # type: ignore[call-arg]


@kernel
def _lowest_bit(mask):  # type: ignore[no-untyped-def]
    """Returns the index of the lowest set bit; 64 if none is set."""
    return _lowest_ir(mask)  # type: ignore[call-arg]


_JIT = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
classify: Callable[[Bytes, np.uint64, Bytes, np.uint64], tuple[np.uint64, ...]] = _classify if _JIT else plain.classify
mask_of_byte: Callable[[Bytes, np.uint64, np.uint8], np.uint64] = _mask_of_byte if _JIT else plain.mask_of_byte
load_u64: Callable[[Bytes, np.uint64], np.uint64] = _load_u64 if _JIT else plain.load_u64
multiply: Callable[[np.uint64, np.uint64], np.uint64] = _multiply if _JIT else plain.multiply
count_bits: Callable[[np.uint64], np.uint64] = _count_bits if _JIT else plain.count_bits
lowest_bit: Callable[[np.uint64], np.uint64] = _lowest_bit if _JIT else plain.lowest_bit
