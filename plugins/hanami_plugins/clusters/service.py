"""What can be done with clusters, apart from HTTP."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import peewee

from hanami_core.access import Access, Actor
from hanami_core.compute import ComputeHost
from hanami_core.compute.placement import place, require_hosts
from hanami_core.errors import BadRequest, ClientError, Conflict, NotFound, TemplateError
from hanami_core.events import ClusterCreated, ClusterDeleted
from hanami_core.http.sharing import owned_answer
from hanami_core.network import NetworkState, StateHead, Template, in_a_line
from hanami_core.queue import Task
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, after_commit, atomic, exclusive, relaxed
from hanami_plugins.clusters.models import DIRECT_MODE, TASK_MODE, Cluster
from hanami_plugins.clusters.notices import notify

MISSING = "Cluster with uuid '{}' not found"
UNFIT = "Uploaded template is not a valid cluster-template: \n"
SETTLE_SECONDS = 10.0
"""How long a call waits for a short task of an idle cluster before it answers anyway."""


class HostMove(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of the task that moves a cluster."""

    host: str


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of a task that needs none."""


def create(runtime: Runtime, access: Access, name: str, encoded: str) -> Cluster:
    """Create a cluster from a template in base64; without one it waits for its first training or a checkpoint.

    Raises:
        BadRequest: if the template breaks a rule or no rule set runs it.
        Conflict: if the name is taken among the clusters that the actor sees, or there is no host for it.
    """
    require_hosts(runtime)
    text = decode_template(encoded)
    template = _parsed(runtime, text) if text else None
    host = _host_of_new(runtime, access.actor, template)
    with exclusive("clusters.names"):
        if access.visible(Cluster, "write").where(Cluster.name == name).exists():
            raise Conflict(f"Cluster with name '{name}' already exist.")
        cluster = Cluster.create(
            name=name,
            owner_id=access.actor.user_id,
            project_id=access.actor.project_id,
            template=msgspec.json.encode(template).decode() if template is not None else "",
            seed=secrets.randbits(63),
            host=host.name,
        )
        runtime.queue.create_partition(cluster.uuid, host.name)
        runtime.emit(ClusterCreated(actor=access.actor, **_owned(cluster)))
    return cluster


def decode_template(encoded: str) -> str:
    """Return the text of a template in base64."""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadRequest("Uploaded template is not a valid base64-String.") from None


def _parsed(runtime: Runtime, text: str) -> Template:
    try:
        return runtime.parse_template(text)
    except TemplateError:
        raise
    except BadRequest as error:
        raise TemplateError(f"{UNFIT}{error}") from error


def _host_of_new(runtime: Runtime, actor: Actor, template: Template | None) -> ComputeHost:
    try:
        return place(runtime, actor, template)
    except BadRequest as error:
        raise TemplateError(f"{UNFIT}{error}") from error


def template_of(cluster: Cluster) -> Template:
    """Return the template of a cluster.

    Raises:
        Conflict: if the cluster has none.
    """
    if not cluster.template:
        raise Conflict(f"Cluster with uuid '{cluster.uuid}' has no network, train it or restore a checkpoint first")
    return msgspec.json.decode(cluster.template, type=Template)


def first_template(
    runtime: Runtime, actor: Actor, cluster: Cluster, inputs: Sequence[str], outputs: Sequence[str]
) -> Template:
    """Return the template that a training with these names gives to a cluster without one.

    If the cluster's host can not run it, the cluster goes to one that can: it has nothing yet that would have to move.

    Raises:
        BadRequest: if the names can not be those of a network.
        Conflict: if the cluster would have to go to another host while it has open tasks.
    """
    template = in_a_line(inputs, outputs)
    if not _runs_where_it_is(runtime, cluster, template):
        _assign_host(runtime, cluster, place(runtime, actor, template))
    return template


def _runs_where_it_is(runtime: Runtime, cluster: Cluster, template: Template) -> bool:
    host = runtime.hosts.get(cluster.host)
    try:
        return host is not None and bool(runtime.rules_for(template, host.kind))
    except BadRequest:
        return False


def _assign_host(runtime: Runtime, cluster: Cluster, host: ComputeHost) -> None:
    """Give a cluster that has no network a host that can run its first one."""
    with atomic():
        # First, because from then on nobody adds a task.
        runtime.queue.move_partition(cluster.uuid, host.name)
        if runtime.queue.open_tasks(cluster.uuid):
            raise Conflict(f"Host '{cluster.host}' can not run the cluster, which has open tasks there")
        Cluster.update(host=host.name).where(Cluster.uuid == cluster.uuid).execute()


def count_by_host() -> dict[tuple[str, str], int]:
    """Return how many clusters there are, by host and mode."""
    query = Cluster.select(Cluster.host, Cluster.mode, peewee.fn.COUNT(Cluster.uuid)).where(Cluster.status == ACTIVE)
    rows = query.group_by(Cluster.host, Cluster.mode).tuples().iterator()
    return {(host, mode): count for host, mode, count in rows}


def interfaces(cluster: Cluster) -> tuple[dict[str, int], dict[str, int]]:
    """Return the known sizes of inputs and outputs; empty until data came."""
    return json.loads(cluster.inputs), json.loads(cluster.outputs)


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

    The caller has adopted or retained `blob` for the cluster; the reference to the former state is released here.
    """
    cluster = Cluster.get(Cluster.uuid == uuid)
    former = cluster.blob
    cluster.blob, cluster.version = blob, cluster.version + 1
    cluster.template = msgspec.json.encode(head.template).decode()
    cluster.inputs, cluster.outputs = json.dumps(head.inputs), json.dumps(head.outputs)
    cluster.cycles, cluster.blocks, cluster.sections = head.cycles, int(metrics["blocks"]), int(metrics["sections"])
    cluster.metrics = json.dumps(dict(metrics))
    cluster.save(only=_STATE_FIELDS)
    runtime.blobs.release(former)
    return cluster.version


