"""Which networks the kernels have room for: how much shared memory a block takes, and how many blocks a network has."""

from __future__ import annotations

from typing import NamedTuple

from hanami_plugins.host_cupy.device import Device

__all__ = [
    "MOST_OUTPUTS",
    "PARTS",
    "ROW",
    "STREAMED_WIDTH",
    "THREADS",
    "TILE",
    "BlockShape",
    "resident_shapes",
    "streamed_shape",
]

THREADS = 256
TILE = 64
"""Cycles of a batch at most."""
ROW = 72
"""Numbers between two outputs of a batch."""
PARTS = 8
"""Parts of the sources, one for each warp of a block."""
STREAMED_WIDTH = 16
"""Hidden neurons that a block has at a time while weights stream."""
STREAMED_ROWS = 64 + 32
"""Rows that a block holds meanwhile: of a batch, and of the one before."""
MOST_OUTPUTS = 32
"""Outputs up to which the kernels that keep what is said in shared memory are used."""
CLUSTERS = (8, 4, 2, 1)
WIDTHS = (64, 32, 16, 8)
"""Hidden neurons of a block."""
CAPABILITY_OF_CLUSTERS = (9, 0)


class BlockShape(NamedTuple):
    """How a kernel is compiled and launched: blocks of a network, hidden neurons of each, bytes of shared memory."""

    cluster: int
    width: int
    shared: int


def _region(width: int) -> int:
    return PARTS * TILE * 8 if width <= 32 else TILE * (width + 1) + TILE // 2 * width


def _row(sources: int) -> int:
    """Return the words of a row of values."""
    return 4 * (sources // 8 + 1)


def _resident_bytes(sources: int, width: int, outputs: int, interfaces: int) -> int:
    values = TILE * _row(sources)
    lists = TILE + 1 + 4 * TILE + 2 + 3 * interfaces
    return 4 * (sources * width + values + _region(width) + outputs * width + width + (4 * ROW + 1) * outputs + lists)


def _streamed_bytes(sources: int, outputs: int) -> int:
    width, values = STREAMED_WIDTH, STREAMED_ROWS * _row(sources)
    hidden = PARTS * TILE * width + TILE * (width + 1) + TILE // 2 * width
    lists = TILE + 1 + 3 * TILE
    return 4 * (values + hidden + 2 * (outputs + 1) * width + 2 * ROW * outputs + lists)


def resident_shapes(device: Device, sources: int, neurons: int, outputs: int, interfaces: int) -> list[BlockShape]:
    """Return the shapes in which a network stays on the chip, the one with the most blocks first; [] if in none.

    Args:
        device: the device.
        sources: a multiple of 16.
        neurons: all hidden neurons.
        outputs: values of all outputs.
        interfaces: number of output interfaces.
    """
    if outputs > MOST_OUTPUTS:
        return []
    found = []
    for cluster in CLUSTERS:
        width = neurons // cluster
        if width * cluster != neurons or width not in WIDTHS:
            continue
        if cluster > 1 and device.capability < CAPABILITY_OF_CLUSTERS:
            continue
        shared = _resident_bytes(sources, width, outputs, interfaces)
        if shared <= device.shared_memory:
            found.append(BlockShape(cluster, width, shared))
    return found


def streamed_shape(device: Device, sources: int, outputs: int) -> BlockShape | None:
    """Return the shape in which the weights of a network stream through the chip, or None if rows are too long."""
    if outputs > MOST_OUTPUTS:
        return None
    shared = _streamed_bytes(sources, outputs)
    return BlockShape(1, STREAMED_WIDTH, shared) if shared <= device.shared_memory else None
