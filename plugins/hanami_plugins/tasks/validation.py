"""How well a network answers rows that it does not learn, and which epoch was the best.

The best state is stored with the cursor of the task, so that whoever goes on with the task knows it. An epoch at whose
end a task was cut off is validated again, which gives the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.errors import LeaseLost
from hanami_core.queue import Job, Task
from hanami_core.runtime import Runtime
from hanami_core.storage.database import compare_and_set
from hanami_plugins.clusters import LIVE, LiveCluster
from hanami_plugins.datasets import Errors
from hanami_plugins.tasks.models import BestEpoch

__all__ = ["Judged", "Validation", "release_best", "validate"]

Floats = npt.NDArray[np.float64]

VALUES = 1 << 20
"""Values of answers that are in memory at once."""
SMALLEST = 1e-7
"""Probability below which a wrong answer counts as if it had that one."""


class Judged(NamedTuple):
    """Rows that a network is judged by; `weights` is how much each counts in the loss, None if all count the same."""

    rows: Rows
    weights: npt.NDArray[np.float32] | None = None


class _Score:
    """What is summed up over the rows of one output. Weights make the loss what training lowers, and only that."""

    def __init__(self, width: int) -> None:
        self.rows, self.right, self.entropy = 0, 0, 0.0
        self.total, self.squared = 0.0, 0.0
        self.classes = width > 1
        self._errors = Errors(width)

    def add(self, answers: Floats, expected: Floats, weights: Floats | None) -> None:
        """Take further rows."""
        best = expected.argmax(axis=1)
        taken = answers[np.arange(len(answers)), best]
        self.classes &= bool(((expected == 0) | (expected == 1)).all() and (expected.sum(axis=1) == 1).all())
        self.rows += len(answers)
        self.right += int((answers.argmax(axis=1) == best).sum())
        losses = np.log(np.clip(taken, SMALLEST, 1.0))
        self.entropy -= float((losses if weights is None else losses * weights).sum())
        self._errors.add(answers, expected)
        if weights is not None:
            self.total += float(weights.sum())
            self.squared += float((((answers - expected) ** 2).mean(axis=1) * weights).sum())

    def measures(self) -> dict[str, float]:
        """Return cross-entropy and accuracy if all rows are one-hot, else the mean squared error and R²."""
        if self.classes:
            return {"loss": self.entropy / (self.total or self.rows), "accuracy": self.right / self.rows}
        squared, _, explained = self._errors.result()
        loss = self.squared / self.total if self.total else squared
        return {"loss": loss} | ({} if explained is None else {"r2": explained})


def validate(network: LiveNetwork, judged: Judged, step: Callable[[], bool]) -> dict[str, float] | None:
    """Return how well a network answers rows, as means over its outputs; None if `step` said no before the end."""
    rows, weights = judged
    widths = {item.name: item.values.shape[1] for item in rows.outputs}
    scores = {name: _Score(width) for name, width in widths.items()}
    piece = max(1, VALUES // sum(widths.values()))
    for first in range(0, rows.cycles, piece):
        part = _part(rows, first, min(piece, rows.cycles - first))
        answers = {name: np.zeros((part.cycles, width), np.float32) for name, width in widths.items()}
        network.request(replace(part, outputs=()), answers, Run(lambda _: step()))
        if not step():
            return None
        counted = None if weights is None else weights[first : first + part.cycles].astype(np.float64)
        for item in part.outputs:
            expected = item.values[: part.cycles].astype(np.float64)
            scores[item.name].add(answers[item.name].astype(np.float64), expected, counted)
    told = [score.measures() for score in scores.values()]
    names = {name for measures in told for name in measures}
    return {name: float(np.mean([measures[name] for measures in told if name in measures])) for name in sorted(names)}


def _part(rows: Rows, start: int, count: int) -> Rows:
    end = start + count + rows.time_length - 1
    inputs = tuple(Columns(item.name, item.values[start:end]) for item in rows.inputs)
    outputs = tuple(Columns(item.name, item.values[start:end]) for item in rows.outputs)
    return Rows(inputs, outputs, rows.time_length)


class Validation:
    """The validation of one training."""

    def __init__(self, job: Job, live: LiveCluster, judged: Judged, patience: int) -> None:
        """Validate with some rows; after so many epochs without a better one it is enough, unless `patience` is 0."""
        self._job, self._live, self._judged, self._patience = job, live, judged, patience
        self._best: BestEpoch | None = BestEpoch.get_or_none(BestEpoch.task == job.task.uuid)
        self.epochs = 0

    def after(self, epoch: int, cycle: int, step: Callable[[], bool]) -> bool:
        """Validate after an epoch, the first one being 1, and return whether another one is worth while."""
        found = validate(self._live.network, self._judged, step)
        if found is None:
            return False
        self.epochs = epoch
        self._job.record(cycle, {f"validation_{name}": value for name, value in found.items()}, epoch=epoch)
        if self._best is None or found["loss"] < self._best.loss:
            self._store(epoch, cycle, found["loss"])
        assert self._best is not None
        return not self._patience or epoch - self._best.epoch < self._patience

    def _store(self, epoch: int, cycle: int, loss: float) -> None:
        """Make the network of now the best one, and the state that the task goes on from."""
        metrics = json.dumps(dict(self._live.network.metrics()))
        note = partial(self._note, {"epoch": epoch, "loss": loss, "metrics": metrics})
        self._job.runtime.stash[LIVE].store(self._live, self._job, cycle, also=note)
        self._best = BestEpoch.get_or_none(BestEpoch.task == self._job.task.uuid) or BestEpoch(epoch=epoch, loss=loss)

    def _note(self, values: Mapping[str, object], blob: str) -> None:
        """Hold the blob of the best network, in the transaction that stores it."""
        blobs, task = self._job.runtime.blobs, self._job.task.uuid
        blobs.incref(blob)
        if self._best is None:
            BestEpoch.create(task=task, blob=blob, **values)
            return
        self._change(blob=blob, **values)
        blobs.decref(str(self._best.blob))

    def _change(self, **values: object) -> None:
        assert self._best is not None
        as_known = (BestEpoch.task == self._job.task.uuid) & (BestEpoch.blob == self._best.blob)
        if not compare_and_set(BestEpoch, as_known, **values):
            raise LeaseLost(f"task {self._job.task.uuid} was gone on with by another worker")

    def end(self) -> bool:
        """End the task with the best network, and tell whether that was needed: it is not that of the last epoch."""
        best = self._best
        if best is None or not best.blob:
            return False
        self._change(epochs=self.epochs)
        if best.epoch == self.epochs:
            return False
        total = int(self._job.task.total_cycles)
        metrics = json.loads(best.metrics)
        self._job.runtime.stash[LIVE].go_back(self._live, self._job, total, str(best.blob), metrics)
        return True


def release_best(runtime: Runtime, task: Task) -> BestEpoch | None:
    """Let go of the best state of a task that has ended, and return which one that was, if it has one."""
    best: BestEpoch | None = BestEpoch.active().where(BestEpoch.task == task.uuid).first()
    if best is not None and best.mark_deleted():
        runtime.blobs.decref(str(best.blob))
    return best
