"""What the event loop of a host makes a quiet neighbour feel of others who ask much.

The neighbour asks a small network, one frame after the other, in this process. Others work in a process of their own,
so that what is measured is the server's loop and not that of the client. Quiet and busy rounds take turns, because
other programs may use the machine. ``python -m tests.bench.loop`` prints the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from websocket import WebSocket, create_connection
from websockets.asyncio.server import ServerConnection, serve

from hanami_sdk import Client, Cluster, DirectIO
from hanami_sdk._messages import Buffer, Process, encode_values
from hanami_sdk._sources import open_sources
from hanami_sdk._upload import send_file
from hanami_sdk.hanami_exceptions import DirectIOException
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer

THREADS = 4
SECONDS, ROUNDS = 1.0, 5
FRAMES, FRAME_ROUNDS = 100, 15
PICTURE, LABEL = [(n % 16 + 1) / 16 for n in range(784)], [1.0, 0.0]
LARGE = TEMPLATE.replace("settings:\n", "settings:\n    blocks: 336\n")
"""A network of 64 MiB once it knows pictures of 784 values."""
HEAVY = TEMPLATE.replace("settings:\n", "settings:\n    blocks: 1024\n")
UPLOAD = 60_000_000
PIPELINE = 100
"""Frames that a flood sends before it reads an answer."""

Login = tuple[str, str, str]
Load = Callable[[Login, str, Connection], None]


def ask(live: DirectIO, seconds: float) -> list[tuple[float, float]]:
    """Ask for some seconds, and return when each question began and how long its answer took."""
    times = []
    begin = end = time.perf_counter()
    while end < begin + seconds:
        start = time.perf_counter()
        live.request({"picture_hex": PICTURE})
        end = time.perf_counter()
        times.append((start, end - start))
    return times


def p50(times: list[tuple[float, float]]) -> float:
    """Return the milliseconds that half of the questions took at most."""
    return median(taken for _, taken in times) * 1e3


# -- what others do, in a process of their own ------------------------------------------------------------------------


def refused(login: Login, uuid: str, orders: Connection) -> None:
    """Send frames to a cluster in task mode from several threads; each one waits for its refusal."""
    _in_threads(login, uuid, orders, lambda live: _exchange(live))


def answered(login: Login, uuid: str, orders: Connection) -> None:
    """Send frames to a cluster in direct mode from several threads; each one waits for its answer."""
    _in_threads(login, uuid, orders, lambda live: live.request({"picture_hex": PICTURE}))


def _exchange(live: DirectIO) -> None:
    with contextlib.suppress(DirectIOException):
        live.request({"picture_hex": PICTURE})


def _in_threads(login: Login, uuid: str, orders: Connection, once: Callable[[DirectIO], object]) -> None:
    go, end = threading.Event(), threading.Event()

    def work(socket: Any) -> None:
        with DirectIO(socket) as live:
            while not end.is_set():
                if go.wait(0.01):
                    once(live)

    with Client(*login) as client:
        sockets = [client.open_socket("cluster", uuid, DirectIOException) for _ in range(THREADS)]
        threads = [threading.Thread(target=work, args=(socket,)) for socket in sockets]
        for thread in threads:
            thread.start()
        orders.send("ready")
        while (order := orders.recv()) != "end":
            go.set() if order == "go" else go.clear()
            orders.send("done")
        end.set()
        for thread in threads:
            thread.join()


def pipelined(login: Login, uuid: str, orders: Connection) -> None:
    """Send many frames at once before an answer is read; trains and asks in turn."""
    frame = encode_values("label_hex", LABEL, True, Process.TRAIN, Buffer.EXPECTED)
    with Client(*login) as client:
        socket = client.open_socket("cluster", uuid, DirectIOException)
        with DirectIO(socket) as live:
            live.train({"picture_hex": PICTURE}, {"label_hex": LABEL})
            orders.send("ready")
            connection = socket._connection
            assert connection is not None
            outstanding = 0
            while (order := orders.recv()) != "end":
                going = order == "go"
                orders.send("done")
                while going and not orders.poll():
                    while outstanding < PIPELINE:
                        connection.send_binary(frame)
                        outstanding += 1
                    connection.recv()
                    outstanding -= 1
                while outstanding:
                    connection.recv()
                    outstanding -= 1


def reopened(login: Login, uuid: str, orders: Connection) -> None:
    """Let a frame find a large network that was restored meanwhile, so that it has to be opened again."""
    with Client(*login) as client:
        client.set_mode(uuid, "DIRECT")
        socket = client.open_socket("cluster", uuid, DirectIOException)
        with DirectIO(socket) as live:
            live.train({"picture_hex": PICTURE}, {"label_hex": LABEL})
            client.set_mode(uuid, "TASK")
            checkpoint = client.save(uuid, "large")
            orders.send("ready")
            while orders.recv() != "end":
                client.restore(uuid, checkpoint)
                client.set_mode(uuid, "DIRECT")
                begin = time.perf_counter()
                live.request({"picture_hex": PICTURE})
                orders.send((begin, time.perf_counter()))
                client.set_mode(uuid, "TASK")


# -- measuring --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def beside(load: Load, login: Login, uuid: str) -> Iterator[Connection]:
    """Run a load in a process and provide the connection that orders go to."""
    with _beside(load, login, uuid) as orders:
        assert orders.recv() == "ready"
        yield orders


@contextlib.contextmanager
def _beside(work: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(*arguments, theirs))
    process.start()
    theirs.close()
    try:
        yield ours
        ours.send("end")
        process.join(30)
    finally:
        process.kill()


def compare(live: DirectIO, load: Load, login: Login, uuid: str, name: str) -> dict[str, float]:
    """Return the neighbour's time alone and beside a load, of rounds that take turns."""
    quiet, busy = [], []
    with beside(load, login, uuid) as orders:
        for _ in range(ROUNDS):
            quiet.append(p50(ask(live, SECONDS)))
            orders.send("go")
            assert orders.recv() == "done"
            busy.append(p50(ask(live, SECONDS)))
            orders.send("pause")
            assert orders.recv() == "done"
    return {
        f"{name}_quiet_ms": min(quiet),
        f"{name}_busy_ms": min(busy),
        f"{name}_ratio": median(b / q for b, q in zip(busy, quiet, strict=True)),
    }


