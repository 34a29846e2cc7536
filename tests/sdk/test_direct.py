"""Direct IO: bytes on the wire, errors, idle connections, the way existing scripts use it."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from websockets.frames import Opcode

from hanami_sdk import (
    Client,
    ConflictException,
    ConnectionFailedException,
    DirectIOException,
    HanamiException,
    NotFoundException,
    UnauthorizedException,
    _messages,
    _socket,
    cluster,
    direct_io,
)
from hanami_sdk._socket import Socket

from .fake_server import TRAIN_ACK, TRAIN_DONE, C, FakeServer, Peer

FLUSH = b'{"flush": true}'
SHARED = ["DIRECT", "DIRECT", "TASK"]
"""Modes that `Client.direct` asks for: once more when it is connected, because others may have ended direct mode."""


def network(message: bytes) -> bytes | str:
    """Answer as a server does."""
    if message == FLUSH:
        return '{"success": true}'
    parsed = _messages.classes().cluster_io.FromString(message)
    if parsed.bufferName == "unknown":
        return '{"success":false,"error":"no such input"}'
    if not parsed.isLast:
        return TRAIN_ACK
    if parsed.processType == 1:
        return TRAIN_DONE
    return _messages.encode_values("label_hex", [2 * value for value in parsed.values], False, 0, 0)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def direct_routes(server: FakeServer) -> None:
    server.on("PUT", "/cluster/set_mode", {"uuid": C})
    server.answer_frame = network


def modes(server: FakeServer) -> list[str]:
    return [request.body["new_state"] for request in server.requests if request.path.endswith("set_mode")]


def test_script_of_the_manual(server: FakeServer) -> None:
    async def main() -> list[float]:
        ws = await cluster.switch_to_direct_mode("tok", server.address, C, verify_connection=False)
        await direct_io.send_train_input(ws, "test_input", [0.0, 2.0], True, False)
        await direct_io.send_train_input(ws, "test_output", [1.0], False, True, verify_connection=False)
        assert await direct_io.send_request_input(ws, "test_input", [1.0, 3.0], False) is None
        answer = await direct_io.send_request_input(ws, "test_input", [1.0, 3.0], True)
        await ws.close()
        await ws.close()
        cluster.switch_to_task_mode("tok", server.address, C)
        return list(answer)

    assert asyncio.run(main()) == [2.0, 6.0]
    assert modes(server) == ["DIRECT", "TASK"]
    assert server.openings == [{"token": "tok", "target": "cluster", "uuid": C}]
    given, wanted = b"test_input".hex(), b"test_output".hex()
    assert [frame.hex() for frame in server.frames] == [
        f"0a0a{given}180128023208" + struct.pack("<2f", 0, 2).hex(),
        f"0a0b{wanted}10011801200228013204" + struct.pack("<f", 1).hex(),
        f"0a0a{given}28023208" + struct.pack("<2f", 1, 3).hex(),
        f"0a0a{given}100128023208" + struct.pack("<2f", 1, 3).hex(),
    ]


def test_training_as_the_manual_prints_it(server: FakeServer) -> None:
    """The manual gives four arguments: without `is_input`, the one before the last is `is_last`."""

    async def main() -> None:
        ws = await cluster.switch_to_direct_mode("tok", server.address, C)
        await direct_io.send_train_input(ws, "test_input", [0.0, 2.0], False)
        await direct_io.send_train_input(ws, "test_output", [1.0], True)
        await ws.close()

    asyncio.run(main())
    given, wanted = [_messages.classes().cluster_io.FromString(frame) for frame in server.frames]
    assert (given.bufferName, given.isLast, given.processType, given.targetBufferType) == ("test_input", False, 1, 0)
    assert (wanted.bufferName, wanted.isLast, wanted.processType, wanted.targetBufferType) == (
        "test_output",
        True,
        1,
        2,
    )


def test_event_loop_goes_on_while_the_network_works(server: FakeServer) -> None:
    began = threading.Event()

    def slow(message: bytes) -> bytes:
        began.set()
        server.released.wait(10)
        return TRAIN_ACK

    server.answer_frame = slow

    async def main() -> None:
        ws = await cluster.switch_to_direct_mode("tok", server.address, C)
        sending = asyncio.create_task(direct_io.send_train_input(ws, "x", [1.0], True, False))
        while not began.is_set():
            await asyncio.sleep(0)
        assert not sending.done()
        server.released.set()
        await sending
        await ws.close()

    asyncio.run(main())


def test_client(server: FakeServer, client: Client) -> None:
    with client.direct(C) as live:
        live.train({"a": [1.0], "b": (2,)}, {"label": np.eye(2)[0]})
        assert live.request({"a": np.array([[1], [2]], dtype=np.uint8)}) == [2.0, 4.0]
        assert live.request({"a": [7.0], "b": [5.0]}) == [10.0]
    assert modes(server) == SHARED
    frames = [_messages.classes().cluster_io.FromString(frame) for frame in server.frames]
    assert [(f.bufferName, f.isLast, f.processType, f.targetBufferType, list(f.values)) for f in frames] == [
        ("a", False, 1, 0, [1.0]),
        ("b", False, 1, 0, [2.0]),
        ("label", True, 1, 2, [1.0, 0.0]),
        ("a", True, 0, 0, [1.0, 2.0]),
        ("a", False, 0, 0, [7.0]),
        ("b", True, 0, 0, [5.0]),
    ]
    with pytest.raises(ConnectionFailedException, match="closed"):
        live.request({"a": [1.0]})


def test_flush(server: FakeServer, client: Client) -> None:
    async def main() -> None:
        ws = await cluster.switch_to_direct_mode("tok", server.address, C, verify_connection=False)
        await direct_io.flush(ws)
        await ws.close()

    with client.direct(C) as live:
        live.flush()
    asyncio.run(main())
    assert server.frames == [FLUSH, FLUSH]


@pytest.mark.parametrize("answer", ['{"success":false,"error":"The disk is full"}', "The disk is full", TRAIN_ACK])
def test_flush_that_stores_nothing_is_an_error(server: FakeServer, client: Client, answer: bytes | str) -> None:
    with client.direct(C) as live:
        server.answer_frame = lambda message: answer
        with pytest.raises(DirectIOException, match=None if isinstance(answer, bytes) else "The disk is full"):
            live.flush()
        server.answer_frame = network
        live.flush()


def test_nothing_to_send(client: Client) -> None:
    with client.direct(C) as live, live:
        for inputs, outputs in (({}, {"a": [1.0]}), ({"a": [1.0]}, {})):
            with pytest.raises(ValueError, match="at least one"):
                live.train(inputs, outputs)
        with pytest.raises(ValueError, match="at least one"):
            live.request({})


def test_error_keeps_the_connection(server: FakeServer, client: Client) -> None:
    with client.direct(C) as live:
        with pytest.raises(DirectIOException, match=r"^no such input$"):
            live.train({"unknown": [1.0]}, {"label": [1.0]})
        assert live.request({"a": [1.0]}) == [2.0]
    assert len(server.frames) == 2, "after an error nothing more of the sample may be sent"


def test_error_of_another_shape(server: FakeServer, client: Client) -> None:
    server.answer_frame = lambda message: "plain words"
    with client.direct(C) as live, pytest.raises(DirectIOException, match=r"^plain words$"):
        live.request({"a": [1.0]})


def test_mode_is_switched_back_after_an_error(server: FakeServer, client: Client) -> None:
    with pytest.raises(KeyError), client.direct(C):
        raise KeyError
    assert modes(server) == SHARED


def test_failure_to_switch_back_does_not_hide_an_error(server: FakeServer, client: Client) -> None:
    def fail_twice() -> None:
        with client.direct(C):
            server.on("PUT", "/cluster/set_mode", status=500)
            raise KeyError

    with pytest.raises(KeyError):
        fail_twice()
    assert modes(server) == SHARED


def test_failure_to_switch_back_is_told(server: FakeServer, client: Client) -> None:
    with pytest.raises(ConflictException), client.direct(C):
        server.on("PUT", "/cluster/set_mode", "busy", status=409)


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        ('{"success":false,"error":"Cluster with UUID \'c\' not found"}', NotFoundException, "not found"),
        (b'{"success":false,"error":"Token invalid"}', UnauthorizedException, "Token invalid"),
        (b'{"success":false,"error":"Internal error"}', HanamiException, "Internal error"),
        (b'{"success":false}', HanamiException, "without giving a reason"),
        (b'{"success":1}', HanamiException, "without giving a reason"),
        (b"{}", ConnectionFailedException, "not understood"),
        (b"[]", ConnectionFailedException, "not understood"),
        (b"\xff", ConnectionFailedException, "not understood"),
    ],
)
def test_refused_opening(server: FakeServer, answer: bytes | str, kind: type[HanamiException], text: str) -> None:
    server.opening_answer = answer
    with pytest.raises(kind, match=text) as caught:
        asyncio.run(cluster.switch_to_direct_mode("tok", server.address, C))
    assert type(caught.value) is kind
    assert modes(server) == ["DIRECT", "TASK"], "a cluster must not stay in direct mode without a connection"


def test_conflict_opens_no_websocket(server: FakeServer, client: Client) -> None:
    server.on("PUT", "/cluster/set_mode", "tasks are queued", status=409)
    with pytest.raises(ConflictException), client.direct(C):
        raise AssertionError
    assert server.peers == []
    assert modes(server) == ["DIRECT"]


def test_time_out_closes_the_connection(server: FakeServer) -> None:
    server.answer_frame = lambda message: None
    with Client(server.address, "asdf", "asdfasdf", timeout=0.1) as client, client.direct(C) as live:
        with pytest.raises(ConnectionFailedException, match="timed out"):
            live.request({"a": [1.0]})
        with pytest.raises(ConnectionFailedException, match="closed"):
            live.request({"a": [1.0]})


def test_interrupted_exchange_closes_the_connection(
    server: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client.direct(C) as live:
        connection: Any = live._socket._connection

        def interrupt() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(connection, "recv_data", interrupt)
        with pytest.raises(KeyboardInterrupt):
            live.request({"a": [1.0]})
        with pytest.raises(ConnectionFailedException, match="closed"):
            live.request({"a": [1.0]})


def test_pings_are_answered_while_idle(server: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_socket, "KEEP_ALIVE_PERIOD", 0.005)
    pongs: list[bytes] = []
    answered = threading.Event()

    def ping_twice(peer: Peer) -> None:
        for _ in range(2):
            peer.ping()
            frame = peer.event()
            assert frame is not None
            assert frame.opcode is Opcode.PONG
            pongs.append(bytes(frame.data))
        answered.set()
        FakeServer._exchange(server, peer)

    server.talk = ping_twice
    with client.direct(C) as live:
        assert answered.wait(10)
        assert live.request({"a": [1.0]}) == [2.0]
    assert pongs == [b"there?", b"there?"]


@pytest.mark.parametrize("unasked", [lambda peer: peer.send(b"?"), lambda peer: peer.close(1001, "bye")])
def test_unasked_message_ends_an_idle_connection(
    server: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch, unasked: Any
) -> None:
    monkeypatch.setattr(_socket, "KEEP_ALIVE_PERIOD", 0.005)

    def talk(peer: Peer) -> None:
        unasked(peer)
        while peer.event():
            pass

    server.talk = talk
    with client.direct(C) as live:
        assert live._socket._closed.wait(10)
        with pytest.raises(ConnectionFailedException, match="closed"):
            live.request({"a": [1.0]})


def test_forgotten_connection_needs_no_thread(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_socket, "KEEP_ALIVE_PERIOD", 0.005)
    before = set(threading.enumerate())
    opened: Any = Socket.open(server.address, "tok", "cluster", C, DirectIOException, True, 10)
    opened.keep_alive()
    keepers = [thread for thread in set(threading.enumerate()) - before if thread.name == "hanami-keep-alive"]
    assert len(keepers) == 1
    opened._connection.close()
    gone = weakref.ref(opened)
    del opened
    gc.collect()
    keepers[0].join(10)
    assert not keepers[0].is_alive()
    assert gone() is None


def test_one_connection_from_many_threads(server: FakeServer, client: Client) -> None:
    with client.direct(C) as live:
        results: dict[int, list[float]] = {}

        def ask(number: int) -> None:
            for _ in range(20):
                results[number] = live.request({"a": [float(number)]})

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {number: [2.0 * number] for number in range(4)}


def test_small_messages_are_sent_at_once(client: Client) -> None:
    with client.direct(C) as live:
        connection: Any = live._socket._connection
        assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:11418", "ws://127.0.0.1:11418/"),
        ("http://127.0.0.1:11418/", "ws://127.0.0.1:11418/"),
        ("https://example.org", "wss://example.org/"),
        ("https://example.org/hanami/", "wss://example.org/hanami/"),
    ],
)
def test_address_of_the_websocket(address: str, url: str) -> None:
    assert _socket.websocket_url(address) == url


def test_no_websocket_there() -> None:
    with pytest.raises(ConnectionFailedException):
        Socket.open("http://127.0.0.1:9", "tok", "cluster", C, DirectIOException, True, 5)
