"""Backend.AI on the wire: signatures, cookies, problems, and an admin who stops new work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.testing.apis import ApiConformance
from hanami_core.testing.authenticators import AuthenticatorConformance
from hanami_core.testing.requests import ClientRequest, Credential
from hanami_plugins.api_backendai import group_uuid
from hanami_plugins.api_backendai.problems import BY_CODE
from hanami_plugins.api_backendai.schemes import COOKIE
from hanami_plugins.api_backendai.signature import Signed, is_current, parse_authorization, sign
from hanami_plugins.api_v1_0alpha.testing import NativeApp

VERSION = "v6.20220315"
PROBS = "https://api.backend.ai/probs/"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def moment(**off: float) -> str:
    """Return the date as the client writes it."""
    return (datetime.now(UTC) + timedelta(**off)).isoformat()


def signed(
    request: ClientRequest,
    keys: tuple[str, str],
    *,
    date: str = "",
    method: str = "HMAC-SHA256",
    as_method: str = "",
) -> ClientRequest:
    """Sign a request as the client does; `as_method` is another method than that of the request."""
    date = date or moment()
    target = request.path + (f"?{request.query}" if request.query else "")
    if request.body and "content-type" not in request.headers:
        request = request.carrying(content_type="application/json")
    content_type = request.headers.get("content-type", "")
    parts = Signed(as_method or request.method, target, date, request.headers["host"], content_type, VERSION)
    name = method.rpartition("-")[2].lower()
    credential = f"BackendAI signMethod={method}, credential={keys[0]}:{sign(parts, keys[1], name)}"
    return request.carrying(date=date, authorization=credential, x_backendai_version=VERSION)


def new_keys(app: Any) -> tuple[str, str]:
    """Return a new pair of keys of the admin of an application."""
    body = json.dumps({"id": "asdf", "password": "asdfasdf"})
    token = app.http.simulate_post("/v1.0alpha/token", body=body).json["token"]
    pair = app.http.simulate_post("/v1.0alpha/keypair", body="{}", headers={"x-auth-token": token}).json
    return pair["access_key"], pair["secret_key"]


KEYS: WeakKeyDictionary[Any, tuple[str, str]] = WeakKeyDictionary()
"""Keys of applications; a user may have a few only."""


def some_keys(app: Any) -> tuple[str, str]:
    """Return the same keys of an application each time."""
    if app not in KEYS:
        KEYS[app] = new_keys(app)
    return KEYS[app]


class TestBackendApi(ApiConformance):
    """The suite for Apis."""

    name = "backendai"
    settings = NativeApp.settings
    statuses = {409: 400, 507: 412}  # noqa: RUF012 - a mapping that nobody writes
    codes = {code: problem.status for code, problem in BY_CODE.items()}  # noqa: RUF012

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        keys = some_keys(app)
        return lambda request: signed(request, keys)


class TestSignatures(AuthenticatorConformance):
    """The suite for authenticators."""

    scheme = "backendai_signature"

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        keys = some_keys(app)
        return lambda request: signed(request, keys)

    @pytest.fixture
    def invalid(self, app: Any) -> dict[str, Credential]:
        keys = some_keys(app)
        return {
            "malformed": lambda request: request.carrying(authorization="BackendAI", date=moment()),
            "foreign": lambda request: signed(request, ("AKIAOFANOTHERSERVER2", keys[1])),
            "expired": lambda request: signed(request, keys, date=moment(minutes=-16)),
            "tampered": lambda request: signed(request, (keys[0], keys[1][::-1])),
        }


# -- signatures -------------------------------------------------------------------------------------------------------

VECTORS = [
    ("GET", "/folders/_/hosts", "text/plain", "82a45a3d03d196d7b2821417126963a1095ada1df25d0619c9d16a1c8f325a7d"),
    ("POST", "/nn/admin/gql", "application/json", "50b276c985eda470e97cf1195d7f9213a29bfcd2e20ede7ccce33de5a6d63665"),
    ("GET", "/stream/session/abcd/execute", "", "e7e7fb901928a1131ca8901edcead829c667134a1a90ad7e2188080f32f9163a"),
    (
        "POST",
        "/session/s%20x/upload?owner_access_key=AK",
        "multipart/form-data; boundary=xyz",
        "20aeef567970e65fffe1cceb60e0fd2ab3f9c8c95aede15d12ad070a1cb621dd",
    ),
]


@pytest.mark.parametrize(("method", "target", "content_type", "expected"), VECTORS)
def test_vectors(method: str, target: str, content_type: str, expected: str) -> None:
    parts = Signed(method, target, "2022-05-17T03:04:05.678901+00:00", "127.0.0.1:8090", content_type, VERSION)
    assert sign(parts, SECRET, "sha256") == expected


@given(st.text(max_size=200))
def test_any_header_is_read_or_refused(text: str) -> None:
    try:
        found = parse_authorization(text)
    except ValueError:
        return
    assert found.hash in ("sha256", "sha384", "sha512")
    assert found.access_key
    assert int(found.signature, 16) >= 0


@pytest.mark.parametrize(
    ("date", "current"),
    [
        ("2022-05-17T03:04:05.678901+00:00", True),
        ("2022-05-17T12:04:05+09:00", True),
        ("2022-05-17T03:19:05+00:00", True),
        ("2022-05-17T03:19:06+00:00", False),
        ("2022-05-17T02:49:04+00:00", False),
    ],
)
def test_clocks_may_be_a_quarter_of_an_hour_off(date: str, current: bool) -> None:
    now = datetime(2022, 5, 17, 3, 4, 5, tzinfo=UTC).timestamp()
    assert is_current(date, now) is current


@pytest.mark.parametrize("date", ["", "now", "2022-05-17T03:04:05", "Tue, 17 May 2022 03:04:05 GMT"])
def test_dates_of_another_form_are_refused(date: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)iso|zone"):
        is_current(date, 0.0)


# -- an application ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeApp]:
    with NativeApp(Path(tmp_path_factory.mktemp("app")) / "data", compute="cpu0") as opened:
        yield opened


@pytest.fixture(scope="module")
def keys(app: NativeApp) -> tuple[str, str]:
    return new_keys(app)


def send(app: NativeApp, request: ClientRequest) -> Any:
    return app.http.simulate_request(
        request.method, request.path, query_string=request.query, headers=dict(request.headers), body=request.body
    )


def asked(method: str, path: str, body: object = None, query: str = "") -> ClientRequest:
    """Return a request as the client makes it, without a signature."""
    content = b"" if body is None else json.dumps(body).encode()
    kind = "text/plain" if body is None else "application/json"
    headers = {"host": "hanami.test", "content-type": kind}
    return ClientRequest(method, f"/backendai{path}", query, headers, content)


def call(app: NativeApp, keys: tuple[str, str], method: str, path: str, body: object = None, query: str = "") -> Any:
    return send(app, signed(asked(method, path, body, query), keys))


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the kind of a problem, after looking whether the client can show it."""
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json
    assert found["title"]
    assert found["type"].startswith(PROBS)
    return answer.status_code, found["type"].removeprefix(PROBS)


