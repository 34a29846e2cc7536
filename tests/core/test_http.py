"""Paths that can be served together, bodies that are held to a digest, and what an Api may be."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import falcon
import falcon.testing
import msgspec
import pytest

from hanami_core.access import Actor
from hanami_core.errors import BadRequest, NotFound, PluginError
from hanami_core.http import Api, Body, Empty, Route, RouteTable, expect_digest, raw_target
from hanami_core.http.fields import convert, query_fields
from hanami_core.http.paths import forms, is_template, parameters, without_converters
from hanami_core.keys import Sealer


def request(**options: Any) -> falcon.Request:
    return falcon.Request(falcon.testing.create_environ(**options))


def handler(call: object, request: object) -> None:
    """Do nothing."""


class Many(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields of a query that are lists, in all notations."""

    plain: list[str] = []
    optional: list[int] | None = None
    unset: list[str] | msgspec.UnsetType = msgspec.UNSET
    described: Annotated[list[str] | None, msgspec.Meta(description="Some names.")] = None
    short: Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], msgspec.Meta(max_length=2)] | None = None
    several: tuple[int, ...] | None = None
    different: frozenset[str] | None = None
    single: str | None = None


# -- queries -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("plain", ["1", "2"]), ("optional", [1, 2]), ("unset", ["1", "2"]), ("described", ["1", "2"]),
        ("short", [1, 2]), ("several", (1, 2)), ("different", frozenset("12")),
    ],
)  # fmt: skip
def test_a_name_may_be_repeated_for_a_list(field: str, wanted: Any) -> None:
    assert getattr(convert(Many, query_fields(f"{field}=1&{field}=2", Many)), field) == wanted
    assert len(getattr(convert(Many, query_fields(f"{field}=1", Many)), field)) == 1


def test_a_list_that_is_left_out_has_its_default() -> None:
    left = convert(Many, query_fields("single=1", Many))
    assert (left.plain, left.optional, left.unset, left.single) == ([], None, msgspec.UNSET, "1")


def test_a_name_is_not_repeated_for_anything_else() -> None:
    with pytest.raises(BadRequest) as caught:
        query_fields("single=1&single=2", Many)
    assert (caught.value.code, caught.value.parameters) == ("field_repeated", {"field": "single"})


def test_a_list_of_a_query_is_held_to_its_rules() -> None:
    for query in ("short=1&short=2&short=3", "short=0", "optional=x"):
        with pytest.raises(BadRequest) as caught:
            convert(Many, query_fields(query, Many))
        assert str(caught.value.parameters["field"]).startswith(query.partition("=")[0])


# -- paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["", "/", "/note", "/note/{uuid:uuid}/image", "/v{number:int}.json", "/files/{rest:path}", "/a~b/-_.:", "/{a}/{b}"],
)
def test_templates(path: str) -> None:
    assert is_template(path)
    Route("GET", path, "notes.get", Empty, dict, handler)


@pytest.mark.parametrize(
    "path",
    [
        "note", "/note/", "//note", "/a b", "/{a}{b}", "/{Name}", "/{name", "/{n:int(1)}", "/{n:dt}",
        "/{a}/b/{a}", "/{class}", "/{rest:path}/more", "/x{rest:path}", "/%41", "/höhle",
    ],
)  # fmt: skip
def test_what_is_no_template(path: str) -> None:
    assert not is_template(path)
    with pytest.raises(PluginError, match="path must begin with / and be made of"):
        Route("GET", path, "notes.get", Empty, dict, handler)


def test_parameters_of_a_template() -> None:
    path = "/note/{uuid:uuid}/v{number:int}/{name}"
    assert parameters(path) == [("uuid", "uuid"), ("number", "int"), ("name", "")]
    assert without_converters(path) == "/note/{uuid}/v{number}/{name}"
    assert dict(forms(path)) == {
        "/note": "note",
        "/note/{}": "{uuid:uuid}",
        "/note/{}/v{}": "v{number:int}",
        "/note/{}/v{}/{}": "{name}",
    }


