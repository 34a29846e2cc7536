"""Constants of the rules, and what the kernels are given. Imports no compute library.

A hexagon holds blocks of 128 neurons. A *section* belongs to one source neuron and lies in one of the 512 slots of a
block; its up to 128 synapses point to consecutive neurons of that block, beginning at a random one and going round. The
potential of the source runs through them: each consumes its *border* of it. With ``c`` the sum of the borders before a
synapse and ``q`` what the source has to give, the synapse is reached if ``q - c`` is above `EPSILON`, and adds its
weight times ``min(1, (q - c) / border)`` to its neuron.

All arrays are flat. A *source* is a place in the potentials: first the values of all inputs, each input beginning at a
multiple of 16, then from `SynapseNet.base` on the neurons of all blocks. A *row* is where a section is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Records = npt.NDArray[np.void]

# ---------------------------------------------------------------------------------------------------------------------
# The rules
# ---------------------------------------------------------------------------------------------------------------------

WIDTH = 128
"""Neurons of a block."""
SLOTS = 512
"""Sections of a block."""
SLOT_BITS = 9
"""Bits of a slot's number."""
SYNAPSES = 128
"""Most synapses of a section."""
ROOM = 256
"""A hexagon with fewer free slots gets another block before a section is placed."""
ENTRIES = 86
"""Entries in a hexagon's list of possible targets."""
LINKS = 7
"""Links of an output."""
LINK_CHANCE = 10
"""A free link is tried in one of so many cycles; 50 in OpenHanami, which ends the same but begins later."""
EPSILON = 1e-5
"""Potential that is not worth a synapse."""
TOLERANCE = 0.49
"""Tolerance of a new section: a synapse shrinks if the part of it that is covered is within 0.5 ± tolerance."""
TOLERANCE_DIVISOR = 1.2
SHRINK_DIVISOR = 1.5
RATE = 0.1
"""Learning rate of synapses and links."""
SLOPE = 1.4427
"""1 / ln 2, for the derivative of log2(1 + x)."""
NO_MEMORY = 1e6
"""Cool-down from which on a neuron keeps nothing of the cycle before."""
REDUCTION_PERIOD = 100
"""Training cycles between two reductions."""
NEW_ACTIVITY = 5
"""Activity of a new synapse; at 0 it is removed."""
LASTING_ACTIVITY = 10
"""Activity from which on a synapse is never removed."""
LARGEST_WEIGHT = 1e6
"""A network with a weight beyond diverges."""
MAX_SECTIONS = 1 << 18
"""Most sections of a network; each takes 2 KiB."""

NO_LIMIT = 3.4028235e38
"""Range of a section that was never split, and where synapses begin that do not exist: the biggest float32."""
ALWAYS = 1e30
"""1 / border of synapses that add all or nothing; minus that is where those begin that are always reached."""

# Kinds of sections, by their source.
HIDDEN = 0
PLAIN = 1
BINARY = 2
MATCH = 3
KINDS = {"plain": PLAIN, "binary": BINARY, "match": MATCH}

# What random numbers are drawn for, see `draws`.
FOR_TARGETS = 0
FOR_SECTION = 1
FOR_SPLIT = 2
FOR_SYNAPSE = 3
FOR_LINK = 4
PURPOSES = 5

# ---------------------------------------------------------------------------------------------------------------------
# Encodings
# ---------------------------------------------------------------------------------------------------------------------

GROUP = 48
"""Numbers of 16 synapses in `SynapseNet.synapses`: 16 begins (sums of borders before), 16 times 1 / border, 16 weights.

Synapses are kept by the neuron that they point to, so a section begins somewhere in its row and goes round.
"""
SHARE = 16
"""From the begin of a synapse to its 1 / border."""
WEIGHT = 32
"""From the begin of a synapse to its weight."""
GROUPS = SYNAPSES // 16
"""Groups of a row."""
ROW = GROUPS * GROUP
NONE = -1

# Numbers of `SynapseNet.heads`. A stride is how many numbers one record has, here and below.
HEAD_STRIDE = 4
LOWER = 0
RANGE = 1
TOTAL = 2
TOLERATED = 3

# Numbers of `SynapseNet.marks`.
MARK_STRIDE = 8
START = 0
COUNT = 1
SOURCE = 2
KIND = 3
PLACE = 4

# Numbers of `SynapseNet.blocks`.
BLOCK_STRIDE = 4
NEXT = 0
OWNER = 1
TOP = 2

# Numbers of `SynapseNet.hexagons`; the list of targets comes last.
HEXAGON_STRIDE = 8 + ENTRIES
ROLE = 0
INTERFACE = 1
FIRST_BLOCK = 2
LAST_BLOCK = 3
BLOCKS = 4
FREE = 5
TARGETS = 8

