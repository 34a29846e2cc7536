"""What a network answers, as a graph of array operations that every library knows; for networks that leave the server.

A rule set that can say it in such a way (`hanami_core.compute.states.HasFormula`) can be exported in all formats that
plugins bring (the hook ``hanami_exports``), and a format carries all such rule sets: neither knows the other. Values
that depend on inputs have the shape (rows, number of values), and float32 is what they are unless an operation says
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_core.network.operations import COMPUTE, Array, Operation

__all__ = ["Floats", "Formula", "Graph", "InputType", "Loop", "Operation", "Step"]

Floats = npt.NDArray[np.float32]
InputType = Literal["float32", "uint8"]


class Step(NamedTuple):
    """One operation; `arguments` are numbers of values, see `Graph`."""

    operation: Operation
    arguments: tuple[int, ...]


class Loop(NamedTuple):
    """A value that is computed again and again, each time from what it was before; its shape and type stay the same.

    Attributes:
        start: number of the value that it begins with.
        slices: numbers of constants of the same length, at least 1, whose entries are taken one after the other.
        shared: numbers of further values that the body needs.
        body: what is computed each time. It is given the value, an entry of each of the `slices`, and the `shared`
            values, in this order.
        result: number, in the body, of the next value.
    """

    start: int
    slices: tuple[int, ...]
    shared: tuple[int, ...]
    body: Graph
    result: int


@dataclass
class Graph:
    """Values that are computed one after the other.

    They are numbered: those that the graph is given come first, then the constants and the results of steps and loops
    in the order in which they were added.

    Attributes:
        given: how many values the graph is given.
        values: constants, and steps and loops that refer to earlier values.
    """

    given: int
    values: list[Array | Step | Loop] = field(default_factory=list)

    def _added(self, value: Array | Step | Loop) -> int:
        self.values.append(value)
        return self.given + len(self.values) - 1

    def constant(self, array: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> int:
        """Add a constant of float32, int64, int32, int8 or uint8, and return its number."""
        # Not with ascontiguousarray, which has no arrays without axes.
        return self._added(np.asarray(array, dtype, order="C"))

    def step(self, operation: Operation, *arguments: int) -> int:
        """Add an operation on existing values and return the number of its result."""
        return self._added(Step(operation, arguments))

    def loop(
        self, start: int, slices: Sequence[int], shared: Sequence[int], body: Callable[[Graph, Sequence[int]], int]
    ) -> int:
        """Add a loop and return the number of its result, see `Loop`.

        Args:
            start: the value that it begins with.
            slices: constants whose entries it takes.
            shared: other values that it needs.
            body: adds to a graph what is done each time, given the numbers of the value, of the entries and of the
                shared values, and returns the number of the next value.
        """
        graph = Graph(1 + len(slices) + len(shared))
        result = body(graph, range(graph.given))
        return self._added(Loop(start, tuple(slices), tuple(shared), graph, result))

    def concatenated(self, numbers: Sequence[int]) -> int:
        """Concatenate values and return the number of the result."""
        return numbers[0] if len(numbers) == 1 else self.step("concatenate", *numbers)

    @property
    def size(self) -> int:
        """Bytes of all constants."""
        return sum(_size(value) for value in self.values)

    def computed(self, given: Sequence[Array]) -> list[Array]:
        """Return all values, in the order of their numbers."""
        found = list(given)
        for value in self.values:
            if isinstance(value, Step):
                found.append(COMPUTE[value.operation](*(found[number] for number in value.arguments)))
            else:
                found.append(_looped(value, found) if isinstance(value, Loop) else value)
        return found


def _size(value: Array | Step | Loop) -> int:
    if isinstance(value, Step):
        return 0
    return value.body.size if isinstance(value, Loop) else value.nbytes


def _looped(loop: Loop, found: list[Array]) -> Array:
    value, shared = found[loop.start], [found[number] for number in loop.shared]
    for entries in zip(*(found[number] for number in loop.slices), strict=True):
        value = loop.body.computed([value, *entries, *shared])[loop.result]
    return value


class Formula(Graph):
    """What a network computes: a graph that is given rows of the inputs in their order.

    Attributes:
        inputs: how many values each input has, by name.
        outputs: how many values each output has, by name.
        types: inputs that do not take float32, by name.
        results: number of the value of each output, by name; float32.
    """

    def __init__(
        self, inputs: Mapping[str, int], outputs: Mapping[str, int], types: Mapping[str, InputType] | None = None
    ) -> None:
        """Begin with the inputs alone."""
        super().__init__(len(inputs))
        self.inputs, self.outputs = inputs, outputs
        self.types: Mapping[str, InputType] = types or {}
        self.results: dict[str, int] = {}

    def input(self, name: str) -> int:
        """Return the number of an input."""
        return list(self.inputs).index(name)

    def evaluate(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, Floats]:
        """Return the outputs for rows of inputs; every export must agree with this."""
        given = [np.asarray(inputs[name], self.types.get(name, "float32")) for name in self.inputs]
        with np.errstate(over="ignore", invalid="ignore"):
            found = self.computed(given)
        return {name: found[number] for name, number in self.results.items()}
