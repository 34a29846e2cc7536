"""Every field of an Api has a description and an example, and every call a place, an example and a command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Annotated, Any

import jsonschema_rs
import msgspec
import pytest

from hanami_core.errors import PluginError
from hanami_core.http import Api, ApiDescription, BoundRoute, Empty, File, Route, RouteGroup
from hanami_core.testing.fields import undescribed
from hanami_plugins.openapi import describe, document_of
from tests.contracts.test_openapi import Only, described, operations
from tests.whole import Whole

APIS = ("native", "backendai", "inference", "control_v1", "metrics")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with Whole(tmp_path_factory.mktemp("openapi")) as whole:
        yield whole


@pytest.fixture(scope="module")
def document(whole: Whole) -> dict[str, Any]:
    return dict(json.loads(bytes(document_of(whole.runtime))))


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
        content = operation["responses"][str(bound.route.success)].get("content", {}).get("application/json")
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
        assert ("-X" in words) == (
            method in ("PATCH", "PUT", "DELETE", "OPTIONS") or (method == "POST" and "-d" not in words)
        )
        if any_document["security"] and operation.get("security") != []:
            assert any(word.endswith(": $TOKEN") for word in words)


def test_the_page_has_a_search_and_shows_the_commands(whole: Whole) -> None:
    page = whole.call("GET", "/docs", as_token="").text
    assert '<input id="search" type="search"' in page
    assert 'operation["x-codeSamples"]' in page
    assert "description.tags" in page
    assert "export API=" in page
    assert "export TOKEN=" in page


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
    assert sample["source"] == 'curl -sO -X DELETE "$API/note/text" -H "Authorization: Bearer $TOKEN"'
