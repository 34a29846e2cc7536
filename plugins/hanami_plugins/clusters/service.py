"""What can be done with clusters, for routes of any Api and for other plugins. Knows no HTTP.

Rows are found through the `Access` of whoever asks. Functions that take a `Cluster` or its uuid alone ask nobody, for
plugins that decide themselves, and for tasks.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
import peewee

from hanami_core.access import Access, Actor, Verb
from hanami_core.admission import Claim
from hanami_core.compute import ComputeHost, memory
from hanami_core.compute.placement import place, require_hosts
from hanami_core.errors import BadRequest, Conflict, LeaseLost, NotFound, TemplateError
from hanami_core.events import ClusterCreated, ClusterDeleted
from hanami_core.labels import set_labels as label
from hanami_core.network import NetworkState, StateHead, Template, in_a_line
from hanami_core.queue import OPEN, Task
from hanami_core.runtime import Runtime
from hanami_core.sharing import Visibility
from hanami_core.sharing import set_visibility as share
from hanami_core.storage.database import ACTIVE, after_commit, atomic, compare_and_set, exclusive, relaxed
from hanami_plugins.clusters import direct_lease
from hanami_plugins.clusters.growth import runs_where_it_is
from hanami_plugins.clusters.lineage import forget_lineage
from hanami_plugins.clusters.models import DIRECT_MODE, TASK_MODE, Cluster
from hanami_plugins.clusters.notices import notify

__all__ = [
    "MISSING",
    "SETTLE_SECONDS",
    "Mode",
    "Nothing",
    "after_task",
    "assign_host",
    "changed",
    "clean_up",
    "create_cluster",
    "delete_cluster",
    "end_direct_modes",
    "first_template",
    "get_cluster",
    "holder_of",
    "interfaces",
    "list_clusters",
    "read_state",
    "remove",
    "replace_state",
    "report_metrics",
    "require_memory",
    "set_labels",
    "set_mode",
    "set_visibility",
    "template_of",
]

Mode = Literal["TASK", "DIRECT"]

MISSING = "cluster_missing"
"""Code of the error for a cluster that is not there."""
SETTLE_SECONDS = 10.0
"""How long a call waits for a short task of an idle cluster before it answers anyway."""
CHUNK = 500

log = logging.getLogger("hanami.clusters")


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of a task that needs none."""


def create_cluster(
    runtime: Runtime, access: Access, name: str, template_text: str = "", *, lease: int | None = None
) -> Cluster:
    """Create a cluster from the text of a template; without one it waits for its first training or a checkpoint.

    With a `lease` it goes when it was unused for so many seconds, see `hanami_core.leases`.

    Raises:
        TemplateError: if the template breaks a rule or no rule set runs it.
        Conflict: if the name is taken among the clusters that the actor sees, or there is no host for it.
        Unprocessable: if the network would take too much memory.
        VisibleError: if a plugin says that the actor has too many clusters.
    """
    require_hosts(runtime)
    template, host = _placed(runtime, access.actor, template_text)
    with exclusive("clusters.names"):
        if access.visible(Cluster, "write").where(Cluster.name == name).exists():
            raise Conflict("cluster_exists", name=name)
        runtime.admit(Claim.of(access.actor, Cluster.resource))
        cluster = Cluster.create(
            name=name,
            owner_id=access.actor.user_id,
            project_id=access.actor.project_id,
            template=msgspec.json.encode(template).decode() if template is not None else "",
            seed=secrets.randbits(63),
            host=host.name,
            lease=lease,
        )
        runtime.queue.create_partition(cluster.uuid, host.name)
        runtime.emit(ClusterCreated(actor=access.actor, **_owned(cluster)))
    return cluster


def _placed(runtime: Runtime, actor: Actor, text: str) -> tuple[Template | None, ComputeHost]:
    try:
        template = runtime.parse_template(text) if text else None
        host = place(runtime, actor, template)
    except BadRequest as error:
        raise TemplateError("template_invalid", reason=str(error)) from error
    if template is not None:
        memory.require(runtime, template, host, *memory.declared_sizes(template))
    return template, host


def get_cluster(access: Access, uuid: str, verb: Verb = "read") -> Cluster:
    """Return a cluster.

    Raises:
        NotFound: if there is none that the actor may see, or change if that is the verb.
    """
    return access.get(Cluster, uuid, MISSING, verb)


def readable(access: Access, uuids: Collection[str]) -> set[str]:
    """Return those of some clusters that the actor may see, or might if they were not deleted."""
    return _permitted(access, uuids, "read")


