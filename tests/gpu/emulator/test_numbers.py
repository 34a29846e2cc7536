"""Arithmetic, bits and atomic operations of emulated kernels, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.gpu.emulator.kit import ORDERS, run

pytestmark = pytest.mark.long  # kernels are compared with their oracles always

RANDOM = np.random.default_rng(5)
FLOATS = np.concatenate([RANDOM.normal(size=60) * 10, [0, -0.0, 1e-3, -1e3]]).astype(np.float32)
BITS = RANDOM.integers(0, 2**32, 64, dtype=np.uint32)


def _each(expression: str, out: str, value: str, values: Any) -> Any:
    result = np.zeros(64, {"float": "f4", "int": "i4", "unsigned": "u4"}[out])
    run(
        f"KERNEL void k({out} *out, const {value} *given) {{ const {value} x = given[threadIdx.x]; "
        f"out[threadIdx.x] = {expression}; }}",
        result,
        values,
        block=(64,),
    )
    return result


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("expf(x * 0.1f)", np.exp(FLOATS * np.float32(0.1))),
        ("__expf(x * 0.1f)", np.exp(FLOATS * np.float32(0.1))),
        ("fmaf(x, 3.0f, 1.0f)", (FLOATS.astype(np.float64) * 3 + 1).astype(np.float32)),
        ("fmaxf(x, 0.5f)", np.maximum(FLOATS, 0.5)),
        ("min(x, 0.5f)", np.minimum(FLOATS, 0.5)),
        ("max(x, 0.5f)", np.maximum(FLOATS, 0.5)),
        ("__fdividef(x, 4.0f)", FLOATS / 4),
        ("rsqrtf(fabsf(x) + 1)", 1 / np.sqrt(np.abs(FLOATS) + 1)),
        ("__fadd_rn(__fmul_rn(x, x), 1.0f)", FLOATS * FLOATS + 1),
        ("__uint_as_float(__float_as_uint(x) ^ 0x80000000u)", -FLOATS),
        ("__saturatef(x)", np.clip(FLOATS, 0, 1)),
        ("__ldg(&x)", FLOATS),
        ("(float)__float2int_rn(x)", np.rint(FLOATS)),
    ],
)
def test_numbers(expression: str, expected: Any) -> None:
    np.testing.assert_allclose(_each(expression, "float", "float", FLOATS), expected, rtol=3e-7)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("__popc(x)", np.bitwise_count(BITS)),
        ("__ffs((int)x)", [(int(x) & -int(x)).bit_length() for x in BITS]),
        ("__clz(x >> 4)", [32 - int(x >> 4).bit_length() for x in BITS]),
        ("__clz(0u * x)", [32] * 64),
        ("__brev(x)", [int(f"{x:032b}"[::-1], 2) for x in BITS]),
        ("__umulhi(x, x)", [int(x) ** 2 >> 32 for x in BITS]),
        ("min(x, 1000u)", np.minimum(BITS, 1000)),
    ],
)
def test_bits(expression: str, expected: Any) -> None:
    np.testing.assert_array_equal(_each(expression, "unsigned", "unsigned", BITS), np.asarray(expected, np.uint32))


def test_integers_have_the_smaller_and_the_larger() -> None:
    values = RANDOM.integers(-1000, 1000, 64, dtype=np.int32)
    np.testing.assert_array_equal(_each("min(max(x, -5), 5)", "int", "int", values), np.clip(values, -5, 5))


def test_numbers_become_tf32_to_nearest() -> None:
    bits = np.array([0x3F800FFF, 0x3F801000, 0x3F801001, 0xBF801000, 0x7F800000, 0xFF800000] + [0] * 58, np.uint32)
    out = _each("tf32(x)", "unsigned", "float", bits.view(np.float32))
    expected = [0x3F800000, 0x3F802000, 0x3F802000, 0xBF802000, 0x7F800000, 0xFF800000]
    np.testing.assert_array_equal(out[:6], np.array(expected, np.uint32))


def test_numbers_become_halves_and_floats_again() -> None:
    values = np.concatenate([FLOATS[:60], [65504, 1e9, 6e-8, np.nan]]).astype(np.float32)
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16)
    np.testing.assert_array_equal(_each("half_of(x)", "unsigned", "float", values), expected.view(np.uint16))
    np.testing.assert_array_equal(_each("float_of(half_of(x))", "float", "float", values), expected.astype(np.float32))
    low, high = FLOATS.astype(np.float16).view(np.uint16), (-FLOATS).astype(np.float16).view(np.uint16)
    both = low | high.astype(np.uint32) << 16
    np.testing.assert_array_equal(_each("halves(x, -x)", "unsigned", "float", FLOATS), both)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["int", "unsigned", "unsigned long long", "float"])
def test_atomic_sums(kind: str, order: str) -> None:
    dtype = {"int": "i4", "unsigned": "u4", "unsigned long long": "u8", "float": "f4"}[kind]
    total, before = np.zeros(1, dtype), np.zeros(300, dtype)
    text = f"""
    KERNEL void k({kind} *total, {kind} *before)
    {{
        before[blockIdx.x * 100 + threadIdx.x] = atomicAdd(total, 2);
    }}"""
    run(text, total, before, grid=(3,), block=(100,), order=order)
    assert total[0] == 600
    np.testing.assert_array_equal(np.sort(before), np.arange(300) * 2)


def test_other_atomic_operations() -> None:
    out = np.array([5, 5, 0, -1, 0, 0, 50], np.int32)
    text = """
    KERNEL void k(int *out)
    {
        const int mine = threadIdx.x;
        atomicMax(out, mine); atomicMin(out + 1, mine);
        atomicOr(out + 2, 1 << mine % 8); atomicAnd(out + 3, ~(1 << mine % 4));
        atomicExch(out + 4, 7); atomicCAS(out + 5, mine, mine + 1); atomicSub(out + 6, 1);
    }"""
    run(text, out)
    np.testing.assert_array_equal(out, [31, 0, 255, -16, 7, 32, 18])


def test_vectors_are_read_at_once() -> None:
    values, out = np.arange(128, dtype=np.float32), np.zeros(32, np.float32)
    text = """
    KERNEL void k(float *out, const float *values)
    {
        const float4 four = ((const float4 *)values)[threadIdx.x];
        const float2 two = make_float2(four.x, four.y);
        out[threadIdx.x] = two.x + two.y + four.z + four.w;
    }"""
    run(text, out, values)
    np.testing.assert_array_equal(out, values.reshape(32, 4).sum(1))
