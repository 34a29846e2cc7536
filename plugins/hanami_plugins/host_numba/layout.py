"""What the kernels are given: names, shapes and constants. Imports no compute library.

All arrays are flat. "lanes" is the number of outputs with each output interface rounded up to a multiple of 16;
"capacity" the number of rows that the weights have room for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

WIDTH = 64
"""Hidden neurons of a block, and weights of a section."""
LANES = 16
"""Values that a kernel handles at once."""
CHUNK = 32
"""Most cycles that are answered before the first of them is learned."""
CHUNK_FAILURES = 2.0
"""Failures to expect in a chunk: it has ``CHUNK_FAILURES / failure rate`` cycles."""
FAILURE_DECAY = 0.01
"""Weight of a cycle in the moving average of failures."""
CONFIDENT = 0.1
"""A cycle is not learned if all outputs are closer than this to what is expected."""
GRADED_FACTOR = 10.0
"""How much more a distance counts where the expected value is neither 0 nor 1."""
LARGEST = 3.4028235e38
GOLDEN = 0x9E3779B9

# How a segment of a row, or an output, is described by numbers: see `segments` and `groups` below.
SEGMENT = 5
GROUP = 4
BYTES = 1
FLOATS = 4
SIGMOID = 0
SOFTMAX = 1

# What a training kernel reports.
DONE = 0
FULL = 1
BROKEN = 2


class Net(NamedTuple):
    """What is needed to answer.

    Attributes:
        weights: (blocks, capacity, 64) sections; a row is the sections of one source in all blocks.
        bias: (blocks, 64).
        readout: (blocks, outputs, 64).
        readout_bias: (lanes), a huge negative number in lanes without an output.
        borders: (sources + 16) biggest value that a source ever had in training, 0 if it was never active.
        inverse: (sources + 16) 1 / border, or 0.
        row_of_source: (sources + 16) int32, -1 if the source has no row.
        groups: for each output interface: first output, number of outputs, first lane, `SIGMOID` or `SOFTMAX`.
        failure: (1) moving average of cycles that were not answered with confidence.
    """

    weights: Floats
    bias: Floats
    readout: Floats
    readout_bias: Floats
    borders: Floats
    inverse: Floats
    row_of_source: npt.NDArray[np.int32]
    groups: Ints
    failure: Floats


class Sources(NamedTuple):
    """What is needed to grow.

    Attributes:
        keys: (sources) uint32, what the initial weights of a source are derived from.
        scale: (1) initial weights are uniform between ``-scale`` and ``scale``.
        count: (1) rows in use.
        lanes: (16) scratch.
    """

    keys: npt.NDArray[np.uint32]
    scale: Floats
    count: Ints
    lanes: Floats


class Scratch(NamedTuple):
    """Memory of a training kernel; nothing in it outlives a call.

    Attributes:
        rows, values: (slice, sources + 16) active sources of each cycle: their rows (int32) and values.
        counts, energy, flags: (slice) of each cycle: number of active sources, sum of squares, what is to be done.
        hidden: (CHUNK, blocks, 64) values of the hidden neurons.
        gradient: (blocks, 64).
        partials: (2, CHUNK, blocks, lanes).
        deltas, biases: (threads, lanes) each thread's own.
        status: (2) result of growth, cycle that a status is about.
    """

    rows: npt.NDArray[np.int32]
    values: Floats
    counts: Ints
    energy: Floats
    flags: Ints
    hidden: Floats
    gradient: Floats
    partials: Floats
    deltas: Floats
    biases: Floats
    status: Ints


class Job(NamedTuple):
    """Cycles to train: `first` to `last` of a task of `total`, in slices that start at multiples of `slice`."""

    first: int
    last: int
    total: int
    slice: int
    first_rate: np.float32
    last_rate: np.float32
