"""REST routes of checkpoints."""

from __future__ import annotations

from typing import Any

import msgspec

from hanami_core.errors import NotFound
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.http.sharing import OwnedAnswer, owned_answer, visibility_route
from hanami_core.ids import Name, Uuid
from hanami_core.queue import Task
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.kinds import Restore, Save
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import MISSING, SETTLE_SECONDS, Cluster, template_of

PREFIX = "/checkpoint"
CLUSTER_PREFIX = "/cluster"
LIST_HEADER = ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")
CHECKPOINT_MISSING = "Checkpoint with uuid '{}' not found"


class SaveCluster(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a new checkpoint."""

    name: Name
    cluster_uuid: Uuid


class LoadCluster(msgspec.Struct, forbid_unknown_fields=True):
    """Which checkpoint goes into which cluster."""

    cluster_uuid: Uuid
    checkpoint_uuid: Uuid


class ByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint by its uuid."""

    uuid: Uuid


class SaveAnswer(msgspec.Struct):
    """The checkpoint, whose uuid is also that of the task."""

    name: str
    uuid: str


class TaskUuid(msgspec.Struct):
    """A task."""

    uuid: str


class CheckpointAnswer(OwnedAnswer):
    """A checkpoint."""


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", f"{CLUSTER_PREFIX}/save", "checkpoints.save", SaveCluster, SaveAnswer, save),
        Route("POST", f"{CLUSTER_PREFIX}/load", "checkpoints.load", LoadCluster, TaskUuid, load),
        Route("GET", PREFIX, "checkpoints.get", ByUuid, CheckpointAnswer, get),
        Route("DELETE", PREFIX, "checkpoints.delete", ByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "checkpoints.list", Paging, Listing, list_all),
        visibility_route(PREFIX, "checkpoints", Checkpoint, CHECKPOINT_MISSING),
    ]


def save(call: Call, request: SaveCluster) -> dict[str, Any]:
    """Save a cluster. If it is idle, the checkpoint exists when this returns."""
    with atomic():
        cluster = call.get(Cluster, request.cluster_uuid, MISSING.format(request.cluster_uuid))
        template_of(cluster)
        task, idle = _enqueue(call, "save", cluster, request.name, Save(), [])
    _settle(call, task, idle)
    return {"name": request.name, "uuid": task.uuid}


def load(call: Call, request: LoadCluster) -> dict[str, Any]:
    """Restore a cluster. The state is kept for the task, so the checkpoint may be deleted at once."""
    missing = CHECKPOINT_MISSING.format(request.checkpoint_uuid)
    with atomic():
        cluster = call.get(Cluster, request.cluster_uuid, MISSING.format(request.cluster_uuid))
        checkpoint = call.get(Checkpoint, request.checkpoint_uuid, missing, "read")
        blob = checkpoint.blob
        task, idle = _enqueue(call, "restore", cluster, checkpoint.name, Restore(blob), [blob])
    _settle(call, task, idle)
    return {"uuid": task.uuid}


def _enqueue(
    call: Call, kind: str, cluster: Cluster, name: str, payload: msgspec.Struct, blobs: list[str]
) -> tuple[Task, bool]:
    """Queue a task in the caller's transaction and tell whether it can run at once."""
    queue = call.runtime.queue
    idle = cluster.mode == "TASK" and not queue.open_tasks(cluster.uuid)
    return queue.enqueue(kind, cluster.uuid, call.actor, name, payload, 1, blobs=blobs), idle


def _settle(call: Call, task: Task, idle: bool) -> None:
    if idle:
        call.runtime.queue.wait(task.uuid, SETTLE_SECONDS)


def get(call: Call, request: ByUuid) -> dict[str, Any]:
    """Return a checkpoint."""
    checkpoint = call.get(Checkpoint, request.uuid, CHECKPOINT_MISSING.format(request.uuid))
    return owned_answer(checkpoint)


def delete(call: Call, request: ByUuid) -> dict[str, Any]:
    """Delete a checkpoint."""
    missing = f"Chekckpoint with uuid '{request.uuid}' not found"
    checkpoint = call.get(Checkpoint, request.uuid, missing)
    with atomic():
        if not checkpoint.mark_deleted():
            raise NotFound(missing)
        call.runtime.blobs.release(checkpoint.blob)
    return {}


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible checkpoints."""
    return listing(LIST_HEADER, call.access.visible(Checkpoint), request)
