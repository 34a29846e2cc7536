"""Tasks that concern a cluster itself; they run in the sidecar of its host."""

from __future__ import annotations

from hanami_core.compute import is_healthy
from hanami_core.errors import LeaseLost, TaskError
from hanami_core.queue import Job
from hanami_core.storage.database import compare_and_set
from hanami_plugins.clusters.growth import require_growth
from hanami_plugins.clusters.live import LIVE
from hanami_plugins.clusters.models import Cluster
from hanami_plugins.clusters.moving import HostMove
from hanami_plugins.clusters.service import template_of


def settle(job: Job) -> None:
    """Store what direct mode trained and refuse frames from now on; leaves no trace in the list of tasks."""
    with job.runtime.stash[LIVE].working(job.task.partition):
        with job.commit(1, final=True):
            job.runtime.queue.hide(job.task)


def switch_host(job: Job) -> None:
    """Give a cluster and the rest of its tasks to another host.

    A host that cannot run networks lets it go as it was last stored.
    """
    target, uuid = job.payload(HostMove).host, job.task.partition
    if target not in job.runtime.hosts:
        raise TaskError(f"host '{target}' is gone")
    live, compute = job.runtime.stash[LIVE], job.runtime.compute
    if compute is not None and not is_healthy(compute):
        with live.replacing(uuid):
            _move(job, target, live.host)
        return
    with live.working(uuid) as network:
        _move(job, target, live.host)
        live.evict(network)


def _move(job: Job, target: str, here: str) -> None:
    """End the task with the cluster on another host."""
    uuid = job.task.partition
    # A task before this one may have stored the first network of the cluster.
    cluster = Cluster.get(Cluster.uuid == uuid)
    require_growth(job.runtime, cluster, template_of(cluster), job.runtime.hosts[target])
    with job.commit(1, final=True):
        if not compare_and_set(Cluster, (Cluster.uuid == uuid) & (Cluster.host == here), host=target):
            raise LeaseLost(f"cluster {uuid} was moved by somebody else")
        job.runtime.queue.move_partition(uuid, target)
