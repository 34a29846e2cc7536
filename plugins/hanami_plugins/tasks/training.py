"""A training of several epochs, or in another order than that of the rows. Knows no cluster and no stored state.

Each epoch is a training of its own to the network, with learning rates from the highest to the lowest, of rows that
are gathered in the order of the epoch. The task counts the cycles of all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hanami_core.compute import LiveNetwork, Rows, Run
from hanami_core.queue import Job
from hanami_plugins.tasks.gathering import Gathered, gathering
from hanami_plugins.tasks.order import Order, key_of
from hanami_plugins.tasks.planning import Fit

__all__ = ["train_epochs"]


def train_epochs(job: Job, fit: Fit, rows: Rows, network: LiveNetwork, step: Callable[[int], bool]) -> None:
    """Train a network with all epochs from the task's stored cycle on, until `step` says no.

    The rest of an interrupted training ends bit-identical to one that never stopped: the order of rows depends on the
    seed and the epoch alone, and without a seed on that of the network and the cycles that it had seen before.
    """
    head, count = network.head, rows.cycles
    seed = key_of(head.seed, head.cycles - job.start) if fit.seed is None else fit.seed
    order = Order(count, seed, shuffle=fit.shuffle)
    going = _Going(step, job.start)
    with gathering(job.runtime, rows, count) as gathered:
        while going and going.cycle < fit.epochs * count:
            _train_epoch(going.cycle // count, order, gathered, network, going)


def _train_epoch(epoch: int, order: Order, gathered: Gathered, network: LiveNetwork, going: _Going) -> None:
    before = epoch * order.rows
    start = going.cycle - before
    if gathered.fill(partial(order.epoch, epoch), lambda: going.step(before + start)):
        network.train(gathered.rows, Run(lambda cycle: going.step(before + cycle), start))
        going.reached(before + order.rows)


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
