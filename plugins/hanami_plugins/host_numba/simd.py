"""Vectors of 16 float32 lanes for Numba kernels.

LLVM rarely vectorises the short inner loops of a network; explicit vectors make the kernels about three times faster.
The type is an LLVM ``<16 x float>`` and every operation is generic LLVM, so that any processor runs it: AVX-512 in one
register, others in several, with the same results bit by bit. Nothing here knows about networks.

Arrays are flat and contiguous, indices count elements. Nothing is checked against the array's end: whoever calls pads
arrays to a multiple of 16 where a vector may reach over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model

from hanami_plugins.host_numba.parts import PartCompiler

LANES = 16

Function = TypeVar("Function", bound=Callable[..., Any])
Vector = Any
"""A `Float32x16` inside of a kernel; Python code never sees one."""
Emitter = Callable[[Any, Any, Any, Sequence[Any]], Any]

_INT64 = ir.IntType(64)
_INT32 = ir.IntType(32)
_FLOAT = ir.FloatType()
_FLOATS = ir.VectorType(_FLOAT, LANES)
_INTS = ir.VectorType(_INT32, LANES)
_BYTES = ir.VectorType(ir.IntType(8), LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)
_BYTE = ir.IntType(8)
_HALF = LANES // 2
_LANE_NUMBERS = ir.Constant(_INTS, list(range(LANES)))


# Kernels make no arrays and keep none: counting references to them would take nine tenths of the time to compile.
_UNCOUNTED: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
_ENTRY: dict[str, Any] = _UNCOUNTED | {"cache": True, "no_cfunc_wrapper": True}
_INNER: dict[str, Any] = _UNCOUNTED | {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": PartCompiler,
}
"""Parts of kernels are never called from Python; ways to do so would take most of the time to compile."""


def kernel(function: Function) -> Function:
    """Compile an entry point: runs without the GIL and is kept in the cache on disk."""
    return cast(Function, numba.njit(**_ENTRY)(function))


def compiled(function: Function) -> Function:
    """Compile a part of kernels that is worth a call of its own."""
    return cast(Function, numba.njit(**_INNER)(function))


def shared(function: Function) -> Function:
    """Compile a part of kernels that is kept in the cache, so that processes share the work of compiling a kernel."""
    return cast(Function, numba.njit(**_INNER, cache=True)(function))


def inlined(function: Function) -> Function:
    """Compile a part of kernels that never stands alone."""
    return cast(Function, numba.njit(**_INNER, forceinline=True)(function))


def operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a function that returns a Numba signature and an LLVM emitter into an operation of kernels."""
    return cast(Callable[..., Any], intrinsic(function))


class Float32x16(types.Type):  # type: ignore[misc]
    """Numba's view of the vector type."""

    def __init__(self) -> None:
        """Name the type."""
        super().__init__(name="Float32x16")


float32x16 = Float32x16()


@register_model(Float32x16)
class _Float32x16Model(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _FLOATS)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_FLOATS, [float(value)] * LANES)


def call_llvm(builder: Any, name: str, result: Any, args: Sequence[Any], **options: Any) -> Any:
    """Emit a call of an LLVM intrinsic."""
    declared = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, declared, name), args, **options)


def spread(builder: Any, scalar: Any, vector_type: Any) -> Any:
    """Emit a vector with the scalar in every lane."""
    undefined = ir.Constant(vector_type, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_INTS, [0] * LANES))


def element_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Emit the address of an element of a flat array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def load_vector(builder: Any, pointer: Any, vector_type: Any, align: int) -> Any:
    """Emit a vector that is read from memory."""
    value = builder.load(builder.bitcast(pointer, vector_type.as_pointer()))
    value.align = align
    return value


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = 4


@operation
def load(typing: Any, array: Any, index: Any) -> tuple[Any, Emitter]:
    """Return ``array[index:index + 16]`` of a float32 array."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        pointer = element_pointer(context, builder, signature.args[0], args[0], args[1])
        return load_vector(builder, pointer, _FLOATS, 4)

    return float32x16(array, types.int64), emit


@operation
def store(typing: Any, array: Any, index: Any, vector: Any) -> tuple[Any, Emitter]:
    """Write the vector to ``array[index:index + 16]`` of a float32 array."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        _store(builder, args[2], element_pointer(context, builder, signature.args[0], args[0], args[1]))
        return context.get_dummy_value()

    return types.void(array, types.int64, float32x16), emit


