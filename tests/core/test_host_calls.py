"""Calls of a host over its real socket: answers, errors of the other side, ends and long messages."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hanami_core import localsocket
from hanami_core.errors import Conflict, InternalError, PluginError, Unavailable
from hanami_core.host_calls import SIZE_BYTES, HostCalls, HostCallServer

HOST = "cpu0"


class Sidecar:
    """A process that answers, as far as calls are concerned."""

    def __init__(self, data_dir: Path) -> None:
        self.calls, self.disconnects = HostCalls(data_dir), 0
        for name, function in (("echo", bytes), ("refuse", _refuse), ("break", _break), ("end", _end)):
            self.calls.offer(name, function)
        self.settings, self.database = SimpleNamespace(data_dir=data_dir), self
        self.server = HostCallServer(self._runtime(), HOST)
        self.server.start()

    def _runtime(self) -> Any:
        return SimpleNamespace(host_calls=self.calls, settings=self.settings, database=self.database)

    def disconnect(self) -> None:
        self.disconnects += 1


def _refuse(body: bytes) -> bytes:
    raise Conflict("busy", what=body.decode(), limit=3, where=Path("somewhere"))


def _break(_: bytes) -> bytes:
    raise ZeroDivisionError


def _end(_: bytes) -> bytes:
    raise SystemExit(1)


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    running = Sidecar(tmp_path)
    yield running
    running.server.stop()


@pytest.fixture
def caller(tmp_path: Path, sidecar: Sidecar) -> Iterator[HostCalls]:
    calls = HostCalls(tmp_path)
    yield calls
    calls.close()


def test_answers_come_back(caller: HostCalls) -> None:
    for body in (b"", b"a", bytes(range(256)) * 40_000):
        assert caller.ask(HOST, "echo", body, 10) == body


def test_many_ask_at_once(caller: HostCalls) -> None:
    bodies = [b"%d" % number for number in range(200)]
    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(lambda body: caller.ask(HOST, "echo", body, 10), bodies)) == bodies


def test_an_error_of_the_other_side_is_one_of_the_caller(caller: HostCalls) -> None:
    with pytest.raises(Conflict) as caught:
        caller.ask(HOST, "refuse", b"it", 10)
    assert (caught.value.code, caught.value.parameters) == ("busy", {"what": "it", "limit": 3, "where": "somewhere"})


@pytest.mark.parametrize("name", ["break", "end", "unknown"])
def test_a_defect_of_the_other_side_is_told_without_details(
    caller: HostCalls, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InternalError) as caught:
        caller.ask(HOST, name, b"", 10)
    (record,) = [one for one in caplog.records if one.name == "hanami.calls"]
    assert caught.value.parameters == {"identity": record.__dict__["identity"]}
    assert caller.ask(HOST, "echo", b"still", 10) == b"still"


def test_a_host_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for calls in (HostCalls(tmp_path), HostCalls(tmp_path / "nowhere")):
        with pytest.raises(Unavailable) as caught:
            calls.ask(HOST, "echo", b"", 10)
        assert caught.value.parameters == {"host": HOST, "retry_after": 1}


def test_a_sidecar_that_was_started_again_is_found(tmp_path: Path, caller: HostCalls, sidecar: Sidecar) -> None:
    path = localsocket.calls_path(tmp_path, HOST)
    sidecar.server.stop()
    with localsocket.bind(socket.SOCK_STREAM, path) as former:
        former.listen()
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(caller.ask, HOST, "echo", b"first", 10)
            connection, _ = former.accept()
            with connection:
                connection.recv(1 << 16)
                answer = sidecar.calls.answer(b"\x92\xa4echo\xc4\x05first")
                connection.sendall(len(answer).to_bytes(SIZE_BYTES, "big") + answer)
                assert asked.result(10) == b"first"
    again = Sidecar(tmp_path)
    assert caller.ask(HOST, "echo", b"second", 10) == b"second"
    again.server.stop()


def test_one_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with localsocket.bind(socket.SOCK_STREAM, localsocket.calls_path(tmp_path, HOST)) as silent:
        silent.listen()
        with pytest.raises(Unavailable):
            HostCalls(tmp_path).ask(HOST, "echo", b"", 0.05)


def test_a_process_asks_itself_without_a_socket(tmp_path: Path) -> None:
    calls = HostCalls(tmp_path)
    calls.offer("echo", bytes)
    calls.here = HOST
    assert calls.ask(HOST, "echo", b"a", 1) == b"a"
    with pytest.raises(PluginError, match="two plugins offer the call echo"):
        calls.offer("echo", bytes)
