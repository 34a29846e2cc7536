"""What can be done with clusters, apart from HTTP."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hanami_core.access import Access
from hanami_core.compute import ComputeHost
from hanami_core.errors import BadRequest, ClientError, Conflict, NotFound, TemplateError
from hanami_core.http.sharing import owned_answer
from hanami_core.network import NetworkState, StateHead, Template, in_a_line
from hanami_core.queue import Lane, Task
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, after_commit, atomic, relaxed
from hanami_plugins.clusters.models import DIRECT_MODE, TASK_MODE, Cluster
from hanami_plugins.clusters.notices import notify

MISSING = "Cluster with uuid '{}' not found"
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
        Conflict: if the name is taken among the clusters that the actor sees.
    """
    host = default_host(runtime)
    text = decode_template(encoded)
    template = runtime.parse_template(text) if text else None
    if template is not None:
        check_template(runtime, template, host)
    with atomic():
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
        Lane.create(key=cluster.uuid, host=host.name)
    return cluster


def decode_template(encoded: str) -> str:
    """Return the text of a template in base64."""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadRequest("Uploaded template is not a valid base64-String.") from None


def check_template(runtime: Runtime, template: Template, host: ComputeHost) -> None:
    """Raise `TemplateError` if no rule set runs a template on a host."""
    try:
        runtime.rules_for(template, host.kind)
    except BadRequest as error:
        raise TemplateError(f"Uploaded template is not a valid cluster-template: \n{error}") from error


def default_host(runtime: Runtime) -> ComputeHost:
    """Return the host of new clusters."""
    if not runtime.hosts:
        raise Conflict("there is no compute host; see 'hanami plugins'")
    return next(iter(runtime.hosts.values()))


def template_of(cluster: Cluster) -> Template:
    """Return the template of a cluster.

    Raises:
        Conflict: if the cluster has none.
    """
    if not cluster.template:
        raise Conflict(f"Cluster with uuid '{cluster.uuid}' has no network, train it or restore a checkpoint first")
    return msgspec.json.decode(cluster.template, type=Template)


def first_template(runtime: Runtime, cluster: Cluster, inputs: Sequence[str], outputs: Sequence[str]) -> Template:
    """Return the template that a training with these names gives to a cluster without one.

    Raises:
        BadRequest: if the names can not be those of a network.
    """
    template = in_a_line(inputs, outputs)
    host = runtime.hosts.get(cluster.host, default_host(runtime))
    runtime.rules_for(template, host.kind)
    return template


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
    with runtime.blobs.open(cluster.blob).open("rb") as file:
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
        if not cluster.mark_deleted():
            raise NotFound(MISSING.format(cluster.uuid))
        doomed = [
            task.uuid
            for task in runtime.queue.open_tasks(cluster.uuid)
            if task.kind not in runtime.kinds or not runtime.kinds[task.kind].survives_delete
        ]
        runtime.queue.abort(cluster.uuid, doomed)
        Lane.update(held=False).where(Lane.key == cluster.uuid).execute()
        clean_up(runtime, cluster.uuid)
        _tell_host(runtime, cluster)


def clean_up(runtime: Runtime, uuid: str, ending: str = "") -> None:
    """Drop the state of a deleted cluster when no open task but `ending` needs it, in the caller's transaction."""
    cluster = Cluster.get(Cluster.uuid == uuid)
    open_tasks = [task for task in runtime.queue.open_tasks(uuid) if task.uuid != ending]
    if cluster.status == ACTIVE or open_tasks:
        return
    runtime.blobs.release(cluster.blob)
    Cluster.update(blob=None).where(Cluster.uuid == uuid).execute()
    Lane.delete().where(Lane.key == uuid).execute()


def set_mode(runtime: Runtime, access: Access, cluster: Cluster, new: str) -> None:
    """Switch between task mode and direct mode. Going to the mode that is already on is fine for task mode.

    Raises:
        Conflict: if direct mode is on already, or tasks are still to be done.
    """
    refusal = Conflict(f"Can not switch cluster to '{new}'")
    settled: Task | None = None
    with atomic():
        mode = Cluster.get(Cluster.uuid == cluster.uuid).mode
        open_tasks = runtime.queue.open_tasks(cluster.uuid)
        if new == DIRECT_MODE and (mode == DIRECT_MODE or open_tasks):
            raise refusal
        if new == DIRECT_MODE:
            template_of(cluster)
        Cluster.update(mode=new).where(Cluster.uuid == cluster.uuid).execute()
        Lane.update(held=new == DIRECT_MODE).where(Lane.key == cluster.uuid).execute()
        if new == TASK_MODE and mode == DIRECT_MODE and not open_tasks:
            settled = runtime.queue.enqueue("settle", cluster.uuid, access.actor, cluster.name, Nothing(), 1)
        runtime.queue.wake(cluster.uuid)
        _tell_host(runtime, cluster)
    if settled is not None:
        runtime.queue.wait(settled.uuid, SETTLE_SECONDS)


def _tell_host(runtime: Runtime, cluster: Cluster) -> None:
    """Let the sidecar of a cluster know, after the current transaction, that its row has changed."""
    after_commit(lambda: notify(runtime.settings.data_dir, cluster.host, cluster.uuid))


def move(runtime: Runtime, access: Access, cluster: Cluster, host_uuid: str) -> None:
    """Move a cluster to another host.

    Raises:
        NotFound: if there is no such host.
        Conflict: if the host has no rules for the network, or the cluster is in direct mode.
    """
    host = next((host for host in runtime.hosts.values() if host.uuid == host_uuid.lower()), None)
    if host is None:
        raise NotFound(f"Host with uuid '{host_uuid}' not found")
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
