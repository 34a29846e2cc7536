"""From a formula to an ONNX model: a tensor of shape (rows, values) for each input and each output, named like it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from typing import Any

import numpy as np

from hanami_core.errors import Unprocessable
from hanami_core.exports import library
from hanami_core.network.formula import Formula
from hanami_core.sizes import size_text
from hanami_plugins.export_onnx.graph import GraphWriter

__all__ = ["model_bytes"]

OPSET, IR_VERSION = 17, 8
"""What runtimes of the last years know."""
MOST_BYTES = (1 << 31) - (1 << 20)
"""A message of protobuf has less than 2 GiB."""
ROWS = "rows"


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
    writer = GraphWriter(helper, _prefix([*formula.inputs, *formula.outputs], "value"))
    names = writer.write(formula, list(formula.inputs))
    for name, number in formula.results.items():
        writer.node("Identity", [names[number]], name)
    given = [_info(name, formula.types.get(name, "float32"), width, helper) for name, width in formula.inputs.items()]
    made = [_info(name, "float32", width, helper) for name, width in formula.outputs.items()]
    return helper.make_graph(writer.nodes, "hanami", given, made, writer.constants)


def _prefix(taken: Iterable[str], wanted: str) -> str:
    """Return what no name of an input or output begins with."""
    while any(name.startswith(wanted) for name in taken):
        wanted += "_"
    return wanted


def _info(name: str, kind: str, width: int, helper: Any) -> object:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), [ROWS, width])
