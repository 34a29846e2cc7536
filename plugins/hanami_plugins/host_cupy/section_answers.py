"""Answers of a section network on a device, many rows at a time, with every factor in full precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanami_core.compute import Rows, Run, Values
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.host_cupy.section_arrays import SectionArrays
from hanami_plugins.host_cupy.task_tables import TaskTable
from hanami_plugins.networks_section import Floats, SectionExtra, starts

__all__ = ["answer_rows"]

THREADS = 128
ROWS = 16384
"""Rows that are answered together, at most."""
SHARE = 8
"""What they take may be one part in so many of the memory that is free."""
NO_CYCLE = np.iinfo(np.int32).max
f32 = np.float32


def answer_rows(
    device: Device, arrays: SectionArrays, extra: SectionExtra, rows: Rows, results: Mapping[str, Values], run: Run
) -> None:
    """Answer all cycles from `run.start` on into `results`.

    Raises:
        FloatingPointError: if inputs of a cycle are not finite.
    """
    places = {name: slice(start, start + arrays.outputs[name]) for name, start in starts(arrays.outputs).items()}
    classes = {name: extra.squashing.get(name) == "softmax" for name in arrays.outputs}
    with device.use():
        table = TaskTable(device, Rows(rows.inputs, (), rows.time_length), arrays.inputs, {})
        length = max(1, min(ROWS, device.roughly_free() // SHARE // (4 * (arrays.padded + 2 * arrays.neurons))))
    done = run.start
    while done < rows.cycles:
        with device.use():
            part = table.part(done)
            last = min(done + length, part.last)
            sums = _sums(device, arrays, part.inputs[done - part.first : last - part.first], done)
        with np.errstate(over="ignore"):
            for name, result in results.items():
                result[done:last] = _squash(sums[:, places[name]], softmax=classes[name])
        done = last
        if not run.step(done):
            return


def _sums(device: Device, arrays: SectionArrays, inputs: DeviceArray, first: int) -> Floats:
    """Return what the outputs sum up to for some rows on the device."""
    xp, rows = device.array_module, int(inputs.shape[0])
    values = xp.empty((rows, arrays.padded), f32)
    broken = xp.full(1, NO_CYCLE, np.int32)
    device.kernel("section_rows.cu", "scale_rows")(
        (-(-arrays.padded // THREADS), rows),
        (THREADS,),
        (
            inputs,
            np.int32(inputs.dtype == f32),
            np.int64(inputs.strides[0]),
            np.int32(rows),
            np.int32(arrays.size),
            np.int32(arrays.padded),
            arrays.floors,
            arrays.borders,
            values,
            broken,
        ),
    )
    hidden = device.product(values, arrays.weights)
    hidden += arrays.bias
    xp.maximum(hidden, f32(0), out=hidden)
    sums = device.product(hidden, arrays.readout.T)
    sums += arrays.readout_bias
    found: Floats = device.download(sums)
    cycle = int(device.download(broken)[0])
    if cycle != NO_CYCLE:
        raise FloatingPointError(f"values of cycle {first + cycle} are not finite")
    return found


def _squash(sums: Floats, *, softmax: bool) -> Floats:
    """Return probabilities, as `ReferenceNetwork.squash` does for one row."""
    if softmax:
        e: Floats = np.exp(sums - sums.max(axis=1, keepdims=True))
        result: Floats = e / e.sum(axis=1, keepdims=True)
        return result
    e = np.exp(-np.abs(sums))
    squashed: Floats = np.where(sums < 0, e, f32(1)) / (f32(1) + e)
    return squashed
