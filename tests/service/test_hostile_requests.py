"""Requests that are wrong, hostile or odd, byte by byte over sockets to a real server.

Each gets the status and the text that the API promises, changes no row and no file, and leaves a healthy server behind.
Here are the order of checks, tokens, bodies and queries; fields are in `test_field_rules`, requests that are right in
themselves in `test_hostile_calls`, websockets in `test_hostile_sockets`, uploads that lie in `test_bad_uploads`.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import time
from typing import Any

import jwt
import pytest
import websocket

from hanami_server.local import LocalServer
from tests.service.wire import NO_OBJECT, NOBODY, Wire, receive

NO_SUCH_METHOD = "Method 'PATCH' is not supported, only GET, POST, PUT, DELETE, HEAD, OPTIONS are"
TOKEN_ERROR = "Failed to validate JWT-Token with error: "
DENIED = "Access denied by policy"


# -- the order of checks -----------------------------------------------------------------------------------------------


def signed(server: LocalServer, **changes: Any) -> str:
    """Return a token with the server's own key, claims changed or (None) left out."""
    right = Wire(server.address).login(server.user, server.passphrase)
    claims = jwt.decode(right, options={"verify_signature": False}) | changes
    key = (server.data_dir / "token.key").read_bytes()
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, "HS256")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("head", "body", "status", "text"),
    [
        ("GET /v1.0alpha/../cluster", "", 400, ""),
        ("PATCH /v1.0alpha/../cluster", "", 400, ""),
        ("GET /v1.0alpha/%2e%2e/cluster", "", 400, ""),
        ("PATCH /v1.0", "", 400, NO_SUCH_METHOD),
        ("PATCH /v1.0alpha/cluster", "", 400, NO_SUCH_METHOD),
        ("POST /v1.0", "x", 400, "Failed to pasre uri: /v1.0"),
        ("GET /v1.0?a=1", "", 400, "Failed to pasre uri: /v1.0"),
        ("POST /v1.0alpha/cluster", "x", 400, NO_OBJECT),
        ("POST /v1.0alpha/nothing", "", 400, NO_OBJECT),
        ("PUT /v1.0alpha/token", "[]", 400, NO_OBJECT),
        ("POST /v1.0alpha/token", "5", 400, NO_OBJECT),
        ("GET /v1.0alpha/nothing?x=99999999999999", "", 401, f"{TOKEN_ERROR}invalid token supplied"),
        ("GET /v1.0alpha/cluster?x=99999999999999", "", 401, f"{TOKEN_ERROR}invalid token supplied"),
        ("POST /v1.0alpha/cluster", '{"x": 1}', 401, f"{TOKEN_ERROR}invalid token supplied"),
        ("POST /v1.0alpha/token?x=99999999999999", "{}", 400, "Validation failed, because item 'x' is not"),
    ],
)  # fmt: skip
def test_what_is_wrong_before_the_token(wire: Wire, head: str, body: str, status: int, text: str) -> None:
    method, path = head.split()
    answer = wire.send(wire.head(method, path, f"Content-Length: {len(body)}", token="") + body.encode())
    assert answer.status == status
    assert answer.text.startswith(text) if text else not answer.text


TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": int(time.time()) - 60}, "token expired"),
    "without an end": ({"exp": None}, "invalid token supplied"),
    "without a user": ({"sub": None}, "invalid token supplied"),
    "of nobody": ({"sub": "nobody"}, "invalid token supplied"),
    "of another audience": ({"aud": "other"}, "invalid token supplied"),
    "from the future": ({"iat": int(time.time()) + 3600}, "invalid token supplied"),
    "of an older passphrase": ({"mark": "1.99"}, "invalid token supplied"),
    "of another project": ({"project_id": "plain"}, "invalid token supplied"),
    "of a place that does not exist": ({"place": NOBODY}, "invalid token supplied"),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", TOKENS)
def test_a_wrong_token_with_the_right_signature(wire: Wire, server: LocalServer, name: str) -> None:
    changes, reason = TOKENS[name]
    token = signed(server, **changes)
    assert wire.query("GET", "cluster/all", token) == (401, TOKEN_ERROR + reason)
    assert wire.body("POST", "cluster", {"name": "never"}, token) == (401, TOKEN_ERROR + reason)
    socket = websocket.create_connection(wire.address.replace("http", "ws"), timeout=10)
    socket.send(json.dumps({"token": token, "target": "cluster", "uuid": NOBODY}))
    assert json.loads(socket.recv()) == {"success": False, "error": "Token invalid"}
    socket.close()


@pytest.mark.usefixtures("unchanged")
def test_tokens_that_are_none(wire: Wire, server: LocalServer) -> None:
    right = wire.token
    head, claims, signature = right.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (
        "a.b.c",
        "..",
        "x" * 5000,
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        right.lower(),
        "é" * 9,
    ):
        assert wire.query("GET", "cluster/all", token) == (401, f"{TOKEN_ERROR}invalid token supplied"), token
    forged = jwt.encode(jwt.decode(right, options={"verify_signature": False}), b"x" * 32, "HS256")
    for token in (forged, f"{head}.{claims}.{'A' * len(signature)}"):
        assert wire.query("GET", "cluster/all", token) == (401, f"{TOKEN_ERROR}invalid signature")
    bearer = wire.head("GET", "cluster/all", f"Authorization: Bearer {right}", token="")
    assert wire.send(bearer).status == 401
    assert wire.query("GET", f"cluster/all?token={right}", "").status == 401
    assert wire.send(wire.head("GET", "cluster/all", f"x-AUTH-toKEN: {right}", token="")).status == 200


