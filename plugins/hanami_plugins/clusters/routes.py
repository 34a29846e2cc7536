"""Native routes of clusters."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import BadRequest, NotFound
from hanami_core.http import Call, Empty, Listing, Route
from hanami_core.http.labels import WantedRows, detailed, labels_of, labels_route
from hanami_core.http.leases import Lease, LeasedAnswer, lease_of, lease_route
from hanami_core.http.sharing import OwnedAnswer, owned_answer, visibility_route
from hanami_core.ids import Name, Uuid
from hanami_plugins.clusters import service
from hanami_plugins.clusters.leases import renew_lease
from hanami_plugins.clusters.lineage import TrainingAnswer, lineage_of
from hanami_plugins.clusters.models import DIRECT_MODE, TASK_MODE, Cluster
from hanami_plugins.clusters.service import MISSING, Mode

PREFIX = "/cluster"
LIST_HEADER = ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")


class CreateCluster(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a new cluster; the template is base64. With a `lease` it goes when it is unused for so many seconds."""

    name: Name
    template: Annotated[str, Meta(max_length=1 << 17)] = ""
    lease: Lease | None = None


class ByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A cluster by its uuid."""

    uuid: Uuid


class WantedCluster(ByUuid, forbid_unknown_fields=True, kw_only=True):
    """A cluster; with `details` also its template and what it was trained with, or with `before` that number."""

    details: bool = False
    before: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None


class SetMode(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a change of mode; `connection_uuid` is accepted and ignored.

    With `shared`, several clients may talk to a cluster in direct mode, which goes on as long as one is connected: the
    answer says which mode is on. If that is false, a refusal says why.
    """

    uuid: Uuid
    new_state: Annotated[str, Meta(pattern=f"^({TASK_MODE}|{DIRECT_MODE})$", min_length=4, max_length=6)]
    connection_uuid: Uuid | None = None
    shared: bool | None = None


class SwitchHost(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a move; a cluster moves as a whole, so `hexagon_id` only has to exist."""

    cluster_uuid: Uuid
    host_uuid: Uuid
    hexagon_id: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None


class ClusterAnswer(OwnedAnswer):
    """A cluster."""


class ClusterMetrics(LeasedAnswer, kw_only=True):
    """A cluster with its size, what it has seen, and what its rule set tells of it.

    `template` is its text, null if no language has one for it. `version` counts stored states, the last one came at
    `stored_at`. `trainings` are the last hundred that made it, oldest first.
    """

    number_of_blocks: int
    number_of_sections: int
    host: str
    mode: str
    seed: int
    cycles: int
    metrics: dict[str, float]
    template: str | msgspec.UnsetType | None = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET
    stored_at: Moment | msgspec.UnsetType = msgspec.UNSET
    number_of_trainings: int | msgspec.UnsetType = msgspec.UNSET
    trainings: list[TrainingAnswer] | msgspec.UnsetType = msgspec.UNSET


class MovedCluster(ClusterAnswer, kw_only=True):
    """A cluster that moves; `task_uuid` names the task that is still to do it, otherwise it is missing."""

    task_uuid: str | msgspec.UnsetType = msgspec.UNSET


class ModeAnswer(msgspec.Struct):
    """A cluster's new mode; `task_uuid` names the task that still stores what direct mode trained, or is missing."""

    created_at: Moment
    name: str
    new_state: Literal["TASK", "DIRECT"]
    uuid: str
    task_uuid: str | msgspec.UnsetType = msgspec.UNSET


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PREFIX, "clusters.create", CreateCluster, ClusterAnswer, create, keyed=True),
        Route("GET", PREFIX, "clusters.get", WantedCluster, ClusterMetrics, get),
        Route("DELETE", PREFIX, "clusters.delete", ByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "clusters.list", WantedRows, Listing, list_all),
        Route("PUT", f"{PREFIX}/set_mode", "clusters.set_mode", SetMode, ModeAnswer, set_mode),
        Route("PUT", f"{PREFIX}/switch_host", "clusters.switch_host", SwitchHost, MovedCluster, switch_host),
        visibility_route(PREFIX, "clusters", Cluster, MISSING),
        labels_route(PREFIX, "clusters", service.set_labels),
        lease_route(PREFIX, "clusters", renew_lease),
    ]


def create(call: Call, request: CreateCluster) -> dict[str, Any]:
    """Create a cluster."""
    text = _decoded(request.template)
    return owned_answer(service.create_cluster(call.runtime, call.access, request.name, text, lease=request.lease))


def _decoded(template: str) -> str:
    try:
        return base64.b64decode(template, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadRequest("template_no_base64") from None


def get(call: Call, request: WantedCluster) -> dict[str, Any]:
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


def _details(call: Call, cluster: Cluster, before: int | None) -> dict[str, Any]:
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


def delete(call: Call, request: ByUuid) -> Empty:
    """Delete a cluster."""
    service.delete_cluster(call.runtime, call.access, request.uuid)
    return Empty()


def set_mode(call: Call, request: SetMode) -> ModeAnswer:
    """Switch between task mode and direct mode."""
    new = cast(Mode, request.new_state)
    cluster = service.set_mode(call.runtime, call.access, request.uuid, new, shared=request.shared)
    pending = msgspec.UNSET if cluster.pending is None else str(cluster.pending.uuid)
    return ModeAnswer(Moment(cluster.created_at), cluster.name, cast(Mode, cluster.mode), cluster.uuid, pending)


def switch_host(call: Call, request: SwitchHost) -> dict[str, Any]:
    """Move a cluster to another host."""
    cluster = service.get_cluster(call.access, request.cluster_uuid, "write")
    hexagons = len(service.template_of(cluster).hexagons)
    if request.hexagon_id is not None and request.hexagon_id >= hexagons:
        raise NotFound("hexagon_missing", uuid=cluster.uuid, hexagon=request.hexagon_id)
    moved = service.move_cluster(call.runtime, call.access, request.cluster_uuid, request.host_uuid)
    return owned_answer(moved) | ({} if moved.pending is None else {"task_uuid": moved.pending.uuid})
