"""F21 plugin hangs: a call over its limit is given up with a word in the log, others go on, its process is replaced."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.server.conftest import env, launch, start_server
from tests.server.harness import ServerProcess, descendants, until

__all__ = ["env", "launch", "start_server"]

HEADERS = {"X-Auth-Token": "good"}


class Caller(threading.Thread):
    """Makes one call and notes its end."""

    def __init__(self, server: ServerProcess, path: str, method: str = "GET") -> None:
        super().__init__(daemon=True)
        self.outcome: object = None
        self._server, self._path, self._method = server, path, method
        self._body = None if method == "GET" else {}
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self._server.request(self._method, self._path, self._body, token="good")[0]
        except (OSError, http.client.HTTPException) as error:
            self.outcome = type(error).__name__


@pytest.fixture(scope="module")
def running(launch) -> Iterator[ServerProcess]:
    with launch(http__handler_timeout=1.5, http__threads=4, http__workers=1) as found:
        yield found


@pytest.fixture
def server(running: ServerProcess) -> ServerProcess:
    """A server on which nothing hangs, whatever others have called."""
    until(lambda: answers(running) and len(descendants(running.child("api"))) == 1, 10)
    (running.data_dir / "hangs").unlink(missing_ok=True)
    return running


@contextlib.contextmanager
def stream(server: ServerProcess) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/v1/hold", headers=HEADERS)
        yield connection.getresponse()


def answers(server: ServerProcess) -> bool:
    with contextlib.suppress(OSError):
        return bool(server.request("GET", "/v1/echo", token="good", timeout=5)[0] == 200)
    return False


def complaints(server: ServerProcess) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in server.text().splitlines() if line.startswith("{")]
    return [line for line in lines if "hangs" in str(line.get("event", line.get("message", "")))]


def test_calls_that_hang_in_all_threads_cost_a_moment(server: ServerProcess) -> None:
    callers = [Caller(server, "/v1/hang") for _ in range(6)]
    until(lambda: (server.data_dir / "hangs").exists())
    begin = time.monotonic()
    until(lambda: answers(server), 20, "the server does not answer again")
    assert time.monotonic() - begin < 10
    for caller in callers:
        caller.join(10)
    assert {caller.outcome for caller in callers} <= {"RemoteDisconnected", "ConnectionResetError", 503}
    found = complaints(server)
    assert {(line["request"], line["seconds"] >= 1) for line in found} == {("GET /v1/hang", True)}
    assert all("server_stub.py:" in str(line["where"]) or "threading.py:" in str(line["where"]) for line in found)


def test_an_observer_that_hangs_costs_no_more_than_a_call(server: ServerProcess) -> None:
    """Its hook is called in the threads that answer; as many calls meet it as there are threads, and more."""
    before = len(complaints(server))
    callers = [Caller(server, "/v1/watched", "POST") for _ in range(6)]
    until(lambda: len(complaints(server)) > before, 20)
    until(lambda: answers(server), 20, "the server does not answer again")
    for caller in callers:
        caller.join(10)
    assert 200 not in {caller.outcome for caller in callers}
    assert {line["request"] for line in complaints(server)[before:]} == {"POST /v1/watched"}


def test_others_in_the_same_process_go_on(server: ServerProcess) -> None:
    before = len(complaints(server))
    with stream(server) as held:
        assert held.read(1) == b"."
        hanging = Caller(server, "/v1/hang")
        hanging.join(10)
        assert hanging.outcome == "RemoteDisconnected"
        until(lambda: answers(server), 10)
        assert held.read(100) == b"." * 100  # two seconds more, and the stream is older than any call may be
    assert len(complaints(server)) == before + 1


def test_whoever_connects_to_a_process_that_is_replaced_is_answered(server: ServerProcess) -> None:
    hanging = Caller(server, "/v1/hang")
    while True:
        connection = socket.create_connection(("127.0.0.1", server.port), 10)
        hanging.join(0.05)
        if not hanging.is_alive():
            break
        connection.close()
    with connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_the_number_of_processes_stays(server: ServerProcess) -> None:
    pids = set()
    for _ in range(2):
        Caller(server, "/v1/hang").join(10)
        until(lambda: answers(server), 10)
        pids.add(server.request("GET", "/v1/modules", token="good")[1]["pid"])
    assert len(pids) == 2
    until(lambda: len(descendants(server.child("api"))) == 1, 10)