@pytest.mark.usefixtures("unchanged")
def test_permission_comes_before_fields(wire: Wire, member: str) -> None:
    for call in ("POST user", "GET user", "DELETE user", "POST project", "GET project", "DELETE project"):
        method, path = call.split()
        assert wire.call(method, path, {"no_such_field": "1"}, member) == (401, DENIED)
    for path in ("user/all", "project/all", "error_log", "nothing", "cluster/nothing"):
        assert wire.query("GET", path, member, no_such_field=1) == (401, DENIED)
    for call in ("POST dataset", "PUT cluster", "DELETE token", "GET token"):
        method, path = call.split()
        assert wire.call(method, path, {}, member) == (401, DENIED)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("/v1.0alpha/us%65r/all", True),
        ("/v1.0alpha%2fuser%2Fall", True),
        ("//v1.0alpha///user/all", True),
        ("/v1.0alpha/user/all?", True),
        ("/v1.0alpha/user/all/", True),
        ("/V1.0alpha/user/all", False),
        ("/v1.0alpha/User/all", False),
        ("/v1.0alpha/./user/all", False),
        ("/v1.0alpha/us%2565r/all", False),
        ("/v1.0alpha/user/all%00", False),
        ("/v1.0alpha/user/all%20", False),
        ("/v1.0alpha/user/all;x", False),
        ("/v1.0alpha/user/\xff", False),
        ("/v1.0alpha/%ff", False),
    ],
)
def test_no_spelling_of_a_path_goes_around_permission(wire: Wire, member: str, path: str, same: bool) -> None:
    assert wire.query("GET", path).status == (200 if same else 400 if "\xff" in path else 401)
    assert wire.query("GET", path, member).status == (400 if "\xff" in path else 401)
    assert wire.query("GET", path, "").status == (400 if "\xff" in path else 401)


@pytest.mark.usefixtures("unchanged")
def test_what_only_admins_may_is_refused_without_a_word(wire: Wire, member: str) -> None:
    assert wire.query("GET", "user/project", member, user_id="demo") == (401, "")
    assert wire.query("DELETE", "user/project", member, id="demo", project_id="plain") == (401, "")
    given = {"id": "plain_member", "project_id": "plain", "role": "admin", "is_project_admin": True}
    assert wire.body("POST", "user/project", given, member) == (401, "")
    answer = wire.query("GET", "audit_log", member, page=0, user_id="demo")
    assert answer == (401, "'user_id' can only be set by an admin")


def test_calls_are_noted_before_their_fields_are_checked(wire: Wire, member: str) -> None:
    def noted() -> list[list[str]]:
        pages = (wire.query("GET", "audit_log", member, page=page).json["body"] for page in itertools.count())
        return [row[2:] for rows in itertools.takewhile(bool, pages) for row in rows]

    before = noted()
    wire.body("POST", "user", {"id": "x"}, member)  # not permitted
    wire.body("POST", "cluster", b"no json", member)  # no request
    wire.query("GET", "cluster/all", member)  # changes nothing
    assert noted() == before
    wire.body("POST", "cluster", {"nonsense": 1}, member)
    wire.query("DELETE", "dataset", member, uuid=NOBODY)
    assert noted() == [*before, ["v1.0alpha/cluster", "POST"], ["v1.0alpha/dataset", "DELETE"]]


# -- bodies and queries ------------------------------------------------------------------------------------------------

