"""A target of websockets that repeats what it is told, and does one thing wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from hanami_core.access import ANY_ROLE, Access, Action
from hanami_core.errors import BadRequest, NotFound
from hanami_core.http import Api
from hanami_core.runtime import Runtime
from hanami_core.sockets import CloseSocket, SocketConnection, SocketTarget
from hanami_core.testing.apps import App
from hanami_core.testing.probes import opened, probe_point
from hanami_core.testing.requests import Credential, header
from hanami_core.testing.targets import TargetConformance
from tests.plugins.faulty import Faults, classes
from tests.plugins.faulty.routes import Anyone

TOKEN = "x-auth-token"
NOTE = "0d5c0e3a-6f1a-4b0e-9d5c-7c1f6d0b8a42"
FAULTS: Faults = {
    "none": [],
    "acts_namelessly": ["test_it_keeps_the_contract"],
    "opens_once": ["test_it_opens_and_closes", "test_random_messages_are_survived"],
    "welcomes_strangers": ["test_strangers_open_nothing"],
    "welcomes_all_roles": ["test_other_roles_open_nothing"],
    "opens_everything": ["test_what_does_not_exist_is_refused"],
    "stumbles_over_resources": ["test_what_does_not_exist_is_refused"],
    "answers_with_numbers": ["test_messages_are_answered", "test_random_messages_are_survived"],
    "waits_in_a_thread": ["test_messages_are_answered"],
    "stumbles_over_messages": ["test_random_messages_are_survived"],
}
SUITE = TargetConformance


class Echo:
    """A session."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def receive(self, message: bytes | str) -> Any:
        if self.fault == "answers_with_numbers":
            return len(message)
        if self.fault == "waits_in_a_thread":
            return self._later(message)
        text = message if isinstance(message, str) else message.decode(errors="replace")
        if not text.startswith("say "):
            if self.fault == "stumbles_over_messages":
                return text.split(" ")[3]
            if len(text) % 2:
                raise BadRequest("message_unknown")
            raise CloseSocket(3000, "say something")
        return text.removeprefix("say ")

    async def _later(self, message: bytes | str) -> bytes | str:
        return message

    def close(self) -> None:
        pass


class EchoTarget(SocketTarget):
    """The target, and its fault."""

    name = "echo"
    blocking = True
    fault: ClassVar[str] = "none"
    opened: ClassVar[int] = 0

    @property
    def path(self) -> str:
        prefix = {"welcomes_strangers": "/open", "welcomes_all_roles": "/lax"}.get(self.fault, "/strict")
        return f"{prefix}/{{uuid}}/live"

    @property
    def action(self) -> Action:
        name = "listen" if self.fault == "acts_namelessly" else "notes.listen"
        return Action(name, "GET", "", "read", ("admin",))

    def open(self, runtime: Runtime, access: Access, uuid: str, connection: SocketConnection) -> Echo:
        if self.fault == "stumbles_over_resources" and len(uuid) > 1000:
            raise ValueError("no uuid")
        if uuid != NOTE and self.fault != "opens_everything":
            raise NotFound("note_missing", uuid=uuid)
        type(self).opened += 1
        if self.fault == "opens_once" and self.opened > 1:
            raise OSError("it is open already")
        return Echo(self.fault)


class LaxApi(Api):
    """An Api that lets all roles in."""

    def socket_action(self, action: Action) -> Action:
        return replace(super().socket_action(action), roles=(ANY_ROLE,))


@pytest.fixture(scope="module")
def every_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Mapping[str, Credential]]]:
    """One application for all faults, which the target is told one by one."""
    apis = [
        Api("strict", "/strict", ("token",)),
        Api("open", "/open", ("token", "anyone")),
        LaxApi("lax", "/lax", ("token",)),
    ]
    point = probe_point("echo", apis=apis, targets=[EchoTarget()], schemes=[Anyone()])
    with opened(tmp_path_factory.mktemp("echo") / "data", [point], {}) as app:
        guest: Any = app
        yield app, {"guest": header(TOKEN, guest.member("guest", role="guest"))}


class EchoConformance(TargetConformance):
    target = "echo"
    fault = "none"

    @pytest.fixture
    def app(self, every_app: tuple[App, Any], monkeypatch: pytest.MonkeyPatch) -> App:
        monkeypatch.setattr(EchoTarget, "fault", self.fault)
        monkeypatch.setattr(EchoTarget, "opened", 0)
        return every_app[0]

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        return header(TOKEN, app.token)

    @pytest.fixture
    def other_roles(self, every_app: tuple[App, Mapping[str, Credential]]) -> Mapping[str, Credential]:
        return every_app[1]

    @pytest.fixture
    def resource(self) -> str:
        return NOTE

    @pytest.fixture
    def messages(self) -> list[bytes | str]:
        return ["say hello", b"say goodbye"]


globals().update(classes(EchoConformance, FAULTS))
