"""The protobuf message of direct IO, described here instead of generated, so that every protobuf release reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_core.errors import BadRequest

Floats = npt.NDArray[np.float32]

REQUEST, TRAIN = 0, 1
INPUT, OUTPUT, EXPECTED = 0, 1, 2
MAX_VALUES = 1 << 20
PIECE = 1 << 13
"""Values that are converted in one go; protobuf keeps all other threads of the process waiting as long."""

FLUSH = {"flush": True}
"""The text message, in JSON, that asks for an answer when what was trained is stored."""
LONGEST_FLUSH = 64
FLUSHED = '{"success": true}'
_ZERO = np.zeros(1, np.float32)
"""What an acknowledgement holds."""

_ENUMS = {
    "ClusterProcessType": ("REQUEST_TYPE", "TRAIN_TYPE"),
    "TargetBufferType": ("INPUT_BUFFER_TYPE", "OUTPUT_BUFFER_TYPE", "EXPECTED_BUFFER_TYPE"),
}
_ENUM_OF = {"processType": "ClusterProcessType", "targetBufferType": "TargetBufferType"}


class Frame(NamedTuple):
    """What a message says.

    Attributes:
        buffer: name of the input or output that the values belong to.
        is_last: whether the network runs once the values are there.
        process: `REQUEST` or `TRAIN`.
        target: `INPUT` or `EXPECTED`, or a number that means nothing.
        values: as many as the message says it has; may be none, or more than a buffer takes.
    """

    buffer: str
    is_last: bool
    process: int
    target: int
    values: Sequence[float] | Floats


class Schema:
    """Messages with certain fields, the last of which is ``values``."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        """Take the names of all other fields and protobuf's types; they are numbered from 1 on."""
        self._fields = tuple(fields)

    @cached_property
    def message(self) -> Any:
        """The class of such messages."""
        return _message_class(self._fields, "TYPE_FLOAT", repeated=True)

    @cached_property
    def _packed(self) -> Any:
        """The class of the same messages with the memory of all values as one field, which looks the same on the wire.

        Python sees no single value, which is ten times faster.
        """
        return _message_class(self._fields, "TYPE_BYTES", repeated=False)

    def read(self, message: bytes | str) -> tuple[Any, Sequence[float] | Floats]:
        """Return the fields of a message, and its values.

        Raises:
            BadRequest: if it is no such message, or contradicts itself.
        """
        if isinstance(message, str):
            raise BadRequest("frame_is_text")
        try:
            io = self._packed.FromString(message)
            io.DiscardUnknownFields()
            values: Sequence[float] | Floats = ()
            if len(io.values) == 4 * io.numberOfValues and io.ByteSize() == len(message):
                values = np.frombuffer(io.values, "<f4")
            if len(values) == 0:  # each value may have a tag of its own, and packs may come in pieces
                io = self.message.FromString(message)
                values = io.values
        except Exception as error:
            raise BadRequest("frame_unreadable") from error
        if io.numberOfValues != len(values):
            raise BadRequest("frame_count", told=io.numberOfValues, count=len(values))
        if io.processType not in (REQUEST, TRAIN):
            raise BadRequest("frame_process_unknown", process=io.processType)
        return io, values

    def write(self, values: Floats, **fields: object) -> bytes:
        """Return a message."""
        packed = values.astype("<f4", copy=False).tobytes()
        return self._packed(numberOfValues=len(values), values=packed, **fields).SerializeToString()  # type: ignore[no-any-return]

    def acknowledgement(self, *, trained: bool) -> bytes:
        """Return the message that answers values, or a training with them."""
        return self.write(_ZERO, isLast=trained, processType=TRAIN)


CLUSTER_IO = Schema(
    (
        ("bufferName", "TYPE_STRING"),
        ("isLast", "TYPE_BOOL"),
        ("processType", "TYPE_ENUM"),
        ("targetBufferType", "TYPE_ENUM"),
        ("numberOfValues", "TYPE_UINT64"),
    )
)


def is_flush(message: str) -> bool:
    """Tell whether a text message is a flush."""
    try:
        return len(message) <= LONGEST_FLUSH and bool(json.loads(message) == FLUSH)
    except ValueError:
        return False


def read_frame(message: bytes | str) -> Frame:
    """Return what a `ClusterIO_Message` says.

    Raises:
        BadRequest: if the message is none, or contradicts itself.
    """
    io, values = CLUSTER_IO.read(message)
    return Frame(io.bufferName, io.isLast, io.processType, io.targetBufferType, values)


def values_of(frame: Frame) -> Floats:
    """Return the values of a frame.

    Raises:
        BadRequest: if there are none, or more than a buffer takes.
    """
    count = len(frame.values)
    if not 0 < count <= MAX_VALUES:
        raise BadRequest("buffer_size", limit=MAX_VALUES, size=count)
    if count <= PIECE or isinstance(frame.values, np.ndarray):
        return np.array(frame.values, np.float32)
    result = np.empty(count, np.float32)
    for start in range(0, count, PIECE):
        result[start : start + PIECE] = frame.values[start : start + PIECE]
    return result


def write_results(output: str, values: Floats) -> bytes:
    """Return the `ClusterIO_Message` that answers a request."""
    return CLUSTER_IO.write(values, bufferName=output, processType=REQUEST)


def acknowledgement(*, trained: bool) -> bytes:
    """Return the `ClusterIO_Message` that answers values, or a training with them."""
    return CLUSTER_IO.acknowledgement(trained=trained)


def _message_class(fields: Sequence[tuple[str, str]], values: str, *, repeated: bool) -> object:
    """Return a class of messages with these fields, the last of which has the type `values`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="hanami_messages.proto3", syntax="proto3")
    for name, constants in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, constant in enumerate(constants):
            enum.value.add(name=constant, number=number)
    message = file.message_type.add(name="ClusterIO_Message")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate((*fields, ("values", values)), 1):
        several = name == "values" and repeated
        label = kinds.LABEL_REPEATED if several else kinds.LABEL_OPTIONAL
        enum_name = f".{_ENUM_OF[name]}" if name in _ENUM_OF else None
        message.field.add(name=name, number=number, label=label, type=getattr(kinds, kind), type_name=enum_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("ClusterIO_Message"))
