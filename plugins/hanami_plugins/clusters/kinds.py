"""Tasks that concern a cluster itself; they run in the sidecar of its host."""

from __future__ import annotations

from hanami_core.errors import TaskError
from hanami_core.queue import Job
from hanami_plugins.clusters.live import LIVE
from hanami_plugins.clusters.models import Cluster
from hanami_plugins.clusters.service import HostMove


def settle(job: Job) -> None:
    """Store what direct mode trained and refuse frames from now on; leaves no trace in the list of tasks."""
    with job.runtime.stash[LIVE].working(job.task.partition):
        with job.commit(1, final=True):
            job.runtime.queue.hide(job.task)


def switch_host(job: Job) -> None:
    """Give a cluster and the rest of its tasks to another host."""
    target, uuid = job.payload(HostMove).host, job.task.partition
    if target not in job.runtime.hosts:
        raise TaskError(f"host '{target}' is gone")
    live = job.runtime.stash[LIVE]
    with live.working(uuid) as network:
        with job.commit(1, final=True):
            Cluster.update(host=target).where(Cluster.uuid == uuid).execute()
            job.runtime.queue.move_partition(uuid, target)
        live.evict(network)
