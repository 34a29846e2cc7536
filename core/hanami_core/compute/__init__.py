"""Contracts of compute: hosts, rule sets and live networks; which rule set runs a template, and where clusters go.

A *compute host* is a logical processor (`hosts`). A *rule set* decides how a network grows and learns, on one
kind of host or on several, and a *live network* is a network in a host's memory (`networks`). The api and all other
processes know hosts and rule sets by what they say of themselves; only the sidecar of a host starts it and opens
networks.
"""

from hanami_core.compute.hosts import (
    ComputeHost,
    HostContext,
    HostDescription,
    OnRequest,
    is_healthy,
    is_on_request,
)
from hanami_core.compute.networks import (
    Columns,
    LiveNetwork,
    NetworkRules,
    Rows,
    Run,
    TakesWeights,
    Values,
    takes_weights,
)

__all__ = [
    "Columns",
    "ComputeHost",
    "HostContext",
    "HostDescription",
    "LiveNetwork",
    "NetworkRules",
    "OnRequest",
    "Rows",
    "Run",
    "TakesWeights",
    "Values",
    "is_healthy",
    "is_on_request",
    "takes_weights",
]
