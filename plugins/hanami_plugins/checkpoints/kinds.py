"""What save and restore tasks do in the sidecar."""

from __future__ import annotations

import msgspec

from hanami_core.network import NetworkState
from hanami_core.queue import Job
from hanami_core.storage.database import ACTIVE
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import LIVE, Cluster, LiveCluster, clean_up, replace_state


class Save(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of a save: nothing but the task's own name and uuid."""


class Restore(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of a restore: the state to go back to."""

    blob: str


def save(job: Job) -> None:
    """Make the cluster's state a checkpoint with the task's uuid."""
    live_clusters = job.runtime.stash[LIVE]
    with live_clusters.working(job.task.lane) as live:
        if Cluster.get(Cluster.uuid == live.uuid).blob is None:
            live_clusters.store(live, force=True)
        with job.commit(1, final=True):
            _add_checkpoint(job, live)


def _add_checkpoint(job: Job, live: LiveCluster) -> None:
    task, cluster = job.task, Cluster.get(Cluster.uuid == live.uuid)
    Checkpoint.create(
        uuid=task.uuid,
        name=task.name,
        owner_id=task.owner_id,
        project_id=task.project_id,
        blob=job.runtime.blobs.retain(str(cluster.blob)),
    )
    if cluster.status != ACTIVE:
        clean_up(job.runtime, cluster.uuid, task.uuid)


def restore(job: Job) -> None:
    """Replace the cluster's network by a checkpoint's."""
    runtime, uuid, blob = job.runtime, job.task.lane, job.payload(Restore).blob
    assert runtime.compute is not None, "tasks run in sidecars"
    with runtime.blobs.open(blob).open("rb") as file:
        state = NetworkState.read(file)
    network = runtime.rules_for(state.head.template, runtime.compute.kind).open(state, runtime.compute)
    with runtime.stash[LIVE].replacing(uuid), job.commit(1, final=True):
        # The task's reference may be the only one left by now; the cluster needs one of its own before that ends.
        runtime.blobs.retain(blob)
        replace_state(runtime, uuid, blob, state.head, network.metrics())
