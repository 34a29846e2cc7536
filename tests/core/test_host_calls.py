"""Calls of a host over its real socket: answers, errors of the other side, ends and long messages."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from hanami_core import localsocket
from hanami_core.errors import Conflict, InternalError, PluginError, Unavailable
from hanami_core.host_calls import SIZE_BYTES, HostCalls, HostCallServer, Piece

HOST = "cpu0"


class Sidecar:
    """A process that answers, as far as calls are concerned."""

    def __init__(self, data_dir: Path) -> None:
        self.calls, self.disconnects = HostCalls(data_dir), 0
        for name, function in (("echo", list), ("refuse", _refuse), ("break", _break), ("end", _end)):
            self.calls.offer(name, function)
        self.settings, self.database = SimpleNamespace(data_dir=data_dir), self
        self.server = HostCallServer(self._runtime(), HOST)
        self.server.start()

    def _runtime(self) -> Any:
        return SimpleNamespace(host_calls=self.calls, settings=self.settings, database=self.database)

    def disconnect(self) -> None:
        self.disconnects += 1


def _refuse(pieces: Sequence[Piece]) -> list[Piece]:
    raise Conflict("busy", what=str(pieces[0], "utf-8"), limit=3, where=Path("somewhere"))


def _break(_: Sequence[Piece]) -> list[Piece]:
    raise ZeroDivisionError


def _end(_: Sequence[Piece]) -> list[Piece]:
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
    large = bytes(range(256)) * 40_000
    for pieces in ([], [b""], [b"a"], [large], [b"a", b"", large, b"bc", bytearray(large), memoryview(large)]):
        assert caller.ask(HOST, "echo", pieces, 10) == pieces


def test_pieces_come_to_aligned_addresses(caller: HostCalls) -> None:
    for size in (8, 1 << 12, 1 << 20):
        for piece in caller.ask(HOST, "echo", [b"abc", bytes(size), b"d", bytes(size)], 10):
            assert np.frombuffer(piece, np.uint8).ctypes.data % 8 == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",  # a head that is too large
        b"\0\0\0\1\xc1",  # no msgpack
        b"\0\0\0\3\x92\x90\1",  # a name that is no text
        b"\0\0\0\x0a\x92\x91\xd1\xff\x00\xa4echo",  # a negative size
        b"\0\0\0\x0c\x92\x91\xce\x7f\xff\xff\xff\xa4echo",  # too large a piece
        b"\0\0\0\7\x92\x90\xa4echomore",  # more than it says
    ],
)
def test_a_message_that_is_none_ends_its_connection_only(
    tmp_path: Path, caller: HostCalls, sidecar: Sidecar, sent: bytes
) -> None:
    with localsocket.connect(socket.SOCK_STREAM, localsocket.calls_path(tmp_path, HOST)) as connection:
        connection.sendall(sent)
        assert connection.recv(1) == b""
    assert caller.ask(HOST, "echo", [b"still"], 10) == [b"still"]


def test_many_ask_at_once(caller: HostCalls) -> None:
    bodies = [[b"%d" % number] for number in range(200)]
    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(lambda body: caller.ask(HOST, "echo", body, 10), bodies)) == bodies


def test_an_error_of_the_other_side_is_one_of_the_caller(caller: HostCalls) -> None:
    with pytest.raises(Conflict) as caught:
        caller.ask(HOST, "refuse", [b"it"], 10)
    assert (caught.value.code, caught.value.parameters) == ("busy", {"what": "it", "limit": 3, "where": "somewhere"})


@pytest.mark.parametrize("name", ["break", "end", "unknown"])
def test_a_defect_of_the_other_side_is_told_without_details(
    caller: HostCalls, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InternalError) as caught:
        caller.ask(HOST, name, [b""], 10)
    (record,) = [one for one in caplog.records if one.name == "hanami.calls"]
    assert caught.value.parameters == {"identity": record.__dict__["identity"]}
    assert caller.ask(HOST, "echo", [b"still"], 10) == [b"still"]


def test_a_host_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for calls in (HostCalls(tmp_path), HostCalls(tmp_path / "nowhere")):
        with pytest.raises(Unavailable) as caught:
            calls.ask(HOST, "echo", [b""], 10)
        assert caught.value.parameters == {"host": HOST, "retry_after": 1}


def test_a_sidecar_that_was_started_again_is_found(tmp_path: Path, caller: HostCalls, sidecar: Sidecar) -> None:
    path = localsocket.calls_path(tmp_path, HOST)
    sidecar.server.stop()
    with localsocket.bind(socket.SOCK_STREAM, path) as former:
        former.listen()
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(caller.ask, HOST, "echo", [b"first"], 10)
            connection, _ = former.accept()
            with connection:
                connection.recv(1 << 16)
                head = msgspec.msgpack.encode([[5], 0, "", {}])
                connection.sendall(len(head).to_bytes(SIZE_BYTES, "big") + head + b"first")
                assert asked.result(10) == [b"first"]
    again = Sidecar(tmp_path)
    assert caller.ask(HOST, "echo", [b"second"], 10) == [b"second"]
    again.server.stop()


def test_one_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with localsocket.bind(socket.SOCK_STREAM, localsocket.calls_path(tmp_path, HOST)) as silent:
        silent.listen()
        with pytest.raises(Unavailable):
            HostCalls(tmp_path).ask(HOST, "echo", [b""], 0.05)


def test_a_process_asks_itself_without_a_socket(tmp_path: Path) -> None:
    calls = HostCalls(tmp_path)
    calls.offer("echo", list)
    calls.here = HOST
    assert calls.ask(HOST, "echo", [b"a"], 1) == [b"a"]
    with pytest.raises(PluginError, match="two plugins offer the call echo"):
        calls.offer("echo", list)
