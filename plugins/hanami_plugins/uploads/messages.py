"""The protobuf messages of an upload, described here instead of generated, so that every protobuf reads them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

SUCCESS = b"\x08\x01"
"""The answer to a piece that was written: a `FileUploadResponse_Message` with `success`."""


class Piece(NamedTuple):
    """A part of a file: `data` from byte `position` on."""

    position: int
    data: bytes


def read_piece(message: bytes | str) -> Piece | None:
    """Return the content of a `FileUpload_Message`, or None for anything else and for one without data."""
    from google.protobuf.message import DecodeError

    if isinstance(message, str):
        return None
    try:
        piece = _classes()[0].FromString(message)
    except DecodeError:
        return None
    return Piece(piece.position, piece.data) if piece.data else None


def failure(text: str) -> bytes:
    """Return a `FileUploadResponse_Message` that tells why a piece was not taken."""
    return bytes(_classes()[1](success=False, errorMessage=text).SerializeToString())


@cache
def _classes() -> tuple[Any, Any]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="hanami_messages.proto3", syntax="proto3")
    for name, fields in (
        ("FileUpload_Message", (("position", kinds.TYPE_UINT64), ("data", kinds.TYPE_BYTES))),
        ("FileUploadResponse_Message", (("success", kinds.TYPE_BOOL), ("errorMessage", kinds.TYPE_STRING))),
    ):
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, 1):
            message.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    request, response = (pool.FindMessageTypeByName(message.name) for message in file.message_type)
    return message_factory.GetMessageClass(request), message_factory.GetMessageClass(response)
