"""How one process of a server passes an open connection to another: its descriptor and what was read from it.

Owns the format on the Unix socket between them. Must not know why a connection moves.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import msgspec

from hanami_core import localsocket

__all__ = ["LARGEST_HANDOFF", "Handoff", "receive_handoff", "send_handoff"]

LARGEST_HANDOFF = 1 << 21
TAKEN = b"+"
_SIZE_BYTES = 4


class Handoff(msgspec.Struct):
    """What travels with a connection.

    Attributes:
        data: bytes that the next owner must read before those of the connection: the request head of a websocket that
            is not open yet, or frames of one that is.
        first: the first message of an open websocket, which the next owner must answer; None if it is not open yet.
        hops: how often the connection has moved between sidecars.
        head: the request head of an open websocket.
    """

    data: bytes
    first: bytes | None = None
    hops: int = 0
    head: bytes = b""


def send_handoff(path: Path, connection: int, handoff: Handoff, timeout: float = 2.0) -> bool:
    """Offer a connection to the process that listens at `path` and tell whether it took it.

    The caller keeps its own descriptor and must close it if the answer is yes.
    """
    content = msgspec.msgpack.encode(handoff)
    try:
        with localsocket.connect(socket.SOCK_STREAM, path, timeout) as out:
            socket.send_fds(out, [len(content).to_bytes(_SIZE_BYTES, "big")], [connection])
            out.sendall(content)
            return out.recv(1) == TAKEN
    except OSError:
        return False


def receive_handoff(stream: socket.socket) -> tuple[int, Handoff]:
    """Receive what `send_handoff` sent at the other end of `stream`; the caller then owns the returned descriptor.

    Raises:
        OSError: if the sender breaks off.
        msgspec.MsgspecError: if the content is not a handoff.
    """
    head, descriptors, _, _ = socket.recv_fds(stream, _SIZE_BYTES, 1)
    try:
        if len(head) != _SIZE_BYTES or len(descriptors) != 1:
            raise ConnectionError("the handoff has no connection")
        size = int.from_bytes(head, "big")
        if size > LARGEST_HANDOFF:
            raise ConnectionError("the handoff is too large")
        with stream.makefile("rb") as reader:
            return descriptors[0], msgspec.msgpack.decode(reader.read(size), type=Handoff)
    except BaseException:
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        raise
