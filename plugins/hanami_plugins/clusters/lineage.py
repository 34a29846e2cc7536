"""Which trainings a network comes from. Knows neither HTTP nor what kinds of tasks there are.

What the database of a cluster or a checkpoint knows of a training is its own: it stays when the task or its datasets
are deleted. Functions work in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple, TypeAlias

import msgspec
import peewee
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.ids import AnyName, AnyUuid
from hanami_core.queue import FAILED, FINISHED, Task
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE
from hanami_plugins.clusters.models import Cluster, Training

__all__ = [
    "DatasetOfTraining",
    "Lineage",
    "Told",
    "TrainingAnswer",
    "add_lineage",
    "add_training",
    "copy_lineage",
    "forget_lineage",
    "lineage_of",
    "move_lineage",
]

Told: TypeAlias = bool | int | float | str | None
"""Value of what a training was told."""
MOST = 100
"""Trainings that are told at once."""

_COPIED = [field for name, field in Training._meta.fields.items() if name not in ("id", "holder")]


class DatasetOfTraining(msgspec.Struct):
    """A dataset of a training.

    Attributes:
        uuid: UUID of the dataset.
        name: name that it had then.
    """

    uuid: AnyUuid
    name: AnyName


class TrainingAnswer(msgspec.Struct):
    """A training that has ended.

    Attributes:
        number: number of the training, from 1.
        task_uuid: UUID of the task.
        name: name of the task.
        state: `finished`, `aborted` or `failed`.
        rows: number of rows that it trained.
        cycles: `cycles` of the network afterwards.
        version: `version` of the network afterwards.
        ended_at: when it ended, in UTC.
        datasets: datasets with its rows.
        settings: other fields of the training, such as `epochs` and `seed`.
        imported: whether it took place on another server, according to the file of a checkpoint.
    """

    number: Annotated[int, Meta(examples=[1])]
    task_uuid: AnyUuid
    name: Annotated[AnyName, Meta(examples=["first lesson"])]
    state: Annotated[str, Meta(examples=[FINISHED])]
    rows: Annotated[int, Meta(examples=[5000])]
    cycles: Annotated[int, Meta(examples=[5000])]
    version: Annotated[int, Meta(examples=[1])]
    ended_at: Moment
    datasets: list[DatasetOfTraining]
    settings: Annotated[dict[str, Told], Meta(examples=[{"epochs": 1, "seed": None, "shuffle": True}])]
    imported: bool = False


class Lineage(NamedTuple):
    """The last trainings of a network, oldest first, and how many there are in all."""

    trainings: list[TrainingAnswer]
    total: int


def add_training(
    runtime: Runtime,
    task: Task,
    datasets: Sequence[tuple[str, str]],
    settings: Mapping[str, Told],
    rows: int | None = None,
) -> None:
    """Note what a training that has ended has added to its cluster, if it was anything.

    Args:
        runtime: the process' runtime.
        task: the training, as the `ended` of its kind gets it; its partition is the cluster.
        datasets: uuids and names of what it was trained with.
        settings: what else it was told, by words that clients know.
        rows: how many the network has learned, if that is not what the task has come to.
    """
    cluster = Cluster.get_or_none((Cluster.uuid == task.partition) & (Cluster.status == ACTIVE))
    rows = _rows_of(task) if rows is None else rows
    if cluster is None or not rows:
        return
    training = TrainingAnswer(
        number=_count(cluster.uuid) + 1,
        task_uuid=task.uuid,
        name=task.name,
        state=task.state,
        rows=rows,
        cycles=cluster.cycles,
        version=cluster.version,
        ended_at=Moment(runtime.clock.now()),
        datasets=[DatasetOfTraining(*pair) for pair in datasets],
        settings=dict(settings),
    )
    add_lineage(cluster.uuid, [training])


def _rows_of(task: Task) -> int:
    """Return how many rows the stored state knows: all, those up to the last one stored, or about where it stopped."""
    if task.state == FINISHED:
        return int(task.total_cycles)
    return int(task.cursor if task.state == FAILED else task.current_cycle)


def add_lineage(holder: str, trainings: Iterable[TrainingAnswer]) -> None:
    """Give a holder further trainings."""
    for one in trainings:
        Training.create(
            holder=holder,
            number=one.number,
            task=one.task_uuid,
            name=one.name,
            state=one.state,
            rows=one.rows,
            cycles=one.cycles,
            version=one.version,
            datasets=json.dumps([[dataset.uuid, dataset.name] for dataset in one.datasets]),
            settings=json.dumps(one.settings),
            ended_at=one.ended_at.seconds,
            imported=one.imported,
        )


def copy_lineage(source: str, target: str) -> None:
    """Give a holder the lineage of another one, in place of its own."""
    forget_lineage(target)
    rows = Training.select(peewee.Value(target), *_COPIED).where(Training.holder == source)
    Training.insert_from(rows, [Training.holder, *_COPIED]).execute()


def move_lineage(source: str, target: str) -> None:
    """Give a holder the lineage of another one, which has none afterwards."""
    forget_lineage(target)
    Training.update(holder=target).where(Training.holder == source).execute()


def forget_lineage(holder: str) -> None:
    """Remove the lineage of what is deleted."""
    Training.delete().where(Training.holder == holder).execute()


def lineage_of(holder: str, before: int | None = None) -> Lineage:
    """Return the last trainings of a holder, or the last ones before a number."""
    query = Training.select().where(Training.holder == holder)
    if before is not None:
        query = query.where(Training.number < before)
    found = list(query.order_by(Training.number.desc()).limit(MOST))
    return Lineage([_answer(training) for training in reversed(found)], _count(holder))


def _count(holder: str) -> int:
    most = Training.select(peewee.fn.MAX(Training.number)).where(Training.holder == holder).scalar()
    return int(most or 0)


def _answer(training: Training) -> TrainingAnswer:
    return TrainingAnswer(
        number=training.number,
        task_uuid=training.task,
        name=training.name,
        state=training.state,
        rows=training.rows,
        cycles=training.cycles,
        version=training.version,
        ended_at=Moment(training.ended_at),
        datasets=[DatasetOfTraining(*pair) for pair in json.loads(training.datasets)],
        settings=json.loads(training.settings),
        imported=training.imported,
    )
