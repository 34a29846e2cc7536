"""What the threads of an emulated warp do together, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.gpu.emulator.kit import ORDERS, run
from tests.lengths import seldom

pytestmark = pytest.mark.long  # kernels are compared with their oracles always
LANES = np.arange(32)
in_every_order = pytest.mark.parametrize("order", ORDERS)


def _by_lane(expression: str, dtype: Any, order: str = "forwards", values: Any = None) -> Any:
    """Return what an expression of `value` (and `lane`) is in each lane of two warps."""
    out = np.zeros(64, dtype)
    given = np.arange(64).astype(dtype) * 3 + 1 if values is None else values
    kind = {"f4": "float", "i4": "int", "u4": "unsigned", "u8": "unsigned long long"}[out.dtype.str[1:]]
    text = f"""
    KERNEL void k({kind} *out, const {kind} *given)
    {{
        const int lane = threadIdx.x % 32;
        const {kind} value = given[threadIdx.x];
        for (int round = 0; round < 3; round++) out[threadIdx.x] = {expression};
        (void)lane; (void)value;
    }}"""
    run(text, out, given, block=(64,), order=order)
    return out.reshape(2, 32), given.reshape(2, 32)


SHUFFLES: dict[str, Callable[[Any], Any]] = {
    "__shfl_sync(~0u, value, 5)": lambda lane: lane * 0 + 5,
    "__shfl_sync(~0u, value, lane + 3)": lambda lane: (lane + 3) % 32,
    "__shfl_sync(~0u, value, 3, 8)": lambda lane: lane // 8 * 8 + 3,
    "__shfl_xor_sync(~0u, value, 16)": lambda lane: lane ^ 16,
    "__shfl_xor_sync(~0u, value, 3, 4)": lambda lane: lane ^ 3,
    "__shfl_down_sync(~0u, value, 4)": lambda lane: np.where(lane + 4 < 32, lane + 4, lane),
    "__shfl_down_sync(~0u, value, 4, 16)": lambda lane: np.where(lane % 16 + 4 < 16, lane + 4, lane),
    "__shfl_up_sync(~0u, value, 7)": lambda lane: np.where(lane >= 7, lane - 7, lane),
    "__shfl_sync(~0u, __shfl_xor_sync(~0u, value, 1), 4)": lambda lane: lane * 0 + 5,
}


@in_every_order
@pytest.mark.parametrize("dtype", ["f4", seldom("i4"), seldom("u4"), "u8"])
@pytest.mark.parametrize("expression", SHUFFLES)
def test_shuffles(expression: str, dtype: str, order: str) -> None:
    out, given = _by_lane(expression, dtype, order)
    np.testing.assert_array_equal(out, given[:, SHUFFLES[expression](LANES)])


@in_every_order
def test_votes(order: str) -> None:
    assert (_by_lane("__ballot_sync(~0u, lane % 3 == 0)", "u4", order)[0] == 0x49249249).all()
    assert (_by_lane("__any_sync(~0u, lane == 9)", "i4", order)[0] == 1).all()
    assert (_by_lane("__any_sync(~0u, lane == 99)", "i4", order)[0] == 0).all()
    assert (_by_lane("__all_sync(~0u, lane < 32)", "i4", order)[0] == 1).all()
    assert (_by_lane("__all_sync(~0u, lane < 31)", "i4", order)[0] == 0).all()
    matched = _by_lane("__match_any_sync(~0u, lane / 4)", "u4", order)[0]
    np.testing.assert_array_equal(matched, np.broadcast_to(0xF << LANES // 4 * 4, (2, 32)).astype(np.uint32))


REDUCTIONS: dict[str, Any] = {"add": np.add, "min": np.minimum, "max": np.maximum, "or": np.bitwise_or,
                              "and": np.bitwise_and, "xor": np.bitwise_xor}  # fmt: skip


@pytest.mark.parametrize("dtype", ["i4", "u4"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str, dtype: str) -> None:
    values = np.random.default_rng(1).integers(-(2**31), 2**31, 64).astype(dtype)
    out, given = _by_lane(f"__reduce_{name}_sync(~0u, value)", dtype, values=values)
    expected = REDUCTIONS[name].reduce(given, axis=1, dtype=dtype)
    np.testing.assert_array_equal(out, np.broadcast_to(expected[:, None], (2, 32)))


@in_every_order
def test_parts_of_a_warp_go_apart_and_meet_again(order: str) -> None:
    out = np.zeros(32, np.int32)
    text = """
    KERNEL void k(int *out)
    {
        const unsigned half = threadIdx.x < 16 ? 0xffffu : 0xffff0000u;
        int sum = threadIdx.x;
        if (threadIdx.x < 16) {
            for (int by = 8; by; by >>= 1) sum += __shfl_xor_sync(half, sum, by);
        } else {
            for (int by = 1; by < 16; by <<= 1) sum += __shfl_xor_sync(half, sum, by);
            __syncwarp(half);
        }
        __syncwarp();
        out[threadIdx.x] = sum + 1000 * __popc(__ballot_sync(~0u, 1));
    }"""
    run(text, out, order=order)
    np.testing.assert_array_equal(out, np.repeat([120, 376], 16) + 32000)


def test_a_warp_that_is_not_full_has_its_own_lanes_only() -> None:
    out = np.zeros(40, np.uint32)
    run("KERNEL void k(unsigned *out) { out[threadIdx.x] = __ballot_sync(~0u, 1); }", out, block=(40,))
    np.testing.assert_array_equal(out, [0xFFFFFFFF] * 32 + [0xFF] * 8)


def _truncated(values: Any) -> Any:
    return (values.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


@in_every_order
def test_the_matrix_product_of_a_warp_has_the_fragments_of_ptx(order: str) -> None:
    random = np.random.default_rng(3)
    a, b = (random.normal(size=shape).astype(np.float32) for shape in ((16, 8), (8, 8)))
    c = random.normal(size=(16, 8)).astype(np.float32)
    out = np.zeros((16, 8), np.float32)
    text = """
    KERNEL void k(float *out, const float *A, const float *B, const float *C)
    {
        const int g = threadIdx.x / 4, t = threadIdx.x % 4;
        const unsigned a[4] = {__float_as_uint(A[g * 8 + t]), __float_as_uint(A[(g + 8) * 8 + t]),
                               __float_as_uint(A[g * 8 + t + 4]), __float_as_uint(A[(g + 8) * 8 + t + 4])};
        const unsigned b[2] = {__float_as_uint(B[t * 8 + g]), __float_as_uint(B[(t + 4) * 8 + g])};
        float c[4] = {C[g * 8 + 2 * t], C[g * 8 + 2 * t + 1], C[(g + 8) * 8 + 2 * t], C[(g + 8) * 8 + 2 * t + 1]};
        mma_tf32(c, a, b);
        out[g * 8 + 2 * t] = c[0]; out[g * 8 + 2 * t + 1] = c[1];
        out[(g + 8) * 8 + 2 * t] = c[2]; out[(g + 8) * 8 + 2 * t + 1] = c[3];
    }"""
    run(text, out, a, b, c, order=order)
    expected = c + _truncated(a).astype(np.float64) @ _truncated(b)
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-6)


@in_every_order
def test_the_matrix_product_of_halves_has_the_fragments_of_ptx(order: str) -> None:
    random = np.random.default_rng(4)
    a, b = (random.normal(size=shape).astype(np.float16) for shape in ((16, 16), (16, 8)))
    c, out = random.normal(size=(16, 8)).astype(np.float32), np.zeros((16, 8), np.float32)
    text = """
    KERNEL void k(float *out, const unsigned *A, const unsigned *B, const float *C)
    {
        const int g = threadIdx.x / 4, t = threadIdx.x % 4; /* A in rows and B in columns, two halves in a word */
        const unsigned a[4] = {A[g * 8 + t], A[(g + 8) * 8 + t], A[g * 8 + t + 4], A[(g + 8) * 8 + t + 4]};
        const unsigned b[2] = {B[g * 8 + t], B[g * 8 + t + 4]};
        float c[4] = {C[g * 8 + 2 * t], C[g * 8 + 2 * t + 1], C[(g + 8) * 8 + 2 * t], C[(g + 8) * 8 + 2 * t + 1]};
        mma_f16(c, a, b);
        out[g * 8 + 2 * t] = c[0]; out[g * 8 + 2 * t + 1] = c[1];
        out[(g + 8) * 8 + 2 * t] = c[2]; out[(g + 8) * 8 + 2 * t + 1] = c[3];
    }"""
    run(text, out, a, np.ascontiguousarray(b.T), c, order=order)
    np.testing.assert_allclose(out, c + a.astype(np.float64) @ b, rtol=1e-6, atol=1e-6)


@in_every_order
@pytest.mark.parametrize("across", [False, True])
def test_matrices_are_loaded_from_shared_memory(across: bool, order: str) -> None:
    matrices = np.arange(4 * 64, dtype=np.uint16).reshape(4, 8, 8)
    out = np.zeros((4, 8, 4, 2), np.uint16)
    text = f"""
    KERNEL void k(unsigned *out, const float *in)
    {{
        __shared__ __align__(16) float rows[128];
        unsigned to[4];
        for (int i = threadIdx.x; i < 128; i += 32) rows[i] = in[i];
        __syncwarp();
        load_matrix{"_across" if across else ""}(to, rows + 4 * threadIdx.x);
        for (int i = 0; i < 4; i++) out[i * 32 + threadIdx.x] = to[i];
    }}"""
    run(text, out, matrices, order=order)
    expected = matrices.transpose(0, 2, 1) if across else matrices
    np.testing.assert_array_equal(out.reshape(4, 8, 8), expected)
