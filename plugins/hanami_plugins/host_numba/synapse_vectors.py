"""Operations on vectors of 16 float32 lanes that only these rules need; see `hanami_plugins.host_numba.simd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import types

from hanami_plugins.host_numba.simd import LANES, Emitter, call_llvm, element_pointer, float32x16, operation
from hanami_plugins.networks_synapse import LN_POLYNOMIAL, LOG2_E, ROOT_OF_HALF

_INT32 = ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(_INT32, LANES)
_INT64 = ir.IntType(64)
_INT64_ZERO = ir.Constant(_INT64, 0)
_LONGS = ir.VectorType(_INT64, LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)


def _floats(value: float) -> ir.Constant:
    return ir.Constant(_FLOATS, [float(value)] * LANES)


def _ints(value: int) -> ir.Constant:
    return ir.Constant(_INTS, [value] * LANES)


@operation
def where_above(typing: Any, a: Any, b: Any, yes: Any) -> tuple[Any, Emitter]:
    """Return lanes of `yes` where `a` is above `b`, else 0."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], _floats(0))

    return float32x16(float32x16, float32x16, float32x16), emit


@operation
def where_not_zero(typing: Any, condition: Any, yes: Any) -> tuple[Any, Emitter]:
    """Return lanes of `yes` where `condition` is not 0, else 0."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return builder.select(builder.fcmp_unordered("!=", args[0], _floats(0)), args[1], _floats(0))

    return float32x16(float32x16, float32x16), emit


@operation
def any_between(typing: Any, vector: Any, low: Any, high: Any) -> tuple[Any, Emitter]:
    """Return whether a lane lies between two numbers and is neither."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        found = builder.and_(builder.fcmp_ordered(">", args[0], args[1]), builder.fcmp_ordered("<", args[0], args[2]))
        return builder.icmp_unsigned("!=", builder.bitcast(found, ir.IntType(LANES)), ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(float32x16, float32x16, float32x16), emit


@operation
def bigger_magnitude(typing: Any, a: Any, b: Any) -> tuple[Any, Emitter]:
    """Return for each lane the bigger of the absolute values; what is not a number is bigger than any."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        # Without their sign, floats have the order of their bits read as integers.
        first, second = (builder.and_(builder.bitcast(arg, _INTS), _ints(0x7FFFFFFF)) for arg in args)
        bigger = builder.select(builder.icmp_unsigned(">", first, second), first, second)
        return builder.bitcast(bigger, _FLOATS)

    return float32x16(float32x16, float32x16), emit


@operation
def all_below(typing: Any, vector: Any, limit: Any) -> tuple[Any, Emitter]:
    """Return whether all lanes are below a limit; one that is not a number is not."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        found = builder.fcmp_ordered("<", args[0], args[1])
        return builder.icmp_unsigned(
            "==", builder.bitcast(found, ir.IntType(LANES)), ir.Constant(ir.IntType(LANES), -1)
        )

    return types.boolean(float32x16, float32x16), emit


@operation
def peek(typing: Any, array: Any, index: Any) -> tuple[Any, Emitter]:
    """Return an element; int32 becomes int64. Unlike Numba's own it takes no index below 0, which spares a test."""
    result = types.int64 if array.dtype == types.int32 else array.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        value = builder.load(element_pointer(context, builder, signature.args[0], args[0], args[1]))
        return builder.sext(value, _INT64) if array.dtype == types.int32 else value

    return result(array, types.int64), emit


@operation
def fetch(typing: Any, array: Any, index: Any) -> tuple[Any, Emitter]:
    """Ask for the cache line of an element that will be read soon."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        pointer = builder.bitcast(
            element_pointer(context, builder, signature.args[0], args[0], args[1]), ir.IntType(8).as_pointer()
        )
        options = [ir.Constant(_INT32, value) for value in (0, 3, 1)]
        call_llvm(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, *options])
        return context.get_dummy_value()

    return types.void(array, types.int64), emit


@operation
def append_active(
    typing: Any, values: Any, places: Any, labels: Any, first: Any, found: Any, marks: Any, count: Any
) -> tuple[Any, Emitter]:
    """Append those of 16 values to a list that are above 0 and return how many they are.

    The values are ``values[places[first:first + 16]]``. Each and its label (``labels[first + lane]``) go to
    ``found[count:]`` and ``marks[count:]``. Both lists need room for 16 entries.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        def vector(array: int, index: int, kind: Any) -> Any:
            pointer = element_pointer(context, builder, signature.args[array], args[array], args[index])
            return builder.bitcast(pointer, kind.as_pointer())

        def read(array: int) -> Any:
            value = builder.load(vector(array, 3, _INTS))
            value.align = 4
            return value

        def append(value: Any, name: str, array: int) -> None:
            empty = ir.Constant(value.type, ir.Undefined)
            packed = call_llvm(builder, f"llvm.experimental.vector.compress.{name}", value.type, [value, mask, empty])
            builder.store(packed, vector(array, 6, value.type)).align = 4

        base = builder.ptrtoint(element_pointer(context, builder, signature.args[0], args[0], _INT64_ZERO), _INT64)
        offsets = builder.shl(builder.sext(read(1), _LONGS), ir.Constant(_LONGS, [2] * LANES))
        bases = builder.insert_element(ir.Constant(_LONGS, ir.Undefined), base, ir.Constant(_INT32, 0))
        bases = builder.shuffle_vector(bases, ir.Constant(_LONGS, ir.Undefined), _ints(0))
        pointers = builder.inttoptr(builder.add(bases, offsets), ir.VectorType(ir.FloatType().as_pointer(), LANES))
        everywhere = ir.Constant(_MASK, [1] * LANES)
        gathered = call_llvm(
            builder,
            "llvm.masked.gather.v16f32.v16p0",
            _FLOATS,
            [pointers, ir.Constant(_INT32, 4), everywhere, _floats(0)],
        )
        mask = builder.fcmp_ordered(">", gathered, _floats(0))
        append(gathered, "v16f32", 4)
        append(read(2), "v16i32", 5)
        bits = builder.bitcast(mask, ir.IntType(LANES))
        return builder.zext(call_llvm(builder, "llvm.ctpop.i16", ir.IntType(LANES), [bits]), _INT64)

    return types.int64(values, places, labels, types.int64, found, marks, types.int64), emit


@operation
def logarithm(typing: Any, vector: Any) -> tuple[Any, Emitter]:
    """Return the logarithm to base 2 of lanes that are positive and finite, see `arithmetic.logarithm`."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        def fused(a: Any, b: Any, c: Any) -> Any:
            return call_llvm(builder, "llvm.fma.v16f32", _FLOATS, [a, b, c])

        bits = builder.bitcast(args[0], _INTS)
        exponent = builder.ashr(builder.sub(bits, _ints(ROOT_OF_HALF)), _ints(23))
        mantissa = builder.bitcast(builder.sub(bits, builder.shl(exponent, _ints(23))), _FLOATS)
        r = builder.fsub(mantissa, _floats(1))
        p = _floats(LN_POLYNOMIAL[0])
        for coefficient in LN_POLYNOMIAL[1:]:
            p = fused(p, r, _floats(coefficient))
        square = builder.fmul(r, r)
        p = fused(_floats(-0.5), square, builder.fmul(p, builder.fmul(square, r)))
        natural = builder.fadd(p, r)
        return fused(natural, _floats(LOG2_E), builder.sitofp(exponent, _FLOATS))

    return float32x16(float32x16), emit
