"""What can be done with checkpoints, for routes of any Api and for other plugins. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import peewee

from hanami_core.access import Access
from hanami_core.admission import Claim
from hanami_core.errors import NotFound
from hanami_core.labels import set_labels as label
from hanami_core.queue import Task
from hanami_core.runtime import Runtime
from hanami_core.sharing import Visibility
from hanami_core.sharing import set_visibility as share
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.arrivals import MISSING, give_up
from hanami_plugins.checkpoints.growth import require_growth
from hanami_plugins.checkpoints.kinds import RestorePayload, SavePayload, claims_of
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import SETTLE_SECONDS, Cluster, copy_lineage, forget_lineage, get_cluster, template_of

__all__ = [
    "MISSING",
    "delete_checkpoint",
    "get_checkpoint",
    "list_checkpoints",
    "restore",
    "save",
    "set_labels",
    "set_visibility",
]


def save(runtime: Runtime, access: Access, cluster: str, name: str) -> Task:
    """Save a cluster. The checkpoint has the uuid of the task, and exists if the task's state is finished.

    For a cluster that is idle it is, unless that takes long.

    Raises:
        NotFound: if there is no such cluster that the actor may change.
        Conflict: if the cluster has no network.
        ServiceError: if the cluster was idle, and could not be saved.
        VisibleError: if a plugin says that the actor has too many checkpoints or open tasks, or too much on the disk.
    """
    with atomic():
        row = get_cluster(access, cluster, "write")
        template_of(row)
        task, idle = _enqueue(runtime, access, "save", row, name, SavePayload())
        # After the queue, as everywhere: who ends a task holds its queue when it claims room for a result.
        for resource, amount in claims_of(row.blob):
            runtime.admit(Claim.of(access.actor, resource, amount))
    _settle(runtime, task, idle)
    return task


def restore(runtime: Runtime, access: Access, cluster: str, checkpoint: str) -> Task:
    """Restore a cluster. The state is kept for the task, so the checkpoint may be deleted at once.

    An idle cluster is restored when this returns, unless that takes long: the task's state tells.

    Raises:
        NotFound: if there is no such cluster that the actor may change, or no such checkpoint that it may see.
        Conflict: if either was deleted meanwhile, or the cluster has a network and its host no rule set for
            that of the checkpoint.
        ServiceError: if the cluster was idle, and could not be restored.
        Unavailable: if the store of the checkpoint cannot be reached now.
    """
    require_growth(runtime, access, get_cluster(access, cluster, "write"), get_checkpoint(access, checkpoint))
    with atomic():
        row = get_cluster(access, cluster, "write")
        found = get_checkpoint(access, checkpoint)
        task, idle = _enqueue(runtime, access, "restore", row, found.name, RestorePayload(found.blob), [found.blob])
        # Until it has ended, the task has the lineage of the checkpoint, as it has the state.
        copy_lineage(found.uuid, task.uuid)
    _settle(runtime, task, idle)
    return task


def _enqueue(
    runtime: Runtime,
    access: Access,
    kind: str,
    cluster: Cluster,
    name: str,
    payload: msgspec.Struct,
    blobs: Sequence[str] = (),
) -> tuple[Task, bool]:
    """Queue a task in the caller's transaction and tell whether it can run at once."""
    queue = runtime.queue
    idle = cluster.mode == "TASK" and not queue.open_tasks(cluster.uuid)
    task = queue.enqueue(kind, cluster.uuid, access.actor, name, payload, 1, blobs=blobs, action=access.action)
    return task, idle


def _settle(runtime: Runtime, task: Task, idle: bool) -> None:
    if idle:
        task.state = runtime.queue.outcome(task.uuid, SETTLE_SECONDS)


def get_checkpoint(access: Access, uuid: str) -> Checkpoint:
    """Return a checkpoint.

    Raises:
        NotFound: if there is none that the actor may see.
    """
    return access.get(Checkpoint, uuid, MISSING, "read")


def list_checkpoints(access: Access) -> peewee.ModelSelect[Checkpoint]:
    """Select the checkpoints that the actor may see, oldest first."""
    return access.visible(Checkpoint, "read")


def set_labels(
    access: Access,
    uuid: str,
    *,
    name: str | None = None,
    about: str | None = None,
    tags: Sequence[str] | None = None,
) -> Checkpoint:
    """Change the name of a checkpoint, what it is about, or all of its tags; what is None stays as it is.

    Raises:
        NotFound: if there is none that the actor may change.
        BadRequest: if nothing is to be changed, or a tag or the text breaks a rule.
    """
    return label(access, Checkpoint, uuid, MISSING, name=name, about=about, tags=tags)


def set_visibility(access: Access, uuid: str, visibility: Visibility) -> Checkpoint:
    """Say who may see and restore a checkpoint besides its owner.

    Raises:
        NotFound: if there is none that the actor may change.
    """
    return share(access, Checkpoint, uuid, visibility, MISSING)


def delete_checkpoint(runtime: Runtime, access: Access, uuid: str) -> None:
    """Delete a checkpoint, or give up its upload. Restores that wait keep its state.

    Raises:
        NotFound: if there is none that the actor may delete, or somebody else has deleted it meanwhile.
    """
    missing = "deleted_checkpoint_missing"
    try:
        checkpoint = access.get(Checkpoint, uuid, missing, "write")
    except NotFound:
        give_up(runtime, access, uuid, missing)
        return
    with atomic():
        if not checkpoint.mark_deleted():
            raise NotFound(missing, uuid=uuid)
        forget_lineage(checkpoint.uuid)
        runtime.blobs.decref(checkpoint.blob)
