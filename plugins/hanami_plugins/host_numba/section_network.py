"""A section network at work: `LiveNetwork` on the processor. Everything slow happens in kernels without the GIL."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanami_core.compute import Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead
from hanami_plugins.host_numba import segments
from hanami_plugins.host_numba.computation import Answerer, Computation, TaskComputation, Trainer
from hanami_plugins.host_numba.section_computation import SectionComputation
from hanami_plugins.host_numba.streams import see_row
from hanami_plugins.host_numba.sync import LINE
from hanami_plugins.host_numba.thread_pool import Autotuner, CallSizer, ThreadPool
from hanami_plugins.networks_section import (
    ACCURACY,
    AVERAGE_PERIOD,
    BROKEN,
    DONE,
    FAILURE,
    FULL,
    LAST_RATE,
    LEARNED,
    LOSS,
    OVERSUBSCRIBED,
    SCORED,
    STREAM_RATE,
    WIDTH,
    CycleSpan,
    Ints,
    aligned,
    average_share,
    first_rate,
    lane_starts,
    one_hot_outputs,
    ranges,
    slice_length,
)

ANSWER_WORK = 1 << 30
"""Multiplications that are dealt out at once for answers; many rows at a time make the best of loaded weights."""
THREAD_WORK = 1 << 15
"""Multiplications of a cycle for which a second thread pays."""
RESULT_LANES = 1 << 20
"""Values that an answering thread keeps before they are handed out."""


class SectionNetwork:
    """A network that grows by sections. Results do not depend on threads, interruptions or the machine's load.

    A `Computation` holds what it knows and calls the kernels: one for networks with a single hidden hexagon, or one for
    those with several.
    """

    def __init__(
        self, state: NetworkState, pool: ThreadPool, computation: type[Computation] = SectionComputation
    ) -> None:
        """Bring a checked state to life."""
        self._closed: StateHead
        self._thread_pool = pool
        self._autotuner = Autotuner()
        self._outliers = 0
        self._use(computation.of(state))

    def _use(self, computation: Computation) -> None:
        self._computation, self._memory = computation, computation.memory
        inputs, outputs = self._memory.inputs, self._memory.outputs
        self._one = segments.OneRow(inputs, outputs)
        single = computation.single(self._one)
        self._one_training, self._one_answering = single.training(1, 1), single.answering()(1)
        self._one_sync = aligned(LINE, np.int64)
        lanes = lane_starts(outputs)
        self._ranges = {name: slice(lanes[name], lanes[name] + size) for name, size in outputs.items()}

    @property
    def head(self) -> StateHead:
        """Description of the network as it is now, or was when it was closed."""
        memory = vars(self).get("_memory")
        return self._closed if memory is None else memory.head()

    def state(self) -> NetworkState:
        """Return a consistent copy of everything that the network is."""
        return self._memory.state()

    def metrics(self) -> dict[str, float]:
        """Return sizes, and moving averages over the last few hundred cycles of training.

        ``memory`` is in bytes. ``failure_rate`` is the share of cycles that were not answered with confidence,
        ``running_accuracy`` that of cycles answered right, ``running_loss`` the cross-entropy in nats of the output
        that was farthest from what was expected. The latter two are there once the network has trained in this process,
        and ``outlier_rows`` if rows of its last task have a value far from all others, which counts as the nearest one.
        """
        memory, record = self._memory, self._memory.answering().record
        outliers = {"outlier_rows": self._outliers} if self._outliers else {}
        sections = memory.rows * memory.blocks
        return (
            {
                "blocks": memory.net.bias.size // WIDTH,
                "sections": sections,
                "synapses": sections * WIDTH + memory.net.readout.size,
                "cycles": memory.cycles,
                "memory": memory.bytes,
                "failure_rate": float(record[FAILURE]),
            }
            | (
                {"running_loss": float(record[LOSS]), "running_accuracy": float(record[ACCURACY])}
                if record[SCORED]
                else {}
            )
            | outliers
        )

    def close(self) -> None:
        """Let go of everything but the head; a closed network has nothing left to answer with."""
        self._closed = self.head
        for name in vars(self).keys() - {"_closed"}:
            delattr(self, name)

    def resize(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Fit the interfaces to numbers of values; an input grows and never shrinks, an output keeps its first size.

        Raises:
            BadRequest: if a name is unknown or a size is impossible; nothing has changed then.
        """
        computation = self._computation.resized(inputs, outputs)
        if computation is not self._computation:
            self._use(computation)

    # Tasks

    def train(self, rows: Rows, run: Run) -> None:
        """Train all cycles from `run.start` on.

        An output is squashed by softmax as long as all rows that it ever was trained with were one-hot, else each of
        its values by a sigmoid.

        Raises:
            BadRequest: if the rows do not fit, an expected value is not between 0 and 1, or values of a source are too
                far apart; nothing has changed then.
            FloatingPointError: if values of a cycle are not finite; the network is then what it was before the call.
        """
        memory, task = self._memory, self._computation.task(rows)
        if not rows.outputs:
            raise BadRequest("training_without_outputs")
        one_hot = one_hot_outputs(rows, lambda: run.step(run.start))
        found = ranges.survey(rows, memory.inputs, lambda: run.step(run.start))
        if one_hot is None or found is None or run.start >= rows.cycles:
            return
        before, self._outliers = self.state(), found.outliers
        if run.start == 0:  # one that goes on has the ranges of its begin
            memory.see_survey(found)
        self._end_stream()
        self._memory.see_outputs(one_hot)
        try:
            with self._thread_pool.joined():
                self._train(task, run, rows.cycles)
        except FloatingPointError:
            self._use(self._computation.of(before))
            raise

    def _train(self, task: TaskComputation, run: Run, total: int) -> None:
        memory = self._memory
        length = slice_length(memory.work)
        training, sync = task.training(length, self._thread_pool.size), aligned(LINE * self._thread_pool.size, np.int64)
        rate = first_rate(memory.cycles - run.start + total)
        sizer = CallSizer(total)
        done = run.start
        while done < total:
            last = min(total, (done // length + self._autotuner.units(sizer.units)) * length)
            job = CycleSpan(done, last, total, length, rate, np.float32(LAST_RATE), task.weights)
            sizer.start()
            threads, status = self._train_cycles(training, sync, job)
            before, done = done, self._reached(status, training.cycle)
            seconds = sizer.stop(-(-(done - before) // length))
            if done > before:
                self._autotuner.note(threads > 1, seconds / (done - before))
            memory.cycles += done - before
            if done > before and not run.step(done):
                return

    def _train_cycles(self, training: Trainer, sync: Ints, job: CycleSpan) -> tuple[int, int]:
        """Run a training kernel; returns the number of its threads and its status."""
        pool = self._thread_pool
        parts = self._computation.parts if self._memory.work >= THREAD_WORK else 1
        sync[:] = 0
        statuses: list[int] = pool.run(self._autotuner.parts(parts), training.run, sync, job)
        if len(statuses) > 1:
            pool.note(oversubscribed=statuses[0] == OVERSUBSCRIBED)
        return len(statuses), statuses[0]

    def _reached(self, status: int, cycle: int) -> int:
        """Do what a training kernel asks for and return the cycle that it has come to."""
        if status == BROKEN:
            raise FloatingPointError(f"values of cycle {cycle} are not finite")
        if status == FULL:
            self._memory.make_room()
        return cycle

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        """Answer all cycles from `run.start` on into `results` and change nothing in the network.

        Raises:
            BadRequest: if rows or results do not fit.
            FloatingPointError: if inputs of a cycle are not finite; later results may be missing then.
        """
        memory, total = self._memory, rows.cycles
        task = self._computation.task(Rows(rows.inputs, (), rows.time_length))
        for name, result in results.items():
            if result.shape != (total, memory.outputs.get(name)) or result.dtype != np.float32:
                raise BadRequest("results_shape", interface=name, rows=total)
        with self._thread_pool.joined():
            self._request(task, results, run, total)

    def _request(self, task: TaskComputation, results: Mapping[str, Values], run: Run, total: int) -> None:
        unit = slice_length(self._memory.work, ANSWER_WORK)
        sizer = CallSizer(max(1, RESULT_LANES // max(1, self._memory.lanes) // unit))
        answering = task.answering()
        answers: list[Answerer] = []
        done = run.start
        while done < total:
            last = min(total, done + sizer.units * unit * self._thread_pool.size)
            if not answers or answers[0].results.size < sizer.units * unit * self._memory.lanes:
                answers = [answering(sizer.units * unit) for _ in range(self._thread_pool.size)]
            sizer.start()
            self._answer(answers, results, done, last)
            sizer.stop(-(-(last - done) // (unit * self._thread_pool.size)))
            done = last
            if not run.step(done):
                return

    def _answer(self, answers: list[Answerer], results: Mapping[str, Values], first: int, last: int) -> None:
        # A share is what the memory of a thread has room for; a thread that works alone takes one after the other.
        share = -(-(last - first) // self._thread_pool.size)
        shares = [(begin, min(begin + share, last)) for begin in range(first, last, share)]
        reached = [0] * len(shares)

        def work(thread: int, threads: int) -> None:
            for number in range(thread, len(shares), threads):
                reached[number] = answers[number].run(*shares[number])

        self._thread_pool.run(len(shares), work)
        for cycle, (_, end) in zip(reached, shares, strict=True):
            if cycle != end:
                raise FloatingPointError(f"values of cycle {cycle} are not finite")
        for (begin, end), answer in zip(shares, answers, strict=False):
            table = answer.results.reshape(-1, max(1, self._memory.lanes))
            for name, result in results.items():
                result[begin:end] = table[: end - begin, self._ranges[name]]

    # Single cycles

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle of an open-ended stream.

        Raises:
            BadRequest: if arrays do not fit, or an expected value is not between 0 and 1.
            FloatingPointError: if an input is not finite; nothing has changed then.
        """
        memory, one = self._memory, self._one
        one.set_inputs(inputs)
        one_hot = one.set_outputs(outputs)
        if not one_hot:
            raise BadRequest("training_without_outputs")
        memory.see_outputs(one_hot)
        if not np.isfinite(one.values).all():
            raise FloatingPointError(f"values of cycle {memory.cycles} are not finite")
        memory.cycles += 1
        memory.extra.stream += 1
        if self._is_believed(one.values):
            self._learn_one()
        if memory.extra.stream % AVERAGE_PERIOD == 0:
            self._move_average()

    def _learn_one(self) -> None:
        """Learn the row that was taken over."""
        memory = self._memory
        rows_before = memory.sources.count.copy()
        while (status := self._train_single(STREAM_RATE)) == FULL:
            memory.make_room()
        if status != DONE:
            raise FloatingPointError(f"values of cycle {memory.cycles - 1} are not finite")
        if memory.average is not None:
            memory.share_rows(rows_before)
            # A rate of 0 changes no weight: the call measures how often the average fails.
            self._train_single(0.0, average=True)

    def _is_believed(self, values: Values) -> bool:
        """Let ranges go by a row of a stream; tell whether most of its values lie within them.

        A row that is broken as a whole is not learned. If it begins another range, those after it are.
        """
        active = beyond = 0
        for net, mine in self._memory.fed(values):
            found = see_row(net.floors, net.borders, net.limits, net.inverse, mine)
            active, beyond = active + found[0], beyond + found[1]
        return 2 * beyond <= active

    def _train_single(self, rate: float, *, average: bool = False) -> int:
        job = CycleSpan(0, 1, 1, 1, np.float32(rate), np.float32(rate), segments.NO_WEIGHTS)
        self._one_sync[:] = 0
        return self._one_training.run(0, 1, self._one_sync, job, average=average)

    def _move_average(self) -> None:
        memory = self._memory
        if memory.average is None:
            memory.start_average()
            return
        share = average_share(memory.extra.stream)
        for name in LEARNED:
            average, present = getattr(memory.average, name), getattr(memory.net, name)
            average += share * (present - average)

    def _end_stream(self) -> None:
        """Go on with whatever answered better, the present weights or their average."""
        memory = self._memory
        memory.net = self._memory.answering()
        memory.average = None
        memory.extra.stream = 0

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing; an output that was never trained has no values.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite.
        """
        self._one.set_inputs(inputs)
        if self._one_answering.run(0, 1) != 1:
            raise FloatingPointError("values of cycle 0 are not finite")
        results = self._one_answering.results
        return {name: results[values].copy() for name, values in self._ranges.items()}
