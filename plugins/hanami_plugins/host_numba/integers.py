"""Vectors of 16 int32 lanes for Numba kernels, and what bytes need. Companion of `simd`, with the same conventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import register_model

from hanami_plugins.host_numba.simd import (
    LANES,
    Emitter,
    call_llvm,
    element_pointer,
    float32x16,
    load_vector,
    operation,
    spread,
)

_INT32 = ir.IntType(32)
_INTS = ir.VectorType(_INT32, LANES)
_BYTES = ir.VectorType(ir.IntType(8), LANES)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_LANE_NUMBERS = ir.Constant(_INTS, list(range(LANES)))


class Int32x16(types.Type):  # type: ignore[misc]
    """Numba's view of the vector type."""

    def __init__(self) -> None:
        """Name the type."""
        super().__init__(name="Int32x16")


int32x16 = Int32x16()


@register_model(Int32x16)
class _Int32x16Model(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _INTS)


def _constant(value: int) -> ir.Constant:
    return ir.Constant(_INTS, [value] * LANES)


@operation
def no_ints(typing: Any) -> tuple[Any, Emitter]:
    """Return a vector of zeros."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return _constant(0)

    return int32x16(), emit


@operation
def to_floats(typing: Any, vector: Any) -> tuple[Any, Emitter]:
    """Return the lanes as float32."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return builder.sitofp(args[0], _FLOATS)

    return float32x16(int32x16), emit


@operation
def add_products(typing: Any, sums: Any, quad: Any, weights: Any, index: Any) -> tuple[Any, Emitter]:
    """Return ``sums[lane] + quad[0] * w[0] + … + quad[3] * w[3]`` with the int8 ``w`` of ``weights[index + lane]``.

    `quad` is an int32 of four uint8, `weights` an int32 array. One instruction where the processor has AVX512-VNNI.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        sums, quads = args[0], spread(builder, args[1], _INTS)
        four = load_vector(builder, element_pointer(context, builder, signature.args[2], args[2], args[3]), _INTS, 4)
        if "+avx512vnni" in context.codegen().magic_tuple()[2].split(","):
            return call_llvm(builder, "llvm.x86.avx512.vpdpbusd.512", _INTS, [sums, quads, four])
        for place in range(4):
            value = builder.and_(builder.lshr(quads, _constant(8 * place)), _constant(255))
            weight = builder.ashr(builder.shl(four, _constant(24 - 8 * place)), _constant(24))
            sums = builder.add(sums, builder.mul(value, weight))
        return sums

    return int32x16(int32x16, types.int32, weights, types.int64), emit


@operation
def clip_bytes(typing: Any, values: Any, limits: Any, target: Any, count: Any) -> tuple[Any, Emitter]:
    """Write the smaller one of each value and its limit, uint8 at two addresses, to a third one: 16, or fewer."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        pointers = [builder.inttoptr(address, _BYTES.as_pointer()) for address in args[:3]]
        mask = builder.icmp_signed("<", _LANE_NUMBERS, spread(builder, builder.trunc(args[3], _INT32), _INTS))
        align, empty = ir.Constant(_INT32, 1), ir.Constant(_BYTES, None)
        read = [
            call_llvm(builder, "llvm.masked.load.v16i8.p0", _BYTES, [pointer, align, mask, empty])
            for pointer in pointers[:2]
        ]
        smaller = call_llvm(builder, "llvm.umin.v16i8", _BYTES, read)
        call_llvm(builder, "llvm.masked.store.v16i8.p0", ir.VoidType(), [smaller, pointers[2], align, mask])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), emit
