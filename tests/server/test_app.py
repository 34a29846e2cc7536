from __future__ import annotations

import json
import logging
from contextlib import closing

import falcon
import falcon.inspect
import pytest
from falcon import testing

from hanami_core.errors import SettingsError
from hanami_core.http import Api
from hanami_core.testing.probes import probe_point
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_server.app import create_app
from hanami_server.foreign_pages import foreign_pages
from tests.server.conftest import open_runtime

BAD_TOKEN = "Failed to validate JWT-Token with error: invalid token supplied"
DENIED = "Access denied by policy"


def test_a_query_becomes_typed_fields(client):
    answer = client.simulate_get("/v1/echo", query_string="name=5&count=-3&limit=7&ratio=2&flag=true")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "user": "admin", "name": "5", "count": -3, "limit": 7, "ratio": 2.0, "flag": True, "items": [],
    }  # fmt: skip


def test_the_query_is_merged_over_the_body(client):
    answer = client.simulate_post("/v1/echo", body=b'{"name": "body", "count": 1}', query_string="count=2")
    assert (answer.json["name"], answer.json["count"]) == ("body", 2)


def test_a_body_needs_no_content_type_and_is_ignored_where_none_belongs(client):
    assert client.simulate_post("/v1/echo", body=b'{"name": "x"}', headers={"Content-Type": "x/y"}).status_code == 200
    assert client.simulate_get("/v1/echo", body=b"not json").status_code == 200
    assert client.simulate_delete("/v1/echo", body=b"[1]", query_string="name=x").status_code == 200


def test_repeated_slashes_are_one_and_trailing_ones_none(client):
    assert client.simulate_get("//v1///echo").status_code == 200
    assert client.simulate_get("/v1/echo/").status_code == 200
    assert client.simulate_get("/other/note//", query_string="name=x").json["name"] == "x"
    assert client.simulate_get("/health/live/").status_code == 200


def test_where_there_is_a_get_there_is_a_head_and_options(client):
    for path in ("/v1/echo", "/health/live"):
        shown, head = client.simulate_get(path), client.simulate_head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(shown.content))
        options = client.simulate_options(path)
        assert options.status_code in (200, 204)
        assert {"GET", "HEAD"} <= set(options.headers["allow"].split(", "))


ASKS = {"Origin": "https://page.example", "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-auth-token"}  # fmt: skip


def test_scripts_of_other_pages_may_call_where_a_setting_names_them(tmp_path):
    with closing(open_runtime(tmp_path, {"http.origins": "https://page.example, http://localhost:8080"})) as runtime:
        check_pages(testing.TestClient(create_app(runtime)))


