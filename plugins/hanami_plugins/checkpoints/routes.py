"""Native routes of checkpoints."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Empty, Listing, Route
from hanami_core.http.labels import LabelledAnswer, WantedRows, detailed, labels_of, labels_route
from hanami_core.http.sharing import owned_answer, visibility_route
from hanami_core.ids import Name, Uuid
from hanami_core.queue import OPEN, Task
from hanami_plugins.checkpoints import service, transfers
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.checkpoints.service import MISSING
from hanami_plugins.clusters import TrainingAnswer, lineage_of

PREFIX = "/checkpoint"
CLUSTER_PREFIX = "/cluster"
LIST_HEADER = ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")


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


class WantedCheckpoint(ByUuid, forbid_unknown_fields=True, kw_only=True):
    """A checkpoint; with `details` also what it was saved of and trained with, or with `before` that number."""

    details: bool = False
    before: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None


class SaveAnswer(msgspec.Struct):
    """The checkpoint, whose uuid is also that of the task.

    As long as it is not there yet, `state` is that of the task; otherwise it is missing.
    """

    name: str
    uuid: str
    state: str | msgspec.UnsetType = msgspec.UNSET


class TaskUuid(msgspec.Struct):
    """A task; its `state` as long as it is still to be done, otherwise that is missing."""

    uuid: str
    state: str | msgspec.UnsetType = msgspec.UNSET


class CheckpointAnswer(LabelledAnswer, kw_only=True):
    """A checkpoint.

    `size` is that of its state in bytes. `cluster_uuid` and `cluster_name` are the cluster that was saved, `version` is
    the number of its stored state then, `task_uuid` and `task_name` are the last training before that; `seed`, `cycles`
    and `metrics` are those of the network then. `trainings` are the last hundred that made it, oldest first. Of one
    that is `imported` it is all what the file has told that it came as; what nobody knows is empty or null.
    """

    size: int | msgspec.UnsetType = msgspec.UNSET
    cluster_uuid: str | msgspec.UnsetType = msgspec.UNSET
    cluster_name: str | msgspec.UnsetType = msgspec.UNSET
    task_uuid: str | msgspec.UnsetType = msgspec.UNSET
    task_name: str | msgspec.UnsetType = msgspec.UNSET
    cycles: int | msgspec.UnsetType = msgspec.UNSET
    metrics: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    seed: int | msgspec.UnsetType | None = msgspec.UNSET
    version: int | msgspec.UnsetType | None = msgspec.UNSET
    imported: bool | msgspec.UnsetType = msgspec.UNSET
    number_of_trainings: int | msgspec.UnsetType = msgspec.UNSET
    trainings: list[TrainingAnswer] | msgspec.UnsetType = msgspec.UNSET


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", f"{CLUSTER_PREFIX}/save", "checkpoints.save", SaveCluster, SaveAnswer, save, keyed=True),
        Route("POST", f"{CLUSTER_PREFIX}/load", "checkpoints.load", LoadCluster, TaskUuid, load, keyed=True),
        Route("GET", PREFIX, "checkpoints.get", WantedCheckpoint, CheckpointAnswer, get),
        Route("DELETE", PREFIX, "checkpoints.delete", ByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "checkpoints.list", WantedRows, Listing, list_all),
        visibility_route(PREFIX, "checkpoints", Checkpoint, MISSING),
        labels_route(PREFIX, "checkpoints", service.set_labels),
        *transfers.routes(),
    ]


def save(call: Call, request: SaveCluster) -> SaveAnswer:
    """Save a cluster. If it is idle, the checkpoint exists when this returns, or the answer tells that it does not."""
    task = service.save(call.runtime, call.access, request.cluster_uuid, request.name)
    return SaveAnswer(task.name, task.uuid, _state(task))


def load(call: Call, request: LoadCluster) -> TaskUuid:
    """Restore a cluster. The state is kept for the task, so the checkpoint may be deleted at once."""
    task = service.restore(call.runtime, call.access, request.cluster_uuid, request.checkpoint_uuid)
    return TaskUuid(task.uuid, _state(task))


def _state(task: Task) -> str | msgspec.UnsetType:
    return task.state if task.state in OPEN else msgspec.UNSET


def get(call: Call, request: WantedCheckpoint) -> dict[str, Any]:
    """Return a checkpoint."""
    found = service.get_checkpoint(call.access, request.uuid)
    return owned_answer(found) | (_details(found, request.before) if request.details else {})


def _details(checkpoint: Checkpoint, before: int | None) -> dict[str, Any]:
    trainings, count = lineage_of(checkpoint.uuid, before)
    return {
        "size": checkpoint.size,
        "cluster_uuid": checkpoint.cluster,
        "cluster_name": checkpoint.cluster_name,
        "task_uuid": checkpoint.task,
        "task_name": checkpoint.task_name,
        "cycles": checkpoint.cycles,
        "metrics": json.loads(checkpoint.metrics),
        "seed": checkpoint.seed,
        "version": checkpoint.version,
        "imported": checkpoint.imported,
        "number_of_trainings": count,
        "trainings": trainings,
        **labels_of(checkpoint),
    }


def delete(call: Call, request: ByUuid) -> Empty:
    """Delete a checkpoint, or give up its upload."""
    service.delete_checkpoint(call.runtime, call.access, request.uuid)
    return Empty()


def list_all(call: Call, request: WantedRows) -> Listing:
    """List the visible checkpoints."""
    return detailed(LIST_HEADER, _COLUMNS, service.list_checkpoints(call.access), request)


_COLUMNS = {
    "size": lambda checkpoint: checkpoint.size,
    "cluster": lambda checkpoint: checkpoint.cluster_name,
    "task": lambda checkpoint: checkpoint.task_name,
    "cycles": lambda checkpoint: checkpoint.cycles,
    "metrics": lambda checkpoint: json.loads(checkpoint.metrics),
}
