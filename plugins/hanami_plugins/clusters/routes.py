"""Native routes of clusters."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import BadRequest, NotFound
from hanami_core.http import Call, Empty, Listing, Route, RouteGroup
from hanami_core.http.labels import WantedRows, detailed, labels_of, labels_route
from hanami_core.http.leases import Lease, LeasedAnswer, lease_of, lease_route
from hanami_core.http.sharing import OwnedAnswer, OwnedRow, owned_answer, visibility_route
from hanami_core.ids import EXAMPLE_UUID, AnyName, Name, Uuid
from hanami_plugins.clusters import service
from hanami_plugins.clusters.leases import renew_lease
from hanami_plugins.clusters.lineage import TrainingAnswer, lineage_of
from hanami_plugins.clusters.models import DIRECT_MODE, TASK_MODE, Cluster
from hanami_plugins.clusters.moving import move_cluster
from hanami_plugins.clusters.service import MISSING, Mode

PREFIX = "/cluster"
GROUP = RouteGroup("clusters", "Create networks, look at them, and share, move or delete them.", 300)
LIST_HEADER = ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")

TEMPLATE = """\
version: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    picture_hex: 1,1,1
outputs:
    label_hex: 3,1,1
"""
"""An example."""
Seed = Annotated[int, Meta(examples=[85658938422646883])]
Metrics = Annotated[dict[str, float], Meta(examples=[{"running_loss": 0.34, "running_accuracy": 0.92}])]
Before = Annotated[int, Meta(ge=1, le=1_000_000_000, examples=[101])]
PendingTask = Annotated[str | msgspec.UnsetType, Meta(examples=[EXAMPLE_UUID])]


class CreateCluster(msgspec.Struct, forbid_unknown_fields=True):
    """A new cluster.

    Attributes:
        name: name of the cluster; clusters that you can change must have different names.
        template: text of the template, in base64; empty to let the first training create the network.
        lease: seconds without use after which the cluster is deleted; null, the default, to keep it.
    """

    name: Annotated[Name, Meta(examples=["reader"])]
    template: Annotated[str, Meta(max_length=1 << 17, examples=[base64.b64encode(TEMPLATE.encode()).decode()])] = ""
    lease: Lease | None = None


class ClusterByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A cluster.

    Attributes:
        uuid: UUID of the cluster.
    """

    uuid: Uuid


class WantedCluster(ClusterByUuid, forbid_unknown_fields=True, kw_only=True):
    """A cluster.

    Attributes:
        details: whether the answer also has the template, labels, the lease and the trainings.
        before: number of a training; the answer then has the hundred before it. By default, it has the last hundred.
    """

    details: bool = False
    before: Before | None = None


class SetMode(msgspec.Struct, forbid_unknown_fields=True):
    """A new mode.

    Attributes:
        uuid: UUID of the cluster.
        new_state: `TASK` for tasks, `DIRECT` for websockets.
        connection_uuid: not used; accepted for released clients.
        shared: whether several clients may use direct mode together, which then lasts as long as one is connected; with
            false, a refusal says why. By default, one client uses it.
    """

    uuid: Uuid
    new_state: Annotated[
        str, Meta(pattern=f"^({TASK_MODE}|{DIRECT_MODE})$", min_length=4, max_length=6, examples=[DIRECT_MODE])
    ]
    connection_uuid: Uuid | None = None
    shared: bool | None = None


class SwitchHost(msgspec.Struct, forbid_unknown_fields=True):
    """A move to another host.

    Attributes:
        cluster_uuid: UUID of the cluster.
        host_uuid: UUID of the new host.
        hexagon_id: number of an existing hexagon; has no effect, since clusters move as a whole.
    """

    cluster_uuid: Uuid
    host_uuid: Uuid
    hexagon_id: Annotated[int, Meta(ge=0, le=1_000_000_000, examples=[0])] | None = None


class ClusterAnswer(OwnedAnswer):
    """A cluster."""


class ClusterMetrics(LeasedAnswer, kw_only=True):
    """A cluster with its size and its metrics.

    Attributes:
        number_of_blocks: how far the network has grown, in blocks.
        number_of_sections: how far the network has grown, in sections.
        host: name of the host that it runs on.
        mode: `TASK` or `DIRECT`.
        seed: where all random numbers of the cluster come from.
        cycles: number of rows that it was trained with.
        metrics: measured values by name; which ones depends on how the network grows.
        template: text of the template, null if it has none; only with `details`.
        version: number of states stored so far; only with `details`.
        stored_at: when the last state was stored, in UTC; only with `details`.
        number_of_trainings: number of trainings so far; only with `details`.
        trainings: up to a hundred trainings, oldest first; only with `details`.
    """

    number_of_blocks: Annotated[int, Meta(examples=[2])]
    number_of_sections: Annotated[int, Meta(examples=[1292])]
    host: Annotated[str, Meta(examples=["cpu0"])]
    mode: Annotated[str, Meta(examples=[TASK_MODE])]
    seed: Seed
    cycles: Annotated[int, Meta(examples=[5000])]
    metrics: Metrics
    template: Annotated[str | msgspec.UnsetType | None, Meta(examples=[TEMPLATE])] = msgspec.UNSET
    version: Annotated[int | msgspec.UnsetType, Meta(examples=[1])] = msgspec.UNSET
    stored_at: Moment | msgspec.UnsetType = msgspec.UNSET
    number_of_trainings: Annotated[int | msgspec.UnsetType, Meta(examples=[1])] = msgspec.UNSET
    trainings: list[TrainingAnswer] | msgspec.UnsetType = msgspec.UNSET


