"""What the kernels are given: names, shapes and constants. Imports no compute library.

All arrays are flat. "lanes" is the number of outputs with each output interface rounded up to a multiple of 16;
"capacity" the number of rows that the weights have room for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]
"""An array whose elements have named fields, see `SEGMENT`, `GROUP` and `deep_layout.PLACE`."""

WIDTH = 64
"""Hidden neurons of a block, and weights of a section."""
LANES = 16
"""Values that a kernel handles at once."""

# ---------------------------------------------------------------------------------------------------------------------
# How a network learns
# ---------------------------------------------------------------------------------------------------------------------

CONFIDENT = 0.1
"""A cycle is not learned if all outputs are closer than this to what is expected."""
GRADED_FACTOR = 10.0
"""How much more a distance counts where the expected value is neither 0 nor 1."""
SMOOTHING = 0.1
"""Share of a one-hot row that is spread over all classes: a class is learned up to 0.91 of 10, not up to 1."""
CHUNK = 32
"""Most cycles that are answered before the first of them is learned."""
TILE = 24
"""Rows of each cycle of a chunk that are read before those of the next one. Changes nothing but the time it takes."""
CHUNK_FAILURES = 2.0
"""Failures to expect in a chunk: it has ``CHUNK_FAILURES / failure rate`` cycles."""
CHUNK_STEPS = 8.0
"""Steps of learning after which the rest of a chunk is answered anew: those behind know nothing of them yet."""
FAILURE_DECAY = 0.01
"""Weight of a cycle in the moving average of failures."""
SCORE_DECAY = 0.002
"""Weight of a cycle in the moving averages of loss and accuracy, which change nothing."""
WRONG = 0.5
"""Distance from what is expected below which an answer is right without a closer look."""
FARTHEST = 0.9999
"""Distance that the loss is cut at, so that one hopeless cycle does not hide all others."""
HEAVY = 2.0
"""Weight of a cycle up to which it is learned in one step; others are learned in several, one after the other."""
MOST_STEPS = 64
"""Steps in which a cycle is learned at most, however much it weighs."""
ENERGY_BASE = 20.0
ENERGY_LOW = 70.0
ENERGY_HIGH = 150.0
"""The rate times ``ENERGY_BASE + sum of squared values`` is kept between these two, see `learning_rate`."""

# ---------------------------------------------------------------------------------------------------------------------
# Encodings
# ---------------------------------------------------------------------------------------------------------------------

SEGMENT = np.dtype([(name, np.int64) for name in ("address", "stride", "count", "itemsize", "source")])
"""A run of values of a row: address in memory of cycle 0, bytes to the next cycle, number of values, bytes of a value
(`BYTES` or `FLOATS`), source of the first value."""
BYTES = 1
"""A segment holds uint8."""
FLOATS = 4
"""A segment holds float32."""

GROUP = np.dtype([(name, np.int64) for name in ("first", "count", "lane", "squashing")])
"""An output interface: first output, number of outputs, first lane, `SIGMOID` or `SOFTMAX`."""
SIGMOID = 0
SOFTMAX = 1

NO_ROW = -1
"""Row of a source that was never active."""
UNUSED = -1e30
"""Bias of a lane that belongs to no output: its probability is 0."""
LARGEST = 3.4028235e38
"""Biggest float32, instead of 1 / border for borders that are next to nothing."""
GOLDEN = 0x9E3779B9
"""Distance between the keys of a source's sections: 2^32 divided by the golden ratio."""

# Numbers that kernels pass to each other. Numba would compile a function once more for each literal that it is given.
ZERO: Any = np.int64(0)
ONE: Any = np.int64(1)
ALLOCATE_ROWS: Any = np.int64(0)
RAISE_BORDERS: Any = np.int64(1)

# Numbers of `SectionNet.record`.
FAILURE = 0
SCORED = 1
LOSS = 2
ACCURACY = 3
RECORD = 4

# Numbers of `Scratch.status`, beside what a training kernel returns.
STATUS_GROWTH = 0
STATUS_CYCLE = 1
STATUS_WAITS = 2
STATUS = 3

# What a training kernel reports.
DONE = 0
FULL = 1
BROKEN = 2
OVERSUBSCRIBED = 3


class SectionNet(NamedTuple):
    """What is needed to answer.

    Attributes:
        weights: (blocks, capacity, 64) sections; a row is the sections of one source in all blocks.
        bias: (blocks, 64).
        readout: (blocks, outputs, 64).
        readout_bias: (lanes), `UNUSED` in lanes without an output.
        floors: (sources + 16) value from which those of a source are counted, see `ranges`.
        borders: (sources + 16) value above its floor at which a source is fully on, 0 if it was never active: the
            biggest one that it has had in training, up to its limit.
        limits: (sources + 16) how far a border may rise, see `ranges`.
        inverse: (sources + 16) 1 / border, 0 if the source was never active.
        row_of_source: (sources + 16) int32, `NO_ROW` if the source was never active.
        groups: the output interfaces, see `GROUP`.
        record: `FAILURE`, the moving average of cycles that were not answered with confidence, which learning goes by;
            for people, and in no state: how many cycles count, and moving averages of `LOSS` and `ACCURACY`.
    """

    weights: Floats
    bias: Floats
    readout: Floats
    readout_bias: Floats
    floors: Floats
    borders: Floats
    limits: Floats
    inverse: Floats
    row_of_source: npt.NDArray[np.int32]
    groups: Records
    record: Floats


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
    count: Ints  # type: ignore[assignment]
    lanes: Floats


class Scratch(NamedTuple):
    """Memory of a training kernel; nothing in it outlives a call.

    Attributes:
        rows: (slice, sources + 16) int32, the rows of each cycle's active sources.
        values: (slice, sources + 16) their values.
        counts: (slice) how many they are.
        energy: (slice) sum of their squared values.
        flags: (slice) what is to be done about a cycle.
        hidden: (CHUNK, blocks, 64) values of the hidden neurons.
        gradient: (blocks, 64).
        partials: (2, CHUNK, blocks, lanes) parts of the outputs that each block adds.
        deltas: (threads, CHUNK, lanes) gradients of the outputs in each cycle of a chunk, then steps by them.
        learned: (threads, CHUNK) the cycles of a chunk that are to be learned.
        biases: (threads, lanes) each thread's copy of the read-out biases.
        status: (STATUS) result of growth; cycle that the kernel's status is about; whether threads wait too long for
            each other.
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
    learned: Ints
    biases: Floats
    status: Ints


class Chunk(NamedTuple):
    """Cycles that are answered before the first of them is learned: rows ``first .. first + size - 1`` of the slice.

    `turn` is the set of partial sums that they have.
    """

    first: int
    size: int
    turn: int


class Answers(NamedTuple):
    """Memory of an answering kernel.

    Attributes:
        rows: (chunk, sources + 16) int32, the rows of each cycle's active sources.
        values: (chunk, sources + 16) their values.
        counts: (chunk) how many they are.
        hidden: (chunk, blocks, 64) values of the hidden neurons.
        partials: (chunk, blocks, lanes) parts of the outputs that each block adds.
        results: (cycles, lanes) probabilities.
    """

    rows: npt.NDArray[np.int32]
    values: Floats
    counts: Ints
    hidden: Floats
    partials: Floats
    results: Floats


class CycleSpan(NamedTuple):
    """Cycles to train: `first` to `last` of a task of `total`, in slices that start at multiples of `slice`.

    `weights` (total) is how much each cycle counts, empty if all count 1.
    """

    first: int
    last: int
    total: int
    slice: int
    first_rate: np.float32
    last_rate: np.float32
    weights: Floats
