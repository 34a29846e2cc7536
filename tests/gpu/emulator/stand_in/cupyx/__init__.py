"""The part of `cupyx` that the project uses: arrays on the processor that a device reads fast; here arrays of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["empty_pinned", "zeros_pinned"]


def empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> Any:
    return np.empty(shape, dtype, order)  # type: ignore[call-overload]


def zeros_pinned(shape: Any, dtype: Any = float, order: str = "C") -> Any:
    return np.zeros(shape, dtype, order)  # type: ignore[call-overload]
