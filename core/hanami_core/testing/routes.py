"""Conformance suite for the routes of one plugin, whatever Api they belong to.

A plugin's tests derive a class from `RouteConformance`, name the plugin, say who asks, and give an example of a good
call for each route::

    class TestNoteRoutes(RouteConformance):
        plugin = "notes"

        @pytest.fixture
        def credential(self, app):
            return header("x-key", app.token)

        @pytest.fixture
        def other_roles(self, app):
            return {"guest": header("x-key", app.member("guest", role="guest"))}

        @pytest.fixture
        def examples(self, app):
            uuid = new_note(app)
            return {"GET /note/{uuid:uuid}": {"uuid": uuid}, "POST /note": {"text": "hello"}}

Each test has an application of its own, so an example may change what it likes. Must not know any Api.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

import pytest

from hanami_core.access import ANY_ROLE
from hanami_core.errors import BadRequest, Forbidden, TooLarge, Unauthorized
from hanami_core.http import BoundRoute, Download, Events, File, Page, Route, Stream
from hanami_core.plugin_host import EntryPoint
from hanami_core.runtime import Runtime
from hanami_core.testing.apps import App
from hanami_core.testing.fields import undescribed, wrong_fields
from hanami_core.testing.probes import opened
from hanami_core.testing.requests import (
    ClientRequest,
    ClientResponse,
    Credential,
    expected,
    plain_request,
    send,
    told,
)

__all__ = ["Example", "RawBody", "RouteConformance", "routes_of", "rows_of"]


class RawBody(NamedTuple):
    """A body for a handler that reads it itself, and the parameters of its path."""

    content: bytes
    path: Mapping[str, Any]


Call = Mapping[str, Any] | bytes | RawBody
Example = Call | Callable[[], Call]
"""Fields of a valid call, also those of the path; a body for a handler that reads it; or a function for either."""

SURPLUS = "no_such_field"
RAW = (Page, File, Download, Stream, Events)
BODIES = ("POST", "PUT", "PATCH")
_PARAMETER = re.compile(r"\{([a-z_]+)(?::([a-z]+)[^}]*)?\}")
_FITTING = {"": "word", "path": "a/word", "int": "7", "float": "1.5", "uuid": "00000000-0000-4000-8000-000000000000"}
_NO_NUMBERS = ("%00", "%ff", "x" * 3000, "'%22", "%F0%9F%8C%B8", "%0d%0aX-Odd:%201", "7x")
_ODD = (*_NO_NUMBERS, "..%2f..", "-1", "0", "9" * 50, "1e400")


@dataclass(frozen=True)
class Bad:
    """A request that must be refused, with a word that is told. A `status` of None is any of a client's errors."""

    bound: BoundRoute
    request: ClientRequest
    status: int | None
    word: str = ""
    announced: int | None = None

    def check(self, answer: ClientResponse) -> None:
        """Raise `AssertionError` unless an answer is the right refusal."""
        what = f"{self.bound.key} {(self.request.query or self.request.body)[:80]!r}"
        if self.status is None:
            assert 400 <= answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:200]}"
        else:
            assert answer.status_code == self.status, f"{what}: {answer.status_code} {answer.text[:200]}"
        assert self.word in told(answer), f"{what}: {self.word} is not named: {answer.text[:200]}"


