"""Native routes of checkpoints."""

from __future__ import annotations

from typing import Any

import msgspec

from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.http.sharing import OwnedAnswer, owned_answer, visibility_route
from hanami_core.ids import Name, Uuid
from hanami_core.queue import OPEN, Task
from hanami_plugins.checkpoints import service, transfers
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.checkpoints.service import MISSING

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


class CheckpointAnswer(OwnedAnswer):
    """A checkpoint."""


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", f"{CLUSTER_PREFIX}/save", "checkpoints.save", SaveCluster, SaveAnswer, save, keyed=True),
        Route("POST", f"{CLUSTER_PREFIX}/load", "checkpoints.load", LoadCluster, TaskUuid, load, keyed=True),
        Route("GET", PREFIX, "checkpoints.get", ByUuid, CheckpointAnswer, get),
        Route("DELETE", PREFIX, "checkpoints.delete", ByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "checkpoints.list", Paging, Listing, list_all),
        visibility_route(PREFIX, "checkpoints", Checkpoint, MISSING),
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


def get(call: Call, request: ByUuid) -> dict[str, Any]:
    """Return a checkpoint."""
    return owned_answer(service.get_checkpoint(call.access, request.uuid))


def delete(call: Call, request: ByUuid) -> Empty:
    """Delete a checkpoint, or give up its upload."""
    service.delete_checkpoint(call.runtime, call.access, request.uuid)
    return Empty()


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible checkpoints."""
    return listing(LIST_HEADER, service.list_checkpoints(call.access), request)
