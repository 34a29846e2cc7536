"""From a formula to a module of Python that needs nothing but NumPy, with its weights beside it in a zip file."""

from __future__ import annotations

import importlib.metadata
import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from hanami_core.network.formula import Formula, Operation, Step
from hanami_plugins.export_numpy.arrays import Archive

__all__ = ["MODULE", "WEIGHTS", "archive", "source"]

MODULE, WEIGHTS = "hanami_network.py", "hanami_network.npz"

EXPRESSIONS: Mapping[Operation, str] = MappingProxyType(
    {
        "add": "{0} + {1}",
        "subtract": "{0} - {1}",
        "multiply": "{0} * {1}",
        "unit": "np.clip({0}, 0, 1)",
        "matmul": "{0} @ {1}",
        "relu": "np.maximum({0}, 0)",
        "softmax": "_softmax({0})",
        "sigmoid": "_sigmoid({0})",
    }
)

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

_PLACE = os.path.join(os.path.dirname(__file__), "{weights}")
_W = dict(np.load(io.BytesIO(__loader__.get_data(_PLACE)), allow_pickle=False))


def predict(inputs):
    """Return what the network answers.

    Args:
        inputs: rows of numbers by the name of the input, of the shape (rows, values); one row may be flat.

    Returns:
        Arrays of float32 by the name of the output, of the shape (rows, values).

    Raises:
        ValueError: if an input is missing or unknown, or has another shape.
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
    return rows


def _softmax(sums):
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _sigmoid(sums):
    power = np.exp(-np.abs(sums))
    return (np.where(sums >= 0, np.float32(1), power) / (1 + power)).astype(np.float32)
'''


def archive(formula: Formula) -> Iterator[bytes]:
    """Return a zip file with the module and its weights."""
    made = Archive()
    yield from made.add(MODULE, [source(formula).encode()])
    weights = io.BytesIO()
    first = len(formula.inputs)
    values = enumerate(formula.values, first)
    np.savez(weights, **{f"w{number}": value for number, value in values if not isinstance(value, Step)})  # type: ignore[arg-type]
    yield from made.add(WEIGHTS, [weights.getvalue()])
    yield made.end()


def source(formula: Formula) -> str:
    """Return the text of the module."""
    names = [f"v{number}" for number in range(len(formula.inputs) + len(formula.values))]
    lines = []
    for number, value in enumerate(formula.values, len(formula.inputs)):
        if isinstance(value, Step):
            lines.append(f"    {names[number]} = {_expression(value, names)}")
        else:
            names[number] = f'_W["w{number}"]'
    # Names come from users: they stand in the text as literals only.
    return _TEMPLATE.format(
        version=importlib.metadata.version("hanami"),
        weights=WEIGHTS,
        inputs=repr(dict(formula.inputs)),
        outputs=repr(dict(formula.outputs)),
        given="\n".join(f"    v{number} = _rows(inputs, {name!r})" for number, name in enumerate(formula.inputs)),
        names=", ".join(names[: len(formula.inputs)]),
        steps="\n".join(lines),
        results=", ".join(f"{name!r}: {names[number]}" for name, number in formula.results.items()),
    )


def _expression(step: Step, names: list[str]) -> str:
    arguments = [names[number] for number in step.arguments]
    if step.operation == "concatenate":
        return f"np.concatenate([{', '.join(arguments)}], axis=1)"
    return EXPRESSIONS[step.operation].format(*arguments)