def test_versions_need_no_login(app: NativeApp) -> None:
    for path in ("/", "", "/func/", "/func"):
        assert send(app, asked("GET", path)).json == {"version": VERSION, "manager": "22.03.2"}
    wrong = asked("GET", "/").carrying(authorization="BackendAI nonsense")
    assert send(app, wrong).json["version"] == VERSION


def test_all_hashes(app: NativeApp, keys: tuple[str, str]) -> None:
    request = asked("GET", "/config/resource-slots")
    for method in ("HMAC-SHA256", "HMAC-SHA384", "HMAC-SHA512"):
        assert send(app, signed(request, keys, method=method)).json == {"cpu": "count", "mem": "bytes"}
    other = signed(request, keys)
    named = other.headers["authorization"].replace("SHA256", "MD5")
    assert problem(send(app, other.carrying(authorization=named))) == (400, "invalid-auth-params")


def test_what_a_signature_covers(app: NativeApp, keys: tuple[str, str]) -> None:
    request = signed(asked("GET", "/scaling-groups", query="group=default"), keys)
    assert send(app, request).json == {"scaling_groups": [{"name": "default"}]}
    for other in (
        replace(request, path="/backendai/config/resource-slots", query=""),
        replace(request, query="group=admin"),
        request.carrying(host="other.test"),
        request.carrying(content_type="application/json"),
        request.carrying(x_backendai_version="v5.20191215"),
        request.carrying(date=moment(seconds=1)),
        signed(asked("GET", "/scaling-groups", query="group=default"), keys, as_method="POST"),
        signed(asked("GET", "/scaling-groups", query="group=default"), (keys[0], "x" * 40)),
    ):
        assert problem(send(app, other)) == (401, "auth-failed")


