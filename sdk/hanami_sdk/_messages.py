"""The protobuf messages of the websocket, and how values get into and out of them. It knows no connection.

The descriptor is built at run time, in a pool of its own: no compiler is needed, generated code that a program may have
of the same file does not collide, and every protobuf runtime from 6 on will do.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

Values: TypeAlias = Iterable[float]
"""Numbers, a buffer of numbers such as `array('f')`, or an array of any shape (read row by row)."""


class Process(IntEnum):
    """What the network does with the values of a message."""

    REQUEST = 0
    TRAIN = 1


class Buffer(IntEnum):
    """Where the values of a message go to."""

    INPUT = 0
    OUTPUT = 1
    EXPECTED = 2


class _Classes(NamedTuple):
    cluster_io: Any
    brick_io: Any
    upload: Any
    upload_response: Any


@cache
def classes() -> _Classes:
    """Return the classes of `ClusterIO_Message`, as it is and as it was in v0.4, and of the messages of uploads."""
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message_factory import GetMessageClass

    pool = DescriptorPool()
    pool.Add(_file())
    pool.Add(_file_of_v04())
    names = ("ClusterIO_Message", "v04.ClusterIO_Message", "FileUpload_Message", "FileUploadResponse_Message")
    return _Classes(*(GetMessageClass(pool.FindMessageTypeByName(name)) for name in names))


def _file() -> FileDescriptorProto:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name="hanami_messages.proto3", syntax="proto3")
    _add_enum(file, "ClusterProcessType", "REQUEST_TYPE", "TRAIN_TYPE")
    _add_enum(file, "TargetBufferType", "INPUT_BUFFER_TYPE", "OUTPUT_BUFFER_TYPE", "EXPECTED_BUFFER_TYPE")
    cluster_io = file.message_type.add(name="ClusterIO_Message")
    _add_field(cluster_io, 1, "bufferName", Field.TYPE_STRING)
    _add_field(cluster_io, 2, "isLast", Field.TYPE_BOOL)
    _add_field(cluster_io, 3, "processType", Field.TYPE_ENUM, type_name=".ClusterProcessType")
    _add_field(cluster_io, 4, "targetBufferType", Field.TYPE_ENUM, type_name=".TargetBufferType")
    _add_field(cluster_io, 5, "numberOfValues", Field.TYPE_UINT64)
    _add_field(cluster_io, 6, "values", Field.TYPE_FLOAT, label=Field.LABEL_REPEATED)
    upload = file.message_type.add(name="FileUpload_Message")
    _add_field(upload, 1, "position", Field.TYPE_UINT64)
    _add_field(upload, 2, "data", Field.TYPE_BYTES)
    response = file.message_type.add(name="FileUploadResponse_Message")
    _add_field(response, 1, "success", Field.TYPE_BOOL)
    _add_field(response, 2, "errorMessage", Field.TYPE_STRING)
    return file


def _file_of_v04() -> FileDescriptorProto:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name="v04/hanami_messages.proto3", package="v04", syntax="proto3")
    _add_enum(file, "ClusterProcessType", "REQUEST_TYPE", "TRAIN_TYPE")
    brick_io = file.message_type.add(name="ClusterIO_Message")
    _add_field(brick_io, 1, "brickName", Field.TYPE_STRING)
    _add_field(brick_io, 2, "isLast", Field.TYPE_BOOL)
    _add_field(brick_io, 3, "processType", Field.TYPE_ENUM, type_name=".v04.ClusterProcessType")
    _add_field(brick_io, 4, "numberOfValues", Field.TYPE_UINT64)
    _add_field(brick_io, 5, "values", Field.TYPE_FLOAT, label=Field.LABEL_REPEATED)
    return file


def _add_enum(file: FileDescriptorProto, name: str, *values: str) -> None:
    enum = file.enum_type.add(name=name)
    for number, value in enumerate(values):
        enum.value.add(name=value, number=number)


def _add_field(
    message: DescriptorProto, number: int, name: str, kind: FieldDescriptorProto.Type.ValueType, **more: Any
) -> None:
    label = more.pop("label", 1)  # optional
    message.field.add(name=name, number=number, type=kind, label=label, **more)


def encode_values(name: str, values: Values, is_last: bool, process: Process, target: Buffer | None) -> bytes:
    """Return a `ClusterIO_Message`.

    The values are appended by hand as the packed field they are: for an array of float32 that is a copy of its memory,
    ten times faster than handing the numbers to protobuf one by one.

    Args:
        name: name of the input or output.
        values: numbers; all become float32.
        is_last: the network starts with this message.
        process: train or request.
        target: buffer that takes the values; None makes a message of v0.4, where the name alone tells it.

    Raises:
        TypeError: `values` holds something that is not a number.
    """
    packed = pack(values)
    return _head(name, is_last, process, target, len(packed) // 4) + packed


@lru_cache(maxsize=256)
def _head(name: str, is_last: bool, process: Process, target: Buffer | None, count: int) -> bytes:
    """Return all of a message up to its values; the same few come again and again."""
    fields: dict[str, object] = {"isLast": is_last, "processType": process, "numberOfValues": count}
    if target is None:
        message = classes().brick_io(brickName=name, **fields)
    else:
        message = classes().cluster_io(bufferName=name, targetBufferType=target, **fields)
    number = message.DESCRIPTOR.fields_by_name["values"].number
    tag = bytes((number << 3 | 2,))  # length-delimited; it comes last because it has the highest number
    return bytes(message.SerializeToString()) + (tag + _varint(4 * count) if count else b"")


def _varint(number: int) -> bytes:
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*digits, number))


def pack(values: Values) -> bytes:
    """Return `values` as consecutive little-endian float32."""
    if hasattr(values, "__array__"):
        return bytes(values.__array__().astype("<f4", copy=False).tobytes())
    if isinstance(values, (bytes, bytearray, memoryview)):
        values = memoryview(values).tolist()  # otherwise bytes would be read as the memory of float32
    packed = array("f", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def decode_values(message: bytes) -> Sequence[float]:
    """Return the values of a `ClusterIO_Message`, a sequence of float."""
    values: Sequence[float] = _decode(classes().cluster_io, message).values
    return values


def decode_brick_values(message: bytes) -> Sequence[float]:
    """Return the values of a `ClusterIO_Message` of v0.4, a sequence of float."""
    values: Sequence[float] = _decode(classes().brick_io, message).values
    return values


def encode_chunk(position: int, data: bytes) -> bytes:
    """Return a `FileUpload_Message` for `data` at byte `position` of the file."""
    return bytes(classes().upload(position=position, data=data).SerializeToString())


def decode_response(message: bytes) -> tuple[bool, str]:
    """Return success and error text of a `FileUploadResponse_Message`."""
    response = _decode(classes().upload_response, message)
    return response.success, response.errorMessage


def _decode(kind: Any, message: bytes) -> Any:
    from google.protobuf.message import DecodeError

    from hanami_sdk.hanami_exceptions import ConnectionFailedException

    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise ConnectionFailedException(f"the answer is no {kind.DESCRIPTOR.name}") from error
