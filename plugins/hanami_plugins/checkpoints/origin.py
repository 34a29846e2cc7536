"""What the file of a checkpoint tells of where its network comes from: cluster, trainings, datasets, settings, metrics.

Whoever takes a file believes none of it before it fits the rules here, and marks all that came this way as imported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import InvalidFile
from hanami_core.ids import Uuid
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import DatasetOfTraining, TrainingAnswer, add_lineage, lineage_of

__all__ = ["Origin", "check", "columns_of", "origin_of", "take_over"]

MOST_TRAININGS = 1000
MOST_BYTES = 1 << 20
"""What a file tells of trainings, the last ones first."""
MOST_METRICS = 256
MOST_SETTINGS = 64
MOST_DATASETS = 10_000
_YEAR_10000 = 253_402_300_800.0

_TEXT = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
_Text = Annotated[str, Meta(pattern=_TEXT, max_length=256)]
_State = Annotated[str, Meta(pattern=r"^[a-z]+$", max_length=10)]
_Number = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
_Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
_Time = Annotated[float, Meta(ge=0.0, lt=_YEAR_10000)]
_LongText = Annotated[str, Meta(pattern=_TEXT, max_length=4096)]
_Told = bool | int | float | _LongText | None


class _Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cluster or a dataset, by the name that it had then."""

    uuid: Uuid
    name: _Text


class _Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A training; `ended_at` is seconds since 1970, all else as in `hanami_plugins.clusters.TrainingAnswer`."""

    number: _Number
    task_uuid: Uuid
    name: _Text
    state: _State
    rows: _Count
    cycles: _Count
    version: _Number
    ended_at: _Time
    datasets: Annotated[list[_Named], Meta(max_length=MOST_DATASETS)]
    settings: Annotated[dict[_Text, _Told], Meta(max_length=MOST_SETTINGS)]


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a network comes from.

    `cluster` is the one that was saved, `version` the number of its stored state then. `trainings` are the last ones
    that made it, oldest first. The seed stands in the network itself.
    """

    cluster: _Named | None
    version: _Number | None
    metrics: Annotated[dict[_Text, float], Meta(max_length=MOST_METRICS)]
    trainings: Annotated[list[_Training], Meta(max_length=MOST_TRAININGS)]


def origin_of(checkpoint: Checkpoint, room: int) -> Origin | None:
    """Return what the file of a checkpoint is to tell, in at most `room` bytes; None if nothing is known."""
    cluster = _Named(checkpoint.cluster, checkpoint.cluster_name) if checkpoint.cluster else None
    metrics = {name: float(value) for name, value in json.loads(checkpoint.metrics).items() if math.isfinite(value)}
    trainings = list(_fitting(map(_told, _backwards(checkpoint.uuid)), min(room, MOST_BYTES)))
    if cluster is None and not trainings:
        return None
    return Origin(cluster, checkpoint.version, metrics, trainings[::-1])


def _backwards(holder: str) -> Iterator[TrainingAnswer]:
    """Return trainings, the last one first."""
    before: int | None = None
    while found := lineage_of(holder, before).trainings:
        yield from reversed(found)
        before = found[0].number


def _told(training: TrainingAnswer) -> _Training:
    fields = _fields(training)
    fields["ended_at"] = float(training.ended_at.seconds or 0.0)
    fields["datasets"] = [_Named(dataset.uuid, dataset.name) for dataset in training.datasets]
    return _Training(**fields)


def _fields(training: _Training | TrainingAnswer) -> dict[str, Any]:
    """Return what both tell of a training, of which time and datasets have types of their own."""
    return {name: getattr(training, name) for name in _Training.__struct_fields__}


def _fitting(trainings: Iterable[_Training], room: int) -> Iterator[_Training]:
    for count, training in enumerate(trainings):
        room -= len(msgspec.json.encode(training)) + 1
        if count == MOST_TRAININGS or room < 0:
            return
        yield training


def check(origin: Origin) -> None:
    """Look whether what a file tells fits together.

    Raises:
        InvalidFile: if it does not; the text says why.
    """
    for earlier, later in zip(origin.trainings, origin.trainings[1:], strict=False):
        if later.number != earlier.number + 1:
            raise InvalidFile(
                "the lineage of the checkpoint file breaks a rule: "
                f"training {later.number} comes after training {earlier.number}"
            )
    if origin.trainings and not origin.trainings[0].number:
        raise InvalidFile("the lineage of the checkpoint file breaks a rule: trainings are counted from 1 on")


def columns_of(origin: Origin | None) -> dict[str, object]:
    """Return what the row of an imported checkpoint tells of its origin."""
    if origin is None:
        return {}
    cluster, last = origin.cluster, origin.trainings[-1] if origin.trainings else None
    return {
        "cluster": "" if cluster is None else cluster.uuid,
        "cluster_name": "" if cluster is None else cluster.name,
        "task": "" if last is None else last.task_uuid,
        "task_name": "" if last is None else last.name,
        "version": origin.version,
        "metrics": json.dumps(origin.metrics),
    }


def take_over(uuid: str, origin: Origin | None) -> None:
    """Give an imported checkpoint the trainings that its file tells, in the caller's transaction."""
    add_lineage(uuid, [] if origin is None else map(_answer, origin.trainings))


def _answer(training: _Training) -> TrainingAnswer:
    fields = _fields(training)
    fields["ended_at"] = Moment(training.ended_at)
    fields["datasets"] = [DatasetOfTraining(dataset.uuid, dataset.name) for dataset in training.datasets]
    return TrainingAnswer(**fields, imported=True)
