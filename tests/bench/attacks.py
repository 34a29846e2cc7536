"""What one tenant does to keep others waiting, each in a process of its own that leaves the processors to the server.

An attack is a generator: what it needs is made before the first ``yield``, and it goes on for as long as its `Going`
says. Its load is bounded: what is tried is whether somebody has to wait for it, not how much the machine can do.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hanami_core.priority import LOWEST
from hanami_sdk import Client, DirectIO
from hanami_sdk._messages import Buffer, Process, encode_values
from hanami_sdk.hanami_exceptions import DirectIOException, HanamiException
from hanami_server.demo.scenario import TEMPLATE
from tests.service.wire import Wire

__all__ = ["ATTACKS", "PICTURE", "Place", "attack", "digits", "direct"]

HEAVY = TEMPLATE.replace("settings:\n", "settings:\n    blocks: 1024\n")
PICTURE, LABEL = [(n % 16 + 1) / 16 for n in range(784)], [1.0, 0.0]
VOLLEY = 6_000
"""Frames of a heavy network that are sent before an answer is read."""
SOCKETS = 12
SILENT, PIPELINED = 40, 30
"""Connections that read nothing, and requests on each of them."""
RENEWED = 2.0
"""Seconds after which connections that read nothing are opened anew."""
SMALL_WINDOW = 4096
LOGINS = 100
STRANGERS = 4
LONG = 6

Going = Callable[[], bool]
Attack = Iterator[None]


class Place(NamedTuple):
    """Where to attack: who the attacker is, and which cluster of the neighbour everybody may ask."""

    address: str
    user: str
    passphrase: str
    public: str

    @property
    def target(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.address)
        return str(parts.hostname), int(parts.port or 0)

    def client(self) -> Client:
        """Log in."""
        return Client(self.address, self.user, self.passphrase)

    def connect(self, source: str = "127.0.0.2") -> socket.socket:
        """Open a bare connection from an address of this machine, which takes little at a time."""
        bare = socket.socket()
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        bare.bind((source, 0))
        bare.settimeout(10.0)
        bare.connect(self.target)
        return bare


def attack(name: str, place: Place, orders: Connection) -> None:
    """Run an attack in this process: tell when it is prepared, begin when told to, and end when told to."""
    ended = threading.Event()
    steps = ATTACKS[name](place, lambda: not ended.is_set())
    next(steps)
    os.nice(LOWEST)
    orders.send("ready")
    orders.recv()

    def listen() -> None:
        with contextlib.suppress(EOFError):
            orders.recv()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    with contextlib.suppress(StopIteration):
        next(steps)


def digits(count: int) -> tuple[bytes, bytes]:
    """Return idx files of so many pictures without sense, and of their labels."""
    pictures, labels = os.urandom(count * len(PICTURE)), bytes(n % 10 for n in range(count))
    return struct.pack(">IIII", 2051, count, 28, 28) + pictures, struct.pack(">II", 2049, count) + labels


def direct(client: Client, name: str, template: str = TEMPLATE) -> str:
    """Return a cluster in direct mode that has seen one row."""
    uuid = client.create_cluster(name, template).uuid
    client.set_mode(uuid, "DIRECT")
    with DirectIO(client.open_socket("cluster", uuid, DirectIOException)) as live:
        live.train({"picture_hex": PICTURE}, {"label_hex": LABEL})
    return uuid


# -- the event loop of a host -----------------------------------------------------------------------------------------


def heavy_frames(place: Place, going: Going) -> Attack:
    """Let a network of 1024 blocks run through thousands of frames that were sent in one go."""
    frame = encode_values("label_hex", LABEL, True, Process.TRAIN, Buffer.EXPECTED)
    with place.client() as client:
        uuid = direct(client, "heavy", HEAVY)
        connection: Any = client.open_socket("cluster", uuid, DirectIOException)._connection
        fill = encode_values("picture_hex", PICTURE, False, Process.TRAIN, Buffer.INPUT)
        connection.send_binary(fill)
        connection.recv()
        yield
        sender = threading.Thread(target=_flood, args=(connection, frame, going), daemon=True)
        sender.start()
        while going():
            connection.recv()


def _flood(connection: Any, frame: bytes, going: Going) -> None:
    with contextlib.suppress(OSError):
        while going():
            for _ in range(VOLLEY):
                connection.send_binary(frame)


def closed_sockets(place: Place, going: Going) -> Attack:
    """Close sockets of a cluster, again and again, while a long training has it."""
    with place.client() as client:
        data = client.upload_mnist("digits", *digits(2_000))
        uuid = client.create_cluster("long", HEAVY).uuid
        yield
        client.train(uuid, {"picture_hex": data["picture"]}, {"label_hex": data["label"]}, wait=False)
        while going():
            with contextlib.ExitStack() as opened:
                for _ in range(SOCKETS):
                    found = client.open_socket("cluster", uuid, DirectIOException)
                    opened.callback(found.close)
            time.sleep(0.2)


def silent_sockets(place: Place, going: Going) -> Attack:
    """Ask over websockets and read no answers, or a few bytes now and then."""
    frame = encode_values("picture_hex", PICTURE, True, Process.REQUEST, Buffer.INPUT)
    with place.client() as client:
        uuid = direct(client, "silent")
        opened = [client.open_socket("cluster", uuid, DirectIOException) for _ in range(SILENT)]
        raw = [found._connection.sock for found in opened if found._connection is not None]
        data = b"".join(_masked(frame) for _ in range(PIPELINED))
        yield
        for one in raw:
            one.setblocking(False)
        while going():
            for one in raw:
                with contextlib.suppress(OSError):
                    one.send(data)
                with contextlib.suppress(OSError):
                    one.recv(64)
            time.sleep(0.02)


def _masked(payload: bytes) -> bytes:
    """Return a binary frame of a websocket with a mask of zeros."""
    size = len(payload)
    head = bytes([0x82, 0x80 | size]) if size < 126 else b"\x82\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + payload


# -- answers of REST --------------------------------------------------------------------------------------------------


def silent_readers(place: Place, going: Going) -> Attack:
    """Ask for the description of the API without a login, many times on many connections, and read nothing."""
    request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    yield
    while going():
        _ask_in_silence(place, going, request * PIPELINED, 0)


def slow_readers(place: Place, going: Going) -> Attack:
    """Ask for megabytes of values, and read them slowly."""
    with place.client() as client:
        data = client.upload_mnist("digits", *digits(2_000))
        token = Wire(place.address).login(place.user, place.passphrase)
    query = f"uuid={data.uuid}&column_name=picture&number_of_rows=1000&row_offset=0"
    request = f"GET /v1.0alpha/dataset/content?{query} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\n\r\n"
    yield
    while going():
        _ask_in_silence(place, going, request.encode(), 256, SILENT // 2)


def _ask_in_silence(place: Place, going: Going, data: bytes, piece: int, count: int = SILENT) -> None:
    """Send the same on some connections, read so many bytes now and then, and close them after a while."""
    with contextlib.ExitStack() as opened:
        found = [opened.enter_context(place.connect()) for _ in range(count)]
        for one in found:
            one.sendall(data)
            one.setblocking(False)
        end = time.monotonic() + RENEWED
        while going() and time.monotonic() < end:
            time.sleep(0.05)
            for one in found if piece else ():
                with contextlib.suppress(OSError):
                    one.recv(piece)


# -- logins -----------------------------------------------------------------------------------------------------------


def login_flood(place: Place, going: Going) -> Attack:
    """Send a hundred wrong logins at once, from one address."""
    yield
    while going():
        _wrong_logins(place, going, ["127.0.0.2"] * LOGINS)
        time.sleep(0.5)


def login_flood_from_everywhere(place: Place, going: Going) -> Attack:
    """Send wrong logins for many users all the time, each from an address of its own."""
    numbers = itertools.count()
    yield
    while going():
        _wrong_logins(place, going, [_address(n) for n in itertools.islice(numbers, LOGINS // 4)])


def _address(number: int) -> str:
    """Return one of many addresses of this machine."""
    return f"127.{2 + number // 62_500 % 200}.{number // 250 % 250}.{1 + number % 250}"


def _wrong_logins(place: Place, going: Going, sources: list[str]) -> None:
    """Log in from each address, and wait for all answers."""
    with contextlib.ExitStack() as opened, selectors.DefaultSelector() as selector:
        for number, source in enumerate(sources):
            body = json.dumps({"id": f"user_{number}", "password": "not the passphrase"})
            fields = "Host: x", "Connection: close", f"Content-Length: {len(body)}"
            one = opened.enter_context(place.connect(source))
            one.sendall("\r\n".join(["POST /v1.0alpha/token HTTP/1.1", *fields, "", body]).encode())
            selector.register(one, selectors.EVENT_READ)
        while selector.get_map() and going():
            for key, _ in selector.select(0.1):
                selector.unregister(key.fileobj)


# -- the queue --------------------------------------------------------------------------------------------------------


def strangers(place: Place, going: Going) -> Attack:
    """Ask the public cluster of the neighbour as often as is allowed."""
    with place.client() as client:
        data = client.upload_mnist("digits", *digits(50))
        yield
        while going():
            for _ in range(STRANGERS):
                with contextlib.suppress(HanamiException):
                    client.request(place.public, {"picture_hex": data["picture"]}, {"label_hex": "answer"}, wait=False)
            time.sleep(0.02)


def long_trainings(place: Place, going: Going) -> Attack:
    """Train as many networks at once as a host has room for, for longer than anybody likes to wait."""
    with place.client() as client:
        data = client.upload_mnist("digits", *digits(2_000))
        clusters = [client.create_cluster(f"long {number}", HEAVY) for number in range(LONG)]
        yield
        for cluster in clusters:
            client.train(
                cluster, {"picture_hex": data["picture"]}, {"label_hex": data["label"]}, epochs=100, wait=False
            )
        while going():
            time.sleep(0.1)
        for cluster in clusters:
            client.delete_cluster(cluster)


# -- descriptors and hosts --------------------------------------------------------------------------------------------


def anonymous_sockets(place: Place, going: Going) -> Attack:
    """Use up descriptors: connections that ask for nothing, and websockets that never say who they are."""
    yield
    while going():
        with contextlib.ExitStack() as opened:
            for number in range(300):
                if not going():
                    return
                with contextlib.suppress(OSError):
                    one = opened.enter_context(place.connect())
                    if number % 2:
                        one.sendall(_upgrade())
            time.sleep(1.0)


def websocket_requests(place: Place, going: Going) -> Attack:
    """Ask for a few hundred websockets at once."""
    yield
    while going():
        with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
            for _ in range(300):
                opened.enter_context(place.connect()).sendall(_upgrade())
            for _ in range(100):
                if going():
                    time.sleep(0.05)


def _upgrade() -> bytes:
    fields = "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    return "\r\n".join(["GET / HTTP/1.1", "Host: x", *fields, key, "", ""]).encode()


def nothing(place: Place, going: Going) -> Attack:
    """Do nothing: what harms is there already."""
    yield
    while going():
        time.sleep(0.1)


ATTACKS: dict[str, Callable[[Place, Going], Attack]] = {
    function.__name__: function
    for function in (
        heavy_frames,
        closed_sockets,
        silent_sockets,
        silent_readers,
        slow_readers,
        login_flood,
        login_flood_from_everywhere,
        strangers,
        long_trainings,
        nothing,
        anonymous_sockets,
        websocket_requests,
    )
}
