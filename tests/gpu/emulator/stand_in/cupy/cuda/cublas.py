"""`cupy.cuda.cublas`: products of matrices of float32, by the interface of cuBLAS, matrices in columns."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from cupy._machine import check
from cupy.cuda.memory import block_at
from cupy.cuda.stream import perform

CUBLAS_OP_N, CUBLAS_OP_T = 0, 1
CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32 = 68, 77
CUBLAS_GEMM_DEFAULT, CUBLAS_GEMM_DEFAULT_TENSOR_OP = -1, 99
CUBLAS_DEFAULT_MATH, CUBLAS_TENSOR_OP_MATH, CUBLAS_TF32_TENSOR_OP_MATH = 0, 1, 3
CUBLAS_POINTER_MODE_HOST, CUBLAS_POINTER_MODE_DEVICE = 0, 1
FLOAT = 0


class CUBLASError(RuntimeError):
    """cuBLAS refuses."""


CUBLASError.__module__ = "cupy_backends.cuda.libs.cublas"

_modes: dict[int, int] = {}


def create() -> int:
    check()
    return 1


def destroy(handle: int) -> None:
    """Do nothing."""


def setMathMode(handle: int, mode: int) -> None:
    _modes[handle] = mode


def getMathMode(handle: int) -> int:
    return _modes.get(handle, CUBLAS_DEFAULT_MATH)


def gemmEx(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int, lda: int,
    B: int, Btype: int, ldb: int, beta: int, C: int, Ctype: int, ldc: int, computeType: int, algo: int,
) -> None:  # fmt: skip
    """Set C (m x n) to alpha op(A) op(B) + beta C."""
    if {Atype, Btype, Ctype} != {FLOAT}:
        raise CUBLASError("CUBLAS_STATUS_NOT_SUPPORTED")
    rounds = computeType == CUBLAS_COMPUTE_32F_FAST_TF32
    _product(transa, transb, (m, n, k), alpha, (A, lda), (B, ldb), beta, (C, ldc), rounds)


def sgemm(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, lda: int, B: int, ldb: int,
    beta: int, C: int, ldc: int,
) -> None:  # fmt: skip
    """Set C (m x n) to alpha op(A) op(B) + beta C."""
    rounds = getMathMode(handle) == CUBLAS_TF32_TENSOR_OP_MATH
    _product(transa, transb, (m, n, k), alpha, (A, lda), (B, ldb), beta, (C, ldc), rounds)


def _product(
    transa: int,
    transb: int,
    sizes: tuple[int, int, int],
    alpha: int,
    left: tuple[int, int],
    right: tuple[int, int],
    beta: int,
    out: tuple[int, int],
    rounds: bool,
) -> None:
    m, n, k = sizes
    a = _matrix(*left, (k, m) if transa else (m, k))
    b = _matrix(*right, (n, k) if transb else (k, n))
    c = _matrix(*out, (m, n))
    a, b = a.T if transa else a, b.T if transb else b
    factor, kept = (ctypes.c_float.from_address(address).value for address in (alpha, beta))

    def multiply() -> None:
        product = np.float32(factor) * ((tf32(a) @ tf32(b)) if rounds else (a @ b))
        c[...] = product + np.float32(kept) * c if kept else product

    perform(multiply)


def _matrix(address: int, stride: int, shape: tuple[int, int]) -> Any:
    """Return a matrix in columns that lies on a device."""
    rows, columns = shape
    if stride < max(1, rows):
        raise CUBLASError("CUBLAS_STATUS_INVALID_VALUE")
    length = (stride * (columns - 1) + rows) * 4
    block = block_at(address)
    if block is None or address + length > block.address + block.size:
        raise CUBLASError("CUBLAS_STATUS_EXECUTION_FAILED")
    flat = block.bytes[address - block.address :][:length].view(np.float32)
    return np.lib.stride_tricks.as_strided(flat, shape, (4, 4 * stride))


def tf32(values: Any) -> Any:
    """Return numbers of float32 with 10 bits of mantissa, to nearest, ties away from zero."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return np.where(np.isfinite(values), (bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000), bits).view(np.float32)
