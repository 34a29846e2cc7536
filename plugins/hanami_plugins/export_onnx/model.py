"""From a formula to an ONNX model: a tensor of shape (rows, values) for each input and each output, named like it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from hanami_core.errors import Unprocessable
from hanami_core.exports import library
from hanami_core.network.formula import Floats, Formula, Operation, Step
from hanami_core.sizes import size_text

__all__ = ["model_bytes"]

OPSET, IR_VERSION = 17, 8
"""What runtimes of the last years know."""
MOST_BYTES = (1 << 31) - (1 << 20)
"""A message of protobuf has less than 2 GiB."""
ROWS = "rows"
OPERATORS: Mapping[Operation, str] = MappingProxyType(
    {
        "add": "Add",
        "subtract": "Sub",
        "multiply": "Mul",
        "unit": "Clip",
        "matmul": "MatMul",
        "relu": "Relu",
        "softmax": "Softmax",
        "sigmoid": "Sigmoid",
        "concatenate": "Concat",
    }
)
_ALONG_A_ROW = ("softmax", "concatenate")


def model_bytes(formula: Formula) -> bytes:
    """Return the model of a formula.

    Raises:
        Unprocessable: if it is too big for the format, or the library is missing.
    """
    if formula.size > MOST_BYTES:
        reason = f"its weights take {size_text(formula.size)}, a file of ONNX has less than {size_text(1 << 31)}"
        raise Unprocessable("export_impossible", format="onnx", reason=reason)
    helper = library("onnx.helper", "onnx")
    graph = _graph(formula, helper)
    model = helper.make_model(
        graph,
        producer_name="hanami",
        producer_version=importlib.metadata.version("hanami"),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    return bytes(model.SerializeToString(deterministic=True))


def _graph(formula: Formula, helper: Any) -> object:
    names = _names(formula)
    outputs = {number: name for name, number in formula.results.items()}
    limits = _prefix([*formula.inputs, *formula.outputs], "limit")
    constants = [_tensor(f"{limits}{value}", [value], (), helper) for value in (0, 1)]
    nodes = []
    for number, value in enumerate(formula.values, len(formula.inputs)):
        if not isinstance(value, Step):
            constants.append(_raw_tensor(names[number], value, helper))
            continue
        arguments = [names[argument] for argument in value.arguments]
        if value.operation == "unit":
            arguments += [f"{limits}0", f"{limits}1"]
        options = {"axis": 1} if value.operation in _ALONG_A_ROW else {}
        result = outputs.get(number, names[number])
        nodes.append(helper.make_node(OPERATORS[value.operation], arguments, [result], **options))
    given = [_info(name, width, helper) for name, width in formula.inputs.items()]
    made = [_info(name, width, helper) for name, width in formula.outputs.items()]
    return helper.make_graph(nodes, "hanami", given, made, constants)


def _names(formula: Formula) -> list[str]:
    """Return the names of all values; inputs keep theirs, and no other value has one of an input or output."""
    prefix = _prefix([*formula.inputs, *formula.outputs], "value")
    return [*formula.inputs, *(f"{prefix}{number}" for number in range(len(formula.values)))]


def _prefix(taken: Iterable[str], wanted: str) -> str:
    while any(name.startswith(wanted) for name in taken):
        wanted += "_"
    return wanted


def _info(name: str, width: int, helper: Any) -> object:
    return helper.make_tensor_value_info(name, _float(), [ROWS, width])


def _tensor(name: str, values: list[int], shape: tuple[int, ...], helper: Any) -> object:
    return helper.make_tensor(name, _float(), shape, [float(value) for value in values])


def _raw_tensor(name: str, array: Floats, helper: Any) -> object:
    return helper.make_tensor(name, _float(), array.shape, array.astype("<f4").tobytes(), raw=True)


def _float() -> int:
    return int(library("onnx", "onnx").TensorProto.FLOAT)