_STATE_FIELDS = ["blob", "version", "template", "inputs", "outputs", "cycles", "blocks", "sections", "metrics"]


def report_metrics(uuid: str, metrics: Mapping[str, float]) -> None:
    """Tell how a training goes; may be lost in a power cut."""
    values = {"metrics": json.dumps(dict(metrics)), "blocks": int(metrics["blocks"])}
    with relaxed():
        Cluster.update(**values, sections=int(metrics["sections"])).where(Cluster.uuid == uuid).execute()


def delete(runtime: Runtime, cluster: Cluster) -> None:
    """Delete a cluster: its tasks stop, except those that others wait for, such as saving.

    Raises:
        NotFound: if somebody else has deleted it meanwhile.
    """
    with atomic():
        # The partition before the cluster, as everywhere.
        runtime.queue.close_partition(cluster.uuid)
        if not cluster.mark_deleted():
            raise NotFound(MISSING.format(cluster.uuid))
        clean_up(runtime, cluster.uuid)
        _tell_host(runtime, cluster)
        runtime.emit(ClusterDeleted(actor=None, **_owned(cluster)))


def _owned(cluster: Cluster) -> dict[str, str]:
    return {"uuid": cluster.uuid, "owner_id": cluster.owner_id, "project_id": cluster.project_id}


def clean_up(runtime: Runtime, uuid: str) -> None:
    """Drop the state of a deleted cluster that no open task needs any more, in the caller's transaction."""
    cluster = Cluster.get_or_none(Cluster.uuid == uuid)
    if cluster is None or cluster.status == ACTIVE or runtime.queue.open_tasks(uuid):
        return
    runtime.blobs.release(cluster.blob)
    Cluster.update(blob=None).where(Cluster.uuid == uuid).execute()


def after_task(runtime: Runtime, task: Task) -> None:
    """Clean up after a task that outlived its cluster, however it ended."""
    clean_up(runtime, str(task.partition))


def set_mode(runtime: Runtime, access: Access, cluster: Cluster, new: str) -> None:
    """Switch between task mode and direct mode. Going to the mode that is already on is fine for task mode.

    Raises:
        Conflict: if direct mode is on already, or tasks are still to be done.
    """
    refusal = Conflict(f"Can not switch cluster to '{new}'")
    settled: Task | None = None
    queue = runtime.queue
    with atomic():
        # First, because from then on nobody adds or starts a task.
        (queue.pause if new == DIRECT_MODE else queue.resume)(cluster.uuid)
        mode = Cluster.get(Cluster.uuid == cluster.uuid).mode
        open_tasks = queue.open_tasks(cluster.uuid)
        if new == DIRECT_MODE and (mode == DIRECT_MODE or open_tasks):
            raise refusal
        if new == DIRECT_MODE:
            template_of(cluster)
        Cluster.update(mode=new).where(Cluster.uuid == cluster.uuid).execute()
        if new == TASK_MODE and mode == DIRECT_MODE and not open_tasks:
            settled = queue.enqueue("settle", cluster.uuid, access.actor, cluster.name, Nothing(), 1)
        _tell_host(runtime, cluster)
    if settled is not None:
        queue.wait(settled.uuid, SETTLE_SECONDS)


def _tell_host(runtime: Runtime, cluster: Cluster) -> None:
    """Let the sidecar of a cluster know, after the current transaction, that its row has changed."""
    after_commit(lambda: notify(runtime.settings.data_dir, cluster.host, cluster.uuid))


def move(runtime: Runtime, access: Access, cluster: Cluster, host_uuid: str) -> None:
    """Move a cluster to another host.

    Raises:
        NotFound: if there is no such host.
        Conflict: if the host has no rules for the network, or the cluster is in direct mode.
    """
    names = [name for name, uuid in runtime.host_uuids.items() if uuid == host_uuid.lower() and name in runtime.hosts]
    if not names:
        raise NotFound(f"Host with uuid '{host_uuid}' not found")
    host = runtime.hosts[names[0]]
    try:
        runtime.rules_for(template_of(cluster), host.kind)
    except ClientError as error:
        raise Conflict(f"Host '{host.name}' can not run the cluster: {error}") from error
    with atomic():
        if Cluster.get(Cluster.uuid == cluster.uuid).mode == DIRECT_MODE:
            raise Conflict(f"Cluster with uuid '{cluster.uuid}' is in direct mode, switch it to task mode first")
        idle = not runtime.queue.open_tasks(cluster.uuid)
        payload = HostMove(host.name)
        task = runtime.queue.enqueue("switch_host", cluster.uuid, access.actor, cluster.name, payload, 1)
    if idle:
        runtime.queue.wait(task.uuid, SETTLE_SECONDS)


def answer(cluster: Cluster) -> dict[str, Any]:
    """Return a cluster as clients see it."""
    return owned_answer(cluster)