# Roles of hexagons.
INNER = 0
INPUT = 1
OUTPUT = 2

# Numbers of `SynapseNet.inputs` and `SynapseNet.outputs`. The first one of an input is a source, of an output a lane.
INTERFACE_STRIDE = 4
INTERFACE_HEXAGON = 0
INTERFACE_FIRST = 1
INTERFACE_COUNT = 2
INTERFACE_KIND = 3
"""Of an input: the kind of its sections."""
INTERFACE_NUMBER = 3
"""Of an output: its number in the template."""

# Numbers of `SynapseNet.counts`.
USED_ROWS = 0
FREE_ROWS = 1
USED_BLOCKS = 2
USED_SYNAPSES = 3
ABLE = 4
CYCLES = 5

# Numbers of `Neurons.cursor`; where the part of each hexagon in the walk begins and ends comes last.
AT_HEXAGON = 0
AT_PHASE = 1
SPLITS = 2
AT_SPLIT = 3
AT_CYCLE = 4
WANTED = 5
AT_STEP = 6
WALKS_OFFSET = 8
WALK_STRIDE = 2
WALK_BEGIN = 0
WALK_END = 1

# What a training kernel reports.
DONE = 0
FULL = 1
BROKEN = 2
DIVERGED = 3


class SynapseNet(NamedTuple):
    """Structure and weights; requests only read it.

    Attributes:
        heads: (rows, HEAD_STRIDE) lower bound and range of the potential that belongs to a section, sum of its borders,
            tolerance.
        marks: (rows, MARK_STRIDE) neuron of the first synapse, number of synapses, source, kind, block * SLOTS + slot.
        synapses: (rows, 8, GROUP).
        borders: (rows, SYNAPSES) in the order of the synapses.
        activity: (rows, SYNAPSES) in their order, empty without reduction; 0 is a synapse that was removed.
        free_rows: (rows) rows that were given back.
        slot_rows: (blocks, SLOTS) row or `NONE`.
        slot_sources: (blocks, SLOTS) source; a place that always is 0 for free slots.
        blocks: (blocks, BLOCK_STRIDE) next block of the same hexagon or `NONE`, hexagon, slots that were ever used.
        hexagons: (hexagons, HEXAGON_STRIDE) role, number of the interface, first and last block, blocks, free slots,
            targets.
        inputs: (inputs, INTERFACE_STRIDE).
        outputs: (outputs, INTERFACE_STRIDE).
        links: (lanes, LINKS) neuron counted over all blocks, or `NONE`.
        link_weights: (lanes, LINKS).
        keys: (PURPOSES) keys of random numbers.
        counts: how many rows, free rows, blocks and synapses there are; whether inner sources may grow; cycles trained.
        base: source of the first neuron.
        cooldown: divisor of the potential between two cycles, 0 if nothing is kept.
        refractory: see `forward.take_inputs`.
    """

    heads: Floats
    marks: Ints32
    synapses: Floats
    borders: Floats
    activity: Bytes
    free_rows: Ints32
    slot_rows: Ints32
    slot_sources: Ints32
    blocks: Ints32
    hexagons: Ints
    inputs: Ints
    outputs: Ints
    links: Ints32
    link_weights: Floats
    keys: npt.NDArray[np.uint32]
    counts: Ints
    base: int
    cooldown: Any
    refractory: int


class Neurons(NamedTuple):
    """What a cycle changes. A request works on a copy of its own.

    Attributes:
        potentials: (base + neurons) of all sources.
        fresh: (base + neurons) 1 for sources that wait for their first section, else 0.
        refractory: (neurons) counters of the refractory time.
        slopes: (neurons) derivative of the compressed potential, 0 if not active.
        sums: (neurons) input.
        deltas: (neurons) gradients.
        values: (lanes) outputs.
        expected: (lanes) what they should be.
        walk_rows: (rows) sections that have a potential in this cycle, hexagon by hexagon.
        walk_potentials: (rows) potential of their sources.
        splits: (rows) sections that are full.
        cursor: where a cycle goes on after there was no room, and where each hexagon's part of the walk is.
    """

    potentials: Floats
    fresh: Floats
    refractory: Bytes
    slopes: Floats
    sums: Floats
    deltas: Floats
    values: Floats
    expected: Floats
    walk_rows: Ints32
    walk_potentials: Floats
    splits: Ints32
    cursor: Ints


class IOBinding(NamedTuple):
    """Where a task's values lie in memory.

    Attributes:
        segments: see `SEGMENT` of `networks_section`, input after input.
        bounds: (inputs + 1) where the segments of each input begin, and the end of the last one.
        expected: one segment for each output; 0 values for outputs that are not trained.
        weights: how much each cycle counts, empty if all count 1.
    """

    segments: Records
    bounds: Ints
    expected: Records
    weights: Floats
