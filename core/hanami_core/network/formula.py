"""What a network answers, as a list of array operations that every library knows; for networks that leave the server.

A rule set that can say it in such a way (`hanami_core.compute.states.HasFormula`) can be exported in all formats that
plugins bring (the hook ``hanami_exports``), and a format carries all such rule sets. All values are float32
arrays; those that depend on inputs have the shape (rows, number of values).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "Formula", "Operation", "Step"]

Floats = npt.NDArray[np.float32]

Operation = Literal["add", "subtract", "multiply", "unit", "matmul", "relu", "softmax", "sigmoid", "concatenate"]
"""``unit`` cuts values off at 0 and 1, ``concatenate`` puts the values of each row side by side, ``softmax`` works on
each row. The others are what NumPy calls them."""


class Step(NamedTuple):
    """One operation; `arguments` are numbers of values, see `Formula`."""

    operation: Operation
    arguments: tuple[int, ...]


@dataclass
class Formula:
    """What a network computes.

    Values are numbered: the inputs in their order, then the constants and the results of the steps in the order in
    which they were added.

    Attributes:
        inputs: how many values each input has, by name.
        outputs: how many values each output has, by name.
        values: constants, and steps that refer to earlier values.
        results: number of the value of each output, by name.
    """

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    values: list[Floats | Step] = field(default_factory=list)
    results: dict[str, int] = field(default_factory=dict)

    def input(self, name: str) -> int:
        """Return the number of an input."""
        return list(self.inputs).index(name)

    def constant(self, array: npt.NDArray[Any]) -> int:
        """Add a constant and return its number."""
        self.values.append(np.ascontiguousarray(array, np.float32))
        return len(self.inputs) + len(self.values) - 1

    def step(self, operation: Operation, *arguments: int) -> int:
        """Add an operation on existing values and return the number of its result."""
        self.values.append(Step(operation, arguments))
        return len(self.inputs) + len(self.values) - 1

    def concatenated(self, numbers: Sequence[int]) -> int:
        """Concatenate values and return the number of the result."""
        return numbers[0] if len(numbers) == 1 else self.step("concatenate", *numbers)

    @property
    def size(self) -> int:
        """Bytes of all constants."""
        return sum(value.nbytes for value in self.values if not isinstance(value, Step))

    def evaluate(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, Floats]:
        """Return the outputs for rows of inputs; every export must agree with this."""
        found: list[Any] = [np.asarray(inputs[name], np.float32) for name in self.inputs]
        for value in self.values:
            if isinstance(value, Step):
                found.append(_result(value.operation, [found[number] for number in value.arguments]))
            else:
                found.append(value)
        return {name: found[number] for name, number in self.results.items()}


def _result(operation: Operation, arguments: list[Floats]) -> Floats:
    first = arguments[0]
    match operation:
        case "add":
            return first + arguments[1]
        case "subtract":
            return first - arguments[1]
        case "multiply":
            return first * arguments[1]
        case "unit":
            return np.clip(first, np.float32(0), np.float32(1))
        case "matmul":
            return first @ arguments[1]
        case "relu":
            return np.maximum(first, np.float32(0))
        case "softmax":
            powers = np.exp(first - first.max(axis=1, keepdims=True))
            softmax: Floats = powers / powers.sum(axis=1, keepdims=True)
            return softmax
        case "sigmoid":
            power = np.exp(-np.abs(first))  # never overflows
            return (np.where(first >= 0, np.float32(1), power) / (np.float32(1) + power)).astype(np.float32)
        case "concatenate":
            return np.concatenate(arguments, axis=1)
