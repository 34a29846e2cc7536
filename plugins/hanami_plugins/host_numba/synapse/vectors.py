"""Operations on vectors of 16 float32 lanes that only these rules need; see `hanami_plugins.host_numba.simd`.

The decorators are here as well: kernels of these rules make no arrays and keep none, so they are compiled without
counting references to arrays, which took nine tenths of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numba
from llvmlite import ir
from numba.core import types

from hanami_plugins.host_numba.simd import LANES, Emitter, Function, call_llvm, element_pointer, float32x16, operation
from hanami_plugins.host_numba.synapse.arithmetic import LN_POLYNOMIAL, LOG2_E, ROOT_OF_HALF

_INT32 = ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(_INT32, LANES)

_UNCOUNTED = {"nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: Function) -> Function:
    """Compile an entry point: runs without the GIL and is kept in the cache on disk."""
    return cast(Function, numba.njit(cache=True, **_UNCOUNTED)(function))


def compiled(function: Function) -> Function:
    """Compile a part of kernels that is worth a call of its own."""
    return cast(Function, numba.njit(**_UNCOUNTED)(function))


def inlined(function: Function) -> Function:
    """Compile a part of kernels that never stands alone."""
    return cast(Function, numba.njit(forceinline=True, **_UNCOUNTED)(function))


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