class MovedCluster(ClusterAnswer, kw_only=True):
    """A cluster that moves.

    Attributes:
        task_uuid: UUID of the task that will move it; missing if it has moved already.
    """

    task_uuid: PendingTask = msgspec.UNSET


class ModeAnswer(msgspec.Struct):
    """A cluster and its new mode.

    Attributes:
        created_at: when the cluster was created, in UTC.
        name: name of the cluster.
        new_state: mode that the cluster is in.
        uuid: UUID of the cluster.
        task_uuid: UUID of the task that will store what direct mode trained; missing if nothing is left to store.
    """

    created_at: Moment
    name: Annotated[AnyName, Meta(examples=["reader"])]
    new_state: Literal["TASK", "DIRECT"]
    uuid: Uuid
    task_uuid: PendingTask = msgspec.UNSET


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route(
            "POST",
            PREFIX,
            "clusters.create",
            CreateCluster,
            ClusterAnswer,
            create,
            keyed=True,
            example=("template",),
        ),
        Route("GET", PREFIX, "clusters.get", WantedCluster, ClusterMetrics, get),
        Route("DELETE", PREFIX, "clusters.delete", ClusterByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "clusters.list", WantedRows, OwnedRow, list_all),
        Route("PUT", f"{PREFIX}/set_mode", "clusters.set_mode", SetMode, ModeAnswer, set_mode),
        Route("PUT", f"{PREFIX}/switch_host", "clusters.switch_host", SwitchHost, MovedCluster, switch_host),
        visibility_route(PREFIX, "clusters", Cluster, MISSING),
        labels_route(PREFIX, "clusters", service.set_labels),
        lease_route(PREFIX, "clusters", renew_lease),
    )


def create(call: Call, request: CreateCluster) -> dict[str, object]:
    """Create a cluster."""
    text = _decoded(request.template)
    return owned_answer(service.create_cluster(call.runtime, call.access, request.name, text, lease=request.lease))


def _decoded(template: str) -> str:
    try:
        return base64.b64decode(template, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadRequest("template_no_base64") from None


def get(call: Call, request: WantedCluster) -> dict[str, object]:
    """Return a cluster with its metrics."""
    cluster = service.get_cluster(call.access, request.uuid)
    return owned_answer(cluster) | {
        "number_of_blocks": cluster.blocks,
        "number_of_sections": cluster.sections,
        "host": cluster.host,
        "mode": cluster.mode,
        "seed": cluster.seed,
        "cycles": cluster.cycles,
        "metrics": json.loads(cluster.metrics),
        **(_details(call, cluster, request.before) if request.details else {}),
    }


def _details(call: Call, cluster: Cluster, before: int | None) -> dict[str, object]:
    trainings, count = lineage_of(cluster.uuid, before)
    return {
        "template": call.runtime.template_text(service.template_of(cluster)) if cluster.template else None,
        "version": cluster.version,
        **labels_of(cluster),
        **lease_of(cluster),
        "stored_at": Moment(cluster.stored_at),
        "number_of_trainings": count,
        "trainings": trainings,
    }


def list_all(call: Call, request: WantedRows) -> Listing:
    """List the visible clusters."""
    more = {"cycles": lambda cluster: cluster.cycles}
    return detailed(LIST_HEADER, more, service.list_clusters(call.access), request)


def delete(call: Call, request: ClusterByUuid) -> Empty:
    """Delete a cluster."""
    service.delete_cluster(call.runtime, call.access, request.uuid)
    return Empty()


def set_mode(call: Call, request: SetMode) -> ModeAnswer:
    """Switch between task mode and direct mode."""
    new = cast(Mode, request.new_state)
    cluster = service.set_mode(call.runtime, call.access, request.uuid, new, shared=request.shared)
    pending = msgspec.UNSET if cluster.pending is None else str(cluster.pending.uuid)
    return ModeAnswer(Moment(cluster.created_at), cluster.name, cast(Mode, cluster.mode), cluster.uuid, pending)


def switch_host(call: Call, request: SwitchHost) -> dict[str, object]:
    """Move a cluster to another host."""
    cluster = service.get_cluster(call.access, request.cluster_uuid, "write")
    hexagons = len(service.template_of(cluster).hexagons)
    if request.hexagon_id is not None and request.hexagon_id >= hexagons:
        raise NotFound("hexagon_missing", uuid=cluster.uuid, hexagon=request.hexagon_id)
    moved = move_cluster(call.runtime, call.access, request.cluster_uuid, request.host_uuid)
    return owned_answer(moved) | ({} if moved.pending is None else {"task_uuid": moved.pending.uuid})
