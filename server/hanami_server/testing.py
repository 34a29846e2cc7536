"""What tests of the server and of plugins are given: a client of an application in their own process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from falcon.testing import TestClient

from hanami_core.errors import NotFound
from hanami_core.runtime import Runtime
from hanami_core.sockets import SocketRequest
from hanami_core.testing.requests import SocketOutcome
from hanami_core.testing.sockets import RecordedConnection
from hanami_server.app import create_app
from hanami_server.sidecar import api_choice
from hanami_server.sidecar.handshake import Handshake, Opened, Outcome, Redirect

__all__ = ["Client", "client"]


class Client(TestClient):
    """A client whose requests and websockets are answered without a socket."""

    def __init__(self, runtime: Runtime) -> None:
        """Speak to the application of a runtime."""
        super().__init__(create_app(runtime))
        self._runtime = runtime

    def open_socket(self, request: SocketRequest, message: bytes | None = None) -> SocketOutcome:
        """Return what the beginning of a websocket leads to; see `hanami_core.testing.requests.open_socket`.

        It is decided as if the sidecar of every host were here.
        """
        found = Handshake(self._runtime, "").target(request)
        if found is not None:
            target, request = found
            connection = RecordedConnection(request)
            return self._told(self._decide(lambda shake: shake.by_path(target, connection, 0)), "", by_path=True)
        connection = RecordedConnection(request)
        if message is None:
            return SocketOutcome(None, NotFound("path_unknown", path=request.path))
        decide = partial(_by_message, message, connection)
        return self._told(self._decide(decide), connection.uuid, by_path=False)

    def _decide(self, decide: Callable[[Handshake], Outcome]) -> Outcome:
        outcome = decide(Handshake(self._runtime, ""))
        return decide(Handshake(self._runtime, outcome.host)) if isinstance(outcome, Redirect) else outcome

    @staticmethod
    def _told(outcome: Outcome, identity: str, *, by_path: bool) -> SocketOutcome:
        assert not isinstance(outcome, Redirect)
        if isinstance(outcome, Opened):
            return SocketOutcome(outcome.session, answer=None if by_path else outcome.api.socket_opened(identity))
        if by_path:
            status, text = api_choice.rejected(outcome.api, outcome.error)
            return SocketOutcome(None, outcome.error, text, status)
        return SocketOutcome(None, outcome.error, outcome.api.socket_refused(outcome.error))


def _by_message(message: bytes, connection: RecordedConnection, handshake: Handshake) -> Outcome:
    return handshake.by_message(message, connection, 0)


def client(runtime: Runtime) -> Client:
    """Return a client of the application of a runtime."""
    return Client(runtime)