def echo(orders: Connection) -> None:
    """Serve websockets that send back what they get, the least that a frame can cost, and tell the port."""

    async def answer(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async def main() -> None:
        async with serve(answer, "127.0.0.1", 0, compression=None) as server:
            orders.send(server.sockets[0].getsockname()[1])
            await asyncio.to_thread(orders.recv)

    asyncio.run(main())


@contextlib.contextmanager
def echoing() -> Iterator[WebSocket]:
    """Yield a connection to an echo in a process of its own."""
    with (
        _beside(echo) as orders,
        closing(create_connection(f"ws://127.0.0.1:{orders.recv()}", skip_utf8_validation=True)) as plain,
    ):
        yield plain


def measure_frames(client: Client, uuid: str) -> dict[str, float]:
    """Return how long frames take without any load, beside an echo of the same bytes; the two take turns."""
    ask = encode_values("picture_hex", PICTURE, True, Process.REQUEST, Buffer.INPUT)
    show = encode_values("picture_hex", PICTURE, False, Process.TRAIN, Buffer.INPUT)
    teach = encode_values("label_hex", LABEL, True, Process.TRAIN, Buffer.EXPECTED)
    figures = {}
    with echoing() as plain, closing(client.open_socket("cluster", uuid, DirectIOException)) as socket:
        for name, frames in {"request": [ask], "train": [show, teach]}.items():
            ours, least = [], []
            for _ in range(FRAME_ROUNDS):
                ours.append(_exchange_p50(socket._connection, frames))
                least.append(_exchange_p50(plain, frames))
            figures[f"{name}_frames_ms"] = min(ours)
            figures[f"{name}_frames_by_echo"] = min(ours) / min(least)
    return figures


def _exchange_p50(connection: Any, frames: list[bytes]) -> float:
    times = []
    for _ in range(FRAMES):
        begin = time.perf_counter()
        for frame in frames:
            connection.send_binary(frame)
            connection.recv()
        times.append((begin, time.perf_counter() - begin))
    return p50(times)


def measure_reopening(live: DirectIO, login: Login, uuid: str) -> dict[str, float]:
    """Return how long the neighbour waits at most while a large network is opened, and in a quiet time as long."""
    stalls, quiet, taken = [], [], []
    with beside(reopened, login, uuid) as orders:
        for _ in range(ROUNDS):
            orders.send("go")
            times = []
            while not orders.poll():
                times += ask(live, 0.05)
            begin, end = orders.recv()  # raises if the process is gone
            taken.append((end - begin) * 1e3)
            times += ask(live, 0.05)
            stalls.append(max(t * 1e3 for start, t in times if start < end and start + t > begin))
            quiet.append(max(t * 1e3 for _, t in ask(live, end - begin)))
    return {
        "reopen_ms": min(taken),
        "reopen_longest_frame_ms": min(stalls),
        "reopen_longest_frame_median_ms": median(stalls),
        "quiet_longest_frame_median_ms": median(quiet),
    }


def measure_upload(client: Client) -> float:
    """Return the seconds of an upload, from the first byte to the last acknowledgement."""
    taken = []
    content = os.urandom(UPLOAD)
    for number in range(ROUNDS):
        announced = client.post("/dataset/upload/csv", {"name": f"upload {number}", "input_data_size": UPLOAD})
        with open_sources({"input": content}) as sources:
            begin = time.perf_counter()
            send_file(client, announced["uuid"], announced["uuid_input_file"], sources["input"], lambda _: None)
            taken.append(time.perf_counter() - begin)
        client.delete_dataset(announced["uuid"])
    return min(taken)


def prepare(client: Client, name: str, template: str = TEMPLATE) -> Cluster:
    """Return a cluster in direct mode that has seen one row."""
    cluster = client.create_cluster(name, template)
    client.set_mode(cluster, "DIRECT")
    with DirectIO(client.open_socket("cluster", cluster.uuid, DirectIOException)) as live:
        live.train({"picture_hex": PICTURE}, {"label_hex": LABEL})
    return cluster


def run() -> dict[str, Any]:
    """Measure a server of its own."""
    with TemporaryDirectory(prefix="hanami-bench-") as base, LocalServer(Path(base) / "data") as server:
        login = server.address, server.user, server.passphrase
        with Client(*login) as client:
            quiet = prepare(client, "quiet")
            with DirectIO(open_socket(client, quiet.uuid)) as live:
                ask(live, 0.2)
                tasks = prepare(client, "in task mode")
                client.set_mode(tasks, "TASK")
                figures = measure_frames(client, quiet.uuid)
                figures |= compare(live, refused, login, tasks.uuid, "task_mode_flood")
                figures |= compare(live, answered, login, prepare(client, "busy").uuid, "direct_mode_flood")
                figures |= compare(live, pipelined, login, prepare(client, "pipelined").uuid, "pipelined_flood")
                figures |= compare(live, pipelined, login, prepare(client, "heavy", HEAVY).uuid, "heavy_flood")
                large = client.create_cluster("large", LARGE)
                figures |= measure_reopening(live, login, large.uuid)
            figures["upload_60_mb_seconds"] = measure_upload(client)
        return figures


def open_socket(client: Client, uuid: str) -> Any:
    """Connect to a cluster that is in direct mode."""
    socket = client.open_socket("cluster", uuid, DirectIOException)
    socket.keep_alive()
    return socket


if __name__ == "__main__":
    for key, value in run().items():
        print(f"{key:36} {value:10.3f}")
