"""The description of the API and the server say the same."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from falcon import inspect as falcon_inspect

from hanami_core.http import NATIVE, Api, BoundRoute, Empty, Page, Route
from hanami_plugins.openapi import describe, document_of
from hanami_server.health import LIVE_PATH, READY_PATH
from tests.whole import Whole

UUID, ACCESS_KEY = "00000000-0000-4000-8000-000000000000", "AKIAIOSFODNN7EXAMPLE"
CANDIDATES = ("shared", "abcd", "rw", "TASK", "1", "QUJDREVGR0hJ", UUID, ACCESS_KEY, "a.b.c", "")
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


def has_fields_in_body(operation: dict[str, Any]) -> bool:
    return "application/json" in operation.get("requestBody", {}).get("content", {})


def ask(whole: Whole, method: str, path: str, operation: dict[str, Any], /, **values: Any) -> Any:
    """Call an operation with some fields, wherever it wants them."""
    if has_fields_in_body(operation) or "requestBody" not in operation:
        return whole.call(method, path, **values)
    headers = {"X-Auth-Token": whole.token}
    return whole.http.simulate_request(method, path, params=values, body=b"content", headers=headers)


def fields(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, tuple[bool, dict[str, Any]]]:
    """Return what a call can be given: for each name whether it must be, and its schema."""
    if not has_fields_in_body(operation):
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
    served -= {("HEAD", path) for method, path in served if method == "GET"}
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
    routes = [bound for bound in whole.runtime.routes if bound.api.name == NATIVE]
    assert open_ones == {bound.key for bound in routes if bound.route.anonymous}
    assert document["security"] == [{"token": []}]


def test_no_unknown_field_is_accepted(whole: Whole, document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        answer = ask(whole, method, path, operation, no_such_field="1")
        text = "Validation failed, because item 'no_such_field' is not in the list of allowed keys"
        assert (answer.status_code, answer.text) == (400, text), (method, path)


def test_every_required_field_is_required(whole: Whole, document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        declared = fields(document, operation)
        needed = {name: good(schema) for name, (required, schema) in declared.items() if required}
        for missing in needed:
            given = {name: value for name, value in needed.items() if name != missing}
            answer = ask(whole, method, path, operation, **given)
            text = f"Validation failed, because variable '{missing}' is required, but is not set."
            assert (answer.status_code, answer.text) == (400, text), (method, path)


def test_every_declared_field_is_checked(whole: Whole, document: dict[str, Any]) -> None:
    count = 0
    for method, path, operation in operations(document):
        wrong = WRONG_IN_BODY if has_fields_in_body(operation) else WRONG_IN_QUERY
        declared = fields(document, operation)
        needed = {name: good(schema) for name, (required, schema) in declared.items() if required}
        for name, (_, schema) in declared.items():
            answer = ask(whole, method, path, operation, **needed | {name: wrong[kinds(schema)[0]["type"]]})
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
                answer = ask(whole, method, path, operation, **needed | {name: value})
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


class Change(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is new."""

    uuid: str
    text: str
    tags: list[str] = []


class Only(msgspec.Struct, forbid_unknown_fields=True):
    """Which one."""

    uuid: str


def described(*routes: Route) -> dict[str, Any]:
    api = Api("notes", "/notes")
    return describe(api, [BoundRoute(api, route) for route in routes], "1.0")


class Listed(msgspec.Struct, forbid_unknown_fields=True):
    """Lists."""

    plain: list[int] = []
    optional: list[int] | None = None
    described: Annotated[list[int] | None, msgspec.Meta(description="Some numbers.")] = None


def test_what_the_path_says_is_not_asked_for_in_the_body() -> None:
    def change(call: Any, request: Any) -> Any:
        """Change one."""

    document = described(
        Route("PATCH", "/note/{uuid:uuid}", "notes.change", Change, None, change),
        Route("PUT", "/note/{uuid:uuid}/{number:int}/{ratio:float}", "notes.touch", Only, None, change),
        Route("PUT", "/note/{uuid:uuid}/image", "notes.attach", None, None, change),
    )
    changed = document["paths"]["/notes/note/{uuid}"]["patch"]
    assert changed["parameters"] == [
        {"name": "uuid", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    ]
    reference = changed["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][reference]
    assert (set(schema["properties"]), schema["required"]) == ({"text", "tags"}, ["text"])
    assert (schema["additionalProperties"], schema["description"]) == (False, "What is new.")
    touched = document["paths"]["/notes/note/{uuid}/{number}/{ratio}"]["put"]
    assert "requestBody" not in touched
    kinds_of = {parameter["name"]: parameter["schema"]["type"] for parameter in touched["parameters"]}
    assert kinds_of == {"uuid": "string", "number": "integer", "ratio": "number"}
    attached = document["paths"]["/notes/note/{uuid}/image"]["put"]
    assert attached["requestBody"]["content"] == {"*/*": {}}


def test_lists_of_queries_are_described_as_lists() -> None:
    def show(call: Any, request: Any) -> Any:
        """Show some."""

    document = described(Route("GET", "/note", "notes.list", Listed, Only, show))
    found = {one["name"]: one["schema"] for one in document["paths"]["/notes/note"]["get"]["parameters"]}
    numbers = {"type": "array", "items": {"type": "integer"}}
    assert found == {
        "plain": numbers | {"default": []},
        "optional": numbers,
        "described": numbers,
    }
    texts = {one["name"]: one.get("description") for one in document["paths"]["/notes/note"]["get"]["parameters"]}
    assert texts == {"plain": None, "optional": None, "described": "Some numbers."}


def test_an_answer_has_its_own_status_and_content_if_there_is_some() -> None:
    def make(call: Any, request: Any) -> Any:
        """Make one."""

    document = described(
        Route("POST", "/note", "notes.create", Only, Only, make, status=201),
        Route("DELETE", "/note", "notes.delete", Only, None, make),
    )
    made, deleted = document["paths"]["/notes/note"]["post"], document["paths"]["/notes/note"]["delete"]
    assert "content" in made["responses"]["201"]
    assert set(deleted["responses"]["204"]) == {"description"}
    assert "200" not in made["responses"].keys() | deleted["responses"].keys()


def test_an_api_that_says_nothing_of_its_errors_has_those_of_the_tree() -> None:
    def show(call: Any, request: Any) -> Any:
        """Show one."""

    document = described(Route("GET", "/note", "notes.get", Only, Only, show))
    assert {"400", "401", "404", "412", "507"} <= set(document["paths"]["/notes/note"]["get"]["responses"])
    response = document["components"]["responses"]["NotFound"]
    assert list(response["content"]) == ["application/problem+json"]


def test_an_api_is_described_once_however_many_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[str] = []

    def counted(api: Api, *others: Any) -> Any:
        described.append(api.name)
        return describe(api, *others)

    monkeypatch.setattr("hanami_plugins.openapi.service.describe", counted)
    together = threading.Barrier(8)

    def ask(_: int) -> bytes:
        together.wait(10.0)
        return bytes(document_of(opened.runtime))

    with Whole(tmp_path) as opened, ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    assert described == [NATIVE]