class RouteConformance:
    """Requirements for all routes. Set the name of the plugin, and override the fixtures."""

    plugin: ClassVar[str] = ""
    """Name of the plugin whose routes are examined."""
    plugins: ClassVar[tuple[EntryPoint, ...]] = ()
    """Plugins besides the installed ones, see `hanami_core.testing.apps.plugin_point`."""
    settings: ClassVar[Mapping[str, object]] = {}
    """Settings of the application, with two underscores for the dot."""
    compute: ClassVar[str] = ""
    """Name of a compute host that the application runs; none if empty."""
    without_example: ClassVar[tuple[str, ...]] = ()
    """Routes that no test can call with success, as ``METHOD /path``; what is wrong with them is examined."""

    @pytest.fixture
    def app(self, tmp_path: Path) -> Iterator[App]:
        """Return the application of one test."""
        with opened(tmp_path / "data", self.plugins, dict(self.settings), self.compute) as app:
            yield app

    @pytest.fixture
    def credential(self, app: App) -> Credential:
        """Return a function that puts a credential that may use all routes into a request."""
        raise NotImplementedError("override the fixture 'credential'")

    @pytest.fixture
    def other_roles(self, app: App) -> Mapping[str, Credential]:
        """Return credentials of roles that may not use all routes, by role; one of them is unknown everywhere."""
        raise NotImplementedError("override the fixture 'other_roles'")

    @pytest.fixture
    def examples(self, app: App) -> Mapping[str, Example]:
        """Return a valid call for each route, by ``METHOD /path`` as the route is declared; executed in this order."""
        raise NotImplementedError("override the fixture 'examples'")

    @pytest.fixture
    def routes(self, app: App) -> list[BoundRoute]:
        """Return the routes of the plugin."""
        return routes_of(app.runtime, self.plugin)

    def request(self, method: str, path: str, fields: Mapping[str, object]) -> ClientRequest:
        """Return a call with fields as a client writes it: in a JSON body, or in the query if it has none."""
        return plain_request(method, path, fields)

    def value(self, answer: ClientResponse) -> Any:
        """Return the content of an answer, without the envelope of the Api."""
        return json.loads(answer.content)

    # -- tests ---------------------------------------------------------------------------------------------------------

    def test_every_route_has_an_example(self, routes: list[BoundRoute], examples: Mapping[str, Example]) -> None:
        """Or is named as one that can have none, and nothing else has one."""
        assert routes, f"the plugin {self.plugin} has no routes"
        known = {_name(bound.route) for bound in routes}
        assert set(examples) - known == set(), "there are examples of other routes"
        assert set(self.without_example) - known == set(), "there are no such routes"
        assert known - set(examples) - set(self.without_example) == set(), "routes without an example"

    def test_good_calls_are_answered_as_described(
        self, app: App, routes: list[BoundRoute], credential: Credential, examples: Mapping[str, Example]
    ) -> None:
        """An answer is what the type of the response says of it, no less and no more."""
        known = {_name(bound.route): bound for bound in routes}
        for name, example in examples.items():
            bound = known[name]
            answer = send(app, credential(self._good(bound, example)))
            assert 200 <= answer.status_code < 300, f"{name}: {answer.status_code} {answer.text[:200]}"
            if bound.route.response in RAW:
                assert answer.headers.get("content-type"), f"{name}: no media type"
            elif bound.route.response is not None:
                fault = undescribed(self.value(answer), bound.route.response)
                assert fault is None, f"{name} is answered otherwise than it says: {fault}"

    def test_strangers_are_refused(self, app: App, routes: list[BoundRoute]) -> None:
        """Whoever has no credential gets nowhere, except on routes that are marked as anonymous."""
        self._are_refused(app, self._strangers(routes))

    def test_other_roles_are_refused(
        self, app: App, routes: list[BoundRoute], other_roles: Mapping[str, Credential]
    ) -> None:
        """A role that is not among those of a route may not use it."""
        for bound in routes:
            if not bound.route.anonymous and ANY_ROLE not in bound.route.roles:
                assert set(other_roles) - set(bound.route.roles), f"{bound.key}: all roles of the fixture may use it"
        self._are_refused(app, self._outsiders(routes, other_roles))

    def test_unknown_fields_are_refused(
        self, app: App, routes: list[BoundRoute], credential: Credential, examples: Mapping[str, Example]
    ) -> None:
        """And named."""
        self._are_refused(app, self._surplus(routes, credential, examples))

    def test_wrong_fields_are_refused(
        self, app: App, routes: list[BoundRoute], credential: Credential, examples: Mapping[str, Example]
    ) -> None:
        """Each field of each route, with a value of another type and with one outside of its limits, and named."""
        self._are_refused(app, self._wrong(routes, credential, examples))

    def test_path_parameters_are_checked(self, app: App, routes: list[BoundRoute], credential: Credential) -> None:
        """Whatever stands in their place is the client's error, and never the server's."""
        self._are_refused(app, self._paths(routes, credential))
        for bound in routes:
            for name, _ in _PARAMETER.findall(bound.path):
                for odd in _ODD:
                    answer = send(app, credential(self._at(bound, name, odd)))
                    assert answer.status_code < 500, f"{bound.key} with {name}={odd[:40]}: {answer.text[:200]}"

    def test_bodies_over_the_limit_are_refused(
        self, app: App, routes: list[BoundRoute], credential: Credential, examples: Mapping[str, Example]
    ) -> None:
        """That of the route, or that of the server."""
        self._are_refused(app, self._large(app, routes, credential, examples))

    def test_bad_input_changes_nothing(
        self,
        app: App,
        routes: list[BoundRoute],
        credential: Credential,
        other_roles: Mapping[str, Credential],
        examples: Mapping[str, Example],
    ) -> None:
        """Not a row of any table, but for those in which plugins note what they are told of (`hanami_event`)."""
        bad = [
            *self._strangers(routes),
            *self._outsiders(routes, other_roles),
            *self._surplus(routes, credential, examples),
            *self._wrong(routes, credential, examples),
            *self._paths(routes, credential),
            *self._large(app, routes, credential, examples),
        ]
        before = rows_of(app.runtime)
        for one in bad:
            send(app, one.request, one.announced)
            after = rows_of(app.runtime)
            changed = [table for table in before if before[table] != after[table]]
            assert changed == [], f"{one.bound.key} {(one.request.query or one.request.body)[:80]!r} changes {changed}"

    # -- what is sent --------------------------------------------------------------------------------------------------

    def _are_refused(self, app: App, bad: Iterator[Bad]) -> None:
        for one in bad:
            one.check(send(app, one.request, one.announced))

    def _strangers(self, routes: Sequence[BoundRoute]) -> Iterator[Bad]:
        for bound in routes:
            if not bound.route.anonymous:
                status = expected(bound.api, Unauthorized)
                yield Bad(bound, self._call(bound, {}), status)

    def _outsiders(self, routes: Sequence[BoundRoute], roles: Mapping[str, Credential]) -> Iterator[Bad]:
        for bound in routes:
            route = bound.route
            closed = () if route.anonymous or ANY_ROLE in route.roles else set(roles) - set(route.roles)
            for role in sorted(closed):
                yield Bad(bound, roles[role](self._call(bound, {})), expected(bound.api, Forbidden))

    def _surplus(
        self, routes: Sequence[BoundRoute], credential: Credential, examples: Mapping[str, Example]
    ) -> Iterator[Bad]:
        for bound, fields in self._with_fields(routes, examples):
            request = credential(self._call(bound, {**fields, SURPLUS: "x"}))
            yield Bad(bound, request, expected(bound.api, BadRequest), SURPLUS)

    def _wrong(
        self, routes: Sequence[BoundRoute], credential: Credential, examples: Mapping[str, Example]
    ) -> Iterator[Bad]:
        for bound, fields in self._with_fields(routes, examples):
            of_path = {name for name, _ in _PARAMETER.findall(bound.path)}
            assert bound.route.request is not None
            for name, value in wrong_fields(bound.route.request, query=bound.route.method not in BODIES):
                if name not in of_path:
                    request = credential(self._call(bound, {**fields, name: value}))
                    # Without an example, other fields are missing, and one of those may be named.
                    word = name if _name(bound.route) in examples else ""
                    yield Bad(bound, request, expected(bound.api, BadRequest), word)

    def _paths(self, routes: Sequence[BoundRoute], credential: Credential) -> Iterator[Bad]:
        for bound in routes:
            for name, kind in _PARAMETER.findall(bound.path):
                for text in _NO_NUMBERS if kind in ("int", "float", "uuid") else ():
                    yield Bad(bound, credential(self._at(bound, name, text)), None)

    def _large(
        self, app: App, routes: Sequence[BoundRoute], credential: Credential, examples: Mapping[str, Example]
    ) -> Iterator[Bad]:
        for bound in routes:
            if bound.route.method not in BODIES:
                continue
            limit = bound.route.max_body
            limit = app.runtime.settings["http.max_body"] if limit is None else limit
            example = examples.get(_name(bound.route), {})
            request = credential(self._good(bound, example))
            # A handler that reads the body itself may have another complaint before it does.
            certain = bound.route.request is not None or _name(bound.route) in examples
            yield Bad(bound, request, expected(bound.api, TooLarge) if certain else None, announced=limit + 1)

    def _with_fields(
        self, routes: Sequence[BoundRoute], examples: Mapping[str, Example]
    ) -> Iterator[tuple[BoundRoute, Mapping[str, object]]]:
        for bound in routes:
            if bound.route.request is not None:
                fields = _made(examples.get(_name(bound.route), {}))
                assert not isinstance(fields, bytes | RawBody), f"{bound.key} reads fields, and its example has none"
                yield bound, fields

    def _good(self, bound: BoundRoute, example: Example) -> ClientRequest:
        made = _made(example)
        if isinstance(made, bytes):
            made = RawBody(made, {})
        if isinstance(made, RawBody):
            return replace(self._call(bound, made.path), body=made.content)
        return self._call(bound, made)

    def _call(self, bound: BoundRoute, fields: Mapping[str, object]) -> ClientRequest:
        of_path = {name for name, _ in _PARAMETER.findall(bound.path)}
        others = {name: value for name, value in fields.items() if name not in of_path}
        return self.request(bound.route.method, _filled(bound.path, fields), others)

    def _at(self, bound: BoundRoute, parameter: str, text: str) -> ClientRequest:
        """Return a call with a text for a parameter of the path that is written as it stands."""
        path = _PARAMETER.sub(lambda match: text if match[1] == parameter else _FITTING[match[2] or ""], bound.path)
        return replace(self._call(bound, {}), path=path)


def routes_of(runtime: Runtime, plugin: str) -> list[BoundRoute]:
    """Return the routes that a plugin contributes."""
    declared = runtime.plugins.routes_of(plugin, runtime)
    found = (runtime.routes.get(one.method, runtime.apis[one.api].path_of(one)) for one in declared)
    return [bound for bound in found if bound is not None]


def rows_of(runtime: Runtime) -> dict[str, list[str]]:
    """Return all rows of all tables, but for those of plugins that are told of events."""
    models: list[Any] = []
    for owner in runtime.owners():
        plugin = runtime.plugins.plugins.get(owner.name)
        if plugin is None or "hanami_event" not in plugin.hooks:
            models += owner.models
    return {model._meta.table_name: sorted(map(repr, model.select().tuples())) for model in models}


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


def _made(example: Example) -> Call:
    return example() if callable(example) else example


def _filled(path: str, fields: Mapping[str, object]) -> str:
    """Return a path with values in the place of parameters; what has none gets one that fits."""

    def value(match: re.Match[str]) -> str:
        name, kind = match.groups(default="")
        return quote(str(fields.get(name, _FITTING[kind])), safe="/" if kind == "path" else "")

    return _PARAMETER.sub(value, path)
