"""Answers from weights of 8 bits: what the template setting ``precision: int8`` asks for.

A request takes a snapshot of a network: its weights, divided by the borders of their sources and rounded to whole
numbers from -127 to 127, with one scale for each hidden neuron. Inputs that are bytes need no rounding, so that the
sums of a cycle are sums of integers: exact, in any order, on any processor. Processors that multiply bytes (VNNI)
answer about twice as fast. All that comes after the sums is computed as usual.

Plain NumPy, no compute library. `ReferenceNetwork.answer_bytes` says what a kernel computes from a snapshot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_plugins.networks_section.network_arrays import aligned
from hanami_plugins.networks_section.section_layout import (
    BYTES,
    LANES,
    NO_ROW,
    WIDTH,
    Floats,
    Records,
    SectionNet,
)

QUAD = 4
"""Sources whose values and weights lie in 32 bits side by side."""
MOST = 127
"""Biggest rounded weight."""


class Snapshot(NamedTuple):
    """What is needed to answer.

    Attributes:
        net: the network that the snapshot is of.
        weights: (quads, blocks, 64) int32, four weights in each.
        scale: (blocks, 64) what a weight of 1 stands for.
        limits: (sources + 16) uint8, the border of each source, 0 if it was never active.
    """

    net: SectionNet
    weights: npt.NDArray[np.int32]
    scale: Floats
    limits: npt.NDArray[np.uint8]


class QuadAnswers(NamedTuple):
    """Memory of the answering kernel, zero at the begin of a request.

    Attributes:
        values: (quads + 4) int32, the values of a cycle, four in each.
        active: (quads + 1) int32, those that are not zero.
        places: (quads + 1) int32, where these are in `values`.
        hidden: (64) values of the hidden neurons of a block.
        partials: (lanes) what a block adds to the outputs.
        results: (cycles, lanes) probabilities.
    """

    values: npt.NDArray[np.int32]
    active: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]
    hidden: Floats
    partials: Floats
    results: Floats


def take(net: SectionNet, sources: int, inputs: Records) -> Snapshot | None:
    """Return a snapshot for inputs given as segments, or None if not all values are the bytes that it is made for."""
    floors, borders = net.floors[:sources], net.borders[:sources]
    if (inputs["itemsize"] != BYTES).any() or not takes_bytes(floors, borders):
        return None
    whole, scale = rounded_weights(net, sources)
    quads = whole.reshape(-1, QUAD, net.bias.size).transpose(0, 2, 1)
    weights, limits = aligned(quads.size // QUAD, np.int32), aligned(sources + LANES, np.uint8)
    weights[:] = np.ascontiguousarray(quads).view(np.int32).reshape(-1)
    limits[:sources] = borders
    return Snapshot(net, weights, scale, limits)


def takes_bytes(floors: Floats, borders: Floats) -> bool:
    """Tell whether sources with these ranges have had bytes, so that a snapshot can be made for bytes."""
    whole = (borders == np.floor(borders)).all() and (borders <= np.iinfo(np.uint8).max).all()
    return bool(whole and not floors.any())


def rounded_weights(net: SectionNet, sources: int) -> tuple[npt.NDArray[np.int8], Floats]:
    """Return the rounded weights, shape (sources rounded up to quads, neurons), and the scale of each neuron."""
    rows = net.row_of_source[:sources]
    known = np.flatnonzero(rows != NO_ROW)
    sections = net.weights.reshape(net.bias.size // WIDTH, -1, WIDTH)[:, rows[known]]
    exact = np.zeros((sources + -sources % QUAD, net.bias.size), np.float32)
    exact[known] = sections.transpose(1, 0, 2).reshape(len(known), net.bias.size) * net.inverse[known, None]
    return rounded(exact)


def rounded(exact: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Return weights of the shape (sources, neurons) as whole numbers, and what a weight of 1 stands for."""
    scale: Floats = np.abs(exact).max(axis=0, initial=0) / np.float32(MOST)
    steps = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale > 0)
    return np.rint(exact * steps).astype(np.int8), scale


def answers(snapshot: Snapshot, rows: int) -> QuadAnswers:
    """Return memory for an answering kernel and so many cycles."""
    quads, lanes = snapshot.weights.size // max(1, snapshot.scale.size), snapshot.net.readout_bias.size
    return QuadAnswers(
        values=aligned(quads + LANES // QUAD, np.int32),
        active=aligned(quads + 1, np.int32),
        places=aligned(quads + 1, np.int32),
        hidden=aligned(WIDTH),
        partials=aligned(lanes),
        results=aligned(rows * lanes),
    )
