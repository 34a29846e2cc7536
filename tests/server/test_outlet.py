"""What a client does not read is kept, and makes no thread wait unless much more of it is made."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_server.outlet import AHEAD, Outlet, Patience

BUFFER = 1 << 14


@pytest.fixture
def pair() -> Iterator[tuple[Outlet, socket.socket]]:
    first, second = socket.socketpair()
    for end in (first, second):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    outlet = Outlet(first, Patience(1))
    outlet.settimeout(10)
    second.settimeout(10)
    with outlet, second:
        yield outlet, second


def read(client: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        data += client.recv(count - len(data))
    return bytes(data)


def pattern(count: int, begin: int = 0) -> bytes:
    return bytes((begin + number) % 251 for number in range(count))


def test_what_a_client_takes_is_sent_at_once(pair) -> None:
    outlet, client = pair
    outlet.sendall(b"hello")
    outlet.sendall(b"")
    assert outlet.unsent == 0
    assert read(client, 5) == b"hello"


def test_the_rest_is_kept_in_order_and_sent_when_the_client_reads(pair) -> None:
    outlet, client = pair
    data = [pattern(AHEAD // 2, begin) for begin in range(3)]
    for piece in data[:2]:
        outlet.sendall(piece)
    assert outlet.unsent > 0
    found = bytearray()
    while not outlet.flush():
        found += client.recv(1 << 20)
    assert outlet.unsent == 0
    found += read(client, len(data[0]) + len(data[1]) - len(found))
    assert bytes(found) == data[0] + data[1]


def test_whoever_is_far_ahead_waits_for_the_client(pair) -> None:
    outlet, client = pair
    outlet.sendall(pattern(2 * AHEAD))
    writer = threading.Thread(target=outlet.sendall, args=[b"end"])
    writer.start()
    assert read(client, 2 * AHEAD) == pattern(2 * AHEAD)
    assert read(client, 3) == b"end"
    writer.join(10)
    assert not writer.is_alive()


def test_a_client_that_reads_nothing_breaks_the_connection(pair) -> None:
    outlet, _client = pair
    outlet.settimeout(0.05)
    outlet.sendall(pattern(2 * AHEAD))
    with pytest.raises(TimeoutError):
        outlet.sendall(b"more")


def test_only_few_threads_wait() -> None:
    patience = Patience(1)
    with patience.used(), pytest.raises(ConnectionAbortedError), patience.used():
        pass
    with patience.used():
        pass


def test_a_file_follows_what_was_kept(pair, tmp_path: Path) -> None:
    outlet, client = pair
    path = tmp_path / "file"
    path.write_bytes(pattern(AHEAD, 7))
    outlet.sendall(pattern(AHEAD // 2))

    def send() -> None:
        with path.open("rb") as file:
            outlet.sendfile(file)

    writer = threading.Thread(target=send)
    writer.start()
    assert read(client, AHEAD // 2 + AHEAD) == pattern(AHEAD // 2) + pattern(AHEAD, 7)
    writer.join(10)


def test_a_client_that_is_gone_is_an_error(pair) -> None:
    outlet, client = pair
    outlet.sendall(pattern(AHEAD))
    client.close()
    with pytest.raises(OSError, match=r"pipe|reset"):
        outlet.flush()
