"""What the kernels of deep networks are given. Imports no compute library.

All arrays are flat and hold one part for each hexagon, one after the other; `places` tells where. Within its part, a
hexagon looks like a network of its own, see `section_layout.SectionNet`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_plugins.networks_section.section_layout import Floats, Ints, SectionNet

BATCH = 32
"""Cycles that requests take through a hexagon before they come to the next one."""

PLACE = 12
"""Numbers of `DeepNet.places` for each hexagon. Two each, begin and end:"""
WEIGHTS = 0
READOUT = 2
SOURCES = 4
READS = 6
ORIGINS = 8
ENTRIES = 10
"""Part of the lists of active sources, with room for 16 more than there can be."""


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
        reads: numbers of each output that is read from a hexagon, see `GROUP`.
        groups: numbers of each output.
        origins: (hidden neurons that feed it) for each hexagon, int32, where each of them lies in `hidden`; a row is a
            place in this list, and 16 places in a row are neighbours.
        places: (hexagons, PLACE).
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
    reads: Ints
    groups: Ints
    origins: npt.NDArray[np.int32]
    places: Ints
    labels: npt.NDArray[np.int32]
    record: Floats


class DeepScratch(NamedTuple):
    """Memory of a training kernel; nothing in it outlives a call.

    Attributes:
        rows: (entries) rows of the active sources of each hexagon, inputs before hidden neurons.
        values: (entries) their values.
        counts: (hexagons, 2) how many of them are inputs, and how many they are together.
        hidden: (hexagons, blocks, 64) values of the hidden neurons.
        gradient: (hexagons, blocks, 64).
        partials: (hexagons, lanes) what a block adds to the outputs.
        deltas: (lanes).
        status: (2) unused; cycle that the kernel's status is about.
    """

    rows: npt.NDArray[np.int32]
    values: Floats
    counts: Ints
    hidden: Floats
    gradient: Floats
    partials: Floats
    deltas: Floats
    status: Ints


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
    place = hexagon * PLACE
    places = net.places
    width = net.bias.size // (places.size // PLACE)
    begin, end = places[place + SOURCES], places[place + SOURCES + 1]
    return SectionNet(
        net.weights[places[place + WEIGHTS] : places[place + WEIGHTS + 1]],
        net.bias[hexagon * width : (hexagon + 1) * width],
        net.readout[places[place + READOUT] : places[place + READOUT + 1]],
        net.readout_bias,
        net.floors[begin:end],
        net.borders[begin:end],
        net.limits[begin:end],
        net.inverse[begin:end],
        net.row_of_source[begin:end],
        net.reads[places[place + READS] : places[place + READS + 1]],
        net.record,
    )
