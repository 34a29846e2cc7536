"""REST routes of clusters."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import NotFound
from hanami_core.http import Call, Empty, Listing, Paging, Route, listing
from hanami_core.http.sharing import OwnedAnswer, visibility_route
from hanami_core.ids import Name, Uuid
from hanami_plugins.clusters import service
from hanami_plugins.clusters.models import DIRECT_MODE, TASK_MODE, Cluster
from hanami_plugins.clusters.service import MISSING

PREFIX = "/cluster"
LIST_HEADER = ("created_at", "uuid", "project_id", "owner_id", "visibility", "name")


class CreateCluster(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a new cluster; the template is base64."""

    name: Name
    template: Annotated[str, Meta(max_length=1 << 17)] = ""


class ByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A cluster by its uuid."""

    uuid: Uuid


class SetMode(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a change of mode; `connection_uuid` is accepted and ignored."""

    uuid: Uuid
    new_state: Annotated[str, Meta(pattern=f"^({TASK_MODE}|{DIRECT_MODE})$", min_length=4, max_length=6)]
    connection_uuid: Uuid | None = None


class SwitchHost(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a move; a cluster moves as a whole, so `hexagon_id` only has to exist."""

    cluster_uuid: Uuid
    host_uuid: Uuid
    hexagon_id: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None


class ClusterAnswer(OwnedAnswer):
    """A cluster."""


class ClusterMetrics(ClusterAnswer):
    """A cluster with its size, what it has seen, and what its rule set tells of it."""

    number_of_blocks: int
    number_of_sections: int
    host: str
    mode: str
    seed: int
    cycles: int
    metrics: dict[str, float]


class ModeAnswer(msgspec.Struct):
    """A cluster's new mode."""

    created_at: Moment
    name: str
    new_state: Literal["TASK", "DIRECT"]
    uuid: str


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PREFIX, "clusters.create", CreateCluster, ClusterAnswer, create),
        Route("GET", PREFIX, "clusters.get", ByUuid, ClusterMetrics, get),
        Route("DELETE", PREFIX, "clusters.delete", ByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "clusters.list", Paging, Listing, list_all),
        Route("PUT", f"{PREFIX}/set_mode", "clusters.set_mode", SetMode, ModeAnswer, set_mode),
        Route("PUT", f"{PREFIX}/switch_host", "clusters.switch_host", SwitchHost, ClusterAnswer, switch_host),
        visibility_route(PREFIX, "clusters", Cluster, MISSING),
    ]


def create(call: Call, request: CreateCluster) -> dict[str, Any]:
    """Create a cluster."""
    return service.answer(service.create(call.runtime, call.access, request.name, request.template))


def get(call: Call, request: ByUuid) -> dict[str, Any]:
    """Return a cluster with its metrics."""
    cluster = call.get(Cluster, request.uuid, MISSING.format(request.uuid))
    return service.answer(cluster) | {
        "number_of_blocks": cluster.blocks,
        "number_of_sections": cluster.sections,
        "host": cluster.host,
        "mode": cluster.mode,
        "seed": cluster.seed,
        "cycles": cluster.cycles,
        "metrics": json.loads(cluster.metrics),
    }


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible clusters."""
    return listing(LIST_HEADER, call.access.visible(Cluster), request)


def delete(call: Call, request: ByUuid) -> dict[str, Any]:
    """Delete a cluster."""
    service.delete(call.runtime, call.get(Cluster, request.uuid, MISSING.format(request.uuid)))
    return {}


def set_mode(call: Call, request: SetMode) -> dict[str, Any]:
    """Switch between task mode and direct mode."""
    cluster = call.get(Cluster, request.uuid, MISSING.format(request.uuid))
    service.set_mode(call.runtime, call.access, cluster, request.new_state)
    return {
        "created_at": Moment(cluster.created_at),
        "name": cluster.name,
        "new_state": request.new_state,
        "uuid": cluster.uuid,
    }


def switch_host(call: Call, request: SwitchHost) -> dict[str, Any]:
    """Move a cluster to another host."""
    cluster = call.get(Cluster, request.cluster_uuid, MISSING.format(request.cluster_uuid))
    hexagons = len(service.template_of(cluster).hexagons)
    if request.hexagon_id is not None and request.hexagon_id >= hexagons:
        text = f"Cluster with UUID '{cluster.uuid}' does not contain a hexagon with ID '{request.hexagon_id}'"
        raise NotFound(text)
    service.move(call.runtime, call.access, cluster, request.host_uuid)
    return service.answer(cluster)
