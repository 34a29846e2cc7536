"""Functions of arrays, which compute what NumPy's functions of the same names compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cupy._array import host_of, made, ndarray
from cupy.cuda.stream import perform

ELEMENTWISE = (
    "abs", "absolute", "add", "arctan2", "bitwise_and", "bitwise_or", "bitwise_xor", "ceil", "clip",
    "copysign", "cos", "divide", "equal", "exp", "exp2", "expm1", "floor", "floor_divide", "fmax", "fmin", "greater",
    "greater_equal", "hypot", "invert", "isfinite", "isinf", "isnan", "left_shift", "less", "less_equal", "log",
    "log1p", "log2", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "mod",
    "multiply", "negative", "not_equal", "positive", "power", "reciprocal", "remainder", "right_shift", "rint",
    "sign", "sin", "sqrt", "square", "subtract", "tan", "tanh", "true_divide", "trunc", "where",
)  # fmt: skip
WHOLE = (
    "all", "any", "argmax", "argmin", "argsort", "argwhere", "bincount", "broadcast_to", "count_nonzero", "cumsum",
    "diff", "dot", "einsum", "flatnonzero", "matmul", "max", "mean", "min", "outer", "prod", "repeat",
    "searchsorted", "sort", "std", "sum", "take", "tensordot", "tile", "trace", "tril", "triu", "unique", "var",
)  # fmt: skip
SEVERAL = ["concatenate", "hstack", "stack", "vstack"]
METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "clip", "cumsum", "dot", "max", "mean", "min", "prod", "repeat",
    "std", "sum", "take", "var",
)  # fmt: skip
OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift", "matmul": "matmul",
}  # fmt: skip
COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}  # fmt: skip
UNARY = {"neg": "negative", "pos": "positive", "invert": "invert", "abs": "absolute"}


def function(name: str) -> Callable[..., Any]:
    """Return a function of arrays of devices by the name of NumPy's."""
    of_numpy = getattr(np, name)

    def call(*arguments: Any, out: ndarray | None = None, **others: Any) -> ndarray | None:
        values = [host_of(argument) if not isinstance(argument, tuple) else argument for argument in arguments]
        named = {key: value.host if isinstance(value, ndarray) else value for key, value in others.items()}
        if out is None:
            return made(lambda: of_numpy(*values, **named))
        there = out.host

        def into() -> None:
            with np.errstate(all="ignore"):
                of_numpy(*values, out=there, **named)

        perform(into)
        return out

    call.__name__ = name
    return call


def _of_several(name: str) -> Callable[..., ndarray]:
    of_numpy = getattr(np, name)

    def call(arrays: Any, axis: int | None = None) -> ndarray:
        values = [_array_of(array) for array in arrays]
        return made(lambda: of_numpy(values) if axis is None else of_numpy(values, axis=axis))

    return call


def _array_of(value: Any) -> Any:
    if not isinstance(value, ndarray):
        raise TypeError("Only cupy arrays can be concatenated")
    return value.host


def _made_of_numbers(name: str) -> Callable[..., ndarray]:
    return lambda *numbers, **others: made(lambda: getattr(np, name)(*numbers, **others))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: function(name) for name in (*ELEMENTWISE, *WHOLE)},
    **{name: _of_several(name) for name in SEVERAL},
    **{name: _made_of_numbers(name) for name in ("arange", "eye", "identity", "linspace")},
}


def nonzero(a: ndarray) -> tuple[ndarray, ...]:
    return tuple(made(lambda places=places: places) for places in np.nonzero(a.host))  # type: ignore[misc]


def copyto(dst: ndarray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    given, chosen = host_of(src), True if where is None else host_of(where)
    perform(lambda: np.copyto(dst.host, given, casting=casting, where=chosen))  # type: ignore[arg-type]


def _unlike(other: Any) -> bool:
    return not isinstance(other, ndarray | np.ndarray) and not np.isscalar(other)


def _operator(name: str, swapped: bool) -> Callable[[ndarray, Any], Any]:
    def call(self: ndarray, other: Any) -> Any:
        if _unlike(other):
            return NotImplemented
        return FUNCTIONS[name](other, self) if swapped else FUNCTIONS[name](self, other)

    return call


def _in_place(name: str) -> Callable[[ndarray, Any], ndarray]:
    def call(self: ndarray, other: Any) -> ndarray:
        FUNCTIONS[name](self, other, out=self)
        return self

    return call


def _add_methods() -> None:
    for short, name in OPERATORS.items():
        setattr(ndarray, f"__{short}__", _operator(name, False))
        setattr(ndarray, f"__r{short}__", _operator(name, True))
        setattr(ndarray, f"__i{short}__", _in_place(name))
    for short, name in COMPARISONS.items():
        setattr(ndarray, f"__{short}__", _operator(name, False))
    for short, name in UNARY.items():
        setattr(ndarray, f"__{short}__", lambda self, name=name: FUNCTIONS[name](self))
    for name in METHODS:
        setattr(ndarray, name, lambda self, *values, name=name, **others: FUNCTIONS[name](self, *values, **others))
    ndarray.nonzero = nonzero  # type: ignore[attr-defined]


_add_methods()
