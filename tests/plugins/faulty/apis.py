"""Apis that are the plain one but for one fault."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import falcon
import msgspec
import pytest

from hanami_core.access import Action
from hanami_core.errors import (
    BadRequest,
    Forbidden,
    InternalError,
    MethodNotAllowed,
    VisibleError,
)
from hanami_core.http import Api, ApiDescription, Call, Route, SocketOpening
from hanami_core.testing.api_probe import ApiProbe
from hanami_core.testing.apis import ApiConformance
from hanami_core.testing.apps import App
from hanami_core.testing.probes import opened, probe_point
from hanami_core.testing.requests import ClientRequest, Credential, header
from tests.plugins.faulty import Faults, classes

TOKEN = "x-auth-token"
FAULTS: Faults = {
    "none": [],
    "tells_no_values": ["test_values_are_rendered"],
    "renders_what_is_no_value": ["test_what_is_no_value_is_sent_as_it_is", "test_values_are_rendered"],
    "takes_nothing_for_an_error": ["test_nothing_is_an_answer"],
    "forgets_the_status": ["test_status_and_headers_of_the_handler_are_kept"],
    "names_another_server": [
        "test_every_answer_names_the_server",
        "test_unknown_methods_are_answered",
        "test_options_tell_strangers_nothing_that_is_hidden",
    ],
    "knows_one_status": [
        "test_a_body_over_the_limit_is_refused",
        "test_a_defect_has_a_number_and_no_details",
        "test_a_websocket_is_opened_by_its_path",
        "test_every_error_is_rendered",
        "test_unknown_paths_are_answered",
        "test_who_is_known_is_let_in_and_nobody_else",
    ],
    "answers_errors_as_html": [
        "test_a_wrong_field_is_named",
        "test_every_error_is_rendered",
        "test_every_sentence_can_be_told",
        "test_unknown_methods_are_answered",
        "test_unknown_paths_are_answered",
        "test_who_is_known_is_let_in_and_nobody_else",
    ],
    "says_no_sentence": [
        "test_a_defect_has_a_number_and_no_details",
        "test_a_websocket_is_opened_by_its_path",
        "test_a_wrong_field_is_named",
        "test_every_error_is_rendered",
        "test_every_sentence_can_be_told",
        "test_unknown_paths_are_answered",
        "test_who_is_known_is_let_in_and_nobody_else",
    ],
    "fills_in_by_place": ["test_every_sentence_can_be_told"],
    "gives_no_number": ["test_a_defect_has_a_number_and_no_details", "test_every_error_is_rendered"],
    "tells_where_it_failed": ["test_a_defect_has_a_number_and_no_details", "test_every_error_is_rendered"],
    "does_not_say_which_methods": ["test_unknown_methods_are_answered"],
    "fails_for_heads": ["test_a_head_has_no_body"],
    "fails_for_options": ["test_options_tell_strangers_nothing_that_is_hidden"],
    "names_all_routes_alike": ["test_policy_ids_find_their_routes"],
    "lets_all_roles_in": ["test_policy_ids_find_their_routes"],
    "forgets_roles_of_sockets": [
        "test_actions_of_sockets_stay_what_they_are",
        "test_a_websocket_is_opened_by_its_first_message",
        "test_a_websocket_is_opened_by_its_path",
    ],
    "lets_nobody_in": ["test_who_is_known_is_let_in_and_nobody_else"],
    "reads_no_query": ["test_fields_are_read", "test_a_wrong_field_is_named"],
    "names_no_field": ["test_a_wrong_field_is_named"],
    "accepts_all_fields": [
        "test_a_wrong_field_is_named",
        "test_a_body_over_the_limit_is_refused",
        "test_broken_requests_are_refused",
    ],
    "stumbles_over_bodies": ["test_broken_requests_are_refused", "test_a_wrong_field_is_named", "test_fields_are_read"],
    "reads_without_limit": ["test_a_body_over_the_limit_is_refused"],
    "loses_the_resource": ["test_a_websocket_is_opened_by_its_first_message"],
    "stumbles_over_first_messages": ["test_random_first_messages_are_refused"],
    "refuses_sockets_without_a_word": [
        "test_every_error_can_be_told_on_a_websocket",
        "test_a_websocket_is_opened_by_its_first_message",
    ],
    "has_no_title": ["test_it_is_an_api"],
    "has_the_document_of_another": ["test_its_document_names_all_routes"],
}
SUITE = ApiConformance


class FaultyApi(Api):
    """The plain Api with first messages, and with one fault."""

    fault: ClassVar[str] = "none"

    def __init__(self) -> None:
        super().__init__("faulty", "/faulty", ("token",))

    @property
    def sentences(self) -> Mapping[str, str]:  # type: ignore[override]
        return {"field_wrong": "{0} is wrong" if self.fault == "fills_in_by_place" else "{field} is wrong"}

    # -- policy --------------------------------------------------------------------------------------------------------

    def endpoint(self, route: Route) -> str:
        return "faulty" if self.fault == "names_all_routes_alike" else super().endpoint(route)

    def action(self, route: Route) -> Action:
        action = super().action(route)
        return replace(action, roles=("everybody",)) if self.fault == "lets_all_roles_in" else action

    def socket_action(self, action: Action) -> Action:
        action = super().socket_action(action)
        return replace(action, roles=()) if self.fault == "forgets_roles_of_sockets" else action

    # -- requests ------------------------------------------------------------------------------------------------------

    def admit(self, request: falcon.Request) -> str:
        if self.fault == "fails_for_options" and request.method == "OPTIONS":
            raise ValueError("no such method")
        return super().admit(request)

    def begin(self, request: falcon.Request, route: Route | None, limit: int) -> None:
        if self.fault == "lets_nobody_in" and request.path.endswith("/private"):
            raise Forbidden("access_denied")
        super().begin(request, route, limit)

    def read(self, call: Call, route: Route, limit: int) -> msgspec.Struct:
        if self.fault == "renders_what_is_no_value":
            call.resp.text = "{}"
        if self.fault == "reads_without_limit":
            limit = 1 << 40
        if self.fault == "stumbles_over_bodies" and call.req.method == "POST":
            json.loads(call.req.bounded_stream.read())
        if self.fault == "reads_no_query":
            call.req.query_string = ""
        try:
            return super().read(call, route, limit)
        except BadRequest:
            if self.fault == "accepts_all_fields" and route.request is not None and call.req.context.fields:
                return route.request("text", 7)
            if self.fault == "names_no_field":
                raise BadRequest("something_is_wrong") from None
            raise

    # -- answers -------------------------------------------------------------------------------------------------------

    def answer(self, call: Call, route: Route, result: object) -> None:
        if self.fault == "tells_no_values":
            result = {"done": True}
        if self.fault == "takes_nothing_for_an_error" and result is None:
            call.resp.status = 404
        if self.fault == "forgets_the_status":
            call.resp.status = 200
        if self.fault == "fails_for_heads" and call.req.method == "HEAD":
            call.resp.status = 501
        super().answer(call, route, result)

    def refuse(
        self, request: falcon.Request, response: falcon.Response, error: VisibleError, route: Route | None = None
    ) -> None:
        if self.fault == "gives_no_number" and isinstance(error, InternalError):
            error = InternalError("internal_error")
        super().refuse(request, response, error, route)
        match self.fault:
            case "names_another_server":
                response.set_header("Server", "another")
            case "knows_one_status":
                response.status = 400
            case "answers_errors_as_html":
                response.content_type = "text/html"
            case "says_no_sentence":
                response.data = b'{"status": "refused"}'
            case "tells_where_it_failed" if isinstance(error, InternalError):
                response.data = json.dumps({"detail": f"{error}", "at": "app.py", **error.parameters}).encode()
            case "does_not_say_which_methods" if isinstance(error, MethodNotAllowed):
                response.delete_header("Allow")

    # -- websockets ----------------------------------------------------------------------------------------------------

    def open_socket(self, request: falcon.Request, message: bytes) -> SocketOpening | None:
        try:
            first = json.loads(message)
        except (ValueError, RecursionError):
            if self.fault == "stumbles_over_first_messages":
                raise
            return None
        if not isinstance(first, dict) or not isinstance(first.get("open"), str):
            return None
        request.env["HTTP_X_AUTH_TOKEN"] = str(first.get("token"))
        resource = "" if self.fault == "loses_the_resource" else str(first.get("of"))
        return SocketOpening(first["open"], resource, request)

    def socket_refused(self, error: VisibleError) -> bytes | str:
        return "" if self.fault == "refuses_sockets_without_a_word" else super().socket_refused(error)

    @property
    def description(self) -> ApiDescription:
        return ApiDescription("" if self.fault == "has_no_title" else "Faulty")


@pytest.fixture(scope="module")
def every_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, ApiProbe]]:
    """One application for all faults, which the Api is told one by one."""
    file = tmp_path_factory.mktemp("file") / "file"
    file.write_bytes(b"content")
    probe = ApiProbe("faulty", file)
    probe.by_path.place = "/faulty/conformance/socket"
    points = (probe_point("faulty", apis=[FaultyApi()]), probe.point())
    with opened(tmp_path_factory.mktemp("apis"), points, {}) as app:
        yield app, probe


class FaultyConformance(ApiConformance):
    name = "faulty"
    fault = "none"
    attempts = 5
    document = "/openapi.json?api=faulty"

    @pytest.fixture
    def probe(self, every_app: tuple[App, ApiProbe]) -> ApiProbe:
        return every_app[1]

    @pytest.fixture
    def app(self, every_app: tuple[App, ApiProbe], monkeypatch: pytest.MonkeyPatch) -> App:
        monkeypatch.setattr(FaultyApi, "fault", self.fault)
        if self.fault == "has_the_document_of_another":
            monkeypatch.setattr(type(self), "document", "/openapi.json")
        return every_app[0]

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        return header(TOKEN, app.token)

    def first_message(self, request: ClientRequest, target: str, resource: str) -> bytes:
        return json.dumps({"open": target, "of": resource, "token": request.headers.get(TOKEN, "")}).encode()


globals().update(classes(FaultyConformance, FAULTS))
