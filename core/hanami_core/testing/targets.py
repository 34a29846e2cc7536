"""Conformance suite for targets of websockets.

A plugin's tests derive a class from `TargetConformance`, name the target, and say how a socket is begun. For a target
that is chosen by a path, the credential is enough; for others, the first message is written as the Api has it::

    class TestFeed(TargetConformance):
        target = "feed"

        @pytest.fixture
        def credential(self, app):
            return header("x-key", app.token)

        @pytest.fixture
        def resource(self, app):
            return new_note(app)

Sockets are opened as a sidecar does it, with identity and permission first, and messages go to the session alone.
Must not know any protocol.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import re
from collections.abc import Awaitable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from hanami_core.access import ANY_ROLE
from hanami_core.errors import ClientError, Forbidden, InternalError, Unauthorized
from hanami_core.ids import new_uuid
from hanami_core.plugin_host import EntryPoint
from hanami_core.sockets import CloseSocket, Reply, SocketSession, SocketTarget
from hanami_core.testing.apps import App
from hanami_core.testing.probes import opened
from hanami_core.testing.requests import ClientRequest, Credential, SocketOutcome, no_credential, open_socket
from hanami_core.testing.routes import rows_of

__all__ = ["TargetConformance"]

ODD_RESOURCES = ("", "x", "X" * 3000, "../..", "%00", "\u0000", "'; --", "\U0001f338", "-1")
_PARAMETER = re.compile(r"\{[a-z_][a-z0-9_]*\}")


class TargetConformance:
    """Requirements for every target. Set its name, and override the fixtures."""

    target: ClassVar[str] = ""
    """Name of the target."""
    plugins: ClassVar[tuple[EntryPoint, ...]] = ()
    """Plugins besides the installed ones, see `hanami_core.testing.apps.plugin_point`."""
    settings: ClassVar[Mapping[str, object]] = {}
    """Settings of the application, with two underscores for the dot."""
    compute: ClassVar[str] = ""
    """Name of a compute host that the application runs; none if empty."""
    attempts = 200
    """How many random messages are sent."""

    @pytest.fixture
    def app(self, tmp_path: Path) -> Iterator[App]:
        """Return the application of one test."""
        with opened(tmp_path / "data", self.plugins, dict(self.settings), self.compute) as app:
            yield app

    @pytest.fixture
    def credential(self, app: App) -> Credential:
        """Return a function that puts a credential that may open the resource into a request."""
        raise NotImplementedError("override the fixture 'credential'")

    @pytest.fixture
    def other_roles(self, app: App) -> Mapping[str, Credential]:
        """Return credentials of roles that may not open the target, by role; none if all may."""
        return {}

    @pytest.fixture
    def resource(self, app: App) -> str:
        """Return the uuid of something that can be opened; empty if the target takes none."""
        return ""

    @pytest.fixture
    def messages(self) -> list[bytes | str]:
        """Return messages that a client may send."""
        return []

    def first_message(self, request: ClientRequest, target: str, resource: str) -> bytes:
        """Return the first message of a websocket whose request carries the credential."""
        raise NotImplementedError("override 'first_message', or give the target a path")

    def begin(self, app: App, credential: Credential, resource: str) -> SocketOutcome:
        """Return the outcome of opening a websocket."""
        target = app.runtime.targets[self.target]
        if target.path:
            path = _PARAMETER.sub(lambda _: quote(resource, safe="") or "x", target.path)
            return open_socket(app, credential(ClientRequest("GET", path).as_handshake()))
        request = ClientRequest("GET", "/").as_handshake()
        return open_socket(app, request, self.first_message(credential(request), self.target, resource))

    # -- the beginning -------------------------------------------------------------------------------------------------

    def test_it_keeps_the_contract(self, app: App) -> None:
        """It has a name, an action that rules can be asked about, and a path if it is chosen by one."""
        target = app.runtime.targets[self.target]
        assert isinstance(target, SocketTarget)
        action = target.action
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", action.name), f"{action.name!r} is not like noun.verb"
        assert action.verb in ("read", "write")
        assert action.endpoint or action.roles, "neither a policy file nor roles say who may open it"
        assert re.fullmatch(r"(/([^/{}]+|\{[a-z_][a-z0-9_]*\}))*", target.path), f"{target.path!r} is not a path"
        assert isinstance(target.blocking, bool)

    def test_it_opens_and_closes(self, app: App, credential: Credential, resource: str) -> None:
        """And can be opened again."""
        for _ in range(3):
            session = self._session(app, credential, resource)
            assert isinstance(session, SocketSession)
            session.close()

    def test_strangers_open_nothing(self, app: App, resource: str) -> None:
        """Whoever has no credential is refused, whether the resource exists or not."""
        for wanted in (resource, new_uuid()):
            outcome = self.begin(app, no_credential, wanted)
            assert isinstance(outcome.error, Unauthorized), "a stranger is not refused"

    def test_other_roles_open_nothing(self, app: App, other_roles: Mapping[str, Credential], resource: str) -> None:
        """A role that is not among those of the action is refused."""
        roles = app.runtime.targets[self.target].action.roles
        outside = set(other_roles) - set(roles)
        assert outside or ANY_ROLE in roles, "the fixture 'other_roles' has none that may not open it"
        for role in () if ANY_ROLE in roles else outside:
            outcome = self.begin(app, other_roles[role], resource)
            assert isinstance(outcome.error, Forbidden), f"the role {role} is not refused"

    def test_what_does_not_exist_is_refused(self, app: App, credential: Credential, resource: str) -> None:
        """With an error for the client, whatever it asks for, and nothing changes by that."""
        if not resource:
            pytest.skip("the target takes no resource")
        before = rows_of(app.runtime)
        for odd in (new_uuid(), f"{resource}x", f"{resource}%", *ODD_RESOURCES):
            outcome = self.begin(app, credential, odd)
            assert isinstance(outcome.error, ClientError), f"{odd[:40]!r}: {outcome.error!r}"
            assert not isinstance(outcome.error, InternalError)
        assert rows_of(app.runtime) == before

    # -- messages ------------------------------------------------------------------------------------------------------

    def test_messages_are_answered(
        self, app: App, credential: Credential, resource: str, messages: list[bytes | str]
    ) -> None:
        """With bytes, a text or nothing; sessions that block do so in threads and return no awaitables."""
        session = self._session(app, credential, resource)
        try:
            for message in messages:
                answer = session.receive(message)
                blocking = app.runtime.targets[self.target].blocking
                assert not (blocking and inspect.isawaitable(answer)), "a session that blocks returns an awaitable"
                assert isinstance(_awaited(answer), bytes | str | None)
        finally:
            session.close()

    def test_random_messages_are_survived(
        self, app: App, credential: Credential, resource: str, messages: list[bytes | str]
    ) -> None:
        """Each is answered or refused, or the socket is closed with a code, and the next socket opens."""
        session: SocketSession | None = None
        for message in _noise(messages, self.attempts):
            session = session or self._session(app, credential, resource)
            try:
                assert isinstance(_awaited(session.receive(message)), bytes | str | None)
            except ClientError:
                continue
            except CloseSocket:
                session.close()
                session = None
            except Exception as error:
                session.close()
                raise AssertionError(f"the message {message[:40]!r} ends in {error!r}") from error
        if session is not None:
            session.close()

    def _session(self, app: App, credential: Credential, resource: str) -> SocketSession:
        outcome = self.begin(app, credential, resource)
        assert outcome.session is not None, f"no websocket is opened: {outcome.error!r}"
        return outcome.session


def _awaited(answer: Any) -> Reply:
    async def wait(answer: Awaitable[Reply]) -> Reply:
        return await answer

    return asyncio.run(wait(answer)) if inspect.isawaitable(answer) else answer


def _noise(messages: list[bytes | str], attempts: int) -> Iterator[bytes | str]:
    """Return messages that no client should send: random ones, and damaged ones of those that it may."""
    chance = random.Random(3)  # noqa: S311 (every run must try the same messages)
    yield from (b"", "", "x", "{}", "\U0001f338", b"\x00" * 1000, b"\xff" * 1000)
    known = [message.encode() if isinstance(message, str) else message for message in messages]
    for _ in range(attempts):
        yield chance.randbytes(chance.randrange(1, 60))
        if known:
            damaged = bytearray(chance.choice(known))
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            yield bytes(damaged[: chance.randrange(1, len(damaged) + 2)])
