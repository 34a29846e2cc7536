"""Load or compile all kernels, once in a process, by using a tiny network in every way that users do."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import boolean, float32, int64, typeof

from hanami_core.network import Input, NetworkState, Output, Position, Settings, Template
from hanami_plugins.host_numba.references import TupleReference
from hanami_plugins.host_numba.section_warm import use
from hanami_plugins.host_numba.synapse_backward import backward
from hanami_plugins.host_numba.synapse_bindings import OneCycle
from hanami_plugins.host_numba.synapse_forward import read_expected
from hanami_plugins.host_numba.synapse_growth import give_sections, split_section
from hanami_plugins.host_numba.synapse_kernels import answer_cycles, train_cycles, visit
from hanami_plugins.host_numba.synapse_network import SynapseNetwork
from hanami_plugins.host_numba.synapse_reduction import reduce
from hanami_plugins.host_numba.thread_pool import ThreadPool
from hanami_plugins.networks_synapse import Floats, SynapseMemory, synapse_memory, zeros

STEPS = {
    "forward": (),
    "growth": (),
    "backward": (),
    "training": ("forward", "growth", "backward"),
    "answering": ("forward",),
}
"""What can be compiled beside each other, and what must be there before. Each takes a fifth to a third of the time."""


def _state() -> NetworkState:
    """Make a network of one input and one output."""
    hexagons = (Position(1, 1, 1), Position(2, 1, 1))
    template = Template(Settings(), hexagons, (Input("in", 0),), (Output("out", 1),))
    return synapse_memory.empty_state(template, 0)


def step(name: str) -> None:
    """Compile a step into the cache."""
    memory = SynapseMemory(_state())
    binding = OneCycle(memory.inputs, memory.outputs, memory.template).binding
    entry = tuple(typeof(value) for value in (memory.net, memory.neurons, binding))
    net, neurons, given = (TupleReference(kind) for kind in entry)
    results: Floats = zeros(1)
    parts: dict[str, list[tuple[Any, tuple[Any, ...]]]] = {
        "forward": [(visit, (net, neurons, given, int64, int64, boolean))],
        "growth": [(give_sections, (net, neurons, int64)), (split_section, (net, neurons, int64))],
        "backward": [
            (backward, (net, neurons, given, float32)),
            (reduce, (net, neurons)),
            (read_expected, (net, neurons, given, int64)),
        ],
        "training": [(train_cycles, (*entry, int64, int64))],
        "answering": [(answer_cycles, (*entry, int64, int64, typeof(results)))],
    }
    for function, arguments in parts[name]:
        function.compile(arguments)


@cache
def up() -> None:
    """Train and ask the network."""
    use(SynapseNetwork(_state(), ThreadPool(1)))
