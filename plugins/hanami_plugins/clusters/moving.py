"""How clusters go from one compute host to another, with the rest of their tasks. Knows no HTTP."""

from __future__ import annotations

import msgspec

from hanami_core.access import Access
from hanami_core.compute import ComputeHost, descriptions, memory
from hanami_core.compute.placement import require_healthy
from hanami_core.errors import Conflict, NotFound
from hanami_core.queue import ACTIVE as RUNS
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, atomic, compare_and_set
from hanami_plugins.clusters.growth import require_growth
from hanami_plugins.clusters.models import DIRECT_MODE, Cluster
from hanami_plugins.clusters.service import changed, get_cluster, interfaces, template_of

__all__ = ["HostMove", "move_cluster"]


class HostMove(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of the task that moves a cluster."""

    host: str


def move_cluster(runtime: Runtime, access: Access, uuid: str, host_uuid: str) -> Cluster:
    """Move a cluster to another host; one that is idle is there when this returns, or has the move as `pending`.

    Raises:
        NotFound: if there is no such cluster that the actor may change, or no such host.
        Conflict: if the cluster has no network or is in direct mode, or the host has no rules for it.
        ServiceError: if the cluster was idle and could not be moved, or the host cannot run networks at the moment.
        Unprocessable: if the network would take too much memory there.
    """
    cluster = get_cluster(access, uuid, "write")
    template = template_of(cluster)
    host = _host(runtime, host_uuid)
    require_growth(runtime, cluster, template, host)
    require_healthy(runtime, host)
    memory.require(runtime, template, host, *interfaces(cluster))
    if _leaves_at_once(runtime, cluster, host):
        return get_cluster(access, uuid, "write")
    with atomic():
        # First, because from then on nobody changes the mode.
        payload = HostMove(host.name)
        task = runtime.queue.enqueue(
            "switch_host", cluster.uuid, access.actor, cluster.name, payload, 1, action=access.action
        )
        if get_cluster(access, uuid, "write").mode == DIRECT_MODE:
            raise Conflict("cluster_in_direct_mode", uuid=cluster.uuid)
        idle = len(runtime.queue.open_tasks(cluster.uuid)) == 1
    pending = changed(runtime, cluster, task, waits=idle).pending
    cluster = Cluster.get(Cluster.uuid == cluster.uuid)
    cluster.pending = pending
    return cluster


def _leaves_at_once(runtime: Runtime, cluster: Cluster, target: ComputeHost) -> bool:
    """Move a cluster whose host cannot run networks, with all tasks that wait for it; tell whether that was done.

    A task that runs all the same must end first, and a session holds the host in direct mode.
    """
    found = descriptions.load(runtime.settings.data_dir, cluster.host)
    if found is None or found.healthy or target.name == cluster.host:
        return False
    with atomic():
        # First, because from then on the former host claims nothing.
        runtime.queue.move_partition(cluster.uuid, target.name)
        runs = any(task.state == RUNS for task in runtime.queue.open_tasks(cluster.uuid))
        here = (Cluster.sequence == cluster.sequence) & (Cluster.status == ACTIVE) & (Cluster.host == cluster.host)
        resting = here & (Cluster.mode != DIRECT_MODE)
        if not runs and compare_and_set(Cluster, resting, host=target.name):
            return True
        runtime.queue.move_partition(cluster.uuid, cluster.host)
    return False


def _host(runtime: Runtime, host_uuid: str) -> ComputeHost:
    names = [name for name, uuid in runtime.host_uuids.items() if uuid == host_uuid.lower() and name in runtime.hosts]
    if not names:
        raise NotFound("host_missing", uuid=host_uuid)
    return runtime.hosts[names[0]]
