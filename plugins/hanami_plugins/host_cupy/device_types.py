"""Names for what comes from CuPy, which has no types and is imported by a sidecar only."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["ArrayModule", "DeviceArray"]

ArrayModule: TypeAlias = Any
"""CuPy itself."""
DeviceArray: TypeAlias = Any
"""An array on a device, used like one of NumPy."""
