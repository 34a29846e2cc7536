"""`cupy.cuda.pinned_memory`: here memory like any other."""

from __future__ import annotations

from typing import Any

import numpy as np

from cupy._machine import check


class PinnedMemoryPool:
    """Keeps nothing."""

    def malloc(self, size: int) -> Any:
        return alloc_pinned_memory(size)

    def free_all_blocks(self) -> None:
        check()

    def n_free_blocks(self) -> int:
        return 0


def alloc_pinned_memory(size: int) -> Any:
    """Return a buffer of `size` bytes."""
    check()
    return memoryview(np.empty(size, np.uint8))
