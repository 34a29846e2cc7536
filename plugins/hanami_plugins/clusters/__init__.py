"""Clusters: networks of users, from a template to a live network in the memory of a host.

The database holds the last stored state of every cluster; a live network is a cache of it. Other plugins work with
clusters through the names exported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from hanami_core import hookimpl
from hanami_core.checks import Check, Finding
from hanami_core.deprecation import former_names
from hanami_core.http import Route
from hanami_core.metrics import Sample
from hanami_core.queue import TaskKind
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.storage.database import BaseModel
from hanami_plugins.clusters import direct_lease, kinds, leases, routes, upkeep
from hanami_plugins.clusters.host_memory import HOST_SETTING, PROJECT_SETTING, USER_SETTING
from hanami_plugins.clusters.host_memory import NetworkOwner as MemoryOwner
from hanami_plugins.clusters.leases import renew_lease
from hanami_plugins.clusters.lineage import (
    DatasetOfTraining,
    Lineage,
    Told,
    TrainingAnswer,
    add_lineage,
    add_training,
    copy_lineage,
    forget_lineage,
    lineage_of,
    move_lineage,
)
from hanami_plugins.clusters.live import LIVE, LiveClusters
from hanami_plugins.clusters.live_cluster import Attachment, ClusterState, LiveCluster
from hanami_plugins.clusters.models import Cluster, Training
from hanami_plugins.clusters.moving import move_cluster
from hanami_plugins.clusters.service import (
    MISSING,
    SETTLE_SECONDS,
    Mode,
    after_task,
    assign_host,
    create_cluster,
    delete_cluster,
    end_direct_modes,
    first_template,
    get_cluster,
    holder_of,
    interfaces,
    list_clusters,
    read_state,
    readable,
    replace_state,
    report_metrics,
    require_memory,
    set_labels,
    set_mode,
    set_visibility,
    template_of,
    writable,
)

__all__ = [
    "LIVE",
    "MISSING",
    "SETTLE_SECONDS",
    "Attachment",
    "Cluster",
    "ClusterState",
    "DatasetOfTraining",
    "Lineage",
    "LiveCluster",
    "LiveClusters",
    "MemoryOwner",
    "Mode",
    "Told",
    "TrainingAnswer",
    "add_lineage",
    "add_training",
    "after_task",
    "assign_host",
    "copy_lineage",
    "create_cluster",
    "delete_cluster",
    "end_direct_modes",
    "first_template",
    "forget_lineage",
    "get_cluster",
    "holder_of",
    "interfaces",
    "lineage_of",
    "list_clusters",
    "move_cluster",
    "move_lineage",
    "read_state",
    "readable",
    "renew_lease",
    "replace_state",
    "report_metrics",
    "require_memory",
    "set_labels",
    "set_mode",
    "set_visibility",
    "template_of",
    "writable",
]


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long live networks are kept, and how much memory they may have together."""
    return [
        Setting("clusters.idle", float, 300.0, "Seconds after which an unused network is removed from memory", 1.0),
        Setting(HOST_SETTING, int, 0, "Bytes of all networks that one host has open; 0 means 3/4 of the machine", 0),
        Setting(USER_SETTING, int, 0, "Bytes of them that belong to one user; 0 means limits.network_memory", 0),
        Setting(PROJECT_SETTING, int, 0, "Bytes of them that belong to one project; 0 means clusters.memory", 0),
        Setting("clusters.store", float, 2.0, "Seconds between two stored states of a network in direct mode", 0.05),
        leases.SETTING,
        *direct_lease.SETTINGS,
    ]


@hookimpl
def hanami_models() -> Iterable[type[BaseModel]]:
    """Add the tables of clusters and of their trainings."""
    return [Cluster, Training]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """In a sidecar, keep live networks; before a server starts, mend what belongs together."""
    if runtime.role.prepares:
        upkeep.mend(runtime)
    if runtime.role is Role.SIDECAR:
        live = runtime.stash[LIVE] = LiveClusters(runtime)
        runtime.host_calls.offer(direct_lease.CALL, live.count_sessions)


@hookimpl
def hanami_schedules(runtime: Runtime) -> list[Schedule]:
    """End direct modes that nobody uses, and remove clusters whose lease is over."""
    direct = Schedule("clusters.direct", direct_lease.pause_of(runtime), end_direct_modes)
    return [direct, leases.schedule(runtime)]


@hookimpl
def hanami_shutdown(runtime: Runtime) -> None:
    """Store what direct mode trained."""
    if LIVE in runtime.stash:
        runtime.stash[LIVE].close()


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add the move between hosts and the return to task mode."""
    return [
        TaskKind("switch_host", kinds.switch_host, permitted=writable, needs_host=False),
        TaskKind("settle", kinds.settle, survives_owner=True, exempt=True),
    ]


@hookimpl
def hanami_metrics(runtime: Runtime) -> list[Sample]:
    """Tell how many clusters there are by host and mode, and in a sidecar how many networks it holds, by state."""
    if runtime.role is Role.SIDECAR:
        return _live_networks(runtime)
    text = "Clusters by host and mode"
    return [
        Sample("hanami_clusters", count, help=text, labels={"host": host, "mode": mode.lower()})
        for (host, mode), count in Cluster.count_by_host().items()
    ]


def _live_networks(runtime: Runtime) -> list[Sample]:
    assert runtime.compute is not None
    text, states = "Networks in the memory of a host, by state", runtime.stash[LIVE].states()
    labels = {state: {"host": runtime.compute.name, "state": state.value} for state in ClusterState}
    return [Sample("hanami_live_networks", states[state], help=text, labels=labels[state]) for state in ClusterState]


@hookimpl
def hanami_checks(runtime: Runtime) -> list[Check]:
    """Look for clusters without a queue and for leftovers of deleted ones; in a sidecar, for what cannot be stored."""

    def unstorable() -> Iterator[Finding]:
        count = runtime.stash[LIVE].unstorable()
        if count:
            yield Finding("direct mode", f"{count} networks cannot be stored, and refuse to be trained")

    queues = Check("clusters and their queues", upkeep.findings)
    live = [Check("networks in direct mode", unstorable, cheap=True)] if LIVE in runtime.stash else []
    return [queues, *live]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the routes of clusters."""
    return routes.routes()


if not TYPE_CHECKING:  # so that mistyped names are still found
    __getattr__ = former_names(__name__, "0.1", {"State": "ClusterState"})