@operation
def element(typing: Any, array: Any, index: Any) -> tuple[Any, Emitter]:
    """Return ``array[index]``, where the index is known not to be negative: asking takes time in short loops."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return builder.load(element_pointer(context, builder, signature.args[0], args[0], args[1]))

    return array.dtype(array, types.int64), emit


def _read_operation(vector_type: Any, align: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Build the two ways to read 16 values of a type from a raw address: all, or only the first ones."""

    def convert(builder: Any, value: Any) -> Any:
        return value if value.type == _FLOATS else builder.uitofp(value, _FLOATS)

    def whole(typing: Any, address: Any) -> tuple[Any, Emitter]:
        def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
            pointer = builder.inttoptr(args[0], vector_type.as_pointer())
            return convert(builder, load_vector(builder, pointer, vector_type, align))

        return float32x16(types.int64), emit

    def first(typing: Any, address: Any, count: Any) -> tuple[Any, Emitter]:
        def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
            limit = spread(builder, builder.trunc(args[1], _INT32), _INTS)
            mask = builder.icmp_signed("<", _LANE_NUMBERS, limit)
            pointer = builder.inttoptr(args[0], vector_type.as_pointer())
            name = "llvm.masked.load.v16" + ("f32" if vector_type is _FLOATS else "i8") + ".p0"
            empty = ir.Constant(vector_type, None)
            return convert(
                builder, call_llvm(builder, name, vector_type, [pointer, ir.Constant(_INT32, align), mask, empty])
            )

        return float32x16(types.int64, types.int64), emit

    return operation(whole), operation(first)


read_bytes, read_first_bytes = _read_operation(_BYTES, 1)
"""Read 16 (or the first ``count``) uint8 values at an address as float32; lanes behind them are 0 and never touched."""
read_floats, read_first_floats = _read_operation(_FLOATS, 1)
"""The same for float32 values, which need no alignment."""


@operation
def splat(typing: Any, value: Any) -> tuple[Any, Emitter]:
    """Return a vector with the value in every lane."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return spread(builder, args[0], _FLOATS)

    return float32x16(types.float32), emit


def _binary(emit_lanes: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    def function(typing: Any, a: Any, b: Any) -> tuple[Any, Emitter]:
        def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
            return emit_lanes(builder, args[0], args[1])

        return float32x16(float32x16, float32x16), emit

    return operation(function)


add = _binary(lambda builder, a, b: builder.fadd(a, b))
subtract = _binary(lambda builder, a, b: builder.fsub(a, b))
multiply = _binary(lambda builder, a, b: builder.fmul(a, b))
divide = _binary(lambda builder, a, b: builder.fdiv(a, b))
maximum = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))
"""The bigger value of each lane, the second one if they cannot be compared."""
minimum = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))
"""The smaller value of each lane, the second one if they cannot be compared."""


@operation
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> tuple[Any, Emitter]:
    """Return ``a * b + c`` with a single rounding."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return call_llvm(builder, "llvm.fma.v16f32", _FLOATS, args)

    return float32x16(float32x16, float32x16, float32x16), emit


@operation
def where_positive(typing: Any, condition: Any, yes: Any, no: Any) -> tuple[Any, Emitter]:
    """Return lanes of `yes` where `condition` is above 0, else of `no`."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], _constant(0)), args[1], args[2])

    return float32x16(float32x16, float32x16, float32x16), emit


@operation
def lane_sum(typing: Any, vector: Any) -> tuple[Any, Emitter]:
    """Return the sum of all lanes, halves first (8 + 8, 4 + 4, 2 + 2, 1 + 1)."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        start = ir.Constant(_FLOAT, -0.0)
        return call_llvm(builder, "llvm.vector.reduce.fadd.v16f32", _FLOAT, [start, args[0]], fastmath=("reassoc",))

    return types.float32(float32x16), emit


