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
MANY_LANES = 32
MANY, MANY_BITS = ir.VectorType(FLOAT, MANY_LANES), ir.VectorType(I32, MANY_LANES)
EXPONENT_BOUND = 87.0
"""Beyond it e^x is no normal float32; so a sigmoid is 10^-38 at least."""
LOG2_E, LN2_HIGH, LN2_LOW = 1.442695041, 0.693359375, -2.12194440e-4
EXP_SERIES = (
    *(1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1),
    *(1.0, 1.0),
)
"""e^x from -ln(2)/2 to ln(2)/2, highest power first: the Cephes library's expf (Moshier 1989)."""
ROUND = 1.5 * 2**23
"""Added and taken away it leaves the nearest whole number."""
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


@intrinsic
def _products_32_ir(typing_context, left, left_index, right, index, size, out, out_index):  # type: ignore[no-untyped-def]
    u64 = types.uint64
    signature = types.void(left, u64, right, u64, u64, out, u64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        scalars = element(context, builder, signature, args, 0, 1)
        columns, found = (
            builder.bitcast(element(context, builder, signature, args, at, at + 1), FLOATS.as_pointer())
            for at in (2, 5)
        )
        totals = [cgutils.alloca_once_value(builder, ir.Constant(FLOATS, [0.0] * LANES)) for _ in range(4)]
        nothing, zeros = ir.Constant(FLOATS, ir.Undefined), ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
        with cgutils.for_range(builder, args[4]) as loop:
            number = builder.load(builder.gep(scalars, [loop.index]))
            spread = builder.shuffle_vector(
                builder.insert_element(nothing, number, ir.Constant(I32, 0)), nothing, zeros
            )
            first = builder.mul(loop.index, ir.Constant(I64, 4))
            for part, total in enumerate(totals):
                column = builder.load(builder.gep(columns, [builder.add(first, ir.Constant(I64, part))]), align=4)
                builder.store(builder.fadd(builder.load(total), builder.fmul(spread, column)), total)
        for part, total in enumerate(totals):
            builder.store(builder.load(total), builder.gep(found, [ir.Constant(I32, part)]), align=4)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _sigmoids_32_ir(typing_context, values, index):  # type: ignore[no-untyped-def]
    signature = types.void(values, types.uint64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        place = builder.bitcast(element(context, builder, signature, args, 0, 1), MANY.as_pointer())
        values = builder.load(place, align=4)
        for order, bound in ((">", EXPONENT_BOUND), ("<", -EXPONENT_BOUND)):
            values = builder.select(builder.fcmp_ordered(order, values, _many(bound)), _many(bound), values)
        exponent = builder.fsub(_many(0.0), values)
        whole = builder.fadd(builder.fmul(exponent, _many(LOG2_E)), _many(ROUND))
        whole = builder.fsub(whole, _many(ROUND))
        rest = builder.fsub(exponent, builder.fmul(whole, _many(LN2_HIGH)))
        rest = builder.fsub(rest, builder.fmul(whole, _many(LN2_LOW)))
        series = _many(EXP_SERIES[0])
        for coefficient in EXP_SERIES[1:]:
            series = builder.fadd(builder.fmul(series, rest), _many(coefficient))
        bits = builder.add(builder.fptosi(whole, MANY_BITS), ir.Constant(MANY_BITS, [127] * MANY_LANES))
        power = builder.bitcast(builder.shl(bits, ir.Constant(MANY_BITS, [23] * MANY_LANES)), MANY)
        found = builder.fadd(builder.fmul(series, power), _many(1.0))
        builder.store(builder.fdiv(_many(1.0), found), place, align=4)
        return context.get_dummy_value()

    return signature, codegen


def _many(value):  # type: ignore[no-untyped-def]
    return ir.Constant(MANY, [float(np.float32(value))] * MANY_LANES)


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


@borrowing
def _products_32(left, left_index, right, index, size, out, out_index):  # type: ignore[no-untyped-def]
    """Writes to out[out_index ...] the products of `size` float32 of `left` with 32 columns, summed in their order.

    The columns' float32 lie from right[index] on, 32 of a row side by side.
    """
    if size:
        left[left_index], left[left_index + size - np.uint64(1)]
        right[index], right[index + np.uint64(32) * size - np.uint64(1)]
    out[out_index], out[out_index + np.uint64(31)]
    _products_32_ir(left, left_index, right, index, size, out, out_index)  # type: ignore[call-arg]


@borrowing
def _sigmoids_32(values, index):  # type: ignore[no-untyped-def]
    """Puts their sigmoids, within 3e-7, in place of 32 float32 from values[index] on."""
    values[index], values[index + np.uint64(31)]
    _sigmoids_32_ir(values, index)  # type: ignore[call-arg]


_JIT = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
float_at: Callable[[Bytes | Floats, np.uint64], np.float32] = _float_at if _JIT else plain.float_at
add_8: Callable[[Floats, np.uint64, Bytes | Floats, np.uint64], None] = _add_8 if _JIT else plain.add_8
add_8_of_rows: Callable[..., None] = _add_8_of_rows if _JIT else plain.add_8_of_rows
dot_8: Callable[[Floats, np.uint64, Bytes | Floats, np.uint64, np.uint64], np.float32] = _dot_8 if _JIT else plain.dot_8

products_32: Callable[..., None] = _products_32 if _JIT else plain.products_32
sigmoids_32: Callable[..., None] = _sigmoids_32 if _JIT else plain.sigmoids_32


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
