"""HTTP as a hostile client speaks it, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import select
import socket
import time

import pytest

from tests.server.harness import ServerProcess, until

TOKEN = b"X-Auth-Token: good\r\n"
ECHO = b"GET /v1/echo HTTP/1.1\r\nHost: x\r\n" + TOKEN + b"\r\n"
QUICK = 4.0


def receive(connection: socket.socket) -> bytes:
    """Return everything up to the end of the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    return data


def talk(server: ServerProcess, data: bytes, timeout: float = 10.0) -> bytes:
    with server.connect(timeout) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return receive(connection)


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_keep_alive_serves_many_requests_on_one_connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        for count in range(5):
            connection.request("POST", "/v1/echo", json.dumps({"count": count}), {"X-Auth-Token": "good"})
            response = connection.getresponse()
            assert (response.status, json.load(response)["count"]) == (200, count)
            assert response.headers["Server"] == "Hanami"
        local = connection.sock.getsockname()
        connection.request("GET", "/health/live")
        assert connection.getresponse().status == 200
        assert connection.sock.getsockname() == local


def test_pipelined_requests_are_answered_in_order(server):
    names = [b"a", b"bc", b"def"]
    requests = [ECHO.replace(b"/v1/echo", b"/v1/echo?name=" + name) for name in names]
    answer = talk(server, b"".join(requests))
    assert statuses(answer) == [200, 200, 200]
    assert [json.loads(line)["name"] for line in answer.split(b"\r\n\r\n")[1:] for line in [line_of(line)]] == [
        name.decode() for name in names
    ]


def line_of(text: bytes) -> bytes:
    return text.partition(b"HTTP/1.1")[0]


def test_http_1_0_and_connection_close_end_the_connection(server):
    for head in (ECHO.replace(b"1.1", b"1.0"), ECHO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")):
        with server.connect() as connection:
            connection.sendall(head)
            assert b"200 OK" in receive(connection)


def test_a_chunked_body_is_read(server):
    head = b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + TOKEN + b"\r\n"
    answer = talk(server, head + b'9\r\n{"name": \r\n5\r\n"abc"\r\n1\r\n}\r\n0\r\n\r\n')
    assert statuses(answer) == [200]
    assert b'"name":"abc"' in answer


def test_expect_100_continue(server):
    head = b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" + TOKEN + b"\r\n"
    with server.connect() as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert statuses(connection.recv(1000)) == [200]


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 1099511627776\r\n\r\n",
        b"Content-Length: 1048577\r\n\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"Expect: 100-continue\r\nContent-Length: 1099511627776\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n2\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n10000000000\r\n",
    ],
)
def test_a_body_that_is_too_large_is_refused_before_it_is_there(server, framing):
    head = b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n" + TOKEN
    with server.connect() as connection:
        connection.sendall(head + framing)
        answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in answer
    assert b"Body is larger than 1048576 bytes" in answer


def test_a_client_that_sends_a_large_body_anyway_gets_the_answer(server):
    answer = talk(server, b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b" " * 200_000)
    assert statuses(answer) == [400]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"get /v1/echo HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/echo HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /v1/echo\r\n\r\n",
        b"GET /v1/echo HTTP/1.1\r\nX-Auth\x00Token: good\r\n\r\n",
        b"GET /v1/echo HTTP/1.1\r\nX-Auth-Token: go\x00od\r\n\r\n",
        b"GET /v1/echo HTTP/1.1\r\nX_Auth_Token: good\r\n\r\n",
        b"GET /v1/echo HTTP/1.1\r\nA: b\r\n c: folded\r\n\r\n",
        b"GET /v1/echo\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET /v1/echo HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET /v1/echo HTTP/1.1\r\n" + b"A: b\r\n" * 100 + b"\r\n",
        b"GET /v1/echo HTTP/1.1\r\n" + b"A: b\r\n" * 10000 + b"\r\n",
        b"POST /v1/echo HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/echo HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nTransfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"POST /v1/echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nContent-Length: 0x2\r\n\r\n{}",
        b"POST /v1/echo HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n{}",
        b"POST /v1/echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v1/echo HTTP/1.1\r\nExpect: magic\r\n\r\n",
    ],
)
def test_what_is_no_clean_request_is_400_and_the_end(server, request_bytes):
    smuggled = b"GET /v1/echo?name=smuggled HTTP/1.1\r\n" + TOKEN + b"\r\n"
    answer = talk(server, request_bytes + smuggled)
    assert statuses(answer)[0] == 400
    assert b"smuggled" not in answer
    assert b"Traceback" not in answer


