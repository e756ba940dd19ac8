"""Sums and products of eight float32 at a time, of arrays of float32 or of bytes, where numbers may lie anywhere.

As `curation.kernels.vector`: portable LLVM IR with unchecked loads, checked under NUMBA_BOUNDSCHECK=1.
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
from curation.kernels.vector import I8, I32, I64, element

LANES = 8
"""Floats that are added or multiplied at once."""
LANE_COUNT = np.uint64(LANES)
FLOAT = ir.FloatType()
FLOATS = ir.VectorType(FLOAT, LANES)
Z, FOUR = np.uint64(0), np.uint64(4)


@intrinsic
def _float_ir(typing_context, source, index):  # type: ignore[no-untyped-def]
    signature = types.float32(source, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = builder.bitcast(element(context, builder, signature, args, 0, 1), FLOAT.as_pointer())
        return builder.load(pointer, align=1)

    return signature, codegen


@intrinsic
def _add_8_ir(typing_context, target, target_index, source, index):  # type: ignore[no-untyped-def]
    signature = types.void(target, types.uint64, source, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        out = builder.bitcast(element(context, builder, signature, args, 0, 1), FLOATS.as_pointer())
        more = builder.bitcast(element(context, builder, signature, args, 2, 3), FLOATS.as_pointer())
        builder.store(builder.fadd(builder.load(out, align=1), builder.load(more, align=1)), out, align=1)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _add_8_of_rows_ir(typing_context, target, target_index, source, index, size, rows, first, end):  # type: ignore[no-untyped-def]
    u64 = types.uint64
    signature = types.void(target, u64, source, u64, u64, rows, u64, u64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        out = builder.bitcast(element(context, builder, signature, args, 0, 1), FLOATS.as_pointer())
        base = builder.bitcast(element(context, builder, signature, args, 2, 3), I8.as_pointer())
        numbers = context.make_array(signature.args[5])(context, builder, args[5]).data
        total = cgutils.alloca_once_value(builder, builder.load(out, align=1))
        with cgutils.for_range(builder, builder.sub(args[7], args[6])) as loop:
            number = builder.load(builder.gep(numbers, [builder.add(args[6], loop.index)]))
            row = builder.gep(base, [builder.mul(builder.zext(number, I64), args[4])])
            more = builder.load(builder.bitcast(row, FLOATS.as_pointer()), align=1)
            builder.store(builder.fadd(builder.load(total), more), total)
        builder.store(builder.load(total), out, align=1)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _dot_8_ir(typing_context, left, left_index, right, index, blocks):  # type: ignore[no-untyped-def]
    signature = types.float32(left, types.uint64, right, types.uint64, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        sides = [
            builder.bitcast(element(context, builder, signature, args, at, at + 1), FLOATS.as_pointer())
            for at in (0, 2)
        ]
        total = cgutils.alloca_once_value(builder, ir.Constant(FLOATS, [0.0] * LANES))
        with cgutils.for_range(builder, args[4]) as loop:
            both = [builder.load(builder.gep(side, [loop.index]), align=1) for side in sides]
            builder.store(builder.fadd(builder.load(total), builder.fmul(*both)), total)
        found, lanes = builder.load(total), LANES
        while lanes > 1:
            lanes //= 2
            places = [ir.Constant(ir.VectorType(I32, lanes), list(range(at, at + lanes))) for at in (0, lanes)]
            found = builder.fadd(*(builder.shuffle_vector(found, found, place) for place in places))
        return builder.extract_element(found, ir.Constant(I32, 0))

    return signature, codegen


@borrowing
def _float_at(source, index):  # type: ignore[no-untyped-def]
    """Returns the float32 at element `index` of `source`, of float32 or bytes."""
    source[index], source[index + np.uint64(4 // source.itemsize - 1)]
    return _float_ir(source, index)  # type: ignore[call-arg]


@borrowing
def _add_8(target, target_index, source, index):  # type: ignore[no-untyped-def]
    """Adds the 8 float32 from element `index` of `source`, of float32 or bytes, to target[target_index ...]."""
    target[target_index], target[target_index + np.uint64(7)]
    source[index], source[index + np.uint64(32 // source.itemsize - 1)]
    _add_8_ir(target, target_index, source, index)  # type: ignore[call-arg]


@borrowing
def _add_8_of_rows(target, target_index, source, index, size, rows, first, end):  # type: ignore[no-untyped-def]
    """Adds 8 float32 of each of the rows rows[first:end] of `source` (bytes) to target[target_index ...], in order.

    Those of row r lie from byte index + r * size on.
    """
    target[target_index], target[target_index + np.uint64(7)]
    for g in range(first, end):
        source[index + np.uint64(rows[g]) * size], source[index + np.uint64(rows[g]) * size + np.uint64(31)]
    _add_8_of_rows_ir(target, target_index, source, index, size, rows, first, end)  # type: ignore[call-arg]


@borrowing
def _dot_8(left, left_index, right, index, blocks):  # type: ignore[no-untyped-def]
    """Returns the sum of products of `blocks` times 8 float32: lane by lane, then by halves (i and i + 4 first)."""
    if blocks:
        left[left_index], left[left_index + LANE_COUNT * blocks - np.uint64(1)]
        right[index], right[index + np.uint64(32 // right.itemsize) * blocks - np.uint64(1)]
    return _dot_8_ir(left, left_index, right, index, blocks)  # type: ignore[call-arg]


_JIT = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
float_at: Callable[[Bytes | Floats, np.uint64], np.float32] = _float_at if _JIT else plain.float_at
add_8: Callable[[Floats, np.uint64, Bytes | Floats, np.uint64], None] = _add_8 if _JIT else plain.add_8
add_8_of_rows: Callable[..., None] = _add_8_of_rows if _JIT else plain.add_8_of_rows
dot_8: Callable[[Floats, np.uint64, Bytes | Floats, np.uint64, np.uint64], np.float32] = _dot_8 if _JIT else plain.dot_8


@borrowing
def dot(left, left_index, right, index, size):  # type: ignore[no-untyped-def]
    """Returns the product of `size` float32 in float32, in an order that only the size decides.

    They lie from left[left_index] on, and from element `index` of `right`, of float32 or bytes.
    """
    blocks, width = size // LANE_COUNT, FOUR // np.uint64(right.itemsize)
    total = dot_8(left, left_index, right, index, blocks)
    for d in range(blocks * LANE_COUNT, size):
        total += np.float32(left[left_index + d] * float_at(right, index + d * width))
    return total
