"""Section growth in plain NumPy, cycle by cycle: the definition that the kernels are tested against. Slow on purpose.

Only learning and answering from one table of inputs and one of outputs are here; how tables come together, streams and
resizing belong to `section_memory` and to hosts. `references` makes such a network of a stored one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hanami_core.network import Array
from hanami_plugins.networks_section import initial
from hanami_plugins.networks_section.network_arrays import LEARNED, SOURCE_ARRAYS, inverse_of
from hanami_plugins.networks_section.ranges import Ranges, Surveyed, after_row, after_survey, look
from hanami_plugins.networks_section.section_layout import (
    CHUNK,
    CHUNK_FAILURES,
    CHUNK_STEPS,
    CONFIDENT,
    ENERGY_BASE,
    ENERGY_HIGH,
    ENERGY_LOW,
    FAILURE_DECAY,
    GRADED_FACTOR,
    LARGEST,
    NO_ROW,
    SMOOTHING,
    WIDTH,
    CycleSpan,
    Floats,
)
from hanami_plugins.networks_section.weights import light_cycles, share_of, steps_of, weight_of

f32 = np.float32
Arrays = Mapping[str, Array]
Chunk = Sequence[tuple[int, npt.NDArray[np.int32], Floats]]
"""Cycles with the rows and values of their active sources."""
NO_WEIGHTS: Floats = np.zeros(0, f32)


class ReferenceNetwork:
    """A network whose inputs lie side by side in a table, and whose outputs do in another.

    Attributes:
        outputs: size of each output, and whether it is squashed by softmax.
        weights: (blocks, rows, 64).
        bias: (blocks, 64).
        readout: (blocks, outputs, 64).
        readout_bias: (outputs).
        floors: (sources).
        borders: (sources).
        limits: (sources).
        row_of_source: (sources).
        failure: moving average of cycles that were not answered with confidence.
    """

    def __init__(self, seed: int, inputs: Sequence[int], outputs: Sequence[tuple[int, bool]], blocks: int) -> None:
        """Make a network that has seen nothing, with inputs and outputs in template order; unknown sizes are 0."""
        sources = sum(inputs)
        self.outputs = tuple(outputs)
        self.weights = np.zeros((blocks, 0, WIDTH), f32)
        self.bias = np.zeros((blocks, WIDTH), f32)
        keys = [initial.keys(seed, initial.OUTPUT, number, size) for number, (size, _) in enumerate(outputs)]
        self.readout = initial.sections(np.concatenate(keys), blocks, initial.readout_scale(blocks))
        self.readout_bias = np.zeros(self.readout.shape[1], f32)
        self.floors = np.zeros(sources, f32)
        self.borders = np.zeros(sources, f32)
        self.limits = np.full(sources, LARGEST, f32)
        self.row_of_source = np.full(sources, NO_ROW, np.int32)
        self.failure = f32(1)
        keys = [initial.keys(seed, initial.INPUT, number, size) for number, size in enumerate(inputs)]
        self._keys = np.concatenate(keys)
        self._scale = initial.row_scale(sources)

    # Stored networks

    @property
    def stored(self) -> tuple[str, ...]:
        """Names of the arrays that a state has of the network, which are those of attributes."""
        return (*LEARNED, *SOURCE_ARRAYS)

    def arrays(self) -> dict[str, Array]:
        """Return all arrays, no copies, by their names in a state."""
        return {name: getattr(self, name) for name in self.stored}

    def learned(self) -> dict[str, Floats]:
        """Return those of the arrays that learning changes."""
        return {name: array for name, array in self.arrays().items() if name.rpartition(".")[2] in LEARNED}

    def load(self, arrays: Arrays) -> None:
        """Take over copies of the arrays of a state."""
        for name in self.stored:
            setattr(self, name, arrays[name].copy())

    @property
    def work(self) -> int:
        """Multiplications of a cycle in which all sources are active."""
        return len(self._keys) * self.bias.size

    # Forward

    def sources(self, values: Floats) -> tuple[npt.NDArray[np.int32], Floats]:
        """Return the rows of the active sources of a cycle and their values, divided by the border and clipped."""
        with np.errstate(divide="ignore", over="ignore"):
            inverse = np.minimum(f32(1) / self.borders, f32(LARGEST))
            above = (values - self.floors) * inverse
            scaled = np.where(self.borders > 0, np.clip(above, 0, 1), f32(0)).astype(f32)
        active = scaled > 0
        return self.row_of_source[active], scaled[active]

    def hidden(self, rows: npt.NDArray[np.int32], values: Floats) -> Floats:
        """Return the hidden neurons, shape (blocks, 64)."""
        result: Floats = np.maximum(self.bias + np.einsum("r,brw->bw", values, self.weights[:, rows]), f32(0))
        return result

    def read_out(self, hidden: Floats) -> Floats:
        """Return what the hidden neurons say to each output."""
        result: Floats = np.einsum("bw,bqw->q", hidden, self.readout)
        return result

    def forward(self, rows: npt.NDArray[np.int32], values: Floats) -> tuple[Floats, Floats]:
        """Return the hidden neurons, and what they say to each output."""
        hidden = self.hidden(rows, values)
        return hidden, self.read_out(hidden)

    def squash(self, sums: Floats) -> Floats:
        """Return probabilities for the sums of the outputs."""
        result = np.empty_like(sums)
        for part, _, softmax in self._parts():
            # Neither exponent is ever above 0, where it could overflow.
            e = np.exp(sums[part] - sums[part].max()) if softmax else np.exp(-np.abs(sums[part]))
            result[part] = e / e.sum() if softmax else np.where(sums[part] < 0, e, f32(1)) / (f32(1) + e)
        return result

    def answer(self, table: npt.NDArray[np.generic]) -> Floats:
        """Return the outputs of all rows of a table."""
        hidden = [self.hidden(*self.sources(row)) for row in table.astype(f32)]
        return np.array([self.squash(self.readout_bias + self.read_out(h)) for h in hidden], f32)

    def answer_bytes(self, table: npt.NDArray[np.uint8]) -> Floats:
        """Return the outputs of all rows of a table from weights of 8 bits, see `snapshot`."""
        # `NO_ROW` is the last one.
        weights = np.concatenate([self.weights, np.zeros((len(self.bias), 1, WIDTH), f32)], axis=1)
        exact = weights[:, self.row_of_source] * inverse_of(self.borders)[None, :, None]
        scale = np.abs(exact).max(axis=1) / f32(127)
        steps = np.divide(f32(1), scale, out=np.zeros_like(scale), where=scale > 0)
        rounded = np.rint(exact * steps[:, None])
        sums = np.einsum("cr,brw->cbw", np.minimum(table, self.borders).astype(np.int64), rounded.astype(np.int64))
        hidden = np.maximum(sums.astype(f32) * scale + self.bias, f32(0))
        return np.array([self.squash(self.readout_bias + self.read_out(h)) for h in hidden], f32)

    def _parts(self) -> list[tuple[slice, int, bool]]:
        ends = np.cumsum([size for size, _ in self.outputs])
        return [
            (slice(end - size, end), size, softmax)
            for end, (size, softmax) in zip(ends.tolist(), self.outputs, strict=True)
            if size
        ]

    # Growth

    def grow(self, values: Floats) -> None:
        """Allocate the rows of sources that are active for the first time, and raise borders up to limits."""
        above = np.minimum(values - self.floors, self.limits)
        self.allocate_rows(above)
        np.maximum(self.borders, above, out=self.borders)

    @property
    def ranges(self) -> Ranges:
        """Ranges of the sources."""
        return Ranges(self.floors, self.borders, self.limits)

    def survey(self, table: npt.NDArray[np.generic]) -> None:
        """Let the ranges of the sources go by the rows of a task, see `ranges`."""
        found = look(table, "in", lambda: True)
        assert found is not None
        self.see_survey(Surveyed(*found, len(table)))

    def see_survey(self, found: Surveyed) -> None:
        """Let the ranges of the sources go by what was found in the rows of a task."""
        self.floors, self.borders, self.limits = after_survey(self.ranges, found)

    def see_row(self, values: Floats) -> tuple[int, int]:
        """Let the ranges of the sources go by a row of a stream, whose values are finite.

        Returns how many of them are not at their floor, and how many of these are beyond their limit.
        """
        away = np.abs(values - self.floors)
        self.floors, self.borders, self.limits = after_row(self.ranges, values)
        return int((away > 0).sum()), int((away > self.limits).sum())

    def allocate_rows(self, values: Floats) -> None:
        """Allocate rows, in the order of the sources."""
        allocated = np.flatnonzero((values > 0) & (self.row_of_source == NO_ROW))
        self.row_of_source[allocated] = self.weights.shape[1] + np.arange(len(allocated))
        rows = initial.sections(self._keys[allocated], len(self.bias), self._scale)
        self.weights = np.concatenate([self.weights, rows], axis=1)

    # Learning

    def train(
        self,
        inputs: npt.NDArray[np.generic],
        expected: npt.NDArray[np.generic],
        slice_length: int,
        rates: tuple[float, float],
        weights: Floats | None = None,
    ) -> None:
        """Train all cycles of a task; a cycle with a big weight is answered and learned several times in a row."""
        self.survey(inputs)
        cycles, counts = len(inputs), NO_WEIGHTS if weights is None else weights
        span = CycleSpan(0, cycles, cycles, slice_length, f32(rates[0]), f32(rates[1]), counts)
        self.learn(inputs.astype(f32), expected.astype(f32), span)

    def learn(self, table: Floats, targets: Floats, span: CycleSpan) -> None:
        """Grow and learn by some cycles of a task, whose survey has been seen.

        Args:
            table: (cycles of the span, sources) finite values.
            targets: (cycles of the span, outputs) between 0 and 1, or NaN for an output that is not trained.
            span: the cycles; it begins with a slice.

        Raises:
            FloatingPointError: if what the network says is no longer finite.
        """
        for first in range(span.first, span.last, span.slice):
            last = min(first + span.slice, span.last)
            known = []
            for values in table[first - span.first : last - span.first]:
                self.grow(values)
                known.append(self.sources(values))
            cycle = first
            while cycle < last:
                size = int(min(f32(CHUNK), max(f32(1), f32(CHUNK_FAILURES) / max(self.failure, f32(0.001)))))
                size = light_cycles(span.weights, cycle, min(size, last - cycle))
                chunk = [(c, *known[c - first]) for c in range(cycle, cycle + size)]
                cycle += self._learn_chunk(chunk, targets, span)

    def _learn_chunk(self, chunk: Chunk, targets: Floats, span: CycleSpan) -> int:
        """Answer some cycles and learn them; return how many were learned before the others must be answered anew."""
        answered = [self.forward(rows, values) for _, rows, values in chunk]
        learned = f32(0)
        for done, (cycle, rows, values) in enumerate(chunk):
            weight = weight_of(span.weights, cycle)
            steps = steps_of(weight)
            for step in range(steps):
                hidden, sums = self.forward(rows, values) if step else answered[done]
                gradient, failed = self.judge(self.readout_bias + sums, targets[cycle - span.first], cycle, step)
                if not failed:
                    break
                share = share_of(weight, steps)
                self._move(hidden, rows, values, -self.rate(cycle, values, span) * share * gradient)
                learned += share
            if learned >= f32(CHUNK_STEPS):
                return done + 1
        return len(chunk)

    @staticmethod
    def rate(cycle: int, values: Floats, span: CycleSpan) -> np.float32:
        """Return the learning rate of a cycle."""
        falling = span.first_rate + (span.last_rate - span.first_rate) * (f32(cycle) / f32(span.total))
        base = f32(ENERGY_BASE) + np.square(values).sum(dtype=f32)
        return f32(falling * min(max(f32(1), f32(ENERGY_LOW) / base), f32(ENERGY_HIGH) / base))

    def judge(self, sums: Floats, expected: Floats, cycle: int, step: int) -> tuple[Floats, bool]:
        """Return the gradient for the sums of the outputs, and whether the cycle has failed; count that once.

        Raises:
            FloatingPointError: if the sums are not finite.
        """
        if not np.isfinite(sums).all():
            raise FloatingPointError(f"values of cycle {cycle} are not finite")
        gradient, failed = self.gradient(self.squash(sums), expected)
        if step == 0:
            self.failure += f32(FAILURE_DECAY) * (f32(failed) - self.failure)
        return gradient, failed

    def gradient(self, answer: Floats, expected: Floats) -> tuple[Floats, bool]:
        """Return the gradient of the cross-entropy, and whether the answer is not yet good enough."""
        result = np.empty_like(expected)
        for part, size, softmax in self._parts():
            smoothing = f32(SMOOTHING) if softmax else f32(0)
            result[part] = answer[part] - (expected[part] * (f32(1) - smoothing) + smoothing / f32(size))
        graded = np.where(expected * (f32(1) - expected) > 0, f32(GRADED_FACTOR), f32(1))
        trained = ~np.isnan(expected)
        distance = np.abs(answer - expected) * graded
        return np.where(trained, result, f32(0)), bool(distance.max(where=trained, initial=0) >= f32(CONFIDENT))

    def _move(self, hidden: Floats, rows: npt.NDArray[np.int32], values: Floats, step: Floats) -> None:
        back = np.where(hidden > 0, np.einsum("q,bqw->bw", step, self.readout), f32(0))
        self.readout_bias += step
        self.readout += step[None, :, None] * hidden[:, None, :]
        self.bias += back
        self.weights[:, rows] += values[None, :, None] * back[:, None, :]