def test_an_unknown_method_is_400(server):
    assert statuses(talk(server, ECHO.replace(b"GET", b"BREW"))) == [400]


def test_deep_json_over_the_wire(server):
    body = b'{"a":' * 100_000
    head = b"POST /v1/echo HTTP/1.1\r\nContent-Length: %d\r\n" % len(body) + TOKEN + b"\r\n"
    assert statuses(talk(server, head + body)) == [400]
    assert server.request("GET", "/health/live")[0] == 200


def test_a_client_that_drips_is_cut_off(server):
    with server.connect() as connection:
        begin = time.monotonic()
        for byte in ECHO + b"x" * 100:
            if select.select([connection], [], [], 0.1)[0]:
                break
            connection.sendall(bytes([byte]))
        assert receive(connection) == b""
        assert 1.5 < time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "begin", [b"", b"GET /v1", ECHO[:-2], b"POST /v1/echo HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"]
)
def test_slow_clients_do_not_keep_healthy_ones_waiting(begin, slow_server):
    """200 connections that send a little and then nothing; the api has 16 threads."""
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(slow_server.connect()).sendall(begin)
        times = []
        for _ in range(50):
            start = time.monotonic()
            assert slow_server.request("GET", "/v1/echo", token="good", timeout=5)[0] == 200
            times.append(time.monotonic() - start)
    assert sorted(times)[len(times) // 2] < 0.1


@pytest.fixture(scope="module")
def slow_server(launch):
    with launch(http__timeout=30) as server:
        yield server


def test_many_idle_connections_make_room_for_new_ones(start_server):
    server = start_server(http__workers=1, http__connections=40, http__threads=2, http__timeout=30)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(server.connect())
        for _ in range(5):
            assert server.request("GET", "/v1/echo", token="good", timeout=5)[0] == 200


def test_many_connections_of_one_address_leave_those_of_others(start_server):
    """Although descriptors are few, and the one who was here first asks nothing for a while."""
    server = start_server(http__workers=1, http__connections=1000, http__threads=2, http__timeout=5)
    pid = server.request("GET", "/v1/modules", token="good")[1]["pid"]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (128, 128))
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(server.connect())
        for _ in range(200):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.2", 0))
            one.connect(("127.0.0.1", server.port))
        for _ in range(5):
            assert server.request("GET", "/v1/echo", token="good", timeout=5)[0] == 200
        assert open_files(pid) < 128 - 16
        first.sendall(ECHO)
        assert b"200 OK" in first.recv(1000)


@pytest.fixture(scope="module")
def narrow(launch):
    with launch(http__threads=2, http__timeout=30) as server:
        yield server


def test_threads_that_are_busy_let_others_wait_and_no_more(narrow):
    server = narrow
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(4)]
        for connection in slow:
            connection.sendall(ECHO.replace(b"/v1/echo", b"/v1/wait?ratio=0.2"))
        for connection in slow:
            assert b"200 OK" in connection.recv(1000)


def test_many_requests_of_one_client_let_those_of_others_pass(start_server):
    """40 connections of one address have 2,000 requests waiting, which take the only thread 8 s."""
    server = start_server(http__threads=1)
    question = ECHO.replace(b"/v1/echo", b"/v1/wait?ratio=0.004")
    with contextlib.ExitStack() as stack:
        greedy = []
        for _ in range(40):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.2", 0))
            one.connect(("127.0.0.1", server.port))
            one.sendall(question * 50)
            greedy.append(one)
        assert b"200 OK" in greedy[-1].recv(1000)
        begin = time.monotonic()
        for _ in range(5):
            assert server.request("GET", "/v1/echo", token="good", timeout=5)[0] == 200
        assert time.monotonic() - begin < QUICK


