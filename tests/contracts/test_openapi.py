"""The description of the API and the server say the same."""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import jsonschema_rs
import msgspec
import pytest
from falcon import inspect as falcon_inspect

from hanami_core.errors import PluginError
from hanami_core.http import NATIVE, Api, ApiDescription, BoundRoute, Empty, File, Page, Route, RouteGroup
from hanami_core.testing.fields import undescribed
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
        if not method.internal and method.method != "HEAD"  # which is where a GET is
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
    routes = [bound for bound in whole.runtime.routes if bound.api.name == NATIVE]
    assert open_ones == {bound.key for bound in routes if bound.route.anonymous}
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


APIS = ("native", "inference", "control_v1", "metrics")


@pytest.fixture(params=APIS)
def any_document(request: pytest.FixtureRequest, whole: Whole) -> dict[str, Any]:
    return dict(json.loads(bytes(document_of(whole.runtime, request.param))))


def test_these_are_all_apis(whole: Whole) -> None:
    described = {name for name in whole.runtime.apis if json.loads(bytes(document_of(whole.runtime, name)))["paths"]}
    assert described == set(APIS)


def test_every_field_has_a_description_and_an_example(any_document: dict[str, Any]) -> None:
    found = {
        f"{name}.{field}": (schema.get("description", ""), "examples" in schema)
        for name, owner in any_document["components"]["schemas"].items()
        for field, schema in owner.get("properties", {}).items()
    }
    for method, path, operation in operations(any_document):
        for one in operation.get("parameters", ()):
            found[f"{method} {path} {one['name']}"] = one.get("description", ""), "example" in one
    assert {name for name, (text, _) in found.items() if not re.fullmatch(r"[A-Z`][^\n]*[.]", text)} == set()
    assert {name for name, (_, has_example) in found.items() if not has_example} == set()


def test_examples_of_fields_follow_their_own_rules(any_document: dict[str, Any]) -> None:
    schemas = any_document["components"]["schemas"]
    whole = {"components": {"schemas": schemas}}
    for name, owner in schemas.items():
        for field, schema in owner.get("properties", {}).items():
            for example in schema["examples"]:
                # Patterns are those of Python.
                validator = jsonschema_rs.validator_for(whole | _without_patterns(schema))
                assert validator.is_valid(example), (name, field, example)


