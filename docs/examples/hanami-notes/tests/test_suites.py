"""Both schemes, the Api and its routes pass the suites for them."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, ClassVar

import pytest
from hanami_notes.credentials import CREDENTIALS, Credentials
from hanami_notes.models import Note, changing
from hanami_notes.schemes import COOKIE
from hanami_notes.signature import content_digest, sign

from hanami_core.clock import SystemClock
from hanami_core.identity import Principal, membership_of
from hanami_core.testing.apis import ApiConformance
from hanami_core.testing.authenticators import AuthenticatorConformance
from hanami_core.testing.requests import ClientRequest, Credential, header
from hanami_core.testing.routes import Example, RawBody, RouteConformance

CHEAP = {"users.argon2_time": 1, "users.argon2_memory": 1024}
OTHERS = bytes(32)
"""The key of another server."""


class Past(SystemClock):
    """A clock of long ago."""

    def now(self) -> float:
        return 5.0


def principal(app: Any, user: str) -> Principal:
    identity = app.runtime.identity
    account = identity.find(user)
    return Principal.of(account, membership_of(identity, account))


def signed(
    app: Any, user: str = "asdf", own: Credentials | None = None, late: float = 0, wrong: str = ""
) -> Credential:
    """Return what signs a request, `late` seconds ago or with some letters of the signature exchanged."""
    credentials = own or app.runtime.stash[CREDENTIALS]
    key = credentials.key(principal(app, user))

    def put(request: ClientRequest) -> ClientRequest:
        target = f"{request.path}?{request.query}" if request.query else request.path
        date, digest = formatdate(app.runtime.clock.now() - late, usegmt=True), content_digest(request.body)
        made = sign(credentials.secret(key), request.method, target, request.headers["host"], date, digest)
        made = f"{made[: len(made) - len(wrong)]}{wrong}"
        return request.carrying(authorization=f"Notes {key}:{made}", date=date, content_digest=digest)

    return put


def cookie(value: str) -> Credential:
    return header("cookie", f"{COOKIE}={value}")


class TestSignatures(AuthenticatorConformance):
    scheme = "notes-signature"
    settings = CHEAP

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        return signed(app)

    @pytest.fixture
    def invalid(self, app: Any) -> Mapping[str, Credential]:
        return {
            "malformed": header("authorization", "Notes"),
            "foreign": signed(app, own=Credentials(OTHERS, app.runtime.clock)),
            "expired": signed(app, late=400),
            "tampered": signed(app, wrong="no hex"),
        }


class TestSessions(AuthenticatorConformance):
    scheme = "notes-session"
    settings = CHEAP

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        return cookie(app.runtime.stash[CREDENTIALS].session(principal(app, "asdf")))

    @pytest.fixture
    def invalid(self, app: Any) -> Mapping[str, Credential]:
        who, key = principal(app, "asdf"), (app.runtime.settings.data_dir / "notes.key").read_bytes()
        return {
            "malformed": cookie("none"),
            "foreign": cookie(Credentials(OTHERS, app.runtime.clock).session(who)),
            "expired": cookie(Credentials(key, Past()).session(who)),
            "tampered": cookie(f"{app.runtime.stash[CREDENTIALS].session(who)[:-4]}AAAA"),
        }


class TestApi(ApiConformance):
    name = "notes"
    settings = CHEAP
    document = "/openapi.json?api=notes"

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        return signed(app)


class TestRoutes(RouteConformance):
    plugin = "notes"
    settings = CHEAP
    without_example: ClassVar = ("GET /events",)  # which has no end

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        return signed(app)

    @pytest.fixture
    def other_roles(self, app: Any) -> Mapping[str, Credential]:
        app.member("stranger_1", "stranger_project", role="stranger")
        return {"stranger": signed(app, "stranger_1")}

    @pytest.fixture
    def examples(self, app: Any) -> Mapping[str, Example]:
        with changing() as revision:
            note = Note.create(name="a note", owner_id="asdf", project_id="admin", revision=revision)
        who, one = {"id": "asdf", "passphrase": "asdfasdf"}, {"uuid": note.uuid}
        return {
            "POST /session": who,
            "DELETE /session": {},
            "POST /key": who,
            "GET ": {},
            "POST ": {"name": "another"},
            "GET /{uuid:uuid}": one,
            "PATCH /{uuid:uuid}": one | {"text": "words"},
            "PUT /{uuid:uuid}/file": RawBody(b"content", one),
            "GET /{uuid:uuid}/file": one,
            "DELETE /{uuid:uuid}": one,
        }
