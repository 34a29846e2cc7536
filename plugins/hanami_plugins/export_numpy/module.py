"""From a formula to a module of Python that needs nothing but NumPy, with its weights beside it in a zip file."""

from __future__ import annotations

import importlib.metadata
import io
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from hanami_core.network.formula import Formula, Graph, Loop, Operation, Step
from hanami_core.network.operations import Array
from hanami_plugins.export_numpy.arrays import Archive

__all__ = ["MODULE", "WEIGHTS", "archive", "source"]

MODULE, WEIGHTS = "hanami_network.py", "hanami_network.npz"

EXPRESSIONS: Mapping[Operation, str] = MappingProxyType(
    {
        "add": "{0} + {1}",
        "subtract": "{0} - {1}",
        "multiply": "{0} * {1}",
        "divide": "{0} / {1}",
        "fma": "_fma({0}, {1}, {2})",
        "matmul": "{0} @ {1}",
        "matmul_integer": "_matmul_integer({0}, {1})",
        "minimum": "np.minimum({0}, {1})",
        "maximum": "np.maximum({0}, {1})",
        "floor": "np.floor({0})",
        "rint": "np.rint({0})",
        "log": "np.log({0})",
        "greater": "{0} > {1}",
        "equal": "{0} == {1}",
        "where": "np.where({0}, {1}, {2})",
        "take": "{0}[:, {1}]",
        "lookup": "{0}[{1}]",
        "zeros_like": "np.zeros_like({0})",
        "float32": "{0}.astype(np.float32)",
        "int64": "{0}.astype(np.int64)",
        "uint8": "{0}.astype(np.uint8)",
        "unit": "np.clip({0}, 0, 1)",
        "relu": "np.maximum({0}, 0)",
        "softmax": "_softmax({0})",
        "sigmoid": "_sigmoid({0})",
    }
)
_INDENT = "    "

_TEMPLATE = '''"""A network that was exported from Hanami {version}.

    import hanami_network

    answers = hanami_network.predict({{name: rows for each input}})

It needs NumPy, and its weights in the file {weights} beside it. Both may stay in the zip file that they came
in, if that is on the import path.
"""

import io
import os

import numpy as np

INPUTS = {inputs}
"""How many values each input takes in a row."""
OUTPUTS = {outputs}
"""How many values each output has in a row."""
TYPES = {types}
"""Inputs that do not take float32."""

_PLACE = os.path.join(os.path.dirname(__file__), "{weights}")
_W = dict(np.load(io.BytesIO(__loader__.get_data(_PLACE)), allow_pickle=False))


@np.errstate(over="ignore", invalid="ignore")
def predict(inputs):
    """Return what the network answers.

    Args:
        inputs: rows of numbers by the name of the input, of the shape (rows, values); one row may be flat.

    Returns:
        Arrays of float32 by the name of the output, of the shape (rows, values).

    Raises:
        ValueError: if an input is missing or unknown, has another shape, or takes bytes and gets something else.
    """
    if set(inputs) != set(INPUTS):
        raise ValueError(f"the inputs are {{', '.join(INPUTS)}}, not {{', '.join(map(str, inputs))}}")
{given}
    if len({{len(rows) for rows in ({names},)}}) > 1:
        raise ValueError("the inputs have different numbers of rows")
{steps}
    return {{{results}}}


def _rows(inputs, name):
    rows = np.atleast_2d(np.asarray(inputs[name], np.float32))
    if rows.ndim != 2 or rows.shape[1] != INPUTS[name]:
        raise ValueError(f"rows of the input {{name}} have {{INPUTS[name]}} values, not the shape {{rows.shape}}")
    if TYPES.get(name) == "uint8":
        if not np.array_equal(rows, np.clip(np.rint(rows), 0, 255)):
            raise ValueError(f"values of the input {{name}} are whole numbers from 0 to 255")
        return rows.astype(np.uint8)
    return rows


def _fma(a, b, c):
    return np.asarray(np.multiply(a, b, dtype=np.float64) + c, np.float32)


def _matmul_integer(a, b):
    return np.asarray(a.astype(np.float64) @ b.astype(np.float64), np.int32)


def _softmax(sums):
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _sigmoid(sums):
    power = np.exp(-np.abs(sums))
    return (np.where(sums >= 0, np.float32(1), power) / (1 + power)).astype(np.float32)
'''


def archive(formula: Formula) -> Iterator[bytes]:
    """Return a zip file with the module and its weights."""
    text, arrays = _written(formula)
    made = Archive()
    yield from made.add(MODULE, [text.encode()])
    weights = io.BytesIO()
    np.savez(weights, **arrays)  # type: ignore[arg-type]
    yield from made.add(WEIGHTS, [weights.getvalue()])
    yield made.end()


def source(formula: Formula) -> str:
    """Return the text of the module."""
    return _written(formula)[0]


def _written(formula: Formula) -> tuple[str, dict[str, Array]]:
    """Return the text of the module and the arrays that it reads."""
    names = [f"v{number}" for number in range(formula.given)]
    body = _Body("", {}, [])
    values = body.write(formula, names, _INDENT)
    # Names come from users: they stand in the text as literals only.
    text = _TEMPLATE.format(
        version=importlib.metadata.version("hanami"),
        weights=WEIGHTS,
        inputs=repr(dict(formula.inputs)),
        outputs=repr(dict(formula.outputs)),
        types=repr(dict(formula.types)),
        given="\n".join(f"    v{number} = _rows(inputs, {name!r})" for number, name in enumerate(formula.inputs)),
        names=", ".join(names),
        steps="\n".join(body.lines),
        results=", ".join(f"{name!r}: {values[number]}" for name, number in formula.results.items()),
    )
    return text, body.arrays


class _Body(NamedTuple):
    """Lines of a graph, and the arrays that they read.

    Attributes:
        prefix: begins the names of its values, so that those of a loop have others than what is around it.
        arrays: constants by name.
        lines: what is written so far.
    """

    prefix: str
    arrays: dict[str, Array]
    lines: list[str]

    def write(self, graph: Graph, given: Sequence[str], indent: str) -> list[str]:
        """Write a graph, and return the expressions of its values, which are names, indexed arrays or numbers."""
        names = list(given)
        for number, value in enumerate(graph.values, graph.given):
            name = f"v{self.prefix}{number}"
            if isinstance(value, Step):
                self.lines.append(f"{indent}{name} = {_expression(value, names)}")
            elif isinstance(value, Loop):
                self._write_loop(name, value, names, indent)
            else:
                self.arrays[f"w{self.prefix}{number}"] = value
                name = f'_W["w{self.prefix}{number}"]'
            names.append(name)
        return names

    def _write_loop(self, name: str, loop: Loop, names: Sequence[str], indent: str) -> None:
        inner = self._replace(prefix=f"{name[1:]}_")
        entries = [f"v{inner.prefix}{number}" for number in range(1, 1 + len(loop.slices))]
        arrays = ", ".join(names[number] for number in loop.slices)
        self.lines.append(f"{indent}{name} = {names[loop.start]}")
        self.lines.append(f"{indent}for {', '.join(entries)}, in zip({arrays}):")
        shared = [names[number] for number in loop.shared]
        values = inner.write(loop.body, [name, *entries, *shared], indent + _INDENT)
        self.lines.append(f"{indent}{_INDENT}{name} = {values[loop.result]}")


def _expression(step: Step, names: Sequence[str]) -> str:
    arguments = [names[number] for number in step.arguments]
    if step.operation == "concatenate":
        return f"np.concatenate([{', '.join(arguments)}], axis=1)"
    return EXPRESSIONS[step.operation].format(*arguments)
