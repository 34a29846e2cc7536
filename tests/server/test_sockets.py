"""Websockets on the REST port: hand-over, first message, session, passing on."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import websocket
from websocket import ABNF

from tests.server.harness import ServerProcess, until

FIRST = {"token": "good", "target": "echo", "uuid": "any"}
TIMEOUT = 10
MISSING = "Validation failed, because variable '{}' is required, but is not set."


@contextlib.contextmanager
def opened(server: ServerProcess, path: str = "/", **options: Any) -> Iterator[websocket.WebSocket]:
    client = websocket.create_connection(f"ws://127.0.0.1:{server.port}{path}", timeout=TIMEOUT, **options)
    raw = client.sock
    try:
        yield client
    finally:
        client.close(timeout=2)
        raw.close()


def say(client: websocket.WebSocket, first: Any) -> dict[str, Any]:
    client.send(first if isinstance(first, str) else json.dumps(first))
    opcode, answer = client.recv_data()
    assert opcode == ABNF.OPCODE_TEXT
    return dict(json.loads(answer))


@contextlib.contextmanager
def session(server: ServerProcess, uuid: str = "any") -> Iterator[websocket.WebSocket]:
    with opened(server) as client:
        answer = say(client, FIRST | {"uuid": uuid})
        assert answer["success"] is True
        assert len(answer["uuid"]) == 36
        yield client


def closing(client: websocket.WebSocket) -> int | None:
    """Return the code with which the server closes."""
    opcode, data = client.recv_data(control_frame=True)
    while opcode == ABNF.OPCODE_PING:
        opcode, data = client.recv_data(control_frame=True)
    assert opcode == ABNF.OPCODE_CLOSE
    return int.from_bytes(data[:2], "big") if data else None


def frame(data: bytes, opcode: int = ABNF.OPCODE_BINARY, fin: int = 1) -> bytes:
    return ABNF(fin, 0, 0, 0, opcode, 1, data).format()


def head(path: str = "/", **headers: str) -> bytes:
    fields = {
        "Host": "x",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Version": "13",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value), "", ""]
    return "\r\n".join(lines).encode()


def read_head(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += connection.recv(1)
    return data


def read_frame(connection: socket.socket) -> bytes:
    begin = connection.recv(2, socket.MSG_WAITALL)
    size = begin[1]
    if size == 126:
        size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
    return connection.recv(size, socket.MSG_WAITALL)


@contextlib.contextmanager
def stopped(server: ServerProcess, child: str) -> Iterator[None]:
    pid = server.child(child)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# -- hand-over ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/any/path?x=y", "//"])
def test_a_websocket_opens_at_any_path(server, path):
    with opened(server, path) as client:
        assert client.headers["server"] == "Hanami"
        assert "sec-websocket-extensions" not in client.headers
        assert say(client, FIRST)["success"] is True
        client.send_binary(b"hello")
        assert client.recv_data() == (ABNF.OPCODE_BINARY, b"hello")
        client.send("text é")
        assert client.recv_data() == (ABNF.OPCODE_TEXT, "text é".encode())


def test_rest_goes_on_beside_a_websocket(server):
    with session(server) as client:
        for _ in range(3):
            assert server.request("GET", "/v1/echo", token="good")[0] == 200
            client.send_binary(b"x")
            assert client.recv() == b"x"


def test_a_kept_connection_can_become_a_websocket(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.request("GET", "/health/live")
        connection.getresponse().read()
        raw = connection.sock
        raw.sendall(head())
        assert read_head(raw).startswith(b"HTTP/1.1 101 ")
        raw.sendall(frame(json.dumps(FIRST).encode(), ABNF.OPCODE_TEXT))
        assert b'"success":true' in read_frame(raw)


def test_a_client_need_not_wait_for_any_answer(server):
    """Head, first message and frames in one piece."""
    frames = [frame(json.dumps(FIRST).encode(), ABNF.OPCODE_TEXT), frame(b"one"), frame(b"two" * 100)]
    with server.connect(TIMEOUT) as raw:
        raw.sendall(head() + b"".join(frames))
        read_head(raw)
        answers = [read_frame(raw) for _ in frames]
    assert answers[1:] == [b"one", b"two" * 100]


@pytest.mark.parametrize(
    "request_head",
    [
        head(Sec_WebSocket_Version="7"),
        head(Sec_WebSocket_Key=""),
        head(Sec_WebSocket_Key="short"),
        head(Connection="keep-alive"),
        head().replace(b"GET", b"POST"),
    ],
)
def test_a_wrong_handshake_is_400(server, request_head):
    with server.connect(TIMEOUT) as raw:
        raw.sendall(request_head)
        assert read_head(raw).startswith(b"HTTP/1.1 400 ")


def test_too_many_sockets_are_503(start_server):
    server = start_server(sockets__limit=2)
    with session(server), session(server):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            websocket.create_connection(f"ws://127.0.0.1:{server.port}/", timeout=TIMEOUT)
        assert refused.value.status_code == 503
        assert server.request("GET", "/health/live")[0] == 200
    until(lambda: opens(server))


def test_sockets_without_a_session_make_room(start_server):
    server = start_server(sockets__limit=3)
    with session(server) as first, contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(opened(server))
        with session(server) as second:
            for client in (first, second):
                client.send_binary(b"still here")
                assert client.recv() == b"still here"


def test_sockets_leave_descriptors_to_the_work(start_server):
    server = start_server()
    pid = server.child("sidecar cpu0")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (192, 192))
    with session(server) as first, contextlib.ExitStack() as stack:
        for _ in range(200):
            with contextlib.suppress(websocket.WebSocketException):
                stack.enter_context(opened(server))
        assert len(os.listdir(f"/proc/{pid}/fd")) < 192 - 32
        with session(server) as second:
            for client in (first, second):
                client.send_binary(b"still here")
                assert client.recv() == b"still here"


def opens(server: ServerProcess) -> bool:
    try:
        with session(server):
            return True
    except websocket.WebSocketException:
        return False


@pytest.fixture(scope="module")
def lonely(launch) -> Iterator[ServerProcess]:
    """A server whose only sidecar tests stop for a while."""
    with launch(http__workers=1, http__threads=4) as running:
        yield running


def test_a_sidecar_that_hangs_takes_no_threads_from_others(lonely):
    """It has 2 s to take a connection over, and a thread waits for that."""
    server = lonely
    until(lambda: opens(server))
    with stopped(server, "sidecar cpu0"), contextlib.ExitStack() as stack:
        for _ in range(40):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.2", 0))
            one.connect(("127.0.0.1", server.port))
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        begin = time.monotonic()
        for _ in range(5):
            assert server.request("GET", "/v1/echo", token="good", timeout=10)[0] == 200
        assert time.monotonic() - begin < 5


def test_without_a_sidecar_a_websocket_is_503(lonely):
    server = lonely
    until(lambda: opens(server))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    with stopped(server, "sidecar cpu0"), contextlib.closing(connection):
        connection.request("GET", "/", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
        assert connection.getresponse().status == 503
    until(lambda: opens(server))


# -- first message -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "error"),
    [
        ("", "Failed to parse input-values, because of json-parser error: Input data was truncated"),
        ("not json", None),
        ("[]", None),
        ("5", None),
        ('{"token":' * 1000, None),
        ({"target": "echo", "uuid": "x"}, MISSING.format("token")),
        ({"token": "good", "target": "echo"}, MISSING.format("uuid")),
        (FIRST | {"uuid": 5}, None),
        (FIRST | {"token": "bad"}, "Token invalid"),
        (FIRST | {"token": ""}, "Token invalid"),
        (FIRST | {"token": "explode"}, "Token invalid"),
        (FIRST | {"target": "nothing"}, "Unknown target 'nothing'"),
        (FIRST | {"token": "member"}, "Access denied by policy"),
        (FIRST | {"token": "member", "uuid": "nowhere"}, "Access denied by policy"),
        (FIRST | {"token": "member", "uuid": "at-cpu7"}, "Access denied by policy"),
        (FIRST | {"uuid": "nowhere"}, "Echo with UUID 'nowhere' not found"),
        (FIRST | {"uuid": "broken"}, "Internal error"),
        (FIRST | {"uuid": "at-cpu7"}, "Host 'cpu7' is not available"),
    ],
)
def test_a_first_message_that_fails_is_answered_and_may_be_followed_by_another(server, first, error):
    with opened(server) as client:
        for _ in range(2):
            answer = say(client, first)
            assert answer["success"] is False
            assert answer["error"] == error if error is not None else answer["error"]
            assert "secret detail" not in answer["error"]
        assert say(client, FIRST)["success"] is True
        client.send_binary(b"works")
        assert client.recv() == b"works"


def test_a_first_message_may_hold_more_than_is_needed(server):
    with opened(server) as client:
        assert say(client, FIRST | {"version": 1})["success"] is True


@pytest.mark.parametrize("uuid", ["any", "at-cpu0"])
def test_a_client_that_says_nothing_is_sent_away(server, uuid):
    with opened(server) as client:
        begin = time.monotonic()
        assert closing(client) == 1008
        assert 1 < time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "data",
    [
        frame(b"x" * 70_000),
        frame(b"x" * 40_000, fin=0) + frame(b"x" * 40_000, ABNF.OPCODE_CONT),
        bytes([0x82, 0xFF]) + (1 << 40).to_bytes(8, "big") + bytes(4),
    ],
)
def test_a_first_message_that_is_too_large_ends_the_socket(server, data):
    with opened(server) as client:
        client.sock.sendall(data)
        assert closing(client) == 1009


def test_a_client_that_leaves_while_its_session_opens_leaves_nothing_behind(server):
    log = server.data_dir / "sessions.log"
    before = log.read_text().count("closed") if log.exists() else 0
    with opened(server) as client:
        client.send(json.dumps(FIRST | {"uuid": "slow"}))
        client.sock.shutdown(socket.SHUT_RDWR)
    until(lambda: log.exists() and log.read_text().count("closed") > before)


# -- paths ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def live(server: ServerProcess, path: str, token: str = "good") -> Iterator[websocket.WebSocket]:
    with opened(server, path, header={"X-Auth-Token": token}) as client:
        yield client


@pytest.mark.parametrize("host", ["cpu0", "cpu1"])
def test_a_path_chooses_a_target_wherever_it_is_served(server, host):
    for _ in range(4):
        with live(server, f"/live/at-{host}/first%20part?x=1") as client:
            assert client.recv() == f"at-{host} first part x=1 127.0.0.1:{server.port}"
            client.send_binary(b"where")
            assert client.recv() == host.encode()
            client.send_binary(b"bad")
            assert client.recv() == '{"success":false,"error":"not like this"}'


def test_a_client_of_a_path_need_not_wait_for_its_session(server):
    for host in ("cpu0", "cpu1"):
        with server.connect(TIMEOUT) as raw:
            raw.sendall(head(f"/live/at-{host}/x", X_Auth_Token="good") + frame(b"where") + frame(b"x" * 300))
            read_head(raw)
            assert [read_frame(raw) for _ in range(3)][1:] == [host.encode(), b"x" * 300]


@pytest.mark.parametrize(
    ("uuid", "token", "status", "text"),
    [
        ("any", "bad", 401, "Failed to validate JWT-Token with error: invalid token supplied"),
        ("any", "", 401, "Failed to validate JWT-Token with error: invalid token supplied"),
        ("any", "member", 401, "Access denied by policy"),
        ("nowhere", "good", 404, "Echo with UUID 'nowhere' not found"),
        ("broken", "good", 500, "Internal error"),
        ("at-cpu7", "good", 400, "Host 'cpu7' is not available"),
    ],
)
def test_a_path_is_refused_before_the_websocket_opens(server, uuid, token, status, text):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/live/{uuid}/x", timeout=TIMEOUT, header={"X-Auth-Token": token}
        )
    assert (refused.value.status_code, refused.value.resp_body.decode()) == (status, text)


def test_a_handshake_that_is_wrong_opens_no_session_at_any_path(server):
    with server.connect(TIMEOUT) as raw:
        raw.sendall(head("/live/any/x", X_Auth_Token="good", Sec_WebSocket_Version="7"))
        assert read_head(raw).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["/live/any", "/live/any/x/y", "/live//x", "/broken/any", "/Live/any/x"])
def test_any_other_path_waits_for_a_first_message(server, path):
    with opened(server, path) as client:
        assert say(client, FIRST)["success"] is True


def test_a_target_with_a_path_is_not_reached_by_a_first_message(server):
    with opened(server) as client:
        assert say(client, FIRST | {"target": "live"})["error"] == "Unknown target 'live'"


# -- session -----------------------------------------------------------------------------------------------------------


def test_every_message_gets_one_answer_in_order(server):
    messages = [b"a", b"bad", b"b", b"", b"c" * 100_000, b"bad", b"d"]
    with session(server) as client:
        for message in messages:
            client.send_binary(message)
        answers = [client.recv_data() for _ in messages]
    refusal = (ABNF.OPCODE_TEXT, b'{"success":false,"error":"not like this"}')
    assert answers == [refusal if m == b"bad" else (ABNF.OPCODE_BINARY, m) for m in messages]


def test_fragments_are_one_message(server):
    with session(server) as client:
        pieces = frame(b"one ", fin=0) + frame(b"", ABNF.OPCODE_CONT, fin=0)
        client.sock.sendall(pieces + frame(b"still here?", ABNF.OPCODE_PING) + frame(b"message", ABNF.OPCODE_CONT))
        assert client.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"still here?")
        assert client.recv() == b"one message"


def test_frames_may_arrive_byte_by_byte(server):
    with server.connect(TIMEOUT) as raw:
        raw.sendall(head())
        read_head(raw)
        for byte in frame(json.dumps(FIRST).encode(), ABNF.OPCODE_TEXT) + frame(b"slowly"):
            raw.sendall(bytes([byte]))
        assert b'"success":true' in read_frame(raw)
        assert read_frame(raw) == b"slowly"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"explode"), 1011),
        (frame(b"\xff", ABNF.OPCODE_TEXT), 1007),
        (b"\x83\x81aaaax", 1002),
        (b"\x82\x01x", 1002),
        (bytes([0x82, 0xFF]) + ((1 << 24) + 1).to_bytes(8, "big") + bytes(4), 1009),
    ],
    ids=["exception", "no UTF-8", "reserved opcode", "unmasked", "too large"],
)
def test_what_breaks_a_session_closes_it_with_its_code(server, data, code):
    with session(server) as client:
        client.sock.sendall(data)
        assert closing(client) == code
    assert server.request("GET", "/health/ready")[0] == 200


def test_a_message_may_have_16_mib(server):
    message = bytes(1 << 24)
    with session(server) as client:
        client.send_binary(message)
        assert client.recv() == message


def test_a_session_is_closed_in_a_thread_when_the_client_goes(server):
    log = server.data_dir / "sessions.log"
    with session(server):
        before = log.read_text().count("closed False") if log.exists() else 0
    until(lambda: log.exists() and log.read_text().count("closed False") == before + 1)


def test_a_client_that_drops_the_connection_is_noticed(server):
    log = server.data_dir / "sessions.log"
    with session(server) as client:
        before = log.read_text().count("closed False") if log.exists() else 0
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        client.sock.close()
        until(lambda: log.exists() and log.read_text().count("closed False") == before + 1)


def test_a_client_that_reads_nothing_stops_nobody(server):
    with session(server) as greedy, session(server) as client:
        for _ in range(20):
            greedy.send_binary(b"long")
        begin = time.monotonic()
        client.send_binary(b"x")
        assert client.recv() == b"x"
        assert time.monotonic() - begin < 5


def test_many_idle_sockets_do_not_slow_a_session_down(server):
    with contextlib.ExitStack() as stack, session(server) as client:
        for _ in range(200):
            raw = stack.enter_context(server.connect(TIMEOUT))
            raw.sendall(head())
        times = []
        for _ in range(500):
            begin = time.perf_counter()
            client.send_binary(b"x" * 3000)
            client.recv()
            times.append(time.perf_counter() - begin)
    assert sorted(times)[len(times) // 2] < 0.002