def test_a_default_port_that_was_signed_but_not_sent(app: NativeApp, keys: tuple[str, str]) -> None:
    request = asked("GET", "/config/vfolder-types")
    for port in (":80", ":443"):
        sent = signed(request.carrying(host=f"hanami.test{port}"), keys).carrying(host="hanami.test")
        assert send(app, sent).json == ["user", "group"]


@pytest.mark.parametrize("date", ["", "Tue, 17 May 2022 03:04:05 GMT", "2022-05-17T03:04:05+00:00"])
def test_wrong_dates(app: NativeApp, keys: tuple[str, str], date: str) -> None:
    request = signed(asked("GET", "/config/vfolder-types"), keys).carrying(date=date)
    assert problem(send(app, request)) == (400, "invalid-auth-params")


def test_a_request_that_has_changed_something_is_not_answered_again(app: NativeApp, keys: tuple[str, str]) -> None:
    announcement = {"enabled": True, "message": "hello"}
    request = signed(asked("POST", "/manager/announcement", announcement), keys)
    assert send(app, request).status_code == 204
    assert problem(send(app, request)) == (401, "auth-failed")
    assert send(app, asked("GET", "/manager/announcement")).json == announcement
    assert call(app, keys, "POST", "/manager/announcement", {"enabled": False}).status_code == 204
    assert send(app, asked("GET", "/manager/announcement")).json == {"enabled": False, "message": ""}
    reading = signed(asked("GET", "/config/vfolder-types"), keys)
    for _ in range(2):
        assert send(app, reading).status_code == 200


def test_a_request_that_was_refused_may_be_sent_again(app: NativeApp, keys: tuple[str, str]) -> None:
    request = signed(asked("POST", "/manager/announcement", {"enabled": True}), keys)
    for _ in range(2):
        answer = send(app, request)
        assert problem(answer) == (400, "invalid-api-params")
        assert list(answer.json["data"]) == ["message"]


def test_keys_that_are_not_active(app: NativeApp) -> None:
    keys = new_keys(app)
    request = asked("GET", "/config/vfolder-types")
    assert send(app, signed(request, keys)).status_code == 200
    app.call("PUT", "keypair/active", access_key=keys[0], is_active=False)
    assert problem(send(app, signed(request, keys))) == (401, "auth-failed")
    app.call("PUT", "keypair/active", access_key=keys[0], is_active=True)
    assert send(app, signed(request, keys)).status_code == 200


def test_keys_open_no_other_api(app: NativeApp, keys: tuple[str, str]) -> None:
    request = replace(asked("GET", ""), path="/v1.0alpha/cluster/all")
    assert send(app, signed(request, keys)).status_code == 401
    with_token = asked("GET", "/config/vfolder-types").carrying(x_auth_token=app.token)
    assert problem(send(app, with_token)) == (401, "auth-failed")


def test_a_group_is_named_by_id_or_uuid(app: NativeApp, keys: tuple[str, str]) -> None:
    for group in ("default", "admin", group_uuid("admin")):
        answer = call(app, keys, "GET", "/scaling-groups", query=f"group={group}")
        assert answer.json == {"scaling_groups": [{"name": "default"}]}


def test_problems(app: NativeApp, keys: tuple[str, str]) -> None:
    assert problem(call(app, keys, "GET", "/nowhere")) == (404, "url-not-found")
    assert problem(call(app, keys, "DELETE", "/scaling-groups")) == (405, "method-not-allowed")
    assert problem(call(app, keys, "GET", "/scaling-groups", query="group=other")) == (404, "object-not-found")
    assert problem(call(app, keys, "PUT", "/manager/status", {"status": "asleep"})) == (400, "invalid-api-params")
    assert problem(call(app, keys, "PUT", "/manager/status", {"x": 1})) == (400, "invalid-api-params")
    assert problem(call(app, keys, "GET", "/resource/presets")) == (503, "not-implemented")
    assert problem(send(app, asked("GET", "/scaling-groups"))) == (401, "auth-failed")


