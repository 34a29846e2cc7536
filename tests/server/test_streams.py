"""Bodies and answers that are never in memory as a whole, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.harness import ServerProcess, until

TOKEN = {"X-Auth-Token": "good"}
MIB = 1 << 20
SIZE = 100 * MIB


@contextlib.contextmanager
def connected(server: ServerProcess) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        yield connection


def peak(pid: int) -> int:
    """Return the most memory that a process has had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def worker(server: ServerProcess) -> int:
    with connected(server) as connection:
        connection.request("GET", "/v1/modules", headers=TOKEN)
        return int(json.load(connection.getresponse())["pid"])


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // MIB):
        yield bytes(MIB)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/upload"), ("PUT", "/v1/upload/a%20b/part")])
def test_a_large_body_is_never_in_memory(server: ServerProcess, method: str, path: str, chunked: bool) -> None:
    pid = worker(server)
    before = peak(pid)
    with connected(server) as connection:
        headers = TOKEN if chunked else TOKEN | {"Content-Length": str(SIZE)}
        connection.request(method, path, pieces(SIZE), headers, encode_chunked=chunked)
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)) == (200, {"bytes": SIZE})
        connection.request("GET", "/v1/modules", headers=TOKEN)
        assert json.load(connection.getresponse())["pid"] == pid
    assert worker(server) == pid
    assert peak(pid) - before < 16 * MIB


def test_a_body_above_the_limit_of_its_route_is_refused(server: ServerProcess) -> None:
    with connected(server) as connection:
        connection.request("POST", "/v1/upload", b"x", TOKEN | {"Content-Length": str(1 << 29)})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (400, b"Body is larger than 268435456 bytes")


def test_nobody_sends_a_large_body_without_a_login(server: ServerProcess) -> None:
    with connected(server) as connection:
        connection.request("POST", "/v1/upload", b"x", {"Content-Length": str(SIZE)})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (401, "close")


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_follow_each_other_on_one_connection(server: ServerProcess, chunked: bool) -> None:
    with connected(server) as connection:
        connection.connect()
        port = connection.sock.getsockname()
        for size in (1, 3 * MIB, 5, 2 * MIB, 0, MIB):
            body = iter([b"x" * size]) if chunked else b"x" * size
            connection.request("POST", "/v1/upload", body, TOKEN, encode_chunked=chunked)
            answer = connection.getresponse()
            assert (answer.status, json.load(answer)) == (200, {"bytes": size})
            assert connection.sock.getsockname() == port


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1 << 10, 1 << 15, 1 << 19, 2 * MIB])
def test_a_request_may_come_right_behind_a_body(server: ServerProcess, size: int, chunked: bool) -> None:
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    head = b"POST /v1/upload HTTP/1.1\r\nHost: x\r\nX-Auth-Token: good\r\n" + framing + b"\r\n\r\n"
    body = b"%x\r\n" % size + bytes(size) + b"\r\n0\r\n\r\n" if chunked else bytes(size)
    last = b"GET /v1/echo HTTP/1.1\r\nHost: x\r\nX-Auth-Token: good\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall((head + body) * 3 + last)
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 4
    assert received.count(b'{"bytes":%d}' % size) == 3


def test_small_bodies_take_no_place_of_large_ones(server: ServerProcess) -> None:
    large = b"POST /v1/upload HTTP/1.1\r\nHost: x\r\nX-Auth-Token: good\r\nContent-Length: %d\r\n\r\n" % SIZE
    with contextlib.ExitStack() as held:
        for _ in range(16):
            begun = held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            begun.sendall(large)
        with connected(server) as connection:
            connection.request("POST", "/v1/upload", b"x", TOKEN)
            assert connection.getresponse().status == 200


def test_events_are_sent_one_by_one(server: ServerProcess) -> None:
    with connected(server) as connection:
        connection.request("GET", "/v1/events?count=2", headers=TOKEN)
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "text/event-stream"
        wanted = "event: count\nid: 0\ndata: number\u20280\n\nevent: count\nid: 1\ndata: number\u20281\n\n"
        assert answer.read().decode() == wanted


def test_a_stream_that_raises_breaks_off_and_harms_nobody(server: ServerProcess) -> None:
    for _ in range(12):
        with connected(server) as connection:
            connection.request("GET", "/v1/half", headers=TOKEN)
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                connection.getresponse().read()
    with connected(server) as connection:
        connection.request("GET", "/v1/echo", headers=TOKEN)
        assert connection.getresponse().status == 200


def test_streams_are_limited_and_come_free_again(server: ServerProcess) -> None:
    def status() -> int:
        with connected(server) as connection:
            connection.request("GET", "/v1/hold", headers=TOKEN)
            return connection.getresponse().status

    with contextlib.ExitStack() as held:
        for _ in range(8):
            connection = held.enter_context(connected(server))
            connection.request("GET", "/v1/hold", headers=TOKEN)
            assert connection.getresponse().read(1) == b"."
        assert status() == 503
        with connected(server) as connection:
            connection.request("GET", "/v1/echo", headers=TOKEN)
            assert connection.getresponse().status == 200
    until(lambda: status() == 200)


def test_a_stream_ends_with_the_access_of_its_reader_also_while_nothing_comes(
    server: ServerProcess, tmp_path: Path
) -> None:
    credential = TOKEN | {"X-Until": str(tmp_path / "withdrawn")}
    with connected(server) as hold, connected(server) as silent:
        hold.request("GET", "/v1/hold", headers=credential)
        silent.request("GET", "/v1/silent", headers=credential)
        answers = [connection.getresponse() for connection in (hold, silent)]
        assert answers[1].readline().endswith(b"\n")
        (tmp_path / "withdrawn").touch()
        begin = time.monotonic()
        for answer in answers:
            with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
                answer.read()
        assert time.monotonic() - begin < 5.0


def test_asking_for_the_head_of_a_stream_takes_no_place(server: ServerProcess) -> None:
    for _ in range(12):
        with connected(server) as connection:
            connection.request("HEAD", "/other/hold", headers=TOKEN)
            assert connection.getresponse().status == 200


def test_each_api_names_its_own_server(server: ServerProcess) -> None:
    for path, name in (("/v1/echo", "Hanami"), ("/other/note", "Other/2"), ("/other/nothing", "Other/2")):
        with connected(server) as connection:
            connection.request("GET", path, headers=TOKEN)
            answer = connection.getresponse()
            assert answer.headers.get_all("Server") == [name]
