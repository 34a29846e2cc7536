"""Leases of clusters: what uses a cluster, and how one goes whose lease is over. See `hanami_core.leases`."""

from __future__ import annotations

import contextlib
import logging

from hanami_core.access import Access
from hanami_core.errors import NotFound
from hanami_core.leases import Expiry, expired, renew
from hanami_core.queue import OPEN, Task
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.storage.database import atomic, hold
from hanami_plugins.clusters.models import TASK_MODE, Cluster
from hanami_plugins.clusters.service import MISSING, remove

__all__ = ["SETTING", "renew_lease", "schedule"]

SETTING = Setting("clusters.leases", float, 30.0, "Seconds between two checks for clusters with expired leases", 0.05)

log = logging.getLogger("hanami.clusters")


def schedule(runtime: Runtime) -> Schedule:
    """Return what removes clusters whose lease is over."""
    seconds = runtime.settings[SETTING.name]
    return Schedule("clusters.leases", seconds, Expiry(Cluster, seconds, unused, remove_expired))


def renew_lease(access: Access, uuid: str, lease: int | None) -> Cluster:
    """Let the lease of a cluster begin anew, or end it for good; see `hanami_core.leases.renew`.

    Raises:
        NotFound: if there is none that the actor may change.
        Conflict: if it has no lease that could be renewed.
    """
    return renew(access, Cluster, uuid, MISSING, lease)


def unused() -> object:
    """Return the condition of clusters that neither a task nor a client in direct mode uses."""
    busy = Task.select(Task.partition).where(Task.state.in_(OPEN))
    return (Cluster.mode == TASK_MODE) & Cluster.uuid.not_in(busy)


def remove_expired(runtime: Runtime, cluster: Cluster) -> None:
    """Delete a cluster whose lease is over, unless it is used or was renewed meanwhile."""
    with contextlib.suppress(NotFound), atomic():
        # First, because from then on nobody adds or starts a task.
        runtime.queue.pause(cluster.uuid)
        if not hold(Cluster, (Cluster.sequence == cluster.sequence) & expired(Cluster, unused())):
            raise NotFound(MISSING, uuid=cluster.uuid)  # so nothing of this happens
        remove(runtime, cluster, None)
        log.info("the lease of a cluster is over", extra={"cluster": cluster.uuid, "seconds": cluster.lease})
