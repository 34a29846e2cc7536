"""What a client does not read is kept, and makes no thread wait unless much more of it is made."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_server.buffered_socket import AHEAD, BufferedSocket, WaitSlots

BUFFER = 1 << 14


@pytest.fixture
def pair() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    first, second = socket.socketpair()
    for end in (first, second):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    sock = BufferedSocket(first, WaitSlots(1))
    sock.settimeout(10)
    second.settimeout(10)
    with sock, second:
        yield sock, second


def read(client: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        data += client.recv(count - len(data))
    return bytes(data)


def pattern(count: int, begin: int = 0) -> bytes:
    return bytes((begin + number) % 251 for number in range(count))


def test_what_a_client_takes_is_sent_at_once(pair) -> None:
    sock, client = pair
    sock.sendall(b"hello")
    sock.sendall(b"")
    assert sock.unsent == 0
    assert read(client, 5) == b"hello"


def test_a_head_goes_with_what_follows_it(pair) -> None:
    sock, client = pair
    sock.hold()
    sock.sendall(b"head,")
    assert sock.unsent == 5
    sock.sendall(b"body,")
    assert sock.unsent == 0
    sock.sendall(b"more")
    assert client.recv(10) == b"head,body,"
    assert client.recv(10) == b"more"


def test_a_head_that_nothing_follows_goes_at_the_end(pair) -> None:
    sock, client = pair
    sock.hold()
    sock.sendall(b"head")
    assert sock.flush()
    assert client.recv(10) == b"head"
    sock.sendall(b"more")
    assert client.recv(10) == b"more"


def test_many_small_pieces_are_kept_and_sent_in_order(pair) -> None:
    sock, client = pair
    sock.sendall(pattern(AHEAD))
    pieces = [pattern(1 + number % 7, number) for number in range(300)]
    for piece in pieces:
        sock.sendall(piece)
    found = bytearray()
    while not sock.flush():
        found += client.recv(1 << 20)
    expected = pattern(AHEAD) + b"".join(pieces)
    found += read(client, len(expected) - len(found))
    assert bytes(found) == expected


def test_the_rest_is_kept_in_order_and_sent_when_the_client_reads(pair) -> None:
    sock, client = pair
    data = [pattern(AHEAD // 2, begin) for begin in range(3)]
    for piece in data[:2]:
        sock.sendall(piece)
    assert sock.unsent > 0
    found = bytearray()
    while not sock.flush():
        found += client.recv(1 << 20)
    assert sock.unsent == 0
    found += read(client, len(data[0]) + len(data[1]) - len(found))
    assert bytes(found) == data[0] + data[1]


def test_whoever_is_far_ahead_waits_for_the_client(pair) -> None:
    sock, client = pair
    sock.sendall(pattern(2 * AHEAD))
    writer = threading.Thread(target=sock.sendall, args=[b"end"])
    writer.start()
    assert read(client, 2 * AHEAD) == pattern(2 * AHEAD)
    assert read(client, 3) == b"end"
    writer.join(10)
    assert not writer.is_alive()


def test_a_client_that_reads_nothing_breaks_the_connection(pair) -> None:
    sock, _client = pair
    sock.settimeout(0.05)
    sock.sendall(pattern(2 * AHEAD))
    with pytest.raises(TimeoutError):
        sock.sendall(b"more")


def test_only_few_threads_wait() -> None:
    slots = WaitSlots(1)
    with slots.used(), pytest.raises(ConnectionAbortedError), slots.used():
        pass
    with slots.used():
        pass


def test_a_file_follows_what_was_kept(pair, tmp_path: Path) -> None:
    sock, client = pair
    path = tmp_path / "file"
    path.write_bytes(pattern(AHEAD, 7))
    sock.sendall(pattern(AHEAD // 2))

    def send() -> None:
        with path.open("rb") as file:
            sock.sendfile(file)

    writer = threading.Thread(target=send)
    writer.start()
    assert read(client, AHEAD // 2 + AHEAD) == pattern(AHEAD // 2) + pattern(AHEAD, 7)
    writer.join(10)


def test_a_client_that_is_gone_is_an_error(pair) -> None:
    sock, client = pair
    sock.sendall(pattern(AHEAD))
    client.close()
    with pytest.raises(OSError, match=r"pipe|reset"):
        sock.flush()