def check_pages(client):
    for path in ("/v1/echo", "/v1/nothing"):
        asked = client.simulate_options(path, headers=ASKS)
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "https://page.example")
        assert "PUT" in asked.headers["access-control-allow-methods"]
        assert asked.headers["access-control-allow-headers"] == "x-auth-token"
    told = client.simulate_get("/v1/echo", headers={"Origin": "http://localhost:8080", "X-Auth-Token": "good"})
    assert told.headers["access-control-allow-origin"] == "http://localhost:8080"
    refused = client.simulate_get("/v1/echo", headers={"Origin": "http://localhost:8080", "X-Auth-Token": "bad"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "http://localhost:8080")
    stranger = client.simulate_get("/v1/echo", headers={"Origin": "https://else.example", "X-Auth-Token": "good"})
    assert "access-control-allow-origin" not in stranger.headers


def test_scripts_of_other_pages_may_not_call_otherwise(client):
    asked = client.simulate_options("/v1/echo", headers={**ASKS, "X-Auth-Token": "good"})
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize("origins", ["page.example", "https://page.example/", "*, https://page.example", "ftp://x"])
def test_what_is_no_origin_is_refused(origins):
    with pytest.raises(SettingsError, match=r"http\.origins"):
        list(foreign_pages(origins))


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "text"),
    [
        ("GET", "/v1/../echo", {}, 400, ""),
        ("GET", "/v1/%2e%2e/echo", {}, 400, ""),
        ("OPTIONS", "/v1/nothing", {}, 401, DENIED),
        ("OPTIONS", "/v1/echo", {"token": None}, 401, BAD_TOKEN),
        ("OPTIONS", "/v1/upload", {}, 401, DENIED),
        ("HEAD", "/v1/nothing", {}, 401, None),
        ("PATCH", "/v1/echo", {}, 400,
         "Method 'PATCH' is not supported, only GET, POST, PUT, DELETE, HEAD, OPTIONS are"),
        ("POST", "/v1/echo", {"body": b"\x1f\x8b", "headers": {"Content-Encoding": "gzip"}}, 400,
         "Body is packed (Content-Encoding: gzip), send it as it is"),
        ("GET", "/", {}, 400, "Failed to pasre uri: /"),
        ("GET", "/abcd", {}, 400, "Failed to pasre uri: /abcd"),
        ("GET", "/v1/nothing", {}, 401, DENIED),
        ("PUT", "/v1/echo", {"body": b"{}"}, 401, DENIED),
        ("GET", "/v1/echo", {"token": None}, 401, BAD_TOKEN),
        ("GET", "/v1/echo", {"token": ""}, 401, BAD_TOKEN),
        ("GET", "/v1/echo", {"token": "bad"}, 401, BAD_TOKEN),
        ("GET", "/v1/echo", {"token": "explode"}, 401, BAD_TOKEN),
        ("GET", "/v1/nothing", {"token": "bad"}, 401, BAD_TOKEN),
        ("DELETE", "/v1/echo", {"token": "member"}, 401, DENIED),
        ("POST", "/v1/echo", {"body": b""}, 400, None),
        ("POST", "/v1/echo", {"body": b"[]", "token": None}, 400, None),
        ("POST", "/v1/echo", {"body": b"5", "token": None}, 400, None),
        ("POST", "/v1/nothing", {"body": b"x", "token": None}, 400, None),
        ("POST", "/v1/echo", {"body": b'{"a":' * 100_000}, 400, None),
        ("POST", "/v1/echo", {"body": b'{"items":' + b"[" * 70 + b"]" * 70 + b"}"}, 400, None),
        ("POST", "/v1/echo", {"body": b'{"x": 1, "a": 2}'}, 400,
         "Validation failed, because item 'a' is not in the list of allowed keys"),
        ("POST", "/v1/echo", {"body": b'{"count": "1"}'}, 400,
         "Value-validation failed, because a item 'count'  has the false type: Exprect int-type."),
        ("POST", "/v1/task", {"body": b"{}"}, 400,
         "Validation failed, because variable 'cycles' is required, but is not set."),
        ("GET", "/v1/echo", {"query": "name=a&name=b"}, 400, "Given item 'name' is set more than once"),
        ("GET", "/v1/echo", {"query": "count=99999999999999999999"}, 400, None),
        ("GET", "/v1/echo", {"query": "name=%ff"}, 400, "Query is not valid UTF-8"),
        ("GET", "/v1/missing", {"query": "name=x"}, 404, "Note with name 'x' not found"),
        ("POST", "/health/live", {"body": b"{}"}, 400, None),
    ],
)  # fmt: skip
def test_bad_requests(client, method, path, options, status, text):
    token = options.get("token", "good")
    headers = ({} if token is None else {"X-Auth-Token": token}) | options.get("headers", {})
    if token is None:
        client = testing.TestClient(client.app)
    answer = client.simulate_request(
        method, path, body=options.get("body"), query_string=options.get("query"), headers=headers
    )
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/plain")
    if method == "HEAD":
        assert answer.content == b""
    if text is not None:
        assert answer.text == text


def test_an_anonymous_route_needs_no_token(runtime):
    anonymous = testing.TestClient(create_app(runtime))
    assert anonymous.simulate_post("/v1/token", body=b"{}").json == {"token": "good"}


def test_the_body_limit_holds_before_the_token_is_looked_at(runtime):
    anonymous = testing.TestClient(create_app(runtime))
    answer = anonymous.simulate_post("/v1/echo", body=b" " * (runtime.settings["http.max_body"] + 1))
    assert (answer.status_code, answer.text) == (400, "Body is larger than 1048576 bytes")


def test_an_unexpected_error_is_logged_and_not_told(client, caplog):
    with caplog.at_level(logging.ERROR):
        answer = client.simulate_get("/v1/fail", query_string="name=abc")
    identity = answer.text.removeprefix("internal error ")
    assert answer.status_code == 500
    assert len(identity) == 36
    record = next(record for record in caplog.records if getattr(record, "id", None) == identity)
    assert "secret detail abc" in str(record.exc_info[1])