def _without_patterns(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_patterns(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_patterns(value) for name, value in schema.items() if name not in ("pattern", "examples")}


def worked(bound: BoundRoute, operation: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the worked example: those of the path, and those of the query or the body."""
    given = [one for one in operation.get("parameters", ()) if one["in"] in ("path", "query")]
    named = [one for one in given if one["required"] or one["name"] in bound.route.example]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example", {})
    return {one["name"]: one["example"] for one in named} | body


@pytest.mark.parametrize("name", APIS)
def test_worked_examples_are_good_requests_and_answers(whole: Whole, name: str) -> None:
    described = json.loads(bytes(document_of(whole.runtime, name)))["paths"]
    for bound in (one for one in whole.runtime.routes if one.api.name == name):
        operation = described[re.sub(r":[^}]*", "", bound.path)][bound.route.method.lower()]
        if bound.route.fields is not None:
            msgspec.convert(worked(bound, operation), bound.route.fields)
        content = operation["responses"]["200"].get("content", {}).get("application/json")
        if content is not None and content["schema"] != {"type": "object"}:
            assert content["example"] or bound.route.response is Empty, bound.key
            assert undescribed(content["example"], bound.route.response) is None, bound.key


def test_an_answer_of_the_server_looks_like_its_example(whole: Whole, document: dict[str, Any]) -> None:
    for path in ("/v1.0alpha/cluster/all", "/v1.0alpha/user/all", "/v1.0alpha/quota", "/v1.0alpha/auth"):
        answer = whole.call("GET", path).json
        example = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["example"]
        assert answer.keys() == example.keys()
        assert answer.get("header") == example.get("header")


def test_groups_are_in_the_order_of_a_newcomer(document: dict[str, Any]) -> None:
    names = [tag["name"] for tag in document["tags"]]
    journey = ["tokens", "datasets", "clusters", "tasks", "predictions", "checkpoints", "projects", "users"]
    assert names[: len(journey)] == journey
    assert len(names) == len(set(names))
    for tag in document["tags"]:
        assert re.fullmatch(r"[A-Z][^.]*[.]", tag["description"]), tag
    of_routes = list(dict.fromkeys(operation["tags"][0] for _, _, operation in operations(document)))
    assert set(of_routes) == set(names)
    assert next(iter(document["paths"])) == "/v1.0alpha/token"


def test_every_call_is_a_command(any_document: dict[str, Any]) -> None:
    for method, path, operation in operations(any_document):
        (sample,) = operation["x-codeSamples"]
        words = shlex.split(sample["source"])
        assert (sample["lang"], words[0]) == ("Shell", "curl")
        (target,) = (word for word in words if word.startswith("$"))
        assert re.fullmatch(r"\$(API|\{API%/v1\.0alpha\})(/[^{}\s]*)?", target), path
        assert ("-X" in words) == (method in ("PUT", "DELETE"))
        if any_document["security"] and operation.get("security") != []:
            assert "X-Auth-Token: $TOKEN" in words


def test_the_page_has_a_search_and_shows_the_commands(whole: Whole) -> None:
    page = whole.call("GET", "/docs", as_token="").text
    assert '<input id="search" type="search"' in page
    assert 'operation["x-codeSamples"]' in page
    assert "description.tags" in page
    assert "export API=" in page
    assert "export TOKEN=" in page


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


class Plain(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of which nobody has said anything."""

    text: str
    number: int
    share: float | None
    words: list[str]
    more: dict[str, Any]
    flag: bool
    tag: str = ""


class Part(msgspec.Struct):
    """A part.

    Attributes:
        size: size in ``mm``, which goes
            on in the next line
    """

    size: Annotated[int, msgspec.Meta(examples=[7])]


class Things(Part):
    """Things.

    They have more than one paragraph.

    Attributes:
        parts: what they are made of.
        note: what people say about them; null if nobody does.
        mode: how they work.

    Raises:
        nothing: ever.
    """

    parts: list[Part]
    mode: Annotated[str, msgspec.Meta(description="Not this.", examples=["fast"])]
    note: Annotated[str, msgspec.Meta(max_length=9, examples=["good"])] | None = None


def handle(call: Any, request: Any) -> Any:
    """Do something."""


def test_fields_without_descriptions_break_nothing() -> None:
    document = described(Route("POST", "/plain", "notes.create", Plain, Plain, handle, example=("tag",)))
    body = document["paths"]["/notes/plain"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert msgspec.convert(body, Plain).number == 1
    assert set(body) == {"text", "number", "share", "words", "more", "flag", "tag"}
    assert "description" not in document["components"]["schemas"]["Plain"]["properties"]["text"]
    assert document["tags"] == [{"name": "notes"}]


def test_docstrings_describe_fields() -> None:
    document = described(Route("POST", "/things/{mode}", "notes.create", None, list[Part], handle, described=Things))
    things = document["components"]["schemas"]["Things"]
    assert things["description"] == "Things.\n\nThey have more than one paragraph.\n\nRaises:\n    nothing: ever."
    texts = {name: field["description"] for name, field in things["properties"].items()}
    assert texts == {
        "size": "Size in `mm`, which goes on in the next line.",
        "parts": "What they are made of.",
        "note": "What people say about them; null if nobody does.",
    }
    assert things["properties"]["note"]["examples"] == ["good"]
    operation = document["paths"]["/notes/things/{mode}"]["post"]
    example = {"size": 7, "parts": [{"size": 7}]}
    assert operation["requestBody"]["content"]["application/json"]["example"] == example
    assert operation["responses"]["200"]["content"]["application/json"]["example"] == [{"size": 7}]
    (mode,) = operation["parameters"]
    assert (mode["description"], mode["example"]) == ("How they work.", "fast")
    (sample,) = operation["x-codeSamples"]
    assert shlex.split(sample["source"])[-1] == json.dumps(example)
    assert "$API/things/fast" in sample["source"]


def test_groups_come_by_their_places() -> None:
    late, early = RouteGroup("late", "Comes late.", 300), RouteGroup("early", "Comes early.", 100)
    routes = [
        *late.of(
            Route("GET", "/b", "notes.get", Empty, Empty, handle),
            Route("GET", "/c", "notes.get", Empty, Empty, handle, group=early),
        ),
        *early.of(Route("GET", "/d", "notes.get", Empty, Empty, handle)),
        Route("GET", "/a", "notes.get", Empty, Empty, handle),
    ]
    document = described(*routes)
    assert list(document["paths"]) == ["/notes/c", "/notes/d", "/notes/b", "/notes/a"]
    assert [tag["name"] for tag in document["tags"]] == ["early", "late", "notes"]
    assert document["tags"][0]["description"] == "Comes early."
    with pytest.raises(PluginError, match="lower-case letters"):
        RouteGroup("Late ones", "")
    with pytest.raises(PluginError, match="example must name fields"):
        Route("GET", "/a", "notes.get", Empty, Empty, handle, example=("nothing",))


def test_commands_find_the_token_and_the_file() -> None:
    class Secured(Api):
        """An Api with tokens of the usual kind."""

        @property
        def description(self) -> ApiDescription:
            return ApiDescription("Secured", security={"bearer": {"type": "http", "scheme": "bearer"}})

    route = Route("DELETE", "/note/{uuid:uuid}", "notes.delete", Only, File, handle)
    operation = describe(Secured("secured", ""), [BoundRoute(Secured("secured", ""), route)], "1.0")
    (sample,) = operation["paths"]["/note/{uuid}"]["delete"]["x-codeSamples"]
    assert sample["source"] == 'curl -OJ -X DELETE "$API/note/text" -H "Authorization: Bearer $TOKEN"'