@pytest.mark.parametrize("behind", ["", "127.0.0.2"])
def test_slow_calls_of_one_client_leave_threads_to_others(start_server, behind):
    """20 calls of one address, or of one client behind a proxy, take longer than anybody waits for something else."""
    server = start_server(http__workers=1, http__threads=8, http__proxies=behind)
    fields = b"\r\nX-Forwarded-For: %s\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.2", 0))
            one.connect(("127.0.0.1", server.port))
            one.sendall(ECHO.replace(b"/v1/echo", b"/v1/wait?ratio=8").replace(b"\r\n\r\n", fields % b"9.9.9.9"))
        begin = time.monotonic()
        if behind:
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.2", 0))
            one.connect(("127.0.0.1", server.port))
            one.sendall(ECHO.replace(b"\r\n\r\n", fields % b"8.8.8.8"))
            assert b"200 OK" in one.recv(1000)
        for _ in range(5):
            assert server.request("GET", "/v1/echo", token="good", timeout=5)[0] == 200
        assert time.monotonic() - begin < QUICK


def test_clients_that_do_not_read_their_answer_lose_it(start_server):
    server = start_server(http__threads=2, http__timeout=1)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            greedy = stack.enter_context(socket.socket())
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            greedy.connect(("127.0.0.1", server.port))
            greedy.sendall(ECHO.replace(b"/v1/echo", b"/v1/large?count=30000000"))
        assert server.request("GET", "/v1/echo", token="good", timeout=15)[0] == 200


def test_clients_that_ask_on_and_read_nothing_hold_nobody_up(narrow):
    server = narrow
    question = ECHO.replace(b"/v1/echo", b"/v1/large?count=300000")
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            greedy = stack.enter_context(socket.socket())
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            greedy.connect(("127.0.0.1", server.port))
            greedy.sendall(question * 30)
        for _ in range(20):
            assert server.request("GET", "/v1/echo", token="good", timeout=10)[0] == 200


def test_a_client_that_reads_late_gets_all_its_answers(server):
    question = ECHO.replace(b"/v1/echo", b"/v1/large?count=3000000")
    with server.connect() as connection:
        connection.sendall(question * 3 + ECHO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        select.select([connection], [], [], 10)
        assert server.request("GET", "/v1/echo", token="good")[0] == 200
        answer = receive(connection)
    assert statuses(answer) == [200, 200, 200, 200]
    assert answer.count(b"x" * 3_000_000) == 3


def test_a_handler_that_wants_to_end_the_process_has_failed(server):
    pid = server.request("GET", "/v1/modules", token="good")[1]["pid"]
    with server.connect() as connection:
        connection.sendall(ECHO.replace(b"/v1/echo", b"/v1/leave"))
        connection.sendall(ECHO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert statuses(receive(connection)) == [500, 200]
    assert server.request("GET", "/v1/modules", token="good")[1]["pid"] == pid


def test_a_large_answer_arrives(server):
    assert len(server.request("GET", "/v1/large?count=30000000", token="good")[1]["text"]) == 30_000_000


def test_no_connection_is_forgotten(start_server):
    """After all clients have gone, the worker has as many open files as before."""
    server = start_server()
    pid = server.request("GET", "/v1/modules", token="good")[1]["pid"]
    for _ in range(5):
        server.request("GET", "/v1/echo", token="good")
    before = open_files(pid)
    for data in (b"", b"GET", ECHO, b"GET / HTTP/1.1\n\n", b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"):
        for _ in range(10):
            with server.connect() as connection:
                connection.sendall(data)
    until(lambda: open_files(pid) <= before + 1, what="connections stay open")


def open_files(pid: int) -> int:
    import os

    return len(os.listdir(f"/proc/{pid}/fd"))
