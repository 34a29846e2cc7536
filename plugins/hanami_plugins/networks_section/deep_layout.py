"""What the kernels of deep networks are given. Imports no compute library.

All arrays are flat and hold one part for each hexagon, one after the other; `places` tells where. Within its part, a
hexagon looks like a network of its own, see `section_layout.SectionNet`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_plugins.networks_section.section_layout import Floats, Ints, Records, SectionNet

BATCH = 32
"""Cycles that requests take through a hexagon before they come to the next one."""

SPAN = np.dtype([("begin", np.int64), ("end", np.int64)])
PLACE = np.dtype([(name, SPAN) for name in ("weights", "readout", "sources", "reads", "origins", "entries")])
"""Where the part of a hexagon lies in the arrays of `DeepNet`; `entries` is its part of the lists of active sources,
with room for 16 more than there can be."""
COUNTS = np.dtype([("inputs", np.int64), ("all", np.int64)])
"""How many sources of a hexagon are active: values of inputs, and these with hidden neurons."""


class DeepNet(NamedTuple):
    """What is needed to answer.

    Attributes:
        weights: (blocks, capacity, 64) for each hexagon; first the rows of hidden neurons, then those of inputs.
        bias: (hexagons, blocks, 64).
        readout: (blocks, outputs, 64) for each hexagon, of the outputs that are read from it.
        readout_bias: (lanes) of all outputs.
        floors: (sources) for each hexagon, of the inputs that feed it.
        borders: (sources) for each hexagon.
        limits: (sources) for each hexagon, how far a border may rise.
        inverse: (sources) for each hexagon, 1 / border.
        row_of_source: (sources) for each hexagon.
        reads: the outputs that are read from each hexagon, see `GROUP`.
        groups: all outputs.
        origins: (hidden neurons that feed it) for each hexagon, int32, where each of them lies in `hidden`; a row is a
            place in this list, and 16 places in a row are neighbours.
        places: (hexagons), see `PLACE`.
        labels: (most hidden neurons that feed a hexagon) 0, 1, 2, … as int32.
        record: moving averages, see `section_layout.SectionNet`.
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
    reads: Records
    groups: Records
    origins: npt.NDArray[np.int32]
    places: Records
    labels: npt.NDArray[np.int32]
    record: Floats


class DeepScratch(NamedTuple):
    """Memory of a training kernel; nothing in it outlives a call.

    Attributes:
        rows: (entries) rows of the active sources of each hexagon, inputs before hidden neurons.
        values: (entries) their values.
        counts: (hexagons) how many they are, see `COUNTS`.
        hidden: (hexagons, blocks, 64) values of the hidden neurons.
        gradient: (hexagons, blocks, 64).
        partials: (hexagons, lanes) what a block adds to the outputs.
        deltas: (lanes).
        status: (STATUS) of it `STATUS_CYCLE`, the cycle that the kernel's status is about.
    """

    rows: npt.NDArray[np.int32]
    values: Floats
    counts: Records
    hidden: Floats
    gradient: Floats
    partials: Floats
    deltas: Floats
    status: Ints


class DeepInputs(NamedTuple):
    """Where the inputs of a task lie in memory.

    Attributes:
        segments: those of each hexagon, one hexagon after the other, see `SEGMENT`.
        bounds: (hexagons + 1) where the segments of each hexagon begin, and the end of the last one.
    """

    segments: Records
    bounds: Ints


class DeepAnswers(NamedTuple):
    """Memory of an answering kernel.

    Attributes:
        rows: (most entries of a hexagon) rows of active sources.
        values: (most entries of a hexagon) their values.
        hidden: (BATCH, hexagons, blocks, 64) values of the hidden neurons.
        partials: (hexagons, lanes) what a block adds to the outputs.
        results: (cycles, lanes) probabilities.
    """

    rows: npt.NDArray[np.int32]
    values: Floats
    hidden: Floats
    partials: Floats
    results: Floats


def part(net: DeepNet, hexagon: int) -> SectionNet:
    """Return views of the part of a hexagon. Kernels use it too."""
    place = net.places[hexagon]
    width = net.bias.size // net.places.size
    begin, end = place["sources"]["begin"], place["sources"]["end"]
    return SectionNet(
        net.weights[place["weights"]["begin"] : place["weights"]["end"]],
        net.bias[hexagon * width : (hexagon + 1) * width],
        net.readout[place["readout"]["begin"] : place["readout"]["end"]],
        net.readout_bias,
        net.floors[begin:end],
        net.borders[begin:end],
        net.limits[begin:end],
        net.inverse[begin:end],
        net.row_of_source[begin:end],
        net.reads[place["reads"]["begin"] : place["reads"]["end"]],
        net.record,
    )
