"""A training of several epochs, or in another order than that of the rows. Knows no cluster and no stored state.

Each epoch is a training of its own to the network, with learning rates from the highest to the lowest, of rows that
are gathered in the order of the epoch. The task counts the cycles of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from hanami_core.compute import LiveNetwork, Rows, Run
from hanami_core.errors import BadRequest
from hanami_core.network import Array
from hanami_core.queue import Job
from hanami_plugins.clusters import LiveCluster
from hanami_plugins.tasks.gathering import Gathered, gathering
from hanami_plugins.tasks.order import RowOrder, key_of
from hanami_plugins.tasks.plans import Fit
from hanami_plugins.tasks.validation import Judged, Validation
from hanami_plugins.tasks.weighing import Weighing, weighing

__all__ = ["Ended", "Lesson", "train_epochs"]

VALUE = "expected_value_out_of_range"
"""What is wrong with a single row."""


@dataclass(frozen=True)
class Lesson:
    """What a network learns, and the rows of another dataset that it is judged by, if there are any.

    `sample` has what each row counts by itself, `judged_sample` the same for the other rows.
    """

    rows: Rows
    sample: Array | None = None
    judged: Rows | None = None
    judged_sample: Array | None = None


@dataclass
class Ended:
    """How a training has ended: `early` if no further epoch was worth while, `cut` if it is to be gone on with."""

    early: bool = False
    cut: bool = False
    validation: Validation | None = None

    def with_best(self) -> bool:
        """End the task with the network of the best epoch, and tell whether that was needed."""
        return self.validation is not None and self.validation.end()


def train_epochs(job: Job, fit: Fit, lesson: Lesson, live: LiveCluster, step: Callable[[int], bool]) -> Ended:
    """Train a network with all epochs from the task's stored cycle on, until `step` says no or it is good enough.

    The rest of an interrupted training ends bit-identical to one that never stopped: the order of rows depends on the
    seed and the epoch alone, and without a seed on that of the network and the cycles that it had seen before.
    """
    rows = lesson.rows
    head, held = live.network.head, fit.held(rows.cycles)
    seed = key_of(head.seed, head.cycles - job.start) if fit.seed is None else fit.seed
    # One training after the other holds the same rows back, so that none learns what another is judged by.
    scatter = head.seed if fit.seed is None else fit.seed
    order = RowOrder(
        rows.cycles,
        seed,
        shuffle=fit.shuffle,
        held=held,
        scatter=scatter if fit.shuffle and rows.time_length == 1 else None,
    )
    going, ended = _Going(step, job.start), Ended()
    weigh = None
    if fit.weighs:
        weigh = weighing(fit, rows, lesson.sample, order.training, order.rows, lambda: going.step(job.start))
        if weigh is None:
            return Ended(cut=True)
    with (
        gathering(job.runtime, rows, order.rows, weigh) as gathered,
        gathering(job.runtime, rows, held, weigh) as others,
    ):
        if held and not others.fill(order.validation, lambda: going.step(job.start)):
            return Ended(cut=True)
        judged = Judged(others.rows, others.rows.weights) if held else _others(lesson, weigh)
        if judged is not None:
            ended.validation = Validation(job, live, judged, fit.early_stopping)
            if job.start and not job.start % order.rows:
                ended.early = not _validated(ended.validation, order.rows, going)
        while going and not ended.early and going.cycle < fit.epochs * order.rows:
            _train_epoch(going.cycle // order.rows, order, gathered, live.network, going)
            if going and ended.validation is not None:
                ended.early = not _validated(ended.validation, order.rows, going)
    ended.cut = not going
    return ended


def _others(lesson: Lesson, weigh: Weighing | None) -> Judged | None:
    """Return the rows of another dataset that a network is judged by; classes count what they do in the training."""
    rows = lesson.judged
    if rows is None:
        return None
    if weigh is None:
        return Judged(rows)
    return Judged(rows, Weighing(rows, lesson.judged_sample, weigh.factors).all(rows.cycles))


def _validated(validation: Validation, rows: int, going: _Going) -> bool:
    """Validate after an epoch, and return whether there should be another one, or it was cut off."""
    cycle = going.cycle
    return validation.after(cycle // rows, cycle, lambda: going.step(cycle)) or not going


def _train_epoch(epoch: int, order: RowOrder, gathered: Gathered, network: LiveNetwork, going: _Going) -> None:
    before = epoch * order.rows
    start = going.cycle - before
    if gathered.fill(partial(order.epoch, epoch), lambda: going.step(before + start)):
        with _named(order, epoch):
            network.train(gathered.rows, Run(lambda cycle: going.step(before + cycle), start))
        going.reached(before + order.rows)


@contextmanager
def _named(order: RowOrder, epoch: int) -> Iterator[None]:
    """Let an error about a row name the one of the dataset, whatever its place in the epoch is."""
    try:
        yield
    except BadRequest as error:
        cycle = error.parameters.get("cycle")
        if error.code != VALUE or not isinstance(cycle, int):
            raise
        (row,) = order.epoch(epoch, cycle, cycle + 1)
        raise BadRequest(VALUE, **{**error.parameters, "cycle": int(row)}) from error


class _Going:
    """How far a training is, and whether it goes on."""

    def __init__(self, step: Callable[[int], bool], cycle: int) -> None:
        self._step, self._wanted, self.cycle = step, True, cycle

    def __bool__(self) -> bool:
        return self._wanted

    def step(self, cycle: int) -> bool:
        """Tell whoever wants to know, and return whether to go on."""
        self.cycle = cycle
        self._wanted = self._step(cycle)
        return self._wanted

    def reached(self, cycle: int) -> None:
        """Note the end of an epoch that was not cut off."""
        if self._wanted and self.cycle < cycle:
            self.step(cycle)