# -- logins by cookie -------------------------------------------------------------------------------------------------


def log_in(app: NativeApp, password: str = "asdfasdf") -> Any:
    return send(app, asked("POST", "/server/login", {"username": "asdf", "password": password}))


def by_cookie(method: str, path: str, cookie: str, body: object = None) -> ClientRequest:
    request = asked(method, f"/func{path}", body)
    return request.carrying(cookie=f"{COOKIE}={cookie}", x_backendai_version=VERSION)


def test_a_login(app: NativeApp, keys: tuple[str, str]) -> None:
    answer = log_in(app)
    assert answer.json["authenticated"] is True
    assert answer.json["data"]["role"] == "superadmin"
    assert answer.json["data"]["access_key"].startswith("AKIA")
    cookie = answer.cookies[COOKIE]
    assert cookie.http_only
    assert (cookie.path, cookie.same_site, cookie.secure, cookie.domain) == ("/backendai", "Strict", False, None)

    reading = by_cookie("GET", "/config/vfolder-types", cookie.value)
    assert send(app, reading).json == ["user", "group"]
    assert send(app, replace(reading, path="/backendai/config/vfolder-types")).status_code == 401
    writing = by_cookie("POST", "/manager/announcement", cookie.value, {"enabled": False})
    assert send(app, writing).status_code == 204
    foreign = replace(writing, headers={k: v for k, v in writing.headers.items() if k != "x-backendai-version"})
    assert problem(send(app, foreign)) == (401, "auth-failed")

    out = asked("POST", "/server/logout").carrying(cookie=f"{COOKIE}={cookie.value}")
    assert send(app, out).status_code == 200
    assert problem(send(app, reading)) == (401, "auth-failed")


def test_a_wrong_password_is_no_error(app: NativeApp) -> None:
    answer = log_in(app, "not the password")
    assert answer.status_code == 200
    assert answer.json["authenticated"] is False
    assert answer.json["data"]["type"] == f"{PROBS}auth-failed"
    assert COOKIE not in answer.cookies


def test_whether_a_login_counts(app: NativeApp) -> None:
    checking = asked("POST", "/server/login-check")
    assert send(app, checking).json["authenticated"] is False
    cookie = log_in(app).cookies[COOKIE].value
    assert send(app, checking.carrying(cookie=f"{COOKIE}={cookie}")).json["authenticated"] is True
    assert send(app, checking.carrying(cookie=f"{COOKIE}={cookie[1:]}")).json["authenticated"] is False


def test_keys_for_a_passphrase(app: NativeApp) -> None:
    asking = {"type": "keypair", "domain": "default", "username": "asdf", "password": "asdfasdf"}
    found = send(app, asked("POST", "/auth/authorize", asking)).json["data"]
    assert call(app, (found["access_key"], found["secret_key"]), "GET", "/config/vfolder-types").status_code == 200
    assert send(app, asked("POST", "/auth/authorize", asking)).json["data"] == found
    wrong = asking | {"password": "not the password"}
    assert problem(send(app, asked("POST", "/auth/authorize", wrong))) == (401, "auth-failed")


# -- work that is stopped ---------------------------------------------------------------------------------------------


def test_a_frozen_server_begins_nothing(app: NativeApp, keys: tuple[str, str]) -> None:
    def create() -> Any:
        return app.call("POST", "cluster", name="c", template="")

    assert call(app, keys, "PUT", "/manager/status", {"status": "frozen", "force_kill": False}).status_code == 204
    try:
        assert send(app, asked("GET", "/manager/status")).json["status"] == "frozen"
        assert create().status_code == 503
        assert problem(call(app, keys, "POST", "/auth/update-password", {})) == (503, "server-frozen")
        assert call(app, keys, "GET", "/config/vfolder-types").status_code == 200
    finally:
        assert call(app, keys, "PUT", "/manager/status", {"status": "running"}).status_code == 204
    assert create().status_code == 200
