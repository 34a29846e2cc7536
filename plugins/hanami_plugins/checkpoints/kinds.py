"""What save and restore tasks do in the sidecar."""

from __future__ import annotations

import json
from contextlib import closing

import msgspec

from hanami_core.admission import DISK, Claim
from hanami_core.compute import memory
from hanami_core.events import CheckpointSaved
from hanami_core.network import NetworkState
from hanami_core.queue import FINISHED, Job, Task
from hanami_core.runtime import Runtime
from hanami_core.storage.blobs import Blob
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import (
    LIVE,
    Cluster,
    LiveCluster,
    copy_lineage,
    forget_lineage,
    lineage_of,
    move_lineage,
    replace_state,
)


class SavePayload(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of a save: nothing but the task's own name and uuid."""


class RestorePayload(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of a restore: the state to go back to."""

    blob: str


def save(job: Job) -> None:
    """Make the cluster's state a checkpoint with the task's uuid."""
    live_clusters = job.runtime.stash[LIVE]
    with live_clusters.working(job.task.partition) as live:
        if Cluster.get(Cluster.uuid == live.uuid).blob is None:
            live_clusters.store(live, force=True)
        with job.commit(1, final=True):
            _add_checkpoint(job, live)


def claims_of(blob: str | None) -> list[tuple[str, int]]:
    """Return what a checkpoint of a stored state takes: resources and how much of each."""
    size = Blob.select(Blob.size).where(Blob.uuid == blob).scalar() or 0
    return [(Checkpoint.resource, 1), (DISK, int(size))]


def _add_checkpoint(job: Job, live: LiveCluster) -> None:
    task, cluster = job.task, Cluster.get(Cluster.uuid == live.uuid)
    blob = job.runtime.blobs.incref(str(cluster.blob))
    claims = claims_of(blob)
    for resource, amount in claims:
        job.runtime.admit(Claim(task.owner_id, task.project_id, resource, amount))
    copy_lineage(live.uuid, task.uuid)
    trainings = lineage_of(task.uuid).trainings
    last = trainings[-1] if trainings else None
    Checkpoint.create(
        uuid=task.uuid,
        name=task.name,
        owner_id=task.owner_id,
        project_id=task.project_id,
        blob=blob,
        size=dict(claims)[DISK],
        cluster=live.uuid,
        cluster_name=cluster.name,
        task="" if last is None else last.task_uuid,
        task_name="" if last is None else last.name,
        cycles=cluster.cycles,
        metrics=json.dumps(dict(live.network.metrics())),
        seed=live.network.head.seed,
        version=cluster.version,
    )
    owned = {"uuid": str(task.uuid), "owner_id": str(task.owner_id), "project_id": str(task.project_id)}
    job.runtime.emit(CheckpointSaved(actor=None, cluster_uuid=live.uuid, **owned))


def restore(job: Job) -> None:
    """Replace the cluster's network by a checkpoint's."""
    runtime, uuid, blob = job.runtime, job.task.partition, job.payload(RestorePayload).blob
    assert runtime.compute is not None, "tasks run in sidecars"
    with runtime.blobs.open(blob) as path, path.open("rb") as file:
        state = NetworkState.read(file)
    memory.require(runtime, state.head.template, runtime.compute, state.head.inputs, state.head.outputs)
    # Opened to see whether the host can; the cluster opens it again when somebody needs it.
    network = runtime.rules_for(state.head.template, runtime.compute.kind).open(state, runtime.compute)
    with closing(network), runtime.stash[LIVE].replacing(uuid), job.commit(1, final=True):
        # The task's reference may be the only one left by now; the cluster needs one of its own before that ends.
        runtime.blobs.incref(blob)
        replace_state(runtime, uuid, blob, state.head, network.metrics())


def restored(runtime: Runtime, task: Task) -> None:
    """Let a cluster that was restored go on with the lineage of the checkpoint, which the task has kept meanwhile."""
    if task.state == FINISHED:
        move_lineage(str(task.uuid), str(task.partition))
    else:
        forget_lineage(str(task.uuid))
