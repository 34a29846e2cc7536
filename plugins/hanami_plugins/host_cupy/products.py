"""Products of matrices on a device, by cuBLAS, without a copy of parts or transposes."""

from __future__ import annotations

import numpy as np

from hanami_plugins.host_cupy.device_types import ArrayModule, DeviceArray

__all__ = ["multiply"]

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.float32)
_FLOAT = 0
"""CUDA_R_32F."""


def multiply(xp: ArrayModule, out: DeviceArray, a: DeviceArray, b: DeviceArray, *, add: bool, exact: bool) -> None:
    """Set ``out`` to ``a @ b``, or add that to it; all are matrices of float32.

    cuBLAS knows matrices in columns only. One in rows is to it the transpose of one in columns, so it is asked for
    ``out.T = b.T @ a.T``, in which each matrix in rows is one in columns as it lies there.

    Raises:
        ValueError: if shapes or types do not fit, or `out` is not in rows that lie close.
    """
    rows, inner = a.shape
    columns = b.shape[1]
    if b.shape[0] != inner or out.shape != (rows, columns):
        raise ValueError(f"a product of {a.shape} and {b.shape} is not {out.shape}")
    if {a.dtype, b.dtype, out.dtype} != {np.dtype(np.float32)}:
        raise ValueError("matrices must be of float32")
    if 0 in out.shape or not inner:
        if not add:
            out.fill(0)
        return
    blas = xp.cuda.cublas
    kind = blas.CUBLAS_COMPUTE_32F if exact else blas.CUBLAS_COMPUTE_32F_FAST_TF32
    (b, b_flipped, b_stride), (a, a_flipped, a_stride) = _lying(xp, blas, b), _lying(xp, blas, a)
    out_stride = _stride(out)
    if out_stride is None:
        raise ValueError("the result must be in rows")
    blas.gemmEx(
        xp.cuda.get_cublas_handle(),
        b_flipped,
        a_flipped,
        columns,
        rows,
        inner,
        _ONE.ctypes.data,
        b.data.ptr,
        _FLOAT,
        b_stride,
        a.data.ptr,
        _FLOAT,
        a_stride,
        (_ONE if add else _ZERO).ctypes.data,
        out.data.ptr,
        _FLOAT,
        out_stride,
        kind,
        blas.CUBLAS_GEMM_DEFAULT,
    )


def _lying(xp: ArrayModule, blas: ArrayModule, matrix: DeviceArray) -> tuple[DeviceArray, int, int]:
    """Return a matrix as cuBLAS takes it: itself or a copy, whether it is to be flipped, and how far its rows lie."""
    stride = _stride(matrix)
    if stride is not None:
        return matrix, blas.CUBLAS_OP_N, stride
    stride = _stride(matrix.T)
    if stride is not None:
        return matrix, blas.CUBLAS_OP_T, stride
    return _lying(xp, blas, xp.ascontiguousarray(matrix))


def _stride(matrix: DeviceArray) -> int | None:
    """Return how many numbers a row begins after the one before it, or None if the rows do not lie close."""
    rows, columns = matrix.shape
    row, column = (int(stride) // int(matrix.itemsize) for stride in matrix.strides)
    if columns > 1 and column != 1:
        return None
    if rows == 1:
        return max(1, int(columns))
    return row if row >= columns else None