def test_policies_call_paths_by_their_parameters_alone() -> None:
    api = Api("notes", "/notes/v1", ("badge",))
    route = Route("PATCH", "/note/{uuid:uuid}", "notes.change", Empty, dict, handler, api="notes")
    assert api.endpoint(route) == "notes/v1/note/{uuid}"
    table = RouteTable({"notes": api}, [route])
    found = table.called("PATCH", "notes/v1/note/{uuid}")
    assert found is not None
    assert found.route is route


def test_a_route_of_the_whole_site_is_answered_by_its_own_api() -> None:
    front, rest = Api("front", "/front"), Api("rest", "/rest", fallback=True)
    page = Route("GET", "/", "front.page", Empty, dict, handler, anonymous=True, api="front", root=True)
    table = RouteTable({"front": front, "rest": rest}, [page])
    assert [table.api_of(path).name for path in ("/", "/front/x", "/other")] == ["front", "front", "rest"]


def test_an_action_has_the_endpoint_of_the_api_that_is_asked_for() -> None:
    own, other = Api("native", "/new", fallback=True), Api("other", "/old")
    routes = [
        Route("POST", "/work", "work.create", Empty, dict, handler, api="other", covers=("work.add", "work.ask")),
        Route("POST", "/work/add", "work.add", Empty, dict, handler),
    ]
    table = RouteTable({"native": own, "other": other}, routes)

    def endpoint(name: str, *api: str) -> str | None:
        found = table.named(name, *api)
        assert found is None or found.name == name
        return found and found.endpoint

    assert [endpoint("work.add", *api) for api in ((), ("native",), ("other",))] == ["new/work/add"] * 2 + ["old/work"]
    assert endpoint("work.add", "third") == "new/work/add"
    assert [endpoint("work.ask"), endpoint("work.none")] == ["old/work", None]


def test_a_login_says_by_which_names_policies_are_asked_about_a_socket() -> None:
    class Marked(Api):
        attributes: ClassVar = {"age": "old"}

    own, other, third = Api("own", "/new", fallback=True), Marked("other", "/old"), Api("third", "/third")
    table = RouteTable({"own": own, "other": other, "third": third})
    plain = Actor("yui", "Yui", "home", "member")
    marked = replace(plain, attributes={"age": "old", "more": "x"})
    assert [other.knows(actor) for actor in (plain, marked)] == [False, True]
    assert not own.knows(plain)
    for spoken in (own, other, third):
        assert table.api_of_socket(marked, spoken) is other
    assert [table.api_of_socket(plain, spoken) for spoken in (own, other, third)] == [own, own, third]


@pytest.mark.parametrize("covers", [("work",), ("work.add", "Work.Add")])
def test_a_route_covers_actions(covers: tuple[str, ...]) -> None:
    with pytest.raises(PluginError, match="actions must look like noun"):
        Route("POST", "/work", "work.create", Empty, dict, handler, covers=covers)


class Sealed:
    """Encrypts nothing."""

    def seal(self, content: bytes, name: str) -> bytes:
        return content

    def open(self, sealed: bytes, name: str) -> bytes:
        return sealed


def test_only_answers_that_are_kept_can_be_sealed() -> None:
    assert isinstance(Sealed(), Sealer)
    assert Route("POST", "/work", "work.create", Empty, dict, handler, keyed=True, sealer=Sealed()).sealer
    with pytest.raises(PluginError, match="only the answers of a keyed route are kept, and can be sealed"):
        Route("POST", "/work", "work.create", Empty, dict, handler, sealer=Sealed())


# -- routes and apis ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "response", "success"), [(None, dict, 200), (None, None, 204), (201, dict, 201), (303, None, 303)]
)
def test_the_status_of_an_answer(status: int | None, response: Any, success: int) -> None:
    route = Route("POST", "/note", "notes.create", Empty, response, handler, status=status)
    assert route.success == success


