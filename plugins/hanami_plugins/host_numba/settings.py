"""What Numba was told."""

from __future__ import annotations

import os


def compiles() -> bool:
    """Tell whether Numba compiles at all, without importing it."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
