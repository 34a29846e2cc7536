"""What the operations of a `Formula` compute, in NumPy; every export agrees with this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["COMPUTE", "Array", "Operation"]

Array = npt.NDArray[Any]

Operation = Literal[
    "add",
    "subtract",
    "multiply",
    "divide",
    "fma",
    "matmul",
    "matmul_integer",
    "minimum",
    "maximum",
    "floor",
    "rint",
    "log",
    "greater",
    "equal",
    "where",
    "take",
    "lookup",
    "concatenate",
    "zeros_like",
    "float32",
    "int64",
    "uint8",
    "unit",
    "relu",
    "softmax",
    "sigmoid",
]
"""Arrays are broadcast as NumPy does it, and most operations are what NumPy calls them. The others:

* ``fma`` is the first argument times the second plus the third, float32, rounded once (all but always).
* ``matmul_integer`` is the exact product of uint8 and a constant of int8, as int32.
* ``take`` picks columns: the second argument is a flat array of int32.
* ``lookup`` replaces whole numbers (int64) by the entries of a flat array, which is the first argument.
* ``concatenate`` puts the values of each row side by side, ``softmax`` works on each row.
* ``float32``, ``int64`` and ``uint8`` convert, and are given what fits.
* ``unit`` cuts values off at 0 and 1, ``relu`` at 0.
"""


def _fma(a: Array, b: Array, c: Array) -> Array:
    return np.asarray(np.multiply(a, b, dtype=np.float64) + c, np.float32)


def _matmul_integer(a: Array, b: Array) -> Array:
    # Exact, as whole numbers up to 2^53 are in float64, for which there is a fast product.
    return np.asarray(a.astype(np.float64) @ b.astype(np.float64), np.int32)


def _softmax(sums: Array) -> Array:
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _sigmoid(sums: Array) -> Array:
    power = np.exp(-np.abs(sums))  # never overflows
    return np.asarray(np.where(sums >= 0, np.float32(1), power) / (np.float32(1) + power), np.float32)


COMPUTE: Mapping[Operation, Callable[..., Array]] = MappingProxyType(
    {
        "add": np.add,
        "subtract": np.subtract,
        "multiply": np.multiply,
        "divide": np.divide,
        "fma": _fma,
        "matmul": np.matmul,
        "matmul_integer": _matmul_integer,
        "minimum": np.minimum,
        "maximum": np.maximum,
        "floor": np.floor,
        "rint": np.rint,
        "log": np.log,
        "greater": np.greater,
        "equal": np.equal,
        "where": np.where,
        "take": lambda values, columns: values[:, columns],
        "lookup": lambda table, places: table[places],
        "concatenate": lambda *values: np.concatenate(values, axis=1),
        "zeros_like": np.zeros_like,
        "float32": lambda values: values.astype(np.float32),
        "int64": lambda values: values.astype(np.int64),
        "uint8": lambda values: values.astype(np.uint8),
        "unit": lambda values: np.clip(values, np.float32(0), np.float32(1)),
        "relu": lambda values: np.maximum(values, np.float32(0)),
        "softmax": _softmax,
        "sigmoid": _sigmoid,
    }
)
