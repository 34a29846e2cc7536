"""Tensors as the Open Inference Protocol writes them, in JSON or as bytes behind it.

The protocol: https://github.com/kserve/open-inference-protocol; bytes behind the JSON are its extension
``binary_tensor_data``. Must not know clusters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from hanami_core.errors import BadRequest

__all__ = ["BINARY_SIZE", "DATATYPES", "Inference", "Tensor", "Wanted", "decode", "from_rows", "rows_of"]

BINARY_SIZE = "binary_data_size"
DATATYPES: Mapping[str, str] = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Names of types, and what NumPy calls them; numbers are little-endian."""

Values = npt.NDArray[np.float32]
Parameters = dict[str, Any]
ShownName = Annotated[str, Meta(examples=["size_hex"])]


class Tensor(msgspec.Struct, omit_defaults=True):
    """The values of an input or output.

    Attributes:
        name: name of the input or output.
        shape: number of rows, then the size of a row in one or more dimensions.
        datatype: type of the values, such as `FP32`, `UINT8` or `BOOL`.
        parameters: `binary_data_size` is the number of bytes if the values follow the JSON text; empty by default.
        data: values row by row, flat or nested; null if they follow the JSON text.
    """

    name: ShownName
    shape: Annotated[list[int], Meta(examples=[[1, 2]])]
    datatype: Annotated[str, Meta(examples=["FP32"])]
    parameters: Annotated[Parameters, Meta(examples=[{BINARY_SIZE: 8}])] = {}
    data: Annotated[Any, Meta(examples=[[1.4, 0.2]])] = None


class Wanted(msgspec.Struct):
    """An output that is requested.

    Attributes:
        name: name of the output.
        parameters: `binary_data` is whether its values follow the JSON text; empty by default.
    """

    name: Annotated[str, Meta(examples=["label_hex"])]
    parameters: Annotated[Parameters, Meta(examples=[{"binary_data": False}])] = {}


class Inference(msgspec.Struct):
    """A request for an inference.

    Attributes:
        inputs: values of all inputs of the model.
        outputs: outputs that are requested; all if empty, which is the default.
        id: text that the answer repeats; empty, the default, for none.
        parameters: `binary_data_output` is whether the values of all outputs follow the JSON text; empty by default.
    """

    inputs: Annotated[
        list[Tensor], Meta(examples=[[{"name": "size_hex", "shape": [1, 2], "datatype": "FP32", "data": [1.4, 0.2]}]])
    ]
    outputs: list[Wanted] = []
    id: Annotated[str, Meta(examples=["42"])] = ""
    parameters: Annotated[Parameters, Meta(examples=[{"binary_data_output": False}])] = {}


def decode(body: bytes, length: int | None) -> tuple[Inference, dict[str, npt.NDArray[Any]]]:
    """Return the request in a body, and the values of its inputs.

    Args:
        body: JSON, and the bytes of tensors behind it.
        length: bytes of the JSON; None if there is nothing behind it.

    Raises:
        BadRequest: if the body is not a request, or a tensor is not what it says of itself.
    """
    text = body if length is None else body[:length]
    try:
        asked = msgspec.json.decode(text, type=Inference)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadRequest("inference_unreadable", reason=str(error)) from None
    rest = memoryview(body)[len(text) :]
    arrays: dict[str, npt.NDArray[Any]] = {}
    for tensor in asked.inputs:
        if tensor.name in arrays:
            raise BadRequest("tensor_repeated", tensor=tensor.name)
        size = tensor.parameters.get(BINARY_SIZE)
        if size is None:
            arrays[tensor.name] = _from_json(tensor)
        else:
            arrays[tensor.name] = _from_bytes(tensor, size, rest)
            rest = rest[size:]
    if len(rest):
        raise BadRequest("tensor_bytes_left", size=len(rest))
    return asked, arrays


def _expected(tensor: Tensor) -> tuple[np.dtype[Any], int]:
    """Return the type of a tensor and how many values it has."""
    if tensor.datatype not in DATATYPES:
        raise BadRequest("tensor_datatype", tensor=tensor.name, datatype=tensor.datatype, known=", ".join(DATATYPES))
    if any(size < 0 for size in tensor.shape):
        raise BadRequest("tensor_shape", tensor=tensor.name)
    return np.dtype(DATATYPES[tensor.datatype]), math.prod(tensor.shape)


def _from_bytes(tensor: Tensor, size: object, rest: memoryview) -> npt.NDArray[Any]:
    kind, count = _expected(tensor)
    if size != count * kind.itemsize or len(rest) < count * kind.itemsize:
        raise BadRequest("tensor_size", tensor=tensor.name, expected=count * kind.itemsize)
    return np.frombuffer(rest, kind, count).reshape(tensor.shape)


def _from_json(tensor: Tensor) -> npt.NDArray[Any]:
    kind, count = _expected(tensor)
    try:
        with np.errstate(over="ignore"):
            values = np.array(tensor.data).astype(kind if kind.kind == "f" else np.float64)
    except (ValueError, TypeError, OverflowError):  # ragged lists, texts, numbers without end
        raise BadRequest("tensor_data", tensor=tensor.name) from None
    if values.size != count or not isinstance(tensor.data, list):
        raise BadRequest("tensor_count", tensor=tensor.name, expected=count)
    return values.reshape(tensor.shape)


def rows_of(name: str, values: npt.NDArray[Any]) -> Values:
    """Return a tensor as rows: the first dimension counts them, all others are the values of one.

    Raises:
        BadRequest: if the tensor has fewer than two dimensions.
    """
    if values.ndim < 2:
        raise BadRequest("tensor_dimensions", tensor=name)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite and is refused as such
        return values.reshape(len(values), math.prod(values.shape[1:])).astype(np.float32, copy=False)


def from_rows(outputs: Iterable[tuple[str, Values, bool]]) -> tuple[list[Tensor], bytes]:
    """Return rows as tensors, and the bytes of those that are wanted as bytes."""
    tensors, pieces = [], []
    for name, values, binary in outputs:
        tensor = Tensor(name, list(values.shape), "FP32")
        if binary:
            pieces.append(values.astype("<f4", copy=False).tobytes())
            tensor.parameters = {BINARY_SIZE: len(pieces[-1])}
        else:
            tensor.data = values.ravel().tolist()
        tensors.append(tensor)
    return tensors, b"".join(pieces)
