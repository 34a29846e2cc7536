"""The network's definition: template, topology, state. No compute and no grammar."""

from hanami_core.network.operations import Array
from hanami_core.network.state import NetworkState, StateHead
from hanami_core.network.template import (
    Axon,
    Input,
    Output,
    Position,
    Settings,
    Template,
    in_a_line,
)
from hanami_core.network.topology import Topology

__all__ = [
    "Array",
    "Axon",
    "Input",
    "NetworkState",
    "Output",
    "Position",
    "Settings",
    "StateHead",
    "Template",
    "Topology",
    "in_a_line",
]
