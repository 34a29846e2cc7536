"""A stand-in for CuPy: the names of it that the project uses, with NumPy and the emulator of kernels behind them.

Arrays lie in the memory of the process. Everything else is as with CuPy: arrays do not mix with those of NumPy, memory
is counted and ends, errors have CuPy's classes and texts, and a device can be lost (`tests.gpu.emulator.switchboard`).
"""

from __future__ import annotations

from numpy import (
    bool_,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    intp,
    newaxis,
    uint8,
    uint16,
    uint32,
    uint64,
)

from cupy._machine import process as _process

if _process.machine.broken_import is not None:
    raise ImportError(_process.machine.broken_import)

from cupy import cuda
from cupy._array import (
    array,
    asarray,
    ascontiguousarray,
    asnumpy,
    empty,
    empty_like,
    full,
    full_like,
    ndarray,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from cupy._functions import FUNCTIONS as _FUNCTIONS
from cupy._functions import copyto, nonzero
from cupy._raw import RawKernel, RawModule
from cupy.cuda.memory import default_pool as _pool
from cupy.cuda.pinned_memory import PinnedMemoryPool as _PinnedMemoryPool

__version__ = "13.6.0"

globals().update(_FUNCTIONS)

inf, nan, pi = float("inf"), float("nan"), 3.141592653589793

_pinned_pool = _PinnedMemoryPool()


def get_default_memory_pool() -> cuda.MemoryPool:
    return _pool


def get_default_pinned_memory_pool() -> _PinnedMemoryPool:
    return _pinned_pool


def get_array_module(*args: object) -> object:
    import sys

    import numpy

    return sys.modules[__name__] if any(isinstance(arg, ndarray) for arg in args) else numpy


def may_share_memory(a: ndarray, b: ndarray) -> bool:
    return a.data.mem is b.data.mem


__all__ = [
    "RawKernel", "RawModule", "array", "asarray", "ascontiguousarray", "asnumpy", "bool_", "copyto", "cuda", "dtype",
    "empty", "empty_like", "float16", "float32", "float64", "full", "full_like", "get_array_module",
    "get_default_memory_pool", "get_default_pinned_memory_pool", "inf", "int8", "int16", "int32", "int64", "intp",
    "may_share_memory", "nan", "ndarray", "newaxis", "nonzero", "ones", "ones_like", "pi", "uint8", "uint16", "uint32",
    "uint64", "zeros", "zeros_like",
]  # fmt: skip