def test_health_needs_no_token(runtime):
    anonymous = testing.TestClient(create_app(runtime))
    assert anonymous.simulate_get("/health/live").json == {"status": "live"}
    answer = anonymous.simulate_get("/health/ready")
    assert answer.status_code == 503
    assert answer.json["hosts"]["cpu0"]["ready"] is False


def test_every_request_is_logged_for_who_wants_to_know(client, caplog):
    with caplog.at_level(logging.DEBUG, "hanami.http"):
        client.simulate_get("/v1/echo")
        client.simulate_get("/v1/nothing")
    lines = [(r.method, r.path, r.status, r.user) for r in caplog.records if r.message == "request"]
    assert lines == [("GET", "/v1/echo", 200, "admin"), ("GET", "/v1/nothing", 401, "")]


def test_falcon_lists_every_route(runtime):
    listed = {
        (method.method, route.path)
        for route in falcon.inspect.inspect_app(create_app(runtime)).routes
        for method in route.methods
        if not method.internal
    }
    declared = {bound.key for bound in runtime.routes} | {("GET", "/health/live"), ("GET", "/health/ready")}
    assert listed == declared | {("HEAD", path) for method, path in declared if method == "GET"}


def test_every_route_refuses_without_a_token(runtime):
    anonymous = testing.TestClient(create_app(runtime))
    for bound in runtime.routes:
        if not bound.route.anonymous:
            answer = anonymous.simulate_request(*bound.key, body=b"{}")
            assert answer.status_code == 401, bound
            assert answer.text == BAD_TOKEN or bound.api.name != "native", bound


def test_an_answer_is_json_whatever_it_is(client):
    answer = client.simulate_post("/v1/echo", body=json.dumps({"items": [1, "é", None, 0.1]}).encode())
    assert answer.json["items"] == [1, "é", None, 0.1]


@pytest.mark.parametrize(("method", "remove"), [("GET", False), ("GET", True), ("HEAD", True)])
def test_a_file_tells_when_it_was_sent(client, runtime, method, remove):
    path = runtime.settings.data_dir / "a note.txt"
    path.write_bytes(b"content")
    answer = client.simulate_request(method, "/other/file", query_string=f"name=a%20note.txt&flag={remove}".lower())
    assert answer.content == (b"content" if method == "GET" else b"")
    assert answer.headers["content-length"] == "7"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20note.txt"
    assert len((runtime.settings.data_dir / "sent").read_text().split()) == 1
    assert path.exists() is not remove


def test_a_file_that_is_missing_is_done_with_at_once(client, runtime):
    assert client.simulate_get("/other/file", query_string="name=missing").status_code == 500
    assert len((runtime.settings.data_dir / "sent").read_text().split()) == 1


@pytest.mark.parametrize(("query", "status"), [("", 201), ("flag=true", 202)])
def test_an_answer_has_the_status_of_its_route_unless_the_handler_sets_one(client, query, status):
    answer = client.simulate_patch("/other/made/five", query_string=query)
    assert (answer.status_code, answer.json) == (status, {"made": "five"})


@pytest.mark.parametrize(
    ("path", "query", "status", "body"),
    [
        ("/other/maybe", "", 204, b""),
        ("/other/maybe", "name=x", 200, b'"x"'),
        ("/v1/maybe", "", 200, b"null"),
        ("/v1/maybe", "name=x", 200, b'"x"'),
    ],
)
def test_what_becomes_of_nothing_is_decided_by_the_api(client, path, query, status, body):
    answer = client.simulate_get(path, query_string=query)
    assert (answer.status_code, answer.content) == (status, body)


def test_an_error_keeps_its_own_status(client):
    answer = client.simulate_patch("/other/made/five", query_string="count=x")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json["status"] == 400


def test_a_scheme_that_nobody_brings_is_named_at_the_start(tmp_path, caplog):
    with NativeApp(tmp_path / "data", probe_point("lonely", apis=[Api("lonely", "/lonely", schemes=("nowhere",))])):
        pass
    assert "api lonely accepts the scheme nowhere, which no plugin brings" in caplog.text


@pytest.mark.parametrize(("path", "moment"), [("/v1", "1970-01-01 00:00:00"), ("/other", "1970-01-01T00:00:00+00:00")])
def test_events_are_told_in_the_words_of_their_api(client, path, moment):
    answer = client.simulate_get(f"{path}/moments")
    assert answer.text == f': alive\n\ndata: {{"at":"{moment}"}}\n\n'
