"""Clusters and checkpoints, as v0.4 shows them."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import Name, Uuid
from hanami_plugins import checkpoints, clusters
from hanami_plugins.api_control_v1.api import route
from hanami_plugins.api_control_v1.shapes import OWNED_HEADER, ByUuid, NamedUuid, OnlyUuid, Owned, owned


class CreateCluster(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a new cluster; its template is in base64, or empty."""

    name: Name
    template: Annotated[str, Meta(max_length=1 << 17)] = ""


class Save(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a new checkpoint."""

    name: Name
    cluster_uuid: Uuid


class Load(msgspec.Struct, forbid_unknown_fields=True):
    """Which checkpoint goes into which cluster."""

    cluster_uuid: Uuid
    checkpoint_uuid: Uuid


class SetMode(msgspec.Struct, forbid_unknown_fields=True):
    """The new mode of a cluster; `connection_uuid` is not needed."""

    uuid: Uuid
    new_state: Annotated[str, Meta(pattern="^(TASK|DIRECT)$")]
    connection_uuid: Uuid = ""


class ModeAnswer(msgspec.Struct):
    """A cluster and its new mode."""

    name: str
    new_state: str
    uuid: str


class SwitchHost(msgspec.Struct, forbid_unknown_fields=True):
    """Where a cluster goes."""

    cluster_uuid: Uuid
    host_uuid: Uuid


class CheckpointAnswer(msgspec.Struct):
    """A checkpoint. `location` is empty: where the server keeps it is nobody's business."""

    location: str
    name: str
    uuid: str


def routes() -> list[Route]:
    """Return the routes."""
    return [
        route("POST", "/cluster", "clusters.create", CreateCluster, Owned, create, keyed=True),
        route("GET", "/cluster", "clusters.get", ByUuid, Owned, get),
        route("GET", "/cluster/all", "clusters.list", Paging, Listing, list_all),
        route("DELETE", "/cluster", "clusters.delete", ByUuid, Empty, delete),
        route("POST", "/cluster/save", "checkpoints.save", Save, NamedUuid, save, keyed=True),
        route("POST", "/cluster/load", "checkpoints.load", Load, OnlyUuid, load, keyed=True),
        route("PUT", "/cluster/set_mode", "clusters.set_mode", SetMode, ModeAnswer, set_mode),
        route("PUT", "/cluster/switch_host", "clusters.switch_host", SwitchHost, Owned, switch_host),
        route("GET", "/checkpoint", "checkpoints.get", ByUuid, CheckpointAnswer, get_checkpoint),
        route("GET", "/checkpoint/all", "checkpoints.list", Paging, Listing, list_checkpoints),
        route("DELETE", "/checkpoint", "checkpoints.delete", ByUuid, Empty, delete_checkpoint),
    ]


def create(call: Call, request: CreateCluster) -> dict[str, Any]:
    """Create a cluster."""
    try:
        text = base64.b64decode(request.template, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadRequest("template_no_base64") from None
    return owned(clusters.create_cluster(call.runtime, call.access, request.name, text))


def get(call: Call, request: ByUuid) -> dict[str, Any]:
    """Return a cluster."""
    return owned(clusters.get_cluster(call.access, request.uuid))


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible clusters."""
    return listing(OWNED_HEADER, clusters.list_clusters(call.access), request)


def delete(call: Call, request: ByUuid) -> Empty:
    """Delete a cluster."""
    clusters.delete_cluster(call.runtime, call.access, request.uuid)
    return Empty()


def save(call: Call, request: Save) -> NamedUuid:
    """Save a cluster; the answer has the uuid of the checkpoint."""
    return NamedUuid(request.name, checkpoints.save(call.runtime, call.access, request.cluster_uuid, request.name).uuid)


def load(call: Call, request: Load) -> OnlyUuid:
    """Restore a cluster."""
    return OnlyUuid(checkpoints.restore(call.runtime, call.access, request.cluster_uuid, request.checkpoint_uuid).uuid)


def set_mode(call: Call, request: SetMode) -> ModeAnswer:
    """Switch between task mode and direct mode."""
    mode = cast(clusters.Mode, request.new_state)
    cluster = clusters.set_mode(call.runtime, call.access, request.uuid, mode)
    return ModeAnswer(cluster.name, mode, cluster.uuid)


def switch_host(call: Call, request: SwitchHost) -> dict[str, Any]:
    """Move a cluster to another host."""
    return owned(clusters.move_cluster(call.runtime, call.access, request.cluster_uuid, request.host_uuid))


def get_checkpoint(call: Call, request: ByUuid) -> CheckpointAnswer:
    """Return a checkpoint."""
    found = checkpoints.get_checkpoint(call.access, request.uuid)
    return CheckpointAnswer("", found.name, found.uuid)


def list_checkpoints(call: Call, request: Paging) -> Listing:
    """List the visible checkpoints."""
    return listing(OWNED_HEADER, checkpoints.list_checkpoints(call.access), request)


def delete_checkpoint(call: Call, request: ByUuid) -> Empty:
    """Delete a checkpoint."""
    checkpoints.delete_checkpoint(call.runtime, call.access, request.uuid)
    return Empty()
