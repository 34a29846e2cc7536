"""Where the network of a checkpoint can live: on hosts that have the rule set by which it grows."""

from __future__ import annotations

from msgspec.structs import replace

from hanami_core.access import Access
from hanami_core.compute import ComputeHost
from hanami_core.compute.placement import place
from hanami_core.errors import BadRequest, Conflict, CorruptFile
from hanami_core.network import NetworkState, StateHead, Template
from hanami_core.runtime import Runtime
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster, assign_host

__all__ = ["require_growth"]


def require_growth(runtime: Runtime, access: Access, cluster: Cluster, checkpoint: Checkpoint) -> None:
    """Make sure that the host of a cluster runs the network of a checkpoint.

    A cluster that has no network yet goes to a host that does. Nothing is said of a state that is damaged, nor of a
    host that is not there now: the task that restores tells.

    Raises:
        Conflict: if the host has no rule set that runs the network as it was saved; names the hosts that have one.
        Unavailable: if a cluster would have to go to hosts that cannot run networks at the moment.
    """
    host = runtime.hosts.get(cluster.host)
    head = None if host is None else _head(runtime, str(checkpoint.blob))
    if host is None or head is None or _runs(runtime, head, host):
        return
    able = [name for name, other in runtime.hosts.items() if _runs(runtime, head, other)]
    if able and cluster.blob is None:
        found = place(runtime, access.actor, _for_its_growth(head))
        if found.name in able:
            assign_host(runtime, cluster, found)
            return
    raise Conflict(
        "checkpoint_refused_by_host",
        uuid=checkpoint.uuid,
        growth=head.rules,
        host=host.name,
        hosts=", ".join(able) or "none",
    )


def _head(runtime: Runtime, blob: str) -> StateHead | None:
    try:
        with runtime.blobs.open(blob) as path, path.open("rb") as file:
            return NetworkState.read_head(file)
    except CorruptFile:
        return None


def _runs(runtime: Runtime, head: StateHead, host: ComputeHost) -> bool:
    """Tell whether the rule set that runs the template on a host is the one that made the network."""
    try:
        return runtime.rules_for(head.template, host.kind).name == head.rules
    except BadRequest:
        return False


def _for_its_growth(head: StateHead) -> Template:
    """Return the template of a network with the name of its rule set, which it need not have."""
    return replace(head.template, settings=replace(head.template.settings, growth=head.rules))
