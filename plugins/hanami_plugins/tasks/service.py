"""What can be done with train and request tasks, for routes of any Api and for other plugins. Knows no HTTP.

A task belongs to its cluster: whoever sees the cluster sees its tasks. The queue alone writes their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec
import peewee

from hanami_core.access import Access
from hanami_core.admission import DISK, Claim
from hanami_core.compute import descriptions
from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.network import Template
from hanami_core.queue import ACTIVE, FINISHED, OPEN, QUEUED, Task, TaskEntry, entries_of
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins import clusters
from hanami_plugins.clusters import Cluster, get_cluster, interfaces
from hanami_plugins.datasets import Dataset
from hanami_plugins.tasks.kinds import BYTES_OF_VALUE
from hanami_plugins.tasks.models import OUTLIERS, BestEpoch
from hanami_plugins.tasks.planning import plan_request, plan_training
from hanami_plugins.tasks.plans import Binding, Fit, ResultColumn, SourceDataset, TaskPlan

__all__ = [
    "best_epoch",
    "delete_task",
    "get_task",
    "holder_of",
    "list_tasks",
    "outlier_rows",
    "preparation_for",
    "request",
    "sources_of",
    "task_history",
    "train",
]

Look: TypeAlias = Callable[[str], dict[str, str] | None]


def train(
    runtime: Runtime,
    access: Access,
    cluster: str,
    name: str,
    inputs: Iterable[Binding],
    outputs: Iterable[Binding],
    *,
    time_length: int = 1,
    equal_rows: bool = False,
    fit: Fit | None = None,
) -> Task:
    """Queue a training; a cluster without a network gets one with the inputs and outputs that are bound.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        cluster: uuid of the cluster.
        name: what the actor calls the task.
        inputs: a column for each input of the cluster.
        outputs: a column for each of its outputs.
        time_length: rows that one cycle looks at.
        equal_rows: refuse columns with different numbers of rows; otherwise those that not all have are left out.
        fit: epochs, order and seed; None is a single pass over the rows as they come.

    Raises:
        NotFound: if there is no such cluster that the actor may change, or no such dataset or column.
        BadRequest: if the bindings do not fit the cluster, or the tables not each other.
        Conflict: if a dataset has no table yet, or the cluster was deleted meanwhile.
        VisibleError: if a plugin says that the actor has too many open tasks, or too much on the disk.
    """
    row = get_cluster(access, cluster, "write")
    plan, cycles = plan_training(runtime, access, row, inputs, outputs, time_length, equal_rows, fit)
    # What a training stores replaces what it stored before; whoever has too much already adds no more.
    claim = Claim.of(access.actor, DISK, 0)
    return _enqueue(runtime, access, "train", row, name, plan, cycles, claim)


def request(
    runtime: Runtime,
    access: Access,
    cluster: str,
    name: str,
    inputs: Iterable[Binding],
    results: Iterable[ResultColumn],
    *,
    dataset: str = "",
    time_length: int = 1,
    overlapping: bool = False,
) -> Task:
    """Queue a request. Whoever sees a cluster may ask it; the answers become a dataset with the uuid of the task.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        cluster: uuid of the cluster.
        name: what the actor calls the task.
        inputs: a column for each input of the cluster.
        results: a column of the new dataset for each output that is wanted.
        dataset: name of the new dataset; that of the task if empty.
        time_length: rows that one cycle looks at.
        overlapping: the outputs are windows of rows, the last of which is the last one that a cycle looks at; a row of
            the new dataset is the mean of what all windows say of it.

    Raises:
        NotFound: if there is no such cluster, dataset or column that the actor may see.
        BadRequest: if bindings or results do not fit the cluster, or the tables not each other.
        Conflict: if the cluster was never trained, or deleted meanwhile, or a dataset has no table yet, or if the actor
            may only ask the cluster and so many such requests wait already that its owner would wait for them.
        VisibleError: if a plugin says that the actor has too many open tasks or datasets, or too much on the disk.
    """
    row = get_cluster(access, cluster)
    if _is_guest(access, row):
        # Whoever asks again and again is refused before that costs anything; what counts is looked at below.
        _require_room(runtime, row, _waiting_guests(row) + 1)
    plan, cycles = plan_request(runtime, access, row, dataset or name, inputs, results, time_length, overlapping)
    sizes = interfaces(row)[1]
    values = cycles * sum(1 if overlapping else sizes.get(result.interface, 0) for result in plan.results)
    claims = Claim.of(access.actor, Dataset.resource), Claim.of(access.actor, DISK, values * BYTES_OF_VALUE)
    with atomic():
        guest = _is_guest(access, row)
        task = _enqueue(runtime, access, "request", row, name, plan, cycles, *claims, yields=guest)
        if guest:
            # The partition is locked by now, which orders those who add requests.
            _require_room(runtime, row, _waiting_guests(row))
        return task


def _is_guest(access: Access, cluster: Cluster) -> bool:
    """Tell whether somebody may only ask a cluster."""
    return not access.visible(Cluster, "write").where(Cluster.uuid == cluster.uuid).exists()


def _waiting_guests(cluster: Cluster) -> int:
    mine = (Task.partition == cluster.uuid) & Task.state.in_(OPEN)
    return int(Task.active().where(mine & (Task.owner_id != cluster.owner_id)).count())


def _require_room(runtime: Runtime, cluster: Cluster, guests: int) -> None:
    """Refuse one more request of a guest, of whom there would be so many."""
    if guests > (most := runtime.settings["tasks.guests"]):
        raise Conflict("requests_exhausted", cluster=cluster.uuid, limit=most)


def _enqueue(
    runtime: Runtime,
    access: Access,
    kind: str,
    cluster: Cluster,
    name: str,
    plan: TaskPlan,
    cycles: int,
    *claims: Claim,
    yields: bool = False,
) -> Task:
    with atomic():
        task = runtime.queue.enqueue(
            kind, cluster.uuid, access.actor, name, plan, cycles, blobs=plan.blobs, action=access.action, yields=yields
        )
        # After the queue, as everywhere: who ends a task holds its queue when it claims room for a result.
        for claim in claims:
            runtime.admit(claim)
    return task


def get_task(access: Access, cluster: str, uuid: str) -> Task:
    """Return a task of a cluster.

    Raises:
        NotFound: if there is no such cluster that the actor may see, or it has no such task.
    """
    row = get_cluster(access, cluster)
    mine = (Task.partition == row.uuid) & (Task.uuid == uuid.lower())
    task: Task | None = Task.active().where(mine).first()
    if task is None:
        raise NotFound("task_missing", uuid=uuid, cluster=cluster)
    return task


def holder_of(task: Task, look: Look = clusters.holder_of) -> dict[str, str] | None:
    """Return whose direct mode a queued task waits for and since when, or None if it does not wait for any.

    `look` is what tells who holds a cluster; of a whole list one that remembers.
    """
    return look(str(task.partition)) if task.state == QUEUED else None


def preparation_for(runtime: Runtime, task: Task) -> tuple[str, str] | None:
    """Return the host that a task which has begun waits for and what that prepares for it, None if it waits for none.

    Networks of one rule set wait for the same, so only those of the task's are looked at.
    """
    if task.state != ACTIVE or task.current_cycle:
        return None
    cluster = Cluster.get_or_none(Cluster.uuid == task.partition)
    host = None if cluster is None else runtime.hosts.get(cluster.host)
    found = None if host is None else descriptions.load(runtime.settings.data_dir, host.name)
    if cluster is None or host is None or found is None or not found.awaited:
        return None
    template = clusters.template_of(cluster) if cluster.template else _made_by(task)
    try:
        awaited = None if template is None else found.awaited.get(runtime.rules_for(template, host.kind).name)
    except BadRequest:  # it has gone to another host meanwhile
        return None
    return None if awaited is None else (host.name, awaited)


def _made_by(task: Task) -> Template | None:
    """Return the template that a task gives to its cluster."""
    return msgspec.json.decode(task.payload, type=_Making).template


class _Making(msgspec.Struct):
    template: Template | None = None


def task_history(access: Access, uuid: str) -> list[TaskEntry]:
    """Return what a task of a cluster has measured on its way and stored until now, in the order of its cycles.

    Raises:
        NotFound: if there is no such task of a cluster that the actor may see.
    """
    task: Task | None = Task.active().where(Task.uuid == uuid.lower()).first()
    if task is None or not access.visible(Cluster, "read").where(Cluster.uuid == task.partition).exists():
        raise NotFound("task_unknown", uuid=uuid)
    return list(entries_of(str(task.uuid)))


def best_epoch(task: Task) -> BestEpoch | None:
    """Return which epoch of a training with validation that has finished was the best, as long as that is known."""
    if task.kind != "train" or task.state != FINISHED:
        return None
    found: BestEpoch | None = BestEpoch.get_or_none(BestEpoch.task == task.uuid)
    return found


def outlier_rows(task: Task) -> int:
    """Return how many rows of a training have a value far from all others, as far as it has told of it until now."""
    last: TaskEntry | None = entries_of(str(task.uuid)).order_by(TaskEntry.position.desc()).first()
    return int(last.values_by_name.get(OUTLIERS, 0)) if last is not None else 0


def list_tasks(access: Access, cluster: str) -> peewee.ModelSelect[Task]:
    """Select the tasks of a cluster, oldest first.

    Raises:
        NotFound: if there is no such cluster that the actor may see.
    """
    return Task.active().where(Task.partition == get_cluster(access, cluster).uuid)


class _Sourced(msgspec.Struct):
    sources: tuple[SourceDataset, ...] = ()


def sources_of(task: Task) -> tuple[SourceDataset, ...]:
    """Return the datasets that a task reads, by the names that they had when it was queued; none of other kinds."""
    return msgspec.json.decode(task.payload, type=_Sourced).sources


def delete_task(runtime: Runtime, access: Access, cluster: str, uuid: str) -> None:
    """Stop an open task, or take an ended one, or one that has not begun, out of the list.

    Raises:
        NotFound: if there is no such task, or it is somebody else's and the actor may not change the cluster.
    """
    with atomic():
        task = get_task(access, cluster, uuid)
        if task.owner_id != access.actor.user_id:
            get_cluster(access, cluster, "write")
        if task.state in OPEN:
            runtime.queue.abort(task.partition, [task.uuid])
            if task.started_at is not None:
                return
        if not runtime.queue.hide(task):
            raise NotFound("task_missing", uuid=uuid, cluster=cluster)