BODIES = [
    b"", b" ", b"5", b"-5", b"5.5", b"true", b"null", b'"x"', b"[]", b"[1]", b"{", b"{}{}", b"}", b"{'a': 1}", b"\xff",
    b"\xef\xbb\xbf{}", b'{"name": NaN}', b'{"name": 1e999}', b'{"name": "\xff"}', b'{"name": "\\ud800"}', b"\x00",
    b'{"name": 99999999999999999999}', b'{"name": [[-9223372036854775809]]}', b"[" * 100_000, b'{"name":' * 100_000,
    b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"name": ' + b"9" * 5000 + b"}",
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("body", BODIES, ids=[repr(body[:20]) for body in BODIES])
def test_a_body_that_is_no_object_is_refused(wire: Wire, body: bytes) -> None:
    for path in ("token", "cluster", "task/train", "user", "dataset/upload/mnist"):
        for token in ("", wire.token):
            answer = wire.body("POST", path, body, token)
            assert answer.status == 400
            assert answer.text.startswith(NO_OBJECT)


@pytest.mark.usefixtures("unchanged")
def test_a_body_that_is_too_large_is_refused(wire: Wire) -> None:
    body = b'{"project_id": "admin"' + b" " * (1 << 20) + b"}"
    assert wire.body("PUT", "token", body) == (400, "Body is larger than 1048576 bytes")
    assert wire.body("PUT", "token", body.replace(b" ", b"", 1)[-(1 << 20) :]).status == 400
    largest = b'{"project_id":' + b" " * ((1 << 20) - len(b'{"project_id":"admin"}')) + b'"admin"}'
    assert wire.body("PUT", "token", largest).status == 200


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("character", ["a", "é", "_", " ", "'", "\x00", "\\", "\U0001f41d"])
def test_a_very_long_text_is_refused_at_once(wire: Wire, character: str) -> None:
    text = "a" + character * 40_000
    begin = time.monotonic()
    for path, fields in (("token", {"id": text, "password": text}), ("project", {"id": "abcd", "name": text})):
        answer = wire.body("POST", path, fields)
        assert (answer.status, "is longer than 254 characters" in answer.text) == (400, True)
        assert len(answer.text) < 100
    assert time.monotonic() - begin < 2


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (b'7\r\n{"proje\r\n10\r\nct_id": "admin"}\r\n0\r\n\r\n', 200),
        (b'17;x=y\r\n{"project_id": "admin"}\r\n0\r\n\r\n', 200),
        (b'17\r\n{"project_id": "admin"}\r\n0\r\nX-Trailer: y\r\n\r\n', 200),
        (b"0\r\n\r\n", 400),
        (b"2\r\n[]\r\n0\r\n\r\n", 400),
        (b"zz\r\n{}\r\n0\r\n\r\n", 400),
        (b"-2\r\n{}\r\n0\r\n\r\n", 400),
        (b"fffffffffffffff\r\n", 400),
    ],
)
def test_a_body_in_chunks(wire: Wire, chunks: bytes, status: int) -> None:
    assert wire.send(wire.head("PUT", "token", "Transfer-Encoding: chunked") + chunks).status == status


@pytest.mark.usefixtures("unchanged")
def test_fields_of_a_query_win_over_those_of_a_body(wire: Wire) -> None:
    assert wire.body("PUT", "token?project_id=admin", {}).status == 200
    assert wire.body("PUT", "token?project_id=admin", {"project_id": "nowhere"}).status == 200
    assert wire.body("PUT", "token?project_id=nowhere", {"project_id": "admin"}).status == 401
    assert wire.body("PUT", "token?project_id=admin", b"").status == 400


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("id=demo", 200, '"id":"demo"'),
        ("id=d%65mo", 200, '"id":"demo"'),
        ("%69d=demo", 200, '"id":"demo"'),
        ("id=demo&", 200, '"id":"demo"'),
        ("id=me@x_y", 404, "User with id 'me@x_y' not found"),
        ("id=me%40x_y", 404, "User with id 'me@x_y' not found"),
        ("id=true", 404, "User with id 'true' not found"),
        ("id=DEMO", 404, "User with id 'DEMO' not found"),
        ("id=d%2565mo", 400, "is not a valid user ID"),
        ("id=de%6", 400, "is not a valid user ID"),
        ("id=de+mo", 404, "User with id 'de+mo' not found"),
        ("id=demo%00", 400, "is not a valid user ID"),
        ("id=demo%0a", 400, "is not a valid user ID"),
        ("id=12345678", 404, "User with id '12345678' not found"),
        ("id=99999999999999999999", 404, "not found"),
        ("id=1.5000", 404, "not found"),
        ("id=%ff%fe", 400, "Query is not valid UTF-8"),
        ("id=demo&id=asdf", 400, "Given item 'id' is set more than once"),
        ("id=demo&%69d=asdf", 400, "Given item 'id' is set more than once"),
        ("id", 400, "is not a valid user ID"),
        ("id=demo?x=1", 400, "is not a valid user ID"),
        ("=demo", 400, "item '' is not in the list"),
        ("", 400, "variable 'id' is required"),
    ],
)
def test_a_query_is_decoded_once_and_stays_text(wire: Wire, query: str, status: int, text: str) -> None:
    answer = wire.send(wire.head("GET", f"user?{query}"))
    assert answer.status == status
    assert text in answer.text


@pytest.mark.usefixtures("unchanged")
def test_a_body_that_does_not_belong_there_is_skipped(wire: Wire) -> None:
    """Neither a body of GET nor that of an answer to HEAD is taken for the next message of the connection."""
    body = b"DELETE /v1.0alpha/user?id=demo HTTP/1.1\r\n\r\n"
    with wire.connect() as connection:
        for _ in range(2):
            connection.sendall(wire.head("GET", "user?id=demo", f"Content-Length: {len(body)}") + body)
            assert receive(connection).json["id"] == "demo"
    with wire.connect() as connection:
        connection.sendall(wire.head("HEAD", "user?id=demo") + wire.head("GET", "user?id=demo", "Connection: close"))
        data = b""
        while piece := connection.recv(1 << 16):
            data += piece
    heads = re.findall(rb"HTTP/1\.1 (\d+)", data)
    assert heads == [b"200", b"200"]
    assert data.partition(b"\r\n\r\n")[2].startswith(b"HTTP/1.1 200")