@operation
def lane_maximum(typing: Any, vector: Any) -> tuple[Any, Emitter]:
    """Return the biggest lane; lanes that are not a number do not count."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        return call_llvm(builder, "llvm.vector.reduce.fmax.v16f32", _FLOAT, args)

    return types.float32(float32x16), emit


def _permutes_halves(context: Any) -> bool:
    """Tell whether the processor permutes 8 lanes at once but cannot pack those of a mask."""
    features = set(context.codegen().magic_tuple()[2].split(","))
    return "+avx2" in features and "+avx512f" not in features


def _half(builder: Any, vector: Any, half: int) -> Any:
    lanes = ir.Constant(ir.VectorType(_INT32, _HALF), list(range(half * _HALF, (half + 1) * _HALF)))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), lanes)


def _ones(builder: Any, bits: Any) -> Any:
    """Emit the number of ones."""
    return builder.zext(call_llvm(builder, f"llvm.ctpop.i{bits.type.width}", bits.type, [bits]), _INT64)


def _order_of_positive(builder: Any, bits: Any) -> Any:
    """Emit the numbers of the lanes whose bits are set, in their order, then any."""
    row = ir.VectorType(_BYTE, _HALF)
    orders = [[lane for lane in range(_HALF) if bits >> lane & 1] for bits in range(1 << _HALF)]
    rows = [ir.Constant(row, order + [0] * (_HALF - len(order))) for order in orders]
    table = cgutils.global_constant(builder, "hanami_orders", ir.Constant(ir.ArrayType(row, len(rows)), rows))
    place = builder.gep(table, [ir.Constant(_INT32, 0), builder.zext(bits, _INT32)])
    return builder.zext(builder.load(place), ir.VectorType(_INT32, _HALF))


@operation
def append_positive(
    typing: Any, vector: Any, labels: Any, source: Any, values: Any, marks: Any, count: Any
) -> tuple[Any, Emitter]:
    """Append the lanes above 0 to a list and return how many they are.

    Value and label (int32, ``labels[source + lane]``) of each such lane go to ``values[count:]`` and
    ``marks[count:]``. Both lists need room for 16 entries.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        def pointer(array: int, index: Any) -> Any:
            return element_pointer(context, builder, signature.args[array], args[array], index)

        mask = builder.fcmp_ordered(">", args[0], _constant(0))
        bits = builder.bitcast(mask, ir.IntType(LANES))
        found = load_vector(builder, pointer(1, args[2]), _INTS, 4)
        if _permutes_halves(context):
            count = args[5]
            for half in range(2):
                own = builder.trunc(builder.lshr(bits, ir.Constant(bits.type, half * _HALF)), _BYTE)
                order = _order_of_positive(builder, own)
                for name, vector, list_ in (("permps", args[0], 3), ("permd", found, 4)):
                    part = _half(builder, vector, half)
                    packed = call_llvm(builder, f"llvm.x86.avx2.{name}", part.type, [part, order])
                    _store(builder, packed, pointer(list_, count))
                count = builder.add(count, _ones(builder, own))
        else:
            for name, vector, list_ in (("v16f32", args[0], 3), ("v16i32", found, 4)):
                empty = ir.Constant(vector.type, ir.Undefined)
                name = f"llvm.experimental.vector.compress.{name}"
                packed = call_llvm(builder, name, vector.type, [vector, mask, empty])
                _store(builder, packed, pointer(list_, args[5]))
        return _ones(builder, bits)

    return types.int64(float32x16, labels, types.int64, values, marks, types.int64), emit


# exp(x) = 2^n * e^r with n = round(x / ln 2); polynomial for e^r on [-ln2/2, ln2/2] and the two parts of ln 2 as in the
# Cephes library (S. Moshier), expf.c
_LOG2_E = 1.44269504088896341
_LN2_HIGH = 0.693359375
_LN2_LOW = -2.12194440e-4
_EXP_POLYNOMIAL = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_EXP_LIMIT = 87.0


@operation
def exponential(typing: Any, vector: Any) -> tuple[Any, Emitter]:
    """Return e to the power of each lane, relative error about 1e-7; lanes are clipped to -87 .. 87 before."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        def fused(a: Any, b: Any, c: Any) -> Any:
            return call_llvm(builder, "llvm.fma.v16f32", _FLOATS, [a, b, c])

        x = args[0]
        for sign, limit in ((">", -_EXP_LIMIT), ("<", _EXP_LIMIT)):
            x = builder.select(builder.fcmp_ordered(sign, x, _constant(limit)), x, _constant(limit))
        n = call_llvm(builder, "llvm.rint.v16f32", _FLOATS, [builder.fmul(x, _constant(_LOG2_E))])
        r = fused(n, _constant(-_LN2_LOW), fused(n, _constant(-_LN2_HIGH), x))
        p = _constant(_EXP_POLYNOMIAL[0])
        for coefficient in _EXP_POLYNOMIAL[1:]:
            p = fused(p, r, _constant(coefficient))
        p = fused(p, builder.fmul(r, r), builder.fadd(r, _constant(1)))
        exponent = builder.add(builder.fptosi(n, _INTS), ir.Constant(_INTS, [127] * LANES))
        power = builder.bitcast(builder.shl(exponent, ir.Constant(_INTS, [23] * LANES)), _FLOATS)
        return builder.fmul(p, power)

    return float32x16(float32x16), emit