@pytest.mark.parametrize("status", [100, 404, 0])
def test_an_error_is_no_answer(status: int) -> None:
    with pytest.raises(PluginError, match="status must be that of an answer, not of an error"):
        Route("POST", "/note", "notes.create", Empty, dict, handler, status=status)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("Notes", "/notes"), "its name must be made of small letters"),
        (("", "/notes"), "its name must be made of small letters"),
        (("notes", "notes"), "its prefix 'notes' must be empty or look like /notes/v1"),
        (("notes", "/notes/"), "its prefix '/notes/' must be empty"),
        (("notes", "/{name}"), "its prefix"),
        (("notes", "/notes", "badge"), "its schemes must be several names, not a text"),
    ],
)
def test_what_is_no_api(arguments: Any, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        Api(*arguments)


def test_a_sentence_that_lacks_a_parameter_does_not_become_another_error() -> None:
    class Notes(Api):
        sentences: ClassVar = {"note_missing": "There is no note {uuid} of {owner}"}

    api = Notes("notes", "/notes", ("badge",))
    assert api.sentence(NotFound("note_missing", uuid="5", owner="yui")) == "There is no note 5 of yui"
    assert api.sentence(NotFound("note_missing", uuid="5")) == "note missing (uuid 5)"


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({"RAW_URI": "/notes/a%2Fb?x=%20"}, "/notes/a%2Fb?x=%20"),
        ({"RAW_URI": "/notes"}, "/notes?q=1"),
        ({}, "/path?q=1"),
    ],
)
def test_the_target_is_what_the_client_has_written(environ: dict[str, str], target: str) -> None:
    found = request(path="/path", query_string="q=1")
    found.env.pop("RAW_URI", None)
    found.env.update(environ)
    assert raw_target(found) == target


BODY = b"0123456789" * 20


def sent(body: bytes, chunked: bool) -> falcon.Request:
    found = request(method="POST", body=body)
    if chunked:
        del found.env["CONTENT_LENGTH"]
        found.env["HTTP_TRANSFER_ENCODING"] = "chunked"
        found.env["wsgi.input"] = io.BytesIO(body)
        found = falcon.Request(found.env)
    return found


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1, 7, 100, 200, 1000])
def test_a_body_with_the_signed_digest_is_read_as_it_is(chunked: bool, size: int) -> None:
    found = sent(BODY, chunked)
    expect_digest(found, "sha256", hashlib.sha256(BODY).digest())
    body, pieces = Body(found, 1000), []
    while piece := body.read(size):
        pieces.append(piece)
    assert b"".join(pieces) == BODY


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1, 7, 100, 200, 1000])
def test_the_end_of_another_body_is_not_handed_out(chunked: bool, size: int) -> None:
    found = sent(BODY, chunked)
    expect_digest(found, "sha256", hashlib.sha256(b"another").digest())
    body, read = Body(found, 1000), b""
    with pytest.raises(BadRequest, match="body_digest_wrong"):
        while piece := body.read(size):
            read += piece
    assert len(read) < len(BODY) or chunked


def test_json_is_held_to_the_digest_too() -> None:
    class One(Empty, forbid_unknown_fields=True):
        text: str = ""

    found = sent(b'{"text": "x"}', chunked=False)
    expect_digest(found, "sha256", hashlib.sha256(b'{"text": "y"}').digest())
    api, route = Api("notes", "", ("badge",)), Route("POST", "/note", "notes.create", One, dict, handler)
    call: Any = type("Call", (), {"req": found, "params": {}})()
    with pytest.raises(BadRequest, match="body_digest_wrong"):
        api.read(call, route, 1000)


def test_no_body_where_one_was_signed_is_noticed_at_once() -> None:
    with pytest.raises(BadRequest, match="body_digest_wrong"):
        expect_digest(request(method="GET"), "sha256", hashlib.sha256(b"signed").digest())
    expect_digest(request(method="GET"), "sha256", hashlib.sha256().digest())
