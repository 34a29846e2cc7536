"""Conformance suite for authenticators.

A plugin's tests derive a class from `AuthenticatorConformance`, name the scheme, and say how a credential is put into a
request::

    class TestKeys(AuthenticatorConformance):
        scheme = "key"

        @pytest.fixture
        def credential(self, app):
            return header("authorization", f"Key {new_key(app.runtime)}")

        @pytest.fixture
        def invalid(self, app):
            return {
                "malformed": header("authorization", "Key"),
                "foreign": header("authorization", "Key of-another-server"),
                "expired": header("authorization", f"Key {old_key(app.runtime)}"),
                "tampered": header("authorization", f"Key {new_key(app.runtime)[:-1]}x"),
            }

Requests go to the authenticator itself, and through an application in which the suite has Apis and routes of its own.
Must not know any scheme.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, ClassVar

import pytest

from hanami_core.access import ANY_ROLE, Actor
from hanami_core.errors import TooManyRequests, Unauthorized
from hanami_core.events import Event
from hanami_core.http import Api, Call, Empty, Page, Route
from hanami_core.identity import Authenticator
from hanami_core.plugin_host import EntryPoint
from hanami_core.testing.apps import App
from hanami_core.testing.probes import ProbeTarget, opened, probe_point
from hanami_core.testing.requests import (
    ClientRequest,
    Credential,
    as_falcon,
    expected,
    open_socket,
    places,
    replaced,
    send,
)

__all__ = ["AuthenticatorConformance", "Surroundings", "surroundings_of"]

LAST = "conformance_last"
"""Another scheme, which is asked after the one under test."""
LAST_HEADER = "x-conformance-last"
OPEN, CLOSED = "/conformance-open", "/conformance-closed"
SHORTEST_SECRET = 8
_SEPARATORS = re.compile(r"[\s.,;:&?\"']+")


class LastScheme:
    """Recognises everybody who says so in a header."""

    name = LAST

    def identify(self, request: Any) -> Actor | None:
        """Return somebody, or None without the header."""
        found = request.get_header(LAST_HEADER)
        return Actor("last", "last", "conformance", "member", scheme=LAST) if found else None


@dataclass(frozen=True)
class Surroundings:
    """What the suite has put around the scheme: a target of websockets for each Api, and the events that were seen."""

    point: EntryPoint
    open_target: ProbeTarget
    closed_target: ProbeTarget
    events: list[Event]


class AuthenticatorConformance:
    """Requirements for every authenticator. Set the scheme's name, and override `credential` and `invalid`."""

    scheme: ClassVar[str] = ""
    """Name of the scheme."""
    plugins: ClassVar[tuple[EntryPoint, ...]] = ()
    """Plugins besides the installed ones, see `hanami_core.testing.apps.plugin_point`."""
    settings: ClassVar[Mapping[str, object]] = {}
    """Settings of the application, with two underscores for the dot."""
    kinds: ClassVar[tuple[str, ...]] = ("malformed", "foreign", "expired", "tampered")
    """What `invalid` must have. A scheme whose credentials never expire leaves that out."""
    public: ClassVar[tuple[str, ...]] = ()
    """Parts of a credential that may be told, such as the name of a key."""
    attempts = 200
    """How many texts that are not credentials are tried."""

    @pytest.fixture(scope="class")
    @classmethod
    def surroundings(cls) -> Surroundings:
        """Return the surroundings of the scheme."""
        return surroundings_of(cls.scheme)

    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, tmp_path_factory: pytest.TempPathFactory, surroundings: Surroundings) -> Iterator[App]:
        """Return the application that all tests of the class share."""
        points = (*cls.plugins, surroundings.point)
        with opened(tmp_path_factory.mktemp("scheme") / "data", points, dict(cls.settings)) as app:
            yield app

    @pytest.fixture
    def credential(self, app: App) -> Credential:
        """Return a function that puts a valid credential into a request."""
        raise NotImplementedError("override the fixture 'credential'")

    @pytest.fixture
    def invalid(self, app: App) -> Mapping[str, Credential]:
        """Return functions that put invalid credentials into a request, by their `kinds`."""
        raise NotImplementedError("override the fixture 'invalid'")

    @pytest.fixture
    def authenticator(self, app: App) -> Authenticator:
        """Return the authenticator."""
        return app.runtime.authenticators[self.scheme]

    # -- the authenticator itself --------------------------------------------------------------------------------------

    def test_it_is_an_authenticator(self, authenticator: Authenticator) -> None:
        """It has a name that can stand in a list of schemes."""
        assert isinstance(authenticator, Authenticator)
        assert authenticator.name == self.scheme
        assert re.fullmatch(r"[a-z][a-z0-9_.-]*", self.scheme)

    def test_no_credential_is_nobody_and_no_error(self, authenticator: Authenticator) -> None:
        """Requests without one are left to other schemes, whatever they are and whatever else they carry."""
        for request in _requests():
            for seen in (request, request.as_handshake()):
                assert authenticator.identify(as_falcon(seen)) is None, f"somebody is recognised in {seen}"

    def test_a_good_credential_stands_for_an_actor(self, authenticator: Authenticator, credential: Credential) -> None:
        """It has an id and the scheme, and is the same one in every request."""
        found = [authenticator.identify(as_falcon(credential(request))) for request in _requests()]
        for actor in found:
            assert isinstance(actor, Actor), "a good credential is not recognised"
            assert actor.user_id
            assert actor.scheme == self.scheme, f"the actor's scheme is {actor.scheme!r}"
        assert found == [found[0]] * len(found)

    def test_invalid_credentials_are_refused(
        self, authenticator: Authenticator, invalid: Mapping[str, Credential]
    ) -> None:
        """Each kind of them raises `Unauthorized` with a code."""
        missing = set(self.kinds) - set(invalid)
        assert not missing, f"the fixture 'invalid' lacks {', '.join(sorted(missing))}"
        for kind, wrong in invalid.items():
            for request in _requests():
                error = self._refusal(authenticator, wrong(request), f"a {kind} credential")
                assert isinstance(error, Unauthorized), f"a {kind} credential is taken for none"
                assert error.code, f"the refusal of a {kind} credential has no code"

    def test_random_texts_are_refused(self, authenticator: Authenticator, credential: Credential) -> None:
        """In the place of a credential, they are an invalid one or none, and never an error of another kind."""
        request = ClientRequest("GET", OPEN)
        for place, text in list(places(credential, request)):
            for garbage in _garbage(text, self.attempts):
                self._refusal(authenticator, replaced(credential, place, garbage)(request), repr(garbage))

    def test_a_credential_with_a_changed_letter_is_nobody_elses(
        self, authenticator: Authenticator, credential: Credential
    ) -> None:
        """It is refused, or still stands for the same one."""
        request = ClientRequest("GET", OPEN)
        good = authenticator.identify(as_falcon(credential(request)))
        for place, text in list(places(credential, request)):
            for changed in _changed(text, self.attempts):
                seen = as_falcon(replaced(credential, place, changed)(request))
                try:
                    found = authenticator.identify(seen)
                except (Unauthorized, TooManyRequests):
                    continue
                assert found in (None, good), f"a changed letter makes somebody else of {good}"

    def test_a_handshake_is_seen_as_a_request_is(
        self, authenticator: Authenticator, credential: Credential, invalid: Mapping[str, Credential]
    ) -> None:
        """The same credential stands for the same actor in a websocket's beginning, and is refused there, too."""
        request = ClientRequest("GET", f"{OPEN}/socket")
        plain = authenticator.identify(as_falcon(credential(request)))
        assert authenticator.identify(as_falcon(credential(request.as_handshake()))) == plain
        for kind, wrong in invalid.items():
            first = self._refusal(authenticator, wrong(request), f"a {kind} credential")
            second = self._refusal(authenticator, wrong(request.as_handshake()), f"a {kind} credential in a handshake")
            assert (type(first), getattr(first, "code", "")) == (type(second), getattr(second, "code", ""))

    def _refusal(self, authenticator: Authenticator, request: ClientRequest, what: str) -> Exception | None:
        """Return how a credential is refused, None if it is taken for none."""
        try:
            found = authenticator.identify(as_falcon(request))
        except (Unauthorized, TooManyRequests) as error:
            return error
        except Exception as error:
            raise AssertionError(f"{what} ends in {type(error).__name__} and not in Unauthorized: {error}") from error
        assert found is None, f"{what} is accepted"
        return None

    # -- in an application ---------------------------------------------------------------------------------------------

    def test_it_opens_the_apis_that_name_it(self, app: App, surroundings: Surroundings, credential: Credential) -> None:
        """Routes and websockets see the actor; who has no credential gets no further."""
        actor = app.runtime.authenticators[self.scheme].identify(as_falcon(credential(ClientRequest())))
        assert actor is not None
        for method in ("GET", "POST"):
            request = ClientRequest(method, f"{OPEN}/caller", body=b"{}" if method == "POST" else b"")
            answer = send(app, credential(request))
            assert (answer.status_code, answer.text) == (200, actor.user_id)
            assert send(app, request).status_code == self._refused(app)
        socket = ClientRequest("GET", f"{OPEN}/socket")
        opened = open_socket(app, credential(socket.as_handshake()))
        assert opened.session is not None, f"no websocket is opened: {opened.error}"
        opened.session.close()
        assert surroundings.open_target.opened_by[0].actor == actor
        assert isinstance(open_socket(app, socket).error, Unauthorized)

    def test_it_opens_no_other_apis(self, app: App, surroundings: Surroundings, credential: Credential) -> None:
        """An Api that does not name the scheme does not know the caller."""
        for method in ("GET", "POST"):
            request = ClientRequest(method, f"{CLOSED}/caller", body=b"{}" if method == "POST" else b"")
            assert send(app, credential(request)).status_code == self._refused(app)
        outcome = open_socket(app, credential(ClientRequest("GET", f"{CLOSED}/socket").as_handshake()))
        assert isinstance(outcome.error, Unauthorized)
        assert surroundings.closed_target.opened_by == []

    def test_it_leaves_requests_without_its_credential_to_others(self, app: App) -> None:
        """The scheme that an Api names after it is asked."""
        answer = send(app, ClientRequest("GET", f"{OPEN}/caller").carrying(**{LAST_HEADER: "yes"}))
        assert (answer.status_code, answer.text) == (200, "last")

    def test_an_invalid_credential_opens_nothing(
        self, app: App, surroundings: Surroundings, invalid: Mapping[str, Credential]
    ) -> None:
        """Nor does it make way for another scheme, on routes and on websockets."""
        before = len(surroundings.open_target.opened_by)
        for kind, wrong in invalid.items():
            for path in (f"{OPEN}/caller", f"{CLOSED}/caller"):
                answer = send(app, wrong(ClientRequest("GET", path)))
                assert answer.status_code == self._refused(app), f"a {kind} credential"
            last = ClientRequest("GET", f"{OPEN}/caller").carrying(**{LAST_HEADER: "yes"})
            assert send(app, wrong(last)).status_code == self._refused(app), f"a {kind} credential"
            outcome = open_socket(app, wrong(ClientRequest("GET", f"{OPEN}/socket").as_handshake()))
            assert isinstance(outcome.error, Unauthorized), f"a {kind} credential opens a websocket"
        assert len(surroundings.open_target.opened_by) == before

    def test_the_body_is_left_to_the_handler(self, app: App, credential: Credential) -> None:
        """Whatever the scheme looks at, the handler reads the whole body."""
        body = bytes(range(256)) * 1000
        answer = send(app, credential(ClientRequest("POST", f"{OPEN}/echo", body=body)))
        assert answer.content == body

    def test_nothing_of_a_credential_is_told(
        self,
        app: App,
        surroundings: Surroundings,
        credential: Credential,
        invalid: Mapping[str, Credential],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Neither in the log, however much is logged, nor in an event, nor in an answer, also where a handler fails."""
        surroundings.events.clear()
        with caplog.at_level(logging.DEBUG):
            told = [text for kind in (credential, *invalid.values()) for text in _answers(app, kind)]
        assert caplog.records
        told += [f"{record.getMessage()} {vars(record)} {record.exc_text}" for record in caplog.records]
        told += [repr(asdict(event)) for event in surroundings.events]
        everything = "\n".join(told)
        for secret in {part for kind in (credential, *invalid.values()) for part in _secrets(kind)} - {*self.public}:
            assert secret not in everything, f"{secret[:4]}… is part of a credential and was told"

    def _refused(self, app: App) -> int:
        return expected(app.runtime.apis["conformance_open"], Unauthorized)


# -- what the suite adds to the application ----------------------------------------------------------------------------


def surroundings_of(scheme: str) -> Surroundings:
    """Return what is put around a scheme."""
    apis = (
        Api("conformance_open", OPEN, (scheme, LAST)),
        Api("conformance_closed", CLOSED, (LAST,)),
    )
    open_target = ProbeTarget("conformance_open", f"{OPEN}/socket")
    closed_target = ProbeTarget("conformance_closed", f"{CLOSED}/socket")
    events: list[Event] = []
    routes = [route for api in apis for route in _routes(api.name)]
    point = probe_point(
        "conformance_scheme",
        apis=apis,
        routes=lambda runtime: routes,
        targets=[open_target, closed_target],
        schemes=[LastScheme()],
        watch=events.append,
    )
    return Surroundings(point, open_target, closed_target, events)


def _routes(api: str) -> Iterator[Route]:
    make = partial(Route, roles=(ANY_ROLE,), api=api)
    yield make("GET", "/caller", "conformance.read", Empty, Page, _caller)
    yield make("POST", "/caller", "conformance.write", Empty, Page, _caller)
    yield make("POST", "/echo", "conformance.echo", None, Page, _echo)
    yield make("POST", "/failing", "conformance.fail", Empty, Page, _fail)


def _caller(call: Call, request: Empty) -> Page:
    """Tell who asks."""
    return Page(call.actor.user_id.encode(), "text/plain")


def _echo(call: Call, request: object) -> Page:
    """Return the body."""
    return Page(b"".join(call.body), "application/octet-stream")


def _fail(call: Call, request: Empty) -> Page:
    """Fail."""
    raise ValueError("a defect")


# -- what is sent --------------------------------------------------------------------------------------------------


def _requests() -> Iterator[ClientRequest]:
    request = ClientRequest("GET", f"{OPEN}/caller")
    yield request
    yield replace(request, method="POST", body=b'{"name": "x"}')
    yield replace(request, method="DELETE", query="name=x%20y")
    yield request.carrying(cookie="theme=dark", authorization="Conformance c29tZXRoaW5n", accept="*/*")


def _garbage(text: str, attempts: int) -> Iterator[str]:
    """Return texts that a header can have, some of them like a credential."""
    chance = random.Random(1)  # noqa: S311 (every run must try the same texts)
    half = len(text) // 2
    yield from (text[:half], text[half:], f"{text}{text}", f"{text} {text}", text[::-1], ".", "..", ":", "=", ",")
    yield from ("x" * 5000, "\u00e9\u00ff", "{}", "null", "%00", "'", '"', "\\", "../..")
    first = re.match(r"[A-Za-z]+[ =]", text)
    for _ in range(attempts):
        noise = bytes(chance.randrange(0x20, 0x100) for _ in range(chance.randrange(1, 40))).decode("latin-1").strip()
        yield noise or "x"
        # What is told from other schemes by its first word must be read to be refused.
        yield f"{first[0] if first else ''}{noise}".strip() or "x"


def _changed(text: str, attempts: int) -> Iterator[str]:
    step = max(1, len(text) // attempts)
    for place in range(0, len(text), step):
        for letter in "A0":
            if text[place] != letter:
                yield text[:place] + letter + text[place + 1 :]


def _answers(app: App, credential: Credential) -> Iterator[str]:
    for method, path in (("GET", "caller"), ("POST", "caller"), ("POST", "failing"), ("GET", "nowhere")):
        answer = send(app, credential(ClientRequest(method, f"{OPEN}/{path}")))
        yield f"{answer.text} {dict(answer.headers)}"
    outcome = open_socket(app, credential(ClientRequest("GET", f"{OPEN}/socket").as_handshake()))
    yield f"{outcome.answer!r} {outcome.error!r}"
    if outcome.session is not None:
        outcome.session.close()


def _secrets(credential: Credential) -> Iterator[str]:
    for _, text in places(credential, ClientRequest("GET", f"{OPEN}/caller")):
        yield from (part for part in (text, *_SEPARATORS.split(text)) if len(part) >= SHORTEST_SECRET)
