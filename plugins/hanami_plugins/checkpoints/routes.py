"""Native routes of checkpoints."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Empty, Listing, Route, RouteGroup
from hanami_core.http.labels import LabelledAnswer, WantedRows, detailed, labels_of, labels_route
from hanami_core.http.sharing import OwnedRow, owned_answer, visibility_route
from hanami_core.ids import EXAMPLE_UUID, AnyName, Name, Uuid
from hanami_core.queue import OPEN, Task
from hanami_plugins.checkpoints import service, transfers
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.checkpoints.service import MISSING
from hanami_plugins.clusters import TrainingAnswer, lineage_of

PREFIX = "/checkpoint"
GROUP = RouteGroup("checkpoints", "Save and restore clusters, and take them to other servers and programs.", 600)
CLUSTER_PREFIX = "/cluster"
LIST_HEADER = ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")

OpenState = Annotated[str | msgspec.UnsetType, Meta(examples=["queued"])]
Told = str | msgspec.UnsetType
Count = int | msgspec.UnsetType


class SaveCluster(msgspec.Struct, forbid_unknown_fields=True):
    """A new checkpoint.

    Attributes:
        name: name of the checkpoint.
        cluster_uuid: UUID of the cluster that is saved.
    """

    name: Annotated[Name, Meta(examples=["before training"])]
    cluster_uuid: Uuid


class LoadCluster(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint, and the cluster that it is restored into.

    Attributes:
        cluster_uuid: UUID of the cluster.
        checkpoint_uuid: UUID of the checkpoint.
    """

    cluster_uuid: Uuid
    checkpoint_uuid: Uuid


class CheckpointByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint.

    Attributes:
        uuid: UUID of the checkpoint.
    """

    uuid: Uuid


class WantedCheckpoint(CheckpointByUuid, forbid_unknown_fields=True, kw_only=True):
    """A checkpoint.

    Attributes:
        details: whether the answer also tells what was saved, its labels and its trainings.
        before: number of a training; the answer then has the hundred before it. By default, it has the last hundred.
    """

    details: bool = False
    before: Annotated[int, Meta(ge=1, le=1_000_000_000, examples=[101])] | None = None


class SaveAnswer(msgspec.Struct):
    """A new checkpoint.

    Attributes:
        name: name of the checkpoint.
        uuid: UUID of the checkpoint, and of the task that saves it.
        state: state of the task, `queued` or `active`; missing once the checkpoint exists.
    """

    name: Annotated[AnyName, Meta(examples=["before training"])]
    uuid: Uuid
    state: OpenState = msgspec.UNSET


class TaskUuid(msgspec.Struct):
    """The task that restores a cluster.

    Attributes:
        uuid: UUID of the task.
        state: state of the task, `queued` or `active`; missing once it is done.
    """

    uuid: Uuid
    state: OpenState = msgspec.UNSET


class CheckpointAnswer(LabelledAnswer, kw_only=True):
    """A checkpoint. The details of an imported one are those that its file contains.

    Attributes:
        size: size of the saved state in bytes; only with `details`.
        cluster_uuid: UUID of the cluster that was saved, empty if unknown; only with `details`.
        cluster_name: name that the cluster had, empty if unknown; only with `details`.
        task_uuid: UUID of the last training before the save, empty if there was none; only with `details`.
        task_name: name of that training, empty if there was none; only with `details`.
        cycles: number of rows that the network was trained with; only with `details`.
        metrics: metrics of the network; only with `details`.
        seed: seed of the network, null if unknown; only with `details`.
        version: `version` of the cluster, null if unknown; only with `details`.
        imported: whether it was uploaded as a file; only with `details`.
        number_of_trainings: number of trainings so far; only with `details`.
        trainings: up to a hundred trainings, oldest first; only with `details`.
    """

    size: Annotated[Count, Meta(examples=[546_044])] = msgspec.UNSET
    cluster_uuid: Annotated[Told, Meta(examples=[EXAMPLE_UUID])] = msgspec.UNSET
    cluster_name: Annotated[Told, Meta(examples=["reader"])] = msgspec.UNSET
    task_uuid: Annotated[Told, Meta(examples=[EXAMPLE_UUID])] = msgspec.UNSET
    task_name: Annotated[Told, Meta(examples=["first lesson"])] = msgspec.UNSET
    cycles: Annotated[Count, Meta(examples=[5000])] = msgspec.UNSET
    metrics: Annotated[dict[str, float] | msgspec.UnsetType, Meta(examples=[{"running_loss": 0.34}])] = msgspec.UNSET
    seed: Annotated[Count | None, Meta(examples=[85658938422646883])] = msgspec.UNSET
    version: Annotated[Count | None, Meta(examples=[1])] = msgspec.UNSET
    imported: bool | msgspec.UnsetType = msgspec.UNSET
    number_of_trainings: Annotated[Count, Meta(examples=[1])] = msgspec.UNSET
    trainings: list[TrainingAnswer] | msgspec.UnsetType = msgspec.UNSET


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("POST", f"{CLUSTER_PREFIX}/save", "checkpoints.save", SaveCluster, SaveAnswer, save, keyed=True),
        Route("POST", f"{CLUSTER_PREFIX}/load", "checkpoints.load", LoadCluster, TaskUuid, load, keyed=True),
        Route("GET", PREFIX, "checkpoints.get", WantedCheckpoint, CheckpointAnswer, get),
        Route("DELETE", PREFIX, "checkpoints.delete", CheckpointByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "checkpoints.list", WantedRows, OwnedRow, list_all),
        visibility_route(PREFIX, "checkpoints", Checkpoint, MISSING),
        labels_route(PREFIX, "checkpoints", service.set_labels),
        *transfers.routes(),
    )


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


def get(call: Call, request: WantedCheckpoint) -> dict[str, object]:
    """Return a checkpoint."""
    found = service.get_checkpoint(call.access, request.uuid)
    return owned_answer(found) | (_details(found, request.before) if request.details else {})


def _details(checkpoint: Checkpoint, before: int | None) -> dict[str, object]:
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


def delete(call: Call, request: CheckpointByUuid) -> Empty:
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
