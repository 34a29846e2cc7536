"""Plugins with routes of notes, each of which does one thing wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Annotated, Any, ClassVar

import msgspec
import peewee
import pytest
from msgspec import Meta

from hanami_core import hookimpl
from hanami_core.access import ANY_ROLE, Action, Actor
from hanami_core.http import Api, Call, Route
from hanami_core.http.fields import body_fields, convert
from hanami_core.ids import new_uuid
from hanami_core.plugin_host import EntryPoint
from hanami_core.storage.database import Record
from hanami_core.testing.apps import App, plugin_point
from hanami_core.testing.probes import opened
from hanami_core.testing.requests import Credential, header
from hanami_core.testing.routes import Example, RouteConformance
from tests.plugins.faulty import Faults, classes

TOKEN = "x-auth-token"
FAULTS: Faults = {
    "none": [],
    "has_no_example": ["test_every_route_has_an_example"],
    "tells_more": ["test_good_calls_are_answered_as_described"],
    "tells_another_type": ["test_good_calls_are_answered_as_described"],
    "welcomes_strangers": ["test_strangers_are_refused"],
    "welcomes_all_roles": ["test_other_roles_are_refused"],
    "overlooks_unknown_fields": ["test_unknown_fields_are_refused", "test_bad_input_changes_nothing"],
    "believes_all_fields": ["test_wrong_fields_are_refused", "test_bad_input_changes_nothing"],
    "stumbles_over_paths": ["test_path_parameters_are_checked"],
    "reads_without_limit": ["test_bodies_over_the_limit_are_refused"],
    "writes_before_it_reads": ["test_bad_input_changes_nothing"],
}
SUITE = RouteConformance


class Written(Record):
    """A note."""

    uuid = peewee.CharField(primary_key=True)
    text = peewee.TextField()

    class Meta:
        table_name = "faulty_notes"


class NewNote(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a note."""

    text: Annotated[str, Meta(max_length=100)]


class Numbered(msgspec.Struct, forbid_unknown_fields=True):
    """The number of a note."""

    number: int


class Note(msgspec.Struct):
    """A note."""

    text: str


class Anyone:
    """A scheme that recognises everybody."""

    name = "anyone"

    def identify(self, request: Any) -> Actor | None:
        return Actor("anyone", "anyone", "project", "admin", scheme="anyone")


class FaultyApi(Api):
    """The plain Api, but for the fault."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__(fault, f"/{fault}", ("token", "anyone") if fault == "welcomes_strangers" else ("token",))

    def action(self, route: Route) -> Action:
        action = super().action(route)
        return replace(action, roles=(ANY_ROLE,)) if self.fault == "welcomes_all_roles" else action

    def read(self, call: Call, route: Route, limit: int) -> msgspec.Struct:
        if route.request is not NewNote or self.fault not in ("believes_all_fields", "overlooks_unknown_fields"):
            return super().read(call, route, limit)
        given = body_fields(call.req, limit)
        if self.fault == "believes_all_fields" and given.keys() == {"text"}:
            return NewNote(str(given["text"]))
        if self.fault == "overlooks_unknown_fields":
            given = {"text": given.get("text")}
        return convert(NewNote, given)


def plugin(fault: str) -> EntryPoint:
    """Return a plugin with a fault."""
    module = ModuleType(f"notes_{fault}")
    api = FaultyApi(fault)
    vars(module)["hanami_apis"] = hookimpl(lambda: [api])
    vars(module)["hanami_routes"] = hookimpl(lambda: routes(fault))
    if fault == "none":
        vars(module)["hanami_models"] = hookimpl(lambda: [Written])
        vars(module)["hanami_authenticators"] = hookimpl(lambda: [Anyone()])
    return plugin_point(f"notes_{fault}", module)


def routes(fault: str) -> list[Route]:
    """Return the routes of a plugin."""

    def create(call: Call, request: NewNote) -> dict[str, Any]:
        """Write a note."""
        Written.create(uuid=new_uuid(), text=request.text)
        answer: dict[str, Any] = {"text": request.text}
        if fault == "tells_more":
            answer["secret"] = "x"
        return answer if fault != "tells_another_type" else {"text": 5}

    def get(call: Call, request: Any) -> Note:
        """Read a note."""
        number = int(call.params["number"]) if fault == "stumbles_over_paths" else request.number
        return Note(f"note {number}")

    def upload(call: Call, request: Any) -> Note:
        """Write a long note."""
        if fault == "writes_before_it_reads":
            Written.create(uuid=new_uuid(), text="")
        if fault == "reads_without_limit":
            return Note(str(len(call.req.bounded_stream.read())))
        return Note(str(sum(map(len, call.body))))

    by_number = "/note/{number}" if fault == "stumbles_over_paths" else "/note/{number:int}"
    numbered = None if fault == "stumbles_over_paths" else Numbered
    return [
        Route("POST", "/note", "notes.create", NewNote, Note, create, api=fault),
        Route("GET", by_number, "notes.get", numbered, Note, get, api=fault),
        Route("PUT", "/long", "notes.upload", None, Note, upload, api=fault, max_body=100),
    ]


@pytest.fixture(scope="module")
def every_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Mapping[str, Credential]]]:
    """One application with all plugins."""
    with opened(tmp_path_factory.mktemp("notes") / "data", [plugin(fault) for fault in FAULTS], {}) as app:
        guest: Any = app
        yield app, {"guest": header(TOKEN, guest.member("guest", role="guest"))}


class FaultyConformance(RouteConformance):
    fault: ClassVar[str] = "none"

    def __init_subclass__(cls) -> None:
        cls.plugin = f"notes_{cls.fault}"

    @pytest.fixture
    def app(self, every_app: tuple[App, Mapping[str, Credential]]) -> App:
        return every_app[0]

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        return header(TOKEN, app.token)

    @pytest.fixture
    def other_roles(self, every_app: tuple[App, Mapping[str, Credential]]) -> Mapping[str, Credential]:
        return every_app[1]

    @pytest.fixture
    def examples(self) -> Mapping[str, Example]:
        by_number = "/note/{number}" if self.fault == "stumbles_over_paths" else "/note/{number:int}"
        longer: dict[str, Example] = {} if self.fault == "has_no_example" else {"PUT /long": b"a long note"}
        return {"POST /note": {"text": "hello"}, f"GET {by_number}": {"number": 7}, **longer}


globals().update(classes(FaultyConformance, FAULTS))
