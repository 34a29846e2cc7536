"""What tests of the emulator share."""

from __future__ import annotations

from typing import Any

from hanami_plugins.host_cupy.kernels import PRELUDE, source
from tests.gpu.emulator.launcher import EmulatedKernel, Launch

ORDERS = ("forwards", "backwards", "shuffled:1", "shuffled:2")


def kernel(body: str, *defines: str, capability: int = 90) -> EmulatedKernel:
    """Return the kernel `k` of a source that needs no file; its first line has number 1."""
    text = source(PRELUDE) + f'#line 1 "k.cu"\n{body}'
    return EmulatedKernel(text, "k", defines, capability)


def run(
    body: str,
    *arguments: Any,
    grid: tuple[int, ...] = (1,),
    block: tuple[int, ...] = (32,),
    shared: int = 0,
    order: str = "forwards",
    defines: tuple[str, ...] = (),
) -> None:
    """Run the kernel `k` of a source."""
    kernel(body, *defines).launch(Launch(grid, block, shared, order), arguments)
