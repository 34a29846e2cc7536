"""The description of the API and the server say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from falcon import inspect as falcon_inspect

from hanami_core.http import NATIVE, Api, BoundRoute, Empty, Page, Route
from hanami_plugins.openapi import describe, document_of
from hanami_server.health import LIVE_PATH, READY_PATH
from tests.whole import Whole

CANDIDATES = ("shared", "abcd", "TASK", "1", "QUJDREVGR0hJ", "00000000-0000-4000-8000-000000000000", "")
WRONG_IN_BODY = {"string": 5, "integer": "x", "number": "x", "boolean": "x", "array": 5, "object": 5}
WRONG_IN_QUERY = {"string": "!" * 5000, "integer": "x", "number": "x", "boolean": "x"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with Whole(tmp_path_factory.mktemp("openapi")) as whole:
        yield whole


@pytest.fixture(scope="module")
def document(whole: Whole) -> dict[str, Any]:
    answer = whole.call("GET", "/openapi.json", as_token="")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return dict(answer.json)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def fields(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, tuple[bool, dict[str, Any]]]:
    """Return what a call can be given: for each name whether it must be, and its schema."""
    if "requestBody" not in operation:
        return {field["name"]: (field["required"], field["schema"]) for field in operation.get("parameters", [])}
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["additionalProperties"] is False
    return {name: (name in schema["required"], field) for name, field in schema["properties"].items()}


def kinds(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [kind for kind in schema.get("anyOf", [schema]) if kind != {"type": "null"}]


def good(schema: dict[str, Any]) -> Any:
    """Return a value that a schema allows."""
    kind = kinds(schema)[0]
    if kind["type"] != "string":
        return {"integer": kind.get("minimum", 0), "boolean": True, "array": [], "object": {}}[kind["type"]]
    longest, shortest = kind.get("maxLength", 99), kind.get("minLength", 0)
    fitting = (text for text in CANDIDATES if re.search(kind.get("pattern", ""), text))
    return next(text for text in fitting if shortest <= len(text) <= longest)


def test_every_route_is_described_and_nothing_else(whole: Whole, document: dict[str, Any]) -> None:
    served = {
        (method.method, route.path)
        for route in falcon_inspect.inspect_app(whole.http.app).routes
        for method in route.methods
        if not method.internal
    }
    described = {(method, path) for method, path, _ in operations(document)}
    others = [json.loads(bytes(document_of(whole.runtime, name))) for name in whole.runtime.apis if name != NATIVE]
    elsewhere = {(method, path) for other in others for method, path, _ in operations(other)}
    assert served == described | elsewhere | {("GET", LIVE_PATH), ("GET", READY_PATH)}
    assert ("GET", "/metrics") in elsewhere
    assert {method for method, _ in described} <= {"GET", "POST", "PUT", "DELETE"}


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(document):
        assert re.fullmatch(r"[A-Z].*[^.]", operation["summary"]), (method, path)
        assert set(operation["responses"]) == {"200", "400", "401", "404", "409", "500"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document)):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_every_anonymous_route_says_so(whole: Whole, document: dict[str, Any]) -> None:
    open_ones = {(method, path) for method, path, operation in operations(document) if operation.get("security") == []}
    assert open_ones == {bound.key for bound in whole.runtime.routes if bound.route.anonymous}
    assert document["security"] == [{"token": []}]


def test_no_unknown_field_is_accepted(whole: Whole, document: dict[str, Any]) -> None:
    for method, path, _ in operations(document):
        answer = whole.call(method, path, no_such_field="1")
        text = "Validation failed, because item 'no_such_field' is not in the list of allowed keys"
        assert (answer.status_code, answer.text) == (400, text), (method, path)


def test_every_required_field_is_required(whole: Whole, document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        declared = fields(document, operation)
        needed = {name: good(schema) for name, (required, schema) in declared.items() if required}
        for missing in needed:
            answer = whole.call(method, path, **{name: value for name, value in needed.items() if name != missing})
            text = f"Validation failed, because variable '{missing}' is required, but is not set."
            assert (answer.status_code, answer.text) == (400, text), (method, path)


def test_every_declared_field_is_checked(whole: Whole, document: dict[str, Any]) -> None:
    count = 0
    for method, path, operation in operations(document):
        wrong = WRONG_IN_BODY if "requestBody" in operation else WRONG_IN_QUERY
        declared = fields(document, operation)
        needed = {name: good(schema) for name, (required, schema) in declared.items() if required}
        for name, (_, schema) in declared.items():
            answer = whole.call(method, path, **needed | {name: wrong[kinds(schema)[0]["type"]]})
            assert answer.status_code == 400, (method, path, name, answer.text)
            assert f"'{name}'" in answer.text, (method, path, answer.text)
            count += 1
    assert count > 60


def test_limits_are_those_that_are_checked(whole: Whole, document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        declared = fields(document, operation)
        needed = {name: good(schema) for name, (required, schema) in declared.items() if required}
        for name, (_, schema) in declared.items():
            kind = kinds(schema)[0]
            bad = [kind[limit] + step for limit, step in (("minimum", -1), ("maximum", 1)) if limit in kind]
            if "maxLength" in kind:
                bad.append("x" * (kind["maxLength"] + 1))
            for value in bad:
                answer = whole.call(method, path, **needed | {name: value})
                assert answer.status_code == 400, (method, path, name, answer.text)
                assert f"Given item '{name}'" in answer.text


def test_the_page_needs_no_token_and_nothing_from_elsewhere(whole: Whole) -> None:
    answer = whole.call("GET", "/docs", as_token="")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not re.search(r"https?://|//cdn|innerHTML|<link|<img|\ssrc=", answer.text)
    assert "connect-src 'self'" in answer.text
    assert whole.runtime.routes.get("GET", "/docs").route.response is Page


def test_an_answer_of_an_unknown_type_costs_nothing_but_its_schema() -> None:
    class Strange:
        """A type that no schema can be made of."""

    def handler(call: Any, request: Any) -> Any:
        """Return something strange."""

    api = Api("strange", "/v1")
    route = BoundRoute(api, Route("GET", "/strange", "strange.get", Empty, Strange, handler))
    operation = describe(api, [route], "1.0")["paths"]["/v1/strange"]["get"]
    assert operation["summary"] == "Return something strange"
    assert operation["responses"]["200"]["content"] == {"application/json": {"schema": {}}}


def test_a_route_with_two_kinds_of_answers_shows_both(document: dict[str, Any]) -> None:
    answered = document["paths"]["/v1.0alpha/user/project"]["post"]["responses"]["200"]["content"]["application/json"]
    names = [kind["$ref"].rpartition("/")[2] for kind in answered["schema"]["anyOf"]]
    fields_of = [set(document["components"]["schemas"][name]["properties"]) for name in names]
    assert fields_of == [
        {"created_at", "creator_id", "id", "is_admin", "name", "projects"},
        {"id", "is_admin", "name", "token"},
    ]