def writable(access: Access, uuids: Collection[str]) -> set[str]:
    """Return those of some clusters that the actor may change, or might if they were not deleted."""
    return _permitted(access, uuids, "write")


def _permitted(access: Access, uuids: Collection[str], verb: Verb) -> set[str]:
    wanted, found = sorted(uuids), set[str]()
    for start in range(0, len(wanted), CHUNK):
        rows: Any = access.visible(Cluster, verb, deleted=True).select(Cluster.uuid)
        found |= {uuid for (uuid,) in rows.where(Cluster.uuid.in_(wanted[start : start + CHUNK])).tuples()}
    return found


def list_clusters(access: Access) -> peewee.ModelSelect[Cluster]:
    """Select the clusters that the actor may see, oldest first."""
    return access.visible(Cluster, "read")


def set_labels(
    access: Access,
    uuid: str,
    *,
    name: str | None = None,
    about: str | None = None,
    tags: Sequence[str] | None = None,
) -> Cluster:
    """Change the name of a cluster, what it is about, or all of its tags; what is None stays as it is.

    Raises:
        NotFound: if there is none that the actor may change.
        BadRequest: if nothing is to be changed, or a tag or the text breaks a rule.
        Conflict: if the name is taken among the clusters that the actor may change.
    """

    def is_free(cluster: Cluster) -> None:
        others = Cluster.sequence != cluster.sequence
        if name is not None and access.visible(Cluster, "write").where((Cluster.name == name) & others).exists():
            raise Conflict("cluster_exists", name=name)

    with exclusive("clusters.names"):
        return label(access, Cluster, uuid, MISSING, name=name, about=about, tags=tags, check=is_free)


def set_visibility(access: Access, uuid: str, visibility: Visibility) -> Cluster:
    """Say who may see and ask a cluster besides its owner.

    Raises:
        NotFound: if there is none that the actor may change.
    """
    return share(access, Cluster, uuid, visibility, MISSING)


def template_of(cluster: Cluster) -> Template:
    """Return the template of a cluster.

    Raises:
        Conflict: if the cluster has none.
    """
    if not cluster.template:
        raise Conflict("cluster_without_network", uuid=cluster.uuid)
    return msgspec.json.decode(cluster.template, type=Template)


def first_template(
    runtime: Runtime, actor: Actor, cluster: Cluster, inputs: Sequence[str], outputs: Sequence[str]
) -> Template:
    """Return the template that a training with these names gives to a cluster without one.

    If the cluster's host cannot run it, the cluster goes to one that can: it has nothing yet that would have to move.

    Raises:
        BadRequest: if the names cannot be those of a network.
        Conflict: if the cluster would have to go to another host while it has open tasks.
        NotFound: if it was deleted meanwhile.
    """
    template = in_a_line(inputs, outputs)
    if not runs_where_it_is(runtime, cluster, template):
        assign_host(runtime, cluster, place(runtime, actor, template))
    return template


def assign_host(runtime: Runtime, cluster: Cluster, host: ComputeHost) -> None:
    """Give a cluster that has no network a host that can run its first one.

    Raises:
        Conflict: if it has open tasks, which would have to go there too.
        NotFound: if it was deleted meanwhile, or has a network by now.
    """
    with atomic():
        # First, because from then on nobody adds a task.
        runtime.queue.move_partition(cluster.uuid, host.name)
        if runtime.queue.open_tasks(cluster.uuid):
            raise Conflict("host_can_not_be_left", host=cluster.host)
        if not compare_and_set(Cluster, _is_there(cluster) & (Cluster.blob.is_null()), host=host.name):
            raise NotFound(MISSING, uuid=cluster.uuid)
    cluster.host = host.name


def _is_there(cluster: Cluster) -> object:
    """Return the condition that a cluster was not deleted."""
    return (Cluster.sequence == cluster.sequence) & (Cluster.status == ACTIVE)


def require_memory(
    runtime: Runtime, cluster: Cluster, template: Template, inputs: Mapping[str, int], outputs: Mapping[str, int]
) -> None:
    """Raise unless the network of a cluster may be fitted to data with so many values.

    Raises:
        Unprocessable: if it would take too much memory.
    """
    host = runtime.hosts.get(cluster.host)
    if host is not None:
        known = interfaces(cluster)
        memory.require(runtime, template, host, _wider(known[0], inputs), _wider(known[1], outputs))


