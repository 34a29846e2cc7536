"""A synapse network at work: `LiveNetwork` on the processor. Everything slow happens in kernels without the GIL.

A network trains on one thread: each cycle needs what the one before has left. Rows of a request are split over the
threads if nothing of a row is left for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanami_core.compute import Rows, Run, Values
from hanami_core.errors import BadRequest
from hanami_core.network import NetworkState, StateHead
from hanami_plugins.host_numba.synapse_bindings import OneCycle, Source, output_kinds, source
from hanami_plugins.host_numba.synapse_kernels import answer_cycles, train_cycles
from hanami_plugins.host_numba.thread_pool import CallSizer, ThreadPool
from hanami_plugins.networks_section import lane_starts
from hanami_plugins.networks_synapse import (
    AT_CYCLE,
    BROKEN,
    DIVERGED,
    FULL,
    HEXAGON_STRIDE,
    NONE,
    TARGETS,
    USED_BLOCKS,
    USED_SYNAPSES,
    Floats,
    IOBinding,
    Neurons,
    SynapseMemory,
    SynapseNet,
    decode,
    for_neurons,
    zeros,
)

UNIT = 1
"""Cycles in which work is dealt out: one, because a single cycle of a large network may take a second."""
MOST_VALUES = 1 << 22
"""Inner values of all outputs that a call of a kernel needs at most."""
SAVE_PERIOD = 1024
"""Single training cycles between two copies of a network, of which one is needed should the next cycles ruin it."""


class SynapseNetwork:
    """A network that grows by synapses. Results do not depend on threads, interruptions or the machine's load."""

    def __init__(self, state: NetworkState, pool: ThreadPool) -> None:
        """Bring a checked state to life."""
        self._closed: StateHead
        self._thread_pool = pool
        self._use(SynapseMemory(state))

    def _use(self, memory: SynapseMemory) -> None:
        self._memory = memory
        self._one = OneCycle(memory.inputs, memory.outputs, memory.template)
        self._one_result = zeros(memory.lanes)
        self._saved: NetworkState | None = None
        self._unsaved = 0
        self._asked: list[Neurons] = []
        self._asked_net: SynapseNet | None = None
        self._kinds = output_kinds(memory.template)
        self._lanes = lane_starts(memory.inner)
        self._most = max(1, MOST_VALUES // max(1, memory.lanes) // UNIT)

    @property
    def head(self) -> StateHead:
        """Description of the network as it is now, or was when it was closed."""
        memory = vars(self).get("_memory")
        return self._closed if memory is None else memory.head()

    def state(self) -> NetworkState:
        """Return a consistent copy of everything that the network is."""
        return self._memory.state()

    def metrics(self) -> dict[str, float]:
        """Return sizes."""
        net = self._memory.net
        return {
            "blocks": int(net.counts[USED_BLOCKS]),
            "sections": self._memory.sections,
            "synapses": int(net.counts[USED_SYNAPSES]),
            "links": int(np.count_nonzero(net.links != NONE)),
        }

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
        memory = self._memory.resized(inputs, outputs)
        if memory is not self._memory:
            self._use(memory)

    # Training

    def train(self, rows: Rows, run: Run) -> None:
        """Train all cycles from `run.start` on.

        Raises:
            BadRequest: if the rows do not fit, or the network grows beyond what is allowed.
            FloatingPointError: if values of a cycle are not finite, or the network diverges. Whatever is raised, the
                network is then what it was before the call.
        """
        memory = self._memory
        data = source(rows, memory.inputs, memory.outputs, memory.template)
        if not rows.outputs:
            raise BadRequest("training_without_outputs")
        if run.start >= rows.cycles:
            return
        before, self._saved = self.state(), None
        try:
            self._train(data, run, rows.cycles)
        except (FloatingPointError, BadRequest):
            self._use(SynapseMemory(before))
            raise

    def _train(self, data: Source, run: Run, total: int) -> None:
        sizer = CallSizer(self._most)
        done = run.start
        while done < total:
            last = min(total, done + sizer.units * UNIT)
            binding, _kept = data.binding(done, last)
            sizer.start()
            self._train_cycles(binding, done, last)
            sizer.stop(-(-(last - done) // UNIT))
            done = last
            if not run.step(done):
                return

    def _train_cycles(self, binding: IOBinding, first: int, last: int) -> None:
        memory = self._memory
        while (status := train_cycles(memory.net, memory.neurons, binding, first, last)) == FULL:
            first = int(memory.neurons.cursor[AT_CYCLE])
            memory.make_room()
        cycle = int(memory.neurons.cursor[AT_CYCLE])
        if status == BROKEN:
            raise FloatingPointError(f"values of cycle {cycle} are not finite")
        if status == DIVERGED:
            raise FloatingPointError(f"the network diverges in cycle {cycle}: a weight is not finite or beyond 1e6")

    def train_one(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train a single cycle of an open-ended stream.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if a value is not finite, nothing has changed then; or if the network diverges, it is
                then what it was up to `SAVE_PERIOD` cycles before.
        """
        self._one.set_inputs(inputs)
        self._one.set_outputs(outputs)
        if not outputs:
            raise BadRequest("training_without_outputs")
        if self._saved is None or self._unsaved >= SAVE_PERIOD:
            self._saved, self._unsaved = self.state(), 0
        self._unsaved += 1
        try:
            self._train_cycles(self._one.binding, 0, 1)
        except (FloatingPointError, BadRequest):
            self._use(SynapseMemory(self._saved))
            raise

    # Asking

    def request(self, rows: Rows, results: Mapping[str, Values], run: Run) -> None:
        """Answer all cycles from `run.start` on into `results` and change nothing in the network.

        Neurons that keep something from row to row begin each request with what training has left in them.

        Raises:
            BadRequest: if rows or results do not fit.
            FloatingPointError: if inputs of a cycle are not finite; later results may be missing then.
        """
        memory, total = self._memory, rows.cycles
        data = source(Rows(rows.inputs, (), rows.time_length), memory.inputs, memory.outputs, memory.template)
        for name, result in results.items():
            if (
                name not in memory.outputs
                or result.shape != (total, memory.outputs[name])
                or result.dtype != np.float32
            ):
                raise BadRequest("results_shape", interface=name, rows=total)
        binding, _kept = data.binding(0, 0)
        sizer, threads = CallSizer(self._most), self._thread_pool.size if self._forgetful() else 1
        neurons = self._private(threads)
        # What an interrupted request has left in its neurons is gone, so it has to begin again.
        done = run.start if self._forgetful() else 0
        while done < total:
            last = min(total, done + sizer.units * UNIT * threads)
            sizer.start()
            raw = self._answer(binding, neurons, done, last)
            self._decode(raw, results, done, last)
            sizer.stop(-(-(last - done) // (UNIT * threads)))
            done = last
            if not run.step(max(done, run.start)):
                return

    def _forgetful(self) -> bool:
        """Tell whether a cycle depends on nothing that the one before has left."""
        net = self._memory.net
        targets = net.hexagons.reshape(-1, HEXAGON_STRIDE)[:, TARGETS:]
        onwards = (targets == NONE) | (targets > np.arange(len(targets))[:, None])
        return bool(net.cooldown == 0 and net.refractory == 1 and onwards.all())

    def _private(self, count: int) -> list[Neurons]:
        """Return neurons for requests, as training has left them."""
        net, trained = self._memory.net, self._memory.neurons
        if self._asked_net is not net:
            self._asked, self._asked_net = [], net
        while len(self._asked) < count:
            self._asked.append(for_neurons(net))
        if not self._forgetful():
            for neurons in self._asked[:count]:
                neurons.potentials[:] = trained.potentials
                neurons.refractory[:] = trained.refractory
        return self._asked[:count]

    def _answer(self, binding: IOBinding, neurons: list[Neurons], first: int, last: int) -> Floats:
        net, lanes = self._memory.net, self._memory.lanes
        raw = np.empty((last - first, lanes), np.float32)
        share = -(-(last - first) // len(neurons))
        shares = [(begin, min(begin + share, last)) for begin in range(first, last, share)]
        reached = [0] * len(shares)

        def work(thread: int, threads: int) -> None:
            for number in range(thread, len(shares), threads):
                begin, end = shares[number]
                part = raw[begin - first : end - first].reshape(-1)
                reached[number] = answer_cycles(net, neurons[number], binding, begin, end, part)

        self._thread_pool.run(len(shares), work)
        for cycle, (_, end) in zip(reached, shares, strict=True):
            if cycle != end:
                raise FloatingPointError(f"values of cycle {cycle} are not finite")
        return raw

    def _decode(self, raw: Floats, results: Mapping[str, Values], first: int, last: int) -> None:
        for name, result in results.items():
            lane = self._lanes[name]
            result[first:last] = decode(raw[:, lane : lane + self._memory.inner[name]], self._kinds[name])

    def request_one(self, inputs: Mapping[str, Values]) -> dict[str, Values]:
        """Answer a single cycle and change nothing; an output that was never trained has no values.

        Raises:
            BadRequest: if arrays do not fit.
            FloatingPointError: if an input is not finite.
        """
        self._one.set_inputs(inputs)
        answer_cycles(self._memory.net, self._private(1)[0], self._one.binding, 0, 1, self._one_result)
        raw = self._one_result[None]
        results = {name: np.zeros((1, size), np.float32) for name, size in self._memory.outputs.items()}
        self._decode(raw, results, 0, 1)
        return {name: result[0] for name, result in results.items()}
