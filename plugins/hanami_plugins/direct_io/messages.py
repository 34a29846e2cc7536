"""The protobuf message of direct IO, described here instead of generated, so that every protobuf release reads it."""

from __future__ import annotations

from functools import cache
from typing import Any

REQUEST, TRAIN = 0, 1
INPUT, OUTPUT, EXPECTED = 0, 1, 2

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


@cache
def cluster_io() -> Any:
    """Return the class of ``ClusterIO_Message``."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="hanami_messages.proto3", syntax="proto3")
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    message = file.message_type.add(name="ClusterIO_Message")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(_FIELDS, 1):
        label = kinds.LABEL_REPEATED if name == "values" else kinds.LABEL_OPTIONAL
        enum_name = f".{_ENUM_OF[name]}" if name in _ENUM_OF else None
        message.field.add(name=name, number=number, label=label, type=getattr(kinds, kind), type_name=enum_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("ClusterIO_Message"))