def _wider(known: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
    return {name: max(known.get(name, 0), new.get(name, 0)) for name in {**known, **new}}


def interfaces(cluster: Cluster) -> tuple[dict[str, int], dict[str, int]]:
    """Return the known sizes of inputs and outputs; empty until data came."""
    return msgspec.json.decode(cluster.inputs), msgspec.json.decode(cluster.outputs)


def read_state(runtime: Runtime, cluster: Cluster, template: Template) -> NetworkState:
    """Return the stored state, or that of a network that has seen nothing.

    Raises:
        CorruptFile: if the stored state was damaged.
    """
    if cluster.blob is None:
        host = runtime.hosts[cluster.host]
        return runtime.rules_for(template, host.kind).create(template, cluster.seed)
    with runtime.blobs.open(cluster.blob) as path, path.open("rb") as file:
        return NetworkState.read(file)


def replace_state(runtime: Runtime, uuid: str, blob: str, head: StateHead, metrics: Mapping[str, float]) -> int:
    """Make a blob the stored state of a cluster, in the caller's transaction, and return the new version.

    The caller has linked `blob` for the cluster, or added a reference; the one to the former state is removed here.

    Raises:
        LeaseLost: if somebody else has replaced the state meanwhile.
    """
    cluster = Cluster.get(Cluster.uuid == uuid)
    values = {
        "blob": blob,
        "version": cluster.version + 1,
        "stored_at": runtime.clock.now(),
        "template": msgspec.json.encode(head.template).decode(),
        "inputs": json.dumps(head.inputs),
        "outputs": json.dumps(head.outputs),
        "cycles": head.cycles,
        "blocks": int(metrics["blocks"]),
        "sections": int(metrics["sections"]),
        "metrics": json.dumps(dict(metrics)),
    }
    if not compare_and_set(Cluster, _holds(cluster) & (Cluster.version == cluster.version), **values):
        raise LeaseLost(f"the state of cluster {uuid} was replaced by somebody else")
    runtime.blobs.decref(cluster.blob)
    return int(cluster.version) + 1


def _holds(cluster: Cluster) -> object:
    """Return the condition that a cluster still has the state that it had when it was read."""
    has = Cluster.blob.is_null() if cluster.blob is None else Cluster.blob == cluster.blob
    return (Cluster.sequence == cluster.sequence) & has


def report_metrics(uuid: str, metrics: Mapping[str, float]) -> None:
    """Tell how a training goes; may be lost in a power cut."""
    values = {"metrics": json.dumps(dict(metrics)), "blocks": int(metrics["blocks"])}
    with relaxed():
        Cluster.update(**values, sections=int(metrics["sections"])).where(Cluster.uuid == uuid).execute()


def delete_cluster(runtime: Runtime, access: Access, uuid: str) -> None:
    """Delete a cluster: its tasks stop, except those that others wait for, such as saving.

    Raises:
        NotFound: if there is none that the actor may delete, or somebody else has deleted it meanwhile.
    """
    cluster = get_cluster(access, uuid, "write")
    with atomic():
        remove(runtime, cluster, access.actor)


def remove(runtime: Runtime, cluster: Cluster, actor: Actor | None) -> None:
    """Delete a cluster, in the caller's transaction, or raise NotFound; `actor` is None if the server does it."""
    # The partition before the cluster, as everywhere.
    runtime.queue.close_partition(cluster.uuid)
    if not cluster.mark_deleted():
        raise NotFound(MISSING, uuid=cluster.uuid)
    clean_up(runtime, cluster.uuid)
    _tell_host(runtime, cluster)
    runtime.emit(ClusterDeleted(actor=actor, **_owned(cluster)))


def _owned(cluster: Cluster) -> dict[str, str]:
    return {"uuid": cluster.uuid, "owner_id": cluster.owner_id, "project_id": cluster.project_id}


def clean_up(runtime: Runtime, uuid: str) -> None:
    """Drop the state of a deleted cluster that no open task needs any more, in the caller's transaction."""
    cluster = Cluster.get_or_none(Cluster.uuid == uuid)
    if cluster is None or cluster.status == ACTIVE or runtime.queue.open_tasks(uuid):
        return
    forget_lineage(uuid)
    if compare_and_set(Cluster, _holds(cluster), blob=None):
        runtime.blobs.decref(cluster.blob)


def after_task(runtime: Runtime, task: Task) -> None:
    """Clean up after a task that outlived its cluster, however it ended."""
    clean_up(runtime, str(task.partition))


def set_mode(runtime: Runtime, access: Access, uuid: str, new: Mode, *, shared: bool | None = None) -> Cluster:
    """Switch between task mode and direct mode. Going to the mode that is already on is fine for task mode.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        uuid: uuid of the cluster.
        new: the mode.
        shared: whether others may talk to the cluster as well. Then direct mode may be on already, and goes on as long
            as clients are connected, whoever asks for task mode: `mode` of the result says which one is on. False is
            told why the mode is refused, None only that it is.

    Raises:
        NotFound: if there is no such cluster that the actor may change.
        Conflict: if direct mode is on already, or tasks are still to be done.
        ServiceError: if what direct mode trained could not be stored.
    """
    cluster = get_cluster(access, uuid, "write")
    if shared and new == TASK_MODE and cluster.mode == DIRECT_MODE and direct_lease.has_sessions(runtime, cluster):
        return cluster
    settled: Task | None = None
    queue = runtime.queue
    with atomic():
        # First, because from then on nobody adds or starts a task.
        (queue.pause if new == DIRECT_MODE else queue.resume)(cluster.uuid)
        cluster = get_cluster(access, uuid, "write")
        mode, open_tasks = cluster.mode, queue.open_tasks(cluster.uuid)
        values: dict[str, object] = {"mode": new}
        if new == DIRECT_MODE:
            _check_direct(cluster, open_tasks, shared)
            template_of(cluster)
            values |= direct_lease.held(runtime, access.actor.user_id, cluster)
        if not compare_and_set(Cluster, _is_there(cluster) & (Cluster.mode == mode), **values):
            raise NotFound(MISSING, uuid=cluster.uuid)
        if new == TASK_MODE and mode == DIRECT_MODE and not open_tasks:
            settled = queue.enqueue("settle", cluster.uuid, access.actor, cluster.name, Nothing(), 1)
        elif new == TASK_MODE:
            # Whoever has asked before may have given up waiting for it.
            settled = next((task for task in open_tasks if task.kind == "settle"), None)
        _tell_host(runtime, cluster)
    cluster.mode = new
    return changed(runtime, cluster, settled)


def _check_direct(cluster: Cluster, open_tasks: Sequence[Task], shared: bool | None) -> None:
    """Refuse direct mode for a cluster that somebody else needs; released clients learn no more than that."""
    if cluster.mode == DIRECT_MODE:
        if shared is None:
            raise Conflict("cluster_mode_refused", mode=DIRECT_MODE)
        if not shared:
            raise Conflict("cluster_held", **direct_lease.holder(cluster))
    elif open_tasks:
        if shared is None:
            raise Conflict("cluster_mode_refused", mode=DIRECT_MODE)
        raise Conflict("cluster_has_tasks", count=len(open_tasks), task=open_tasks[0].name, uuid=open_tasks[0].uuid)


def end_direct_modes(runtime: Runtime) -> None:
    """Let clusters go back to their tasks that are in direct mode without clients; see `direct_lease`."""
    for uuid in [str(row.uuid) for row in Cluster.select(Cluster.uuid).where(direct_lease.is_over(runtime))]:
        with contextlib.suppress(NotFound), atomic():
            runtime.queue.resume(uuid)
            if not compare_and_set(Cluster, (Cluster.uuid == uuid) & direct_lease.is_over(runtime), mode=TASK_MODE):
                raise NotFound(MISSING, uuid=uuid)  # it is held again, so nothing of this happens
            cluster = Cluster.get(Cluster.uuid == uuid)
            if not runtime.queue.open_tasks(uuid):
                owner = Actor(cluster.owner_id, cluster.owner_id, cluster.project_id, "")
                runtime.queue.enqueue("settle", uuid, owner, cluster.name, Nothing(), 1)
            _tell_host(runtime, cluster)
            log.info("direct mode has ended without clients", extra={"cluster": uuid})


def holder_of(partition: str) -> dict[str, str] | None:
    """Return who holds the cluster of a partition in direct mode, so that its tasks wait; None if nobody does."""
    cluster = Cluster.get_or_none((Cluster.uuid == partition) & (Cluster.mode == DIRECT_MODE))
    return None if cluster is None else direct_lease.holder(cluster)


def changed(runtime: Runtime, cluster: Cluster, task: Task | None, *, waits: bool = True) -> Cluster:
    """Return a cluster after the task that changes it, or with that task as `pending` if it takes long."""
    if task is not None:
        state = runtime.queue.outcome(task.uuid, SETTLE_SECONDS) if waits else task.state
        cluster.pending = task if state in OPEN else None
    return cluster


def _tell_host(runtime: Runtime, cluster: Cluster) -> None:
    """Let the sidecar of a cluster know, after the current transaction, that its row has changed."""
    after_commit(lambda: notify(runtime.settings.data_dir, cluster.host, cluster.uuid))
