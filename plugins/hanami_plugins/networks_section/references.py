"""What a host without kernels does with a stored network: make its reference, and fit it to data of another width."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanami_core.network import NetworkState, StateHead
from hanami_plugins.networks_section.deep_graph import is_deep
from hanami_plugins.networks_section.deep_memory import DeepMemory
from hanami_plugins.networks_section.deep_reference import DeepReference
from hanami_plugins.networks_section.network_arrays import averages_of, blocks_of, with_limits
from hanami_plugins.networks_section.section_extra import SectionExtra
from hanami_plugins.networks_section.section_memory import SectionMemory
from hanami_plugins.networks_section.section_reference import ReferenceNetwork

__all__ = ["average_of", "reference_of", "resized"]


def reference_of(state: NetworkState) -> ReferenceNetwork:
    """Return the reference of a state that `SectionRules.check` accepts. They share no memory."""
    network = _empty(state.head)
    network.load(with_limits(state))
    network.failure = np.float32(SectionExtra.of(state.head).failure)
    return network


def average_of(state: NetworkState) -> ReferenceNetwork | None:
    """Return the same with the weights that are averaged over a stream, or None if there is no stream."""
    averages = averages_of(state.arrays)
    if not averages:
        return None
    network = _empty(state.head)
    network.load(with_limits(state) | averages)
    network.failure = np.float32(SectionExtra.of(state.head).average_failure)
    return network


def resized(state: NetworkState, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> NetworkState:
    """Return a state with its interfaces fitted to numbers of values, see `LiveNetwork.resize`.

    Raises:
        BadRequest: if a name is unknown or a size is impossible.
    """
    memory = (DeepMemory if is_deep(state.head.template) else SectionMemory)(state)
    return memory.resized(inputs, outputs).state()


def _empty(head: StateHead) -> ReferenceNetwork:
    inputs = {item.name: head.inputs.get(item.name, 0) for item in head.template.inputs}
    squashing = SectionExtra.of(head).squashing
    outputs = [(head.outputs.get(o.name, 0), squashing.get(o.name) == "softmax") for o in head.template.outputs]
    if is_deep(head.template):
        return DeepReference(head.template, head.seed, inputs, outputs)
    return ReferenceNetwork(head.seed, tuple(inputs.values()), outputs, blocks_of(head.template))
