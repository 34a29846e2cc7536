"""From a graph of a formula to nodes and constants of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from hanami_core.network.formula import Graph, Loop, Operation, Step
from hanami_core.network.operations import Array

__all__ = ["GraphWriter"]

OPERATORS: Mapping[Operation, str] = MappingProxyType(
    {
        "add": "Add",
        "subtract": "Sub",
        "multiply": "Mul",
        "divide": "Div",
        "matmul": "MatMul",
        "minimum": "Min",
        "maximum": "Max",
        "floor": "Floor",
        "rint": "Round",
        "log": "Log",
        "greater": "Greater",
        "equal": "Equal",
        "where": "Where",
        "relu": "Relu",
        "sigmoid": "Sigmoid",
    }
)
"""Operations that are an operator each; the others are written by a function."""
MIDDLE = 128
"""What stands for a weight of 0 where bytes are multiplied."""


class GraphWriter:
    """Nodes and constants of a graph, or of the body of a loop.

    Attributes:
        nodes: what is computed, in this order.
        constants: tensors that it is computed with.
    """

    def __init__(self, helper: Any, prefix: str) -> None:
        """Begin with nothing; all names that it makes begin with the prefix."""
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._helper, self._prefix, self._made = helper, prefix, 0

    def write(self, graph: Graph, given: Sequence[str]) -> list[str]:
        """Add all of a graph, and return the names of its values."""
        names, factors = list(given), _factors(graph)
        for number, value in enumerate(graph.values, graph.given):
            if isinstance(value, Step):
                names.append(self._step(value.operation, [names[argument] for argument in value.arguments]))
            elif isinstance(value, Loop):
                names.append(self._loop(value, names))
            else:
                names.append(self.constant(_raised(value) if number in factors else value))
        return names

    def node(self, operator: str, arguments: Sequence[str], result: str | None = None, **options: Any) -> str:
        """Add a node and return the name of its result."""
        result = result or self._name()
        self.nodes.append(self._helper.make_node(operator, arguments, [result], **options))
        return result

    def constant(self, array: Array) -> str:
        """Add a constant and return its name."""
        name, kind = self._name(), self.type_of(array.dtype)
        content = array.astype(array.dtype.newbyteorder("<")).tobytes()
        self.constants.append(self._helper.make_tensor(name, kind, array.shape, content, raw=True))
        return name

    def type_of(self, dtype: npt.DTypeLike) -> int:
        """Return how ONNX numbers a type."""
        return int(self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def cast(self, name: str, dtype: npt.DTypeLike) -> str:
        """Add a conversion and return the name of its result."""
        return self.node("Cast", [name], to=self.type_of(dtype))

    def _name(self) -> str:
        self._made += 1
        return f"{self._prefix}{self._made}"

    def _step(self, operation: Operation, arguments: Sequence[str]) -> str:
        if operation in OPERATORS:
            return self.node(OPERATORS[operation], arguments)
        return _WRITTEN[operation](self, arguments)

    def _loop(self, loop: Loop, names: Sequence[str]) -> str:
        """Add a scan; its body reads shared values by their names."""
        inner = GraphWriter(self._helper, f"{self._name()}_")
        given = [inner._name() for _ in range(1 + len(loop.slices))]
        values = inner.write(loop.body, [*given, *(names[number] for number in loop.shared)])
        result = inner.node("Identity", [values[loop.result]])
        body = self._helper.make_graph(
            inner.nodes,
            "turn",
            [self._helper.make_empty_tensor_value_info(name) for name in given],
            [self._helper.make_empty_tensor_value_info(result)],
            inner.constants,
        )
        arguments = [names[loop.start], *(names[number] for number in loop.slices)]
        return self.node("Scan", arguments, body=body, num_scan_inputs=len(loop.slices))


def _factors(graph: Graph) -> set[int]:
    """Return the numbers of the constants that bytes are multiplied by."""
    steps = [value for value in graph.values if isinstance(value, Step)]
    return {step.arguments[1] for step in steps if step.operation == "matmul_integer"}


def _raised(weights: Array) -> Array:
    # The product of uint8 and int8 saturates on processors without VNNI, the one of uint8 and uint8 never does.
    return (weights.astype(np.int16) + MIDDLE).astype(np.uint8)


def _matmul_integer(writer: GraphWriter, arguments: Sequence[str]) -> str:
    zeros = [writer.constant(np.array(zero, np.uint8)) for zero in (0, MIDDLE)]
    return writer.node("MatMulInteger", [*arguments, *zeros])


def _fma(writer: GraphWriter, arguments: Sequence[str]) -> str:
    first, second, third = (writer.cast(name, np.float64) for name in arguments)
    return writer.cast(writer.node("Add", [writer.node("Mul", [first, second]), third]), np.float32)


def _unit(writer: GraphWriter, arguments: Sequence[str]) -> str:
    limits = [writer.constant(np.array(limit, np.float32)) for limit in (0, 1)]
    return writer.node("Clip", [*arguments, *limits])


def _zeros_like(writer: GraphWriter, arguments: Sequence[str]) -> str:
    return writer.node("ConstantOfShape", [writer.node("Shape", arguments)])


_WRITTEN: Mapping[Operation, Callable[[GraphWriter, Sequence[str]], str]] = MappingProxyType(
    {
        "fma": _fma,
        "matmul_integer": _matmul_integer,
        "take": lambda writer, arguments: writer.node("Gather", arguments, axis=1),
        "lookup": lambda writer, arguments: writer.node("Gather", arguments, axis=0),
        "concatenate": lambda writer, arguments: writer.node("Concat", arguments, axis=1),
        "zeros_like": _zeros_like,
        "float32": lambda writer, arguments: writer.cast(arguments[0], np.float32),
        "int64": lambda writer, arguments: writer.cast(arguments[0], np.int64),
        "uint8": lambda writer, arguments: writer.cast(arguments[0], np.uint8),
        "unit": _unit,
        "softmax": lambda writer, arguments: writer.node("Softmax", arguments, axis=1),
    }
)
