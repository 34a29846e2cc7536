"""From a stored network to its reference, so that a host without kernels can compute with it."""

from __future__ import annotations

import msgspec
import numpy as np

from hanami_core.network import NetworkState, StateHead
from hanami_plugins.networks_section.deep_graph import is_deep
from hanami_plugins.networks_section.deep_reference import DeepReference
from hanami_plugins.networks_section.section_memory import SectionExtra, averages_of, blocks_of, with_limits
from hanami_plugins.networks_section.section_reference import ReferenceNetwork

__all__ = ["average_of", "reference_of"]


def reference_of(state: NetworkState) -> ReferenceNetwork:
    """Return the reference of a state that `SectionRules.check` accepts. They share no memory."""
    network = _empty(state.head)
    network.load(with_limits(state))
    network.failure = np.float32(_extra(state.head).failure)
    return network


def average_of(state: NetworkState) -> ReferenceNetwork | None:
    """Return the same with the weights that are averaged over a stream, or None if there is no stream."""
    averages = averages_of(state.arrays)
    if not averages:
        return None
    network = _empty(state.head)
    network.load(with_limits(state) | averages)
    network.failure = np.float32(_extra(state.head).average_failure)
    return network


def _empty(head: StateHead) -> ReferenceNetwork:
    inputs = {item.name: head.inputs.get(item.name, 0) for item in head.template.inputs}
    squashing = _extra(head).squashing
    outputs = [(head.outputs.get(o.name, 0), squashing.get(o.name) == "softmax") for o in head.template.outputs]
    if is_deep(head.template):
        return DeepReference(head.template, head.seed, inputs, outputs)
    return ReferenceNetwork(head.seed, tuple(inputs.values()), outputs, blocks_of(head.template))


def _extra(head: StateHead) -> SectionExtra:
    return msgspec.convert(head.extra, SectionExtra)
