"""Schemes that recognise keys in a header, each of which does one thing wrong."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from hanami_core.access import Actor
from hanami_core.errors import Forbidden, Unauthorized
from hanami_core.testing.apps import App
from hanami_core.testing.authenticators import AuthenticatorConformance, Surroundings, surroundings_of
from hanami_core.testing.probes import opened, probe_point
from hanami_core.testing.requests import Credential, header
from tests.plugins.faulty import Faults, classes

HEADER = "x-key"
SECRET = b"a secret of this server"
LAST_DAY = 4102444800

FAULTS: Faults = {
    "none": [],
    "renamed": ["test_it_is_an_authenticator"],
    "refuses_everybody_else": [
        "test_no_credential_is_nobody_and_no_error",
        "test_it_leaves_requests_without_its_credential_to_others",
    ],
    "welcomes_everybody": [
        "test_no_credential_is_nobody_and_no_error",
        "test_it_opens_the_apis_that_name_it",
        "test_it_leaves_requests_without_its_credential_to_others",
    ],
    "names_no_scheme": ["test_a_good_credential_stands_for_an_actor"],
    "believes_everything": [
        "test_random_texts_are_refused",
        "test_invalid_credentials_are_refused",
        "test_a_credential_with_a_changed_letter_is_nobody_elses",
        "test_a_handshake_is_seen_as_a_request_is",
        "test_an_invalid_credential_opens_nothing",
    ],
    "never_expires": [
        "test_invalid_credentials_are_refused",
        "test_a_handshake_is_seen_as_a_request_is",
        "test_an_invalid_credential_opens_nothing",
    ],
    "overlooks_invalid_ones": ["test_invalid_credentials_are_refused", "test_an_invalid_credential_opens_nothing"],
    "stumbles": [
        "test_invalid_credentials_are_refused",
        "test_random_texts_are_refused",
        "test_a_credential_with_a_changed_letter_is_nobody_elses",
        "test_a_handshake_is_seen_as_a_request_is",
    ],
    "forbids": [
        "test_invalid_credentials_are_refused",
        "test_random_texts_are_refused",
        "test_a_handshake_is_seen_as_a_request_is",
        "test_an_invalid_credential_opens_nothing",
        "test_a_credential_with_a_changed_letter_is_nobody_elses",
    ],
    "gives_no_reason": ["test_invalid_credentials_are_refused"],
    "is_blind_in_handshakes": [
        "test_a_handshake_is_seen_as_a_request_is",
        "test_it_opens_the_apis_that_name_it",
    ],
    "opens_everything": ["test_it_opens_no_other_apis"],
    "reads_the_body": ["test_the_body_is_left_to_the_handler", "test_it_opens_the_apis_that_name_it"],
    "logs": ["test_nothing_of_a_credential_is_told"],
    "repeats": ["test_nothing_of_a_credential_is_told"],
}
SUITE = AuthenticatorConformance


def key(user: str, until: int = LAST_DAY, secret: bytes = SECRET) -> str:
    """Return a key of a user."""
    return f"{user}/{until}/{hmac.new(secret, f'{user}/{until}'.encode(), hashlib.sha256).hexdigest()}"


class KeyScheme:
    """Recognises keys, and has one fault."""

    fault: ClassVar[str] = "none"

    @property
    def name(self) -> str:
        return "other" if self.fault == "renamed" else "key"

    def identify(self, request: Any) -> Actor | None:
        text = request.get_header(HEADER)
        if self.fault == "is_blind_in_handshakes" and request.get_header("upgrade"):
            return None
        if text is None:
            if self.fault == "refuses_everybody_else":
                raise Unauthorized("credential_missing")
            return self._actor("guest") if self.fault == "welcomes_everybody" else None
        if self.fault == "logs":
            logging.getLogger("hanami.keys").debug("a key has come", extra={"key": text})
        if self.fault == "reads_the_body":
            request.bounded_stream.read()
        return self._read(text)

    def _read(self, text: str) -> Actor | None:
        if self.fault == "stumbles":
            user, until, _ = text.split("/")
        user, _, rest = text.partition("/")
        until, _, _ = rest.partition("/")
        valid = hmac.compare_digest(text.encode(), key(user, int(until) if until.isdigit() else 0).encode())
        if self.fault == "believes_everything" and user.isalpha() and until.isdigit():
            return self._actor(user)
        if valid and (int(until) == LAST_DAY or self.fault == "never_expires"):
            return self._actor(user)
        return self._refuse(text)

    def _actor(self, user: str) -> Actor:
        return Actor(user, user, "project", "member", scheme="" if self.fault == "names_no_scheme" else "key")

    def _refuse(self, text: str) -> None:
        if self.fault == "overlooks_invalid_ones":
            return
        if self.fault == "forbids":
            raise Forbidden("credential_invalid")
        if self.fault == "repeats":
            raise Unauthorized("credential_invalid", key=text)
        raise Unauthorized("" if self.fault == "gives_no_reason" else "credential_invalid")


@pytest.fixture(scope="module")
def every_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Surroundings]]:
    """One application for all faults, which the scheme is told one by one."""
    surroundings = surroundings_of("key")
    points = (probe_point("keys", schemes=[KeyScheme()]), surroundings.point)
    with opened(tmp_path_factory.mktemp("keys"), points, {}) as app:
        yield app, surroundings


class KeyConformance(AuthenticatorConformance):
    scheme = "key"
    fault = "none"
    attempts = 20

    @pytest.fixture
    def surroundings(self, every_app: tuple[App, Surroundings]) -> Surroundings:
        every_app[1].closed_target.opened_by.clear()
        return every_app[1]

    @pytest.fixture
    def app(self, every_app: tuple[App, Surroundings], monkeypatch: pytest.MonkeyPatch) -> App:
        app = every_app[0]
        monkeypatch.setattr(KeyScheme, "fault", self.fault)
        if self.fault == "opens_everything":
            for api in app.runtime.apis.values():
                monkeypatch.setattr(api, "schemes", ("key", *api.schemes))
        return app

    @pytest.fixture
    def credential(self) -> Credential:
        return header(HEADER, key("maria"))

    @pytest.fixture
    def invalid(self) -> Mapping[str, Credential]:
        return {
            "malformed": header(HEADER, "no-key-at-all"),
            "foreign": header(HEADER, key("maria", secret=b"of another server")),
            "expired": header(HEADER, key("maria", 1)),
            "tampered": header(HEADER, key("maria").replace("maria", "mario")),
        }


globals().update(classes(KeyConformance, FAULTS))
