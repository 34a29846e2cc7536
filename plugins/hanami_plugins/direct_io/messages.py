"""The protobuf message of direct IO, described here instead of generated, so that every protobuf release reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest

REQUEST, TRAIN = 0, 1
INPUT, OUTPUT, EXPECTED = 0, 1, 2
MAX_VALUES = 1 << 20
PIECE = 1 << 13
"""Values that are converted in one go; protobuf keeps all other threads of the process waiting as long."""

FLUSH = {"flush": True}
"""The text message, in JSON, that asks for an answer when what was trained is stored."""
LONGEST_FLUSH = 64
FLUSHED = '{"success": true}'

_FIELDS = (
    ("bufferName", "TYPE_STRING"),
    ("isLast", "TYPE_BOOL"),
    ("processType", "TYPE_ENUM"),
    ("targetBufferType", "TYPE_ENUM"),
    ("numberOfValues", "TYPE_UINT64"),
    ("values", "TYPE_FLOAT"),
)
_ENUMS = {
    "ClusterProcessType": ("REQUEST_TYPE", "TRAIN_TYPE"),
    "TargetBufferType": ("INPUT_BUFFER_TYPE", "OUTPUT_BUFFER_TYPE", "EXPECTED_BUFFER_TYPE"),
}
_ENUM_OF = {"processType": "ClusterProcessType", "targetBufferType": "TargetBufferType"}


class Frame(Protocol):
    """A `ClusterIO_Message`."""

    bufferName: str  # noqa: N815 - names of the protocol
    isLast: bool  # noqa: N815
    processType: int  # noqa: N815
    targetBufferType: int  # noqa: N815
    numberOfValues: int  # noqa: N815
    values: Sequence[float]


def is_flush(message: str) -> bool:
    """Tell whether a text message is a flush."""
    try:
        return len(message) <= LONGEST_FLUSH and bool(json.loads(message) == FLUSH)
    except ValueError:
        return False


def read_frame(message: bytes | str) -> Frame:
    """Return a `ClusterIO_Message`.

    Raises:
        BadRequest: if the message is none, or contradicts itself.
    """
    if isinstance(message, str):
        raise BadRequest("frame_is_text")
    try:
        io: Frame = cluster_io().FromString(message)
    except Exception as error:
        raise BadRequest("frame_unreadable") from error
    if io.numberOfValues != len(io.values):
        raise BadRequest("frame_count", told=io.numberOfValues, count=len(io.values))
    if io.processType not in (REQUEST, TRAIN):
        raise BadRequest("frame_process_unknown", process=io.processType)
    return io


def values_of(frame: Frame) -> npt.NDArray[np.float32]:
    """Return the values of a frame.

    Raises:
        BadRequest: if there are none, or more than a buffer takes.
    """
    count = len(frame.values)
    if not 0 < count <= MAX_VALUES:
        raise BadRequest("buffer_size", limit=MAX_VALUES, size=count)
    if count <= PIECE:
        return np.array(frame.values, np.float32)
    result = np.empty(count, np.float32)
    for start in range(0, count, PIECE):
        result[start : start + PIECE] = frame.values[start : start + PIECE]
    return result


def write_results(output: str, values: npt.NDArray[np.float32]) -> bytes:
    """Return the `ClusterIO_Message` that answers a request."""
    answer = cluster_io()(bufferName=output, processType=REQUEST, numberOfValues=len(values))
    if len(values) <= PIECE:
        answer.values.extend(values.tolist())
    else:
        for start in range(0, len(values), PIECE):
            answer.values.extend(values[start : start + PIECE].tolist())
    return answer.SerializeToString()  # type: ignore[no-any-return]


def acknowledgement(*, trained: bool) -> bytes:
    """Return the `ClusterIO_Message` that answers values, or a training with them."""
    answer = cluster_io()(isLast=trained, processType=TRAIN, numberOfValues=1, values=[0.0])
    return answer.SerializeToString()  # type: ignore[no-any-return]


@cache
def cluster_io() -> Any:
    """Return the class of ``ClusterIO_Message``."""
    return message_class(_FIELDS)


def message_class(fields: Sequence[tuple[str, str]]) -> Any:
    """Return a class of messages with these fields, names and protobuf's types, which are numbered from 1 on."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="hanami_messages.proto3", syntax="proto3")
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    message = file.message_type.add(name="ClusterIO_Message")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(fields, 1):
        label = kinds.LABEL_REPEATED if name == "values" else kinds.LABEL_OPTIONAL
        enum_name = f".{_ENUM_OF[name]}" if name in _ENUM_OF else None
        message.field.add(name=name, number=number, label=label, type=getattr(kinds, kind), type_name=enum_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("ClusterIO_Message"))
