"""Websocket targets as plugins declare them.

The first message of a socket names a target and a resource. The sidecar checks that the actor is allowed the target's
action, as it is done for a call of a route, asks the target to open a session, and from then on hands it each message;
no hook, no rule and no database is between the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hanami_core.access import Access, Action

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime


@runtime_checkable
class SocketSession(Protocol):
    """One open socket of a target."""

    def receive(self, message: bytes | str) -> bytes | str:
        """Return the one answer to a message. Runs in the event loop, so it must be quick.

        Raises:
            BadRequest: the text is sent as ``{"success": false, "error": ...}`` and the socket stays open.
        """

    def close(self) -> None:
        """Release everything; called once, when the socket is gone. May block."""


@runtime_checkable
class SocketTarget(Protocol):
    """What a websocket can be opened for."""

    @property
    def name(self) -> str:
        """Value of ``target`` in the first message."""

    @property
    def action(self) -> Action:
        """What an actor must be allowed to do; nobody else gets as far as `host` and `open`."""

    def host(self, runtime: Runtime, uuid: str) -> str | None:
        """Return the compute host whose sidecar must serve the session, or None if any may."""

    def open(self, runtime: Runtime, access: Access, uuid: str) -> SocketSession:
        """Open a session for a resource that the actor may see or change; `action` is granted already. May block.

        Raises:
            ClientError: the text is sent as ``{"success": false, "error": ...}``.
        """
