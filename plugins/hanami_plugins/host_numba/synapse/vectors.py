"""Operations on vectors of 16 float32 lanes that only these rules need; see `hanami_plugins.host_numba.simd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import types

from hanami_plugins.host_numba.simd import LANES, Emitter, call_llvm, element_pointer, float32x16, operation

_INT32 = ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(_INT32, LANES)


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


# log2(x) = e + ln(m) / ln 2 with m in [sqrt(1/2), sqrt(2)); polynomial for ln(1 + r) as in the Cephes library
# (S. Moshier), logf.c
_ROOT_OF_HALF = 0x3F3504F3
_LOG2_E = 1.44269504088896341
_LN_POLYNOMIAL = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)


@operation
def logarithm(typing: Any, vector: Any) -> tuple[Any, Emitter]:
    """Return the logarithm to base 2 of lanes that are positive and finite, relative error about 1e-7."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        def fused(a: Any, b: Any, c: Any) -> Any:
            return call_llvm(builder, "llvm.fma.v16f32", _FLOATS, [a, b, c])

        bits = builder.bitcast(args[0], _INTS)
        exponent = builder.ashr(builder.sub(bits, _ints(_ROOT_OF_HALF)), _ints(23))
        mantissa = builder.bitcast(builder.sub(bits, builder.shl(exponent, _ints(23))), _FLOATS)
        r = builder.fsub(mantissa, _floats(1))
        p = _floats(_LN_POLYNOMIAL[0])
        for coefficient in _LN_POLYNOMIAL[1:]:
            p = fused(p, r, _floats(coefficient))
        square = builder.fmul(r, r)
        p = fused(_floats(-0.5), square, builder.fmul(p, builder.fmul(square, r)))
        natural = builder.fadd(p, r)
        return fused(natural, _floats(_LOG2_E), builder.sitofp(exponent, _FLOATS))

    return float32x16(float32x16), emit
