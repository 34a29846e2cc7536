"""The ways to train a network on a device: on the chip, many at once; streaming through it; or product by product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from hanami_plugins.host_cupy.batches import SLICE, batch_size
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_training import SEGMENT, DeviceTraining, Words
from hanami_plugins.host_cupy.section_jobs import BROKEN, FAILURE, TrainJob
from hanami_plugins.host_cupy.section_shapes import PARTS, ROW, STREAMED_WIDTH, THREADS, TILE, BlockShape

__all__ = ["prepare_rows", "train_general", "train_resident", "train_streamed"]

ROWS = "section_rows.cu"
WIDE = 128
"""Threads of a block that prepares rows."""
WARP = 32

# Scratch memory of `stream_weights`: its states at its begin, and the numbers of a state.
STATES = 32
AT, FAILED_AT, AVERAGES = 0, 4, 5
TO_SLICES = (4, 0, 1, 6, 3, 5, 2)
"""From (tiles, halves of a tile, upper four, source, slices, upper eight, neuron) to the order of `stream_weights`."""
FROM_SLICES = (1, 2, 6, 4, 0, 5, 3)


def prepare_rows(device: Device, trainings: Sequence[DeviceTraining]) -> list[int]:
    """Grow networks by the rows of their next chunks and bring these into form; return the cycles of each chunk."""
    cycles = [training.begin_chunk() for training in trainings]
    jobs = device.upload(np.stack([training.rows_job for training in trainings]))
    longest, widest = max(cycles), max(training.arrays.padded for training in trainings)
    grid = (-(-widest // WIDE), -(-longest // SEGMENT), len(trainings))
    device.kernel(ROWS, "survey")(grid, (WIDE,), (jobs,))
    device.kernel(ROWS, "normalise")((-(-widest // (2 * WIDE)), *grid[1:]), (WIDE,), (jobs,))
    device.kernel(ROWS, "energy")((-(-longest * WARP // THREADS), 1, len(trainings)), (THREADS,), (jobs,))
    return cycles


def train_resident(device: Device, trainings: Sequence[DeviceTraining]) -> None:
    """Train the prepared chunks of networks that stay on the chip.

    Networks of one shape are launched together, each on as many multiprocessors as there are for it.
    """
    alike: dict[tuple[BlockShape, ...], list[Words]] = defaultdict(list)
    for training in trainings:
        alike[tuple(training.resident)].append(training.train_job)
    for shapes, jobs in alike.items():
        fitting = [shape for shape in shapes if shape.cluster * len(jobs) <= device.multiprocessors]
        shape = fitting[0] if fitting else shapes[-1]
        kernel = device.kernel("section_resident.cu", "train_resident", {"CLUSTER": shape.cluster, "HS": shape.width})
        kernel((len(jobs) * shape.cluster,), (THREADS,), (device.upload(np.stack(jobs)),), shape.shared)


def train_streamed(device: Device, training: DeviceTraining) -> None:
    """Train the prepared chunk of a network whose weights go through the chip once for each batch."""
    arrays, shape = training.arrays, training.streamed
    assert shape is not None
    slices, outputs = arrays.neurons // STREAMED_WIDTH, arrays.width
    blocks = min(slices, device.multiprocessors)
    scratch, sliced = training.scratch, training.sliced
    begin = np.zeros(STATES, np.float32)
    begin[AVERAGES : AVERAGES + 5] = device.download(arrays.record[:5])
    scratch[:STATES] = device.upload(begin)
    weights = arrays.weights.reshape(arrays.padded // 16, 2, 2, 4, slices, 2, 8)
    sliced[:] = weights.transpose(TO_SLICES)
    job = training.train_job.copy()
    job[TrainJob.WEIGHTS], job[TrainJob.SCRATCH] = sliced.data.ptr, scratch.data.ptr
    jobs, last, turn = device.upload(job), int(job[TrainJob.LAST]), 0
    defines = {"EACH": -(-arrays.padded // (16 * PARTS))}
    stream, judge = (device.kernel("section_streamed.cu", name, defines) for name in ("stream_weights", "judge_batch"))
    at = 0
    while at < last:
        for _ in range(-(-(last - at) // TILE) + 1):
            stream((blocks,), (THREADS,), (jobs, np.int32(turn)), shape.shared)
            turn = 1 - turn
            judge((TILE,), (WARP * outputs,), (jobs, np.int32(turn), np.int32(blocks)), 2 * outputs * ROW * 4)
        state = device.download(scratch[16 * turn : 16 * turn + 16])
        at = int(state.view(np.int32)[AT])
        if state.view(np.int32)[FAILED_AT]:
            break
    record = state[AVERAGES : AVERAGES + 5].copy()
    record[BROKEN] = state.view(np.int32)[FAILED_AT]
    arrays.record[:5] = device.upload(record)
    weights[:] = sliced.transpose(FROM_SLICES)


def train_general(device: Device, training: DeviceTraining) -> None:
    """Train the prepared chunk of a network of any size, product by product."""
    arrays, xp = training.arrays, device.array_module
    job = device.upload(training.train_job)
    judge = device.kernel("section_general.cu", "judge_sums")
    entries, last = training.entries, int(training.train_job[TrainJob.LAST])
    sums, wanted = (xp.zeros((arrays.width, ROW), np.float32) for _ in range(2))
    for first in range(0, last, SLICE):
        end = min(first + SLICE, last)
        size = batch_size(np.float32(device.download(arrays.record[:1])[FAILURE]), training.most)
        for begin in range(first, end, size):
            count = min(size, end - begin)
            rows: Any = slice(begin, begin + count) if entries is None else entries[begin : begin + count]
            values = training.table[rows]
            hidden = device.product(values, arrays.weights, exact=False)
            hidden += arrays.bias
            xp.maximum(hidden, np.float32(0), out=hidden)
            said = device.product(hidden, arrays.readout.T)
            said += arrays.readout_bias
            sums[:, :count] = said.T
            judge((1,), (THREADS,), (job, sums, wanted, np.int32(begin), np.int32(count)))
            steps = xp.ascontiguousarray(sums[:, :count].T)
            back = device.product(steps, arrays.readout)
            back *= hidden > 0
            device.add_product(arrays.readout, steps.T, hidden)
            arrays.readout_bias += steps.sum(axis=0)
            arrays.bias += back.sum(axis=0)
            device.add_product(arrays.weights, values.T, back)
