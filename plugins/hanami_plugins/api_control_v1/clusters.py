"""Clusters and checkpoints, as v0.4 shows them."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from hanami_core.errors import BadRequest
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import AnyName, Name, Uuid
from hanami_plugins import checkpoints, clusters
from hanami_plugins.api_control_v1.api import route
from hanami_plugins.api_control_v1.shapes import (
    OWNED_HEADER,
    ControlByUuid,
    NamedUuid,
    OnlyUuid,
    Owned,
    OwnedRow,
    owned,
)

TEMPLATE = """\
version: 1
bricks:
    1,1,1
        input: test_input
        number_of_neurons: 784
    2,1,1
        number_of_neurons: 400
    3,1,1
        output: test_output
        number_of_neurons: 10
"""
"""An example."""


class ControlCreateCluster(msgspec.Struct, forbid_unknown_fields=True):
    """A new cluster.

    Attributes:
        name: name of the cluster; clusters that you can change must have different names.
        template: text of the template, in base64; empty to let the first training create the network.
    """

    name: Annotated[Name, Meta(examples=["reader"])]
    template: Annotated[str, Meta(max_length=1 << 17, examples=[base64.b64encode(TEMPLATE.encode()).decode()])] = ""


class ControlSave(msgspec.Struct, forbid_unknown_fields=True):
    """A new checkpoint.

    Attributes:
        name: name of the checkpoint.
        cluster_uuid: UUID of the cluster that is saved.
    """

    name: Name
    cluster_uuid: Uuid


class Load(msgspec.Struct, forbid_unknown_fields=True):
    """A checkpoint, and the cluster that it is restored into.

    Attributes:
        cluster_uuid: UUID of the cluster.
        checkpoint_uuid: UUID of the checkpoint.
    """

    cluster_uuid: Uuid
    checkpoint_uuid: Uuid


class ControlSetMode(msgspec.Struct, forbid_unknown_fields=True):
    """A new mode.

    Attributes:
        uuid: UUID of the cluster.
        new_state: `TASK` for tasks, `DIRECT` for websockets.
        connection_uuid: not used; accepted for released clients.
    """

    uuid: Uuid
    new_state: Annotated[str, Meta(pattern="^(TASK|DIRECT)$", examples=["DIRECT"])]
    connection_uuid: Uuid = ""


class ControlModeAnswer(msgspec.Struct):
    """A cluster and its new mode.

    Attributes:
        name: name of the cluster.
        new_state: mode that the cluster is in.
        uuid: UUID of the cluster.
    """

    name: Annotated[AnyName, Meta(examples=["reader"])]
    new_state: Annotated[str, Meta(examples=["DIRECT"])]
    uuid: Uuid


class ControlSwitchHost(msgspec.Struct, forbid_unknown_fields=True):
    """A move to another host.

    Attributes:
        cluster_uuid: UUID of the cluster.
        host_uuid: UUID of the new host.
    """

    cluster_uuid: Uuid
    host_uuid: Uuid


class ControlCheckpointAnswer(msgspec.Struct):
    """A checkpoint.

    Attributes:
        location: always empty.
        name: name of the checkpoint.
        uuid: UUID of the checkpoint.
    """

    location: Annotated[str, Meta(examples=[""])]
    name: Annotated[AnyName, Meta(examples=["before training"])]
    uuid: Uuid


def routes() -> list[Route]:
    """Return the routes."""
    return [
        route(
            "POST",
            "/cluster",
            "clusters.create",
            ControlCreateCluster,
            Owned,
            create,
            keyed=True,
            example=("template",),
        ),
        route("GET", "/cluster", "clusters.get", ControlByUuid, Owned, get),
        route("GET", "/cluster/all", "clusters.list", Paging, OwnedRow, list_all),
        route("DELETE", "/cluster", "clusters.delete", ControlByUuid, Empty, delete),
        route("POST", "/cluster/save", "checkpoints.save", ControlSave, NamedUuid, save, keyed=True),
        route("POST", "/cluster/load", "checkpoints.load", Load, OnlyUuid, load, keyed=True),
        route("PUT", "/cluster/set_mode", "clusters.set_mode", ControlSetMode, ControlModeAnswer, set_mode),
        route("PUT", "/cluster/switch_host", "clusters.switch_host", ControlSwitchHost, Owned, switch_host),
        route("GET", "/checkpoint", "checkpoints.get", ControlByUuid, ControlCheckpointAnswer, get_checkpoint),
        route("GET", "/checkpoint/all", "checkpoints.list", Paging, OwnedRow, list_checkpoints),
        route("DELETE", "/checkpoint", "checkpoints.delete", ControlByUuid, Empty, delete_checkpoint),
    ]


def create(call: Call, request: ControlCreateCluster) -> dict[str, object]:
    """Create a cluster."""
    try:
        text = base64.b64decode(request.template, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadRequest("template_no_base64") from None
    return owned(clusters.create_cluster(call.runtime, call.access, request.name, text))


def get(call: Call, request: ControlByUuid) -> dict[str, object]:
    """Return a cluster."""
    return owned(clusters.get_cluster(call.access, request.uuid))


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible clusters."""
    return listing(OWNED_HEADER, clusters.list_clusters(call.access), request)


def delete(call: Call, request: ControlByUuid) -> Empty:
    """Delete a cluster."""
    clusters.delete_cluster(call.runtime, call.access, request.uuid)
    return Empty()


def save(call: Call, request: ControlSave) -> NamedUuid:
    """Save a cluster; the answer has the uuid of the checkpoint."""
    return NamedUuid(request.name, checkpoints.save(call.runtime, call.access, request.cluster_uuid, request.name).uuid)


def load(call: Call, request: Load) -> OnlyUuid:
    """Restore a cluster."""
    return OnlyUuid(checkpoints.restore(call.runtime, call.access, request.cluster_uuid, request.checkpoint_uuid).uuid)


def set_mode(call: Call, request: ControlSetMode) -> ControlModeAnswer:
    """Switch between task mode and direct mode."""
    mode = cast(clusters.Mode, request.new_state)
    cluster = clusters.set_mode(call.runtime, call.access, request.uuid, mode)
    return ControlModeAnswer(cluster.name, mode, cluster.uuid)


def switch_host(call: Call, request: ControlSwitchHost) -> dict[str, object]:
    """Move a cluster to another host."""
    return owned(clusters.move_cluster(call.runtime, call.access, request.cluster_uuid, request.host_uuid))


def get_checkpoint(call: Call, request: ControlByUuid) -> ControlCheckpointAnswer:
    """Return a checkpoint."""
    found = checkpoints.get_checkpoint(call.access, request.uuid)
    return ControlCheckpointAnswer("", found.name, found.uuid)


def list_checkpoints(call: Call, request: Paging) -> Listing:
    """List the visible checkpoints."""
    return listing(OWNED_HEADER, checkpoints.list_checkpoints(call.access), request)


def delete_checkpoint(call: Call, request: ControlByUuid) -> Empty:
    """Delete a checkpoint."""
    checkpoints.delete_checkpoint(call.runtime, call.access, request.uuid)
    return Empty()
