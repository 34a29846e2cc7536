"""Answers of a synapse network on a device, many cycles at a time."""

from __future__ import annotations

import numpy as np

from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.host_cupy.synapse_arrays import THREADS, SynapseArrays
from hanami_plugins.host_cupy.synapse_rows import DeviceRows

__all__ = ["NEVER", "TILE", "answer", "potentials"]

TILE = 32
"""Cycles that a block of threads answers at a time."""
BLOCKS_OF_PROCESSOR = 8
"""Blocks of threads that a multiprocessor runs at a time."""
MOST_SCRATCH = 1 << 30
"""Bytes of potentials at most: blocks of threads that have no room for theirs are left out."""
NEVER = np.iinfo(np.int32).max


def potentials(arrays: SynapseArrays, cycles: int) -> DeviceArray:
    """Return room for the potentials of up to so many cycles, in which inputs are 0. Call it in `Device.use`.

    There is a part of it for each block of threads, which answers a tile and then another one.
    """
    tiles, each = max(1, -(-cycles // TILE)), arrays.sources * TILE * 4
    blocks = min(tiles, BLOCKS_OF_PROCESSOR * arrays.device.multiprocessors, max(1, MOST_SCRATCH // each))
    return arrays.device.array_module.zeros((blocks, arrays.sources, TILE), np.float32)


def answer(arrays: SynapseArrays, rows: DeviceRows, room: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    """Answer all cycles of some rows. Call it in `Device.use`; the device may still be at work when it returns.

    Args:
        arrays: the network.
        rows: the cycles.
        room: see `potentials`; used with rows of the same inputs only.

    Returns:
        The inner values of the outputs, shape (cycles, lanes), and the first cycle with an input that is not finite,
        `NEVER` if there is none, shape (1). Both are on the device.
    """
    device, memory = arrays.device, arrays.memory
    xp = device.array_module
    results = xp.zeros((rows.cycles, arrays.lanes), np.float32)
    broken = xp.full(1, NEVER, np.int32)
    plan = arrays.plan()
    job = [
        arrays.pointer("synapses"),
        int(plan.data.ptr),
        arrays.pointer("blocks"),
        arrays.pointer("hexagons"),
        arrays.hexagons,
        arrays.pointer("outputs"),
        arrays.pointer("links"),
        arrays.pointer("link_weights"),
        int(rows.inputs.data.ptr),
        rows.input_count,
        rows.cycles,
        int(room.data.ptr),
        arrays.sources,
        memory.base,
        int(results.data.ptr),
        arrays.lanes,
        int(broken.data.ptr),
    ]
    device.kernel("synapse_answer.cu", "answer")((len(room),), (THREADS,), (device.upload(np.array(job, np.uint64)),))
    return results, broken
