"""How the beginning of a websocket is spoken: its first message, who sent it, and how a refusal looks.

This is all that the sidecar knows about an API's way to speak; what the first message leads to is decided in
`hanami_server.sidecar.handshake`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

import msgspec

from hanami_core.access import Actor
from hanami_core.errors import ClientError, Unauthorized
from hanami_core.http.validation import validate
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketRequest
from hanami_server.fields import decode_body

__all__ = ["FirstMessage", "Rejection", "accepted", "identify", "identify_request", "read", "refused", "rejected"]

TOKEN_HEADER = "x-auth-token"  # noqa: S105 - the name of a header


class FirstMessage(msgspec.Struct, forbid_unknown_fields=True):
    """What a client says first: who it is and what it wants."""

    token: str
    target: str
    uuid: str


class Rejection(NamedTuple):
    """The HTTP answer to a websocket whose path chose a target that refused it."""

    status: int
    text: str


def read(message: bytes) -> FirstMessage:
    """Return what a first message says.

    Raises:
        BadRequest: if it is none.
    """
    values = decode_body(message)
    # Released clients may send more than is needed.
    return validate(FirstMessage, {name: values[name] for name in FirstMessage.__struct_fields__ if name in values})


def identify(runtime: Runtime, first: FirstMessage) -> Actor:
    """Return who sent a first message, or raise `Unauthorized`."""
    return _identify(runtime, first.token)


def identify_request(runtime: Runtime, request: SocketRequest) -> Actor:
    """Return who sent the request that a websocket begins with, or raise `Unauthorized`."""
    return _identify(runtime, request.headers.get(TOKEN_HEADER, ""))


def _identify(runtime: Runtime, token: str) -> Actor:
    try:
        return runtime.plugins.authenticate(runtime, token)
    except Unauthorized:
        raise Unauthorized("Token invalid") from None


def accepted(uuid: str) -> bytes:
    """Return the answer to a first message that has opened a session."""
    return msgspec.json.encode({"success": True, "uuid": uuid})


def refused(text: str) -> bytes:
    """Return the answer to a first message, or to a later one, that is refused."""
    return msgspec.json.encode({"success": False, "error": text})


def rejected(error: ClientError) -> Rejection:
    """Return the answer to a request whose path chose a target that refused it."""
    return Rejection(HTTPStatus(error.status), str(error))
