"""Requests that are wrong, sent to every route of every Api: each refuses them in its own words and changes nothing."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import pytest

from hanami_core.http import BoundRoute
from hanami_plugins.api_v1_0alpha import NativeApi
from hanami_server.local import LocalServer
from tests.service.routes import every_route, fields_of, names_something, only_for_admins
from tests.service.test_hostile_requests import BODIES, TOKENS, signed
from tests.service.wire import Answer, Wire

CLIENT_ERRORS = (400, 401, 404, 409)
"""All that released clients know, beside 500 and 503."""
ODD_PATHS = {
    "an encoded letter": lambda path: path[:-1] + f"%{ord(path[-1]):02x}",
    "encoded slashes": lambda path: "/" + path[1:].replace("/", "%2f"),
    "double slashes": lambda path: path.replace("/", "//"),
    "a slash behind it": lambda path: f"{path}/",
    "a dot": lambda path: path.replace("/", "/./", 1),
    "capitals": str.upper,
    "twice encoded": lambda path: path[:-1] + f"%25{ord(path[-1]):02x}",
    "a zero": lambda path: f"{path}%00",
    "a blank": lambda path: f"{path}%20",
    "parameters": lambda path: f"{path};x",
    "the other prefix": lambda path: path.removeprefix("/control"),
}


@pytest.fixture(scope="module")
def routes(server: LocalServer) -> list[BoundRoute]:
    """All routes with fields of both generations, which refuse in the same way; other Apis pass `ApiConformance`."""
    found = [one for one in every_route(server.data_dir) if isinstance(one.api, NativeApi) and not one.route.root]
    assert {one.api.name for one in found} >= {"native", "control_v1"}
    return found


def with_body(routes: list[BoundRoute]) -> list[BoundRoute]:
    """Return those whose fields stand in a body of JSON."""
    return [one for one in routes if one.route.method in ("POST", "PUT") and not one.route.raw_body]


def send(wire: Wire, one: BoundRoute, fields: dict[str, Any], token: str | None = None, path: str = "") -> Answer:
    return wire.call(one.route.method, path or one.path, fields, token)


def sentence(one: BoundRoute, code: str) -> str:
    """Return how an Api begins to say something."""
    return one.api.sentences[code].partition("{")[0]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("body", BODIES, ids=[repr(body[:20]) for body in BODIES])
def test_a_body_that_is_no_object_is_refused(wire: Wire, routes: list[BoundRoute], body: bytes) -> None:
    for one in with_body(routes):
        answer = wire.body(one.route.method, one.path, body)
        assert answer.status == HTTPStatus.BAD_REQUEST, one.key
        assert answer.text.startswith(sentence(one, "body_invalid")), (one.key, answer.text)


@pytest.mark.usefixtures("unchanged")
def test_a_body_that_is_too_large_is_refused(wire: Wire, routes: list[BoundRoute]) -> None:
    body = b'{"name": "' + b"a" * (1 << 20) + b'"}'
    for one in with_body(routes):
        if one.route.max_body is None:
            assert wire.body(one.route.method, one.path, body) == (400, "Body is larger than 1048576 bytes"), one.key


@pytest.mark.usefixtures("unchanged", "member")
@pytest.mark.parametrize("name", TOKENS)
def test_a_wrong_token_with_the_right_signature(
    wire: Wire, server: LocalServer, routes: list[BoundRoute], name: str
) -> None:
    changes, reason = TOKENS[name]
    token = signed(server, **changes)
    code = "credential_expired" if "expired" in reason else "credential_invalid"
    for one in routes:
        if not one.route.anonymous:
            answer = send(wire, one, fields_of(one, {}), token)
            assert answer.status == HTTPStatus.UNAUTHORIZED, one.key
            assert answer.text == one.api.sentences.get(code, answer.text), one.key


@pytest.mark.usefixtures("unchanged")
def test_a_token_is_taken_from_nowhere_else(wire: Wire, routes: list[BoundRoute]) -> None:
    for one in routes:
        if not one.route.anonymous:
            target = f"{one.path}?token={wire.token}"
            bearer = wire.head(one.route.method, target, f"Authorization: Bearer {wire.token}", token="")
            assert wire.send(bearer).status in (400, 401), one.key


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("spelling", ODD_PATHS)
def test_no_spelling_of_a_path_goes_around_permission(
    wire: Wire, member: str, routes: list[BoundRoute], spelling: str
) -> None:
    for one in filter(only_for_admins, routes):
        path = ODD_PATHS[spelling](one.path)
        for token in (member, ""):
            answer = send(wire, one, fields_of(one, {}), token, path)
            assert answer.status in (400, 401), (one.key, path, answer)


@pytest.mark.usefixtures("unchanged")
def test_permission_comes_before_fields(wire: Wire, member: str, routes: list[BoundRoute]) -> None:
    for one in filter(only_for_admins, routes):
        assert send(wire, one, {"no_such_field": "1"}, member) == (401, "Access denied by policy"), one.key


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("x=1&x=2", "field_repeated"),
        ("x=%ff%fe", "query_not_utf8"),
        ("=x", "field_unknown"),
        ("aaa=99999999999999999999", "field_unknown"),
    ],
)
def test_a_query_that_is_wrong_is_refused(wire: Wire, routes: list[BoundRoute], query: str, code: str) -> None:
    for one in routes:
        answer = wire.body(one.route.method, f"{one.path}?{query}", {})
        assert answer.status == HTTPStatus.BAD_REQUEST, (one.key, answer)
        if code in one.api.sentences:
            assert answer.text.startswith(sentence(one, code)), one.key


@pytest.mark.usefixtures("unchanged")
def test_what_does_not_exist_is_not_found(wire: Wire, routes: list[BoundRoute]) -> None:
    """Never an empty answer, nor a defect; lists of nobody are empty."""
    for one in routes:
        if names_something(one) and not one.route.anonymous and not makes_something(one):
            answer = send(wire, one, fields_of(one, {}))
            logs = one.path.endswith("_log")
            assert (answer.status == HTTPStatus.OK) == logs, (one.key, answer)
            assert answer.status in (200, 401, 404) or "is required, but is not set" in answer.text, (one.key, answer)
            assert answer.text not in ("", "{}"), one.key


def makes_something(one: BoundRoute) -> bool:
    """Tell whether the identity in a call is one that it gives."""
    return one.route.method == "POST" and re.search(r"/(user|project)$", one.path) is not None


@pytest.mark.usefixtures("unchanged")
def test_methods_that_a_path_does_not_have(wire: Wire, routes: list[BoundRoute]) -> None:
    have: dict[str, set[str]] = {}
    for one in routes:
        if one.api.hides_unknown:
            have.setdefault(one.path, set()).add(one.route.method)
    assert len(have) > 60
    for path, methods in have.items():
        known = {"OPTIONS"} if "GET" in methods else set()
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} - methods - known:
            answer = wire.body(method, path, {})
            assert answer.status in CLIENT_ERRORS, (method, path, answer)
            assert answer.text
