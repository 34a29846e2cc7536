"""Kernels for GPUs: CUDA C in files beside this one, in the subset of it that is C99, too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["DeviceKernel", "source"]

USUAL_SHARED = 48 * 1024
"""Bytes of shared memory that a block may have without asking for more."""
PRELUDE = "prelude.cu"
"""File that every source begins with."""

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


@cache
def source(file: str) -> str:
    """Return the source of kernels in a file of this directory, behind the prelude; its lines keep their numbers.

    What a file includes lies in this directory, too, and is there only once.
    """
    return _with_lines(PRELUDE) + _with_lines(file)


def _with_lines(file: str) -> str:
    text = Path(__file__).with_name(file).read_text(encoding="ascii")
    found = _INCLUDE.search(text)
    if found is None:
        return f'#line 1 "{file}"\n{text}\n'
    line = text.count("\n", 0, found.end()) + 1
    before, behind = text[: found.start()], text[found.end() :]
    return f'#line 1 "{file}"\n{before}\n{_with_lines(found[1])}#line {line} "{file}"{behind}\n'


class DeviceKernel:
    """A kernel on one device; called inside of `Device.use`."""

    def __init__(self, raw: Any) -> None:
        """Call `raw`, a RawKernel of CuPy."""
        self._raw = raw
        self._shared = USUAL_SHARED

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], shared: int = 0) -> None:
        """Ask the device to run the kernel.

        Args:
            grid: numbers of blocks.
            block: numbers of threads in a block.
            args: arrays of the device, and NumPy scalars of exactly the types that the kernel takes.
            shared: bytes of dynamic shared memory for each block.
        """
        if shared > self._shared:
            self._raw.max_dynamic_shared_size_bytes = shared
            self._shared = shared
        self._raw(tuple(grid), tuple(block), tuple(args), shared_mem=shared)
