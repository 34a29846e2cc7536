"""What the environment says to CUDA and CuPy, and what we say to them by it before they are imported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["prepare", "visible"]

ORDER = "CUDA_DEVICE_ORDER"
CACHE, ONLY_IN_MEMORY = "CUPY_CACHE_DIR", "CUPY_CACHE_IN_MEMORY"


def visible() -> str | None:
    """Return the list of devices that CUDA is to show, None for all."""
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def prepare(cache: Path | None) -> None:
    """Let CUDA count devices as they are plugged in, and CuPy keep compiled kernels in a directory if it can.

    By default CUDA begins with the fastest device, so that another one in the machine would change all numbers.
    """
    os.environ.setdefault(ORDER, "PCI_BUS_ID")
    if cache is None or CACHE in os.environ:
        return
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            os.environ[CACHE] = str(cache)
    except OSError:
        # CuPy makes the directory even if it is not to use it.
        os.environ |= {CACHE: tempfile.gettempdir(), ONLY_IN_MEMORY: "1"}
