"""The v0.4 generation with genuine MNIST, as its manual goes about it: 400 neurons in the brick between in and out.

Such a network is 3.5 times as wide as the one that `hanami demo` and the figures of the service have.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

from websocket import WebSocket

from hanami_sdk import Client
from hanami_sdk._messages import Buffer, Process, encode_values
from hanami_sdk.v04 import cluster, dataset, direct_io, hanami_token, request_result, task
from hanami_server.demo import digits, scenario
from hanami_server.local import LocalServer
from tests.bench.loop import echoing

TEMPLATE = """version: 1
bricks:
    1,1,1
        input: test_input
        number_of_neurons: 784
    2,1,1
        number_of_neurons: 400
    3,1,1
        output: test_output
        number_of_neurons: 10
"""
NETWORKS, ROUNDS = 5, 300
STREAM = 50
"""Pictures that one client asks without a pause, before it is the turn of the next client."""
PAUSE = 0.03
HEADER, PIXELS = 16, 784
"""Bytes before the first picture of a file, and those of a picture."""

BRICKS, HEXAGONS = ("test_input", "test_output"), ("picture_hex", "label_hex")
"""Names of input and output of the manual's network, and of the one of the demonstration."""

Login = tuple[str, str]
Pictures = list[list[float]]


def run(directory: Path) -> dict[str, Any]:
    """Train some networks for one pass each, ask them, and then one picture after the other over a websocket.

    The client of today does the same with the same network, in turns, so that a ratio tells what the generation costs.
    Two more figures tell how fast the machine is: the time of `hanami demo`'s network, and that of an echo, which sends
    the frame of a question back and is the least that a question can cost.
    """
    files = digits.find(directory)
    with TemporaryDirectory() as base, LocalServer(Path(base) / "data") as server:
        login = hanami_token.request_token(server.address, server.user, server.passphrase), server.address
        learn = upload(login, "lessons", files.train_images, files.train_labels)
        ask = upload(login, "questions", files.test_images, files.test_labels)
        pictures = first_pictures(files.test_images)
        seconds, native_seconds, demo_seconds, accuracies = [], [], [], []
        times, native_times, echo_times = [], [], []
        with Client(server.address, server.user, server.passphrase) as client, echoing() as plain:
            for number in range(NETWORKS):
                network = uuid_of(cluster.create_cluster(*login, f"digits {number}", TEMPLATE))
                seconds.append(wait(login, network, "train", learn)[0])
                _, result = wait(login, network, "request", ask)
                answer = json.loads(request_result.check_against_dataset(*login, result, ask))
                accuracies.append(float(answer["accuracy"]))
                other = uuid_of(cluster.create_cluster(*login, f"other digits {number}", TEMPLATE))
                native_seconds.append(train_natively(client, other, learn, BRICKS))
                demo = client.create_cluster(f"demo {number}", scenario.TEMPLATE).uuid
                demo_seconds.append(train_natively(client, demo, learn, HEXAGONS))
                asked = talk(login, network, client, other, plain, pictures)
                times.append(asked[0])
                native_times.append(asked[1])
                echo_times.append(asked[2])
    return {
        "v04_accuracy_percent": min(accuracies),
        "v04_train_seconds": min(seconds),
        "v04_direct_io_ms_p50": 1e3 * min(times),
        "v04_train_by_native": min(seconds) / min(native_seconds),
        "v04_train_by_demo": min(seconds) / min(demo_seconds),
        "v04_direct_io_by_native": min(times) / min(native_times),
        "v04_echo_ms_p50": 1e3 * min(echo_times),
        "v04_direct_io_by_echo": min(times) / min(echo_times),
    }


def upload(login: Login, name: str, pictures: Path, labels: Path) -> str:
    """Return the UUID of a dataset."""
    return str(dataset.upload_mnist_files(*login, name, str(pictures), str(labels)))


def uuid_of(answer: bytes) -> str:
    """Return the UUID in an answer."""
    return str(json.loads(answer)["uuid"])


def wait(login: Login, network: str, kind: str, data: str) -> tuple[float, str]:
    """Run a task and return the seconds until it was seen to be finished, and its UUID."""
    begin = perf_counter()
    made = uuid_of(task.create_task(*login, kind, kind, network, data))
    while (state := json.loads(task.get_task(*login, made, network))["state"]) != "finished":
        if state not in ("queued", "active"):
            raise RuntimeError(f"the task is {state}")
        sleep(PAUSE)
    return perf_counter() - begin, made


def talk(
    login: Login, network: str, client: Client, other: str, plain: WebSocket, pictures: Pictures
) -> tuple[float, float, float]:
    """Ask two networks over websockets, and send an echo the same, some pictures each in turns.

    Return the medians of the seconds.

    The client of v0.4 asks `network`, that of today `other`.
    """

    def echo(picture: list[float]) -> None:
        plain.send_binary(encode_values("test_input", picture, True, Process.REQUEST, Buffer.INPUT))
        plain.recv()

    with closing(cluster.switch_to_direct_mode(*login, network)) as live, client.direct(other) as native:
        asks: list[Callable[[list[float]], Any]] = [
            lambda picture: direct_io.send_request_input(live, "test_input", picture, True),
            lambda picture: native.request({"test_input": picture}),
            echo,
        ]
        times: list[list[float]] = [[] for _ in asks]
        for first in range(0, len(pictures), STREAM):
            for ask, seconds in zip(asks, times, strict=True):
                seconds += exchange_times(ask, pictures[first : first + STREAM])
    cluster.switch_to_task_mode(*login, network)
    first, second, third = map(median, times)
    return first, second, third


def exchange_times(ask: Callable[[list[float]], Any], pictures: Pictures) -> list[float]:
    """Ask one picture after the other, and return the seconds of each."""
    times = []
    for picture in pictures:
        begin = perf_counter()
        ask(picture)
        times.append(perf_counter() - begin)
    return times


def train_natively(client: Client, network: str, data: str, names: tuple[str, str]) -> float:
    """Train a network with the client of today and return the seconds that it took."""
    table = client.dataset(data)
    begin = perf_counter()
    client.train(network, {names[0]: table["picture"]}, {names[1]: table["label"]}, shuffle=False)
    return perf_counter() - begin


def first_pictures(file: Path) -> Pictures:
    """Return the pictures that the network is asked, each a list of numbers as in the manual."""
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rb") as stream:
        stream.seek(HEADER)
        return [[float(value) for value in stream.read(PIXELS)] for _ in range(ROUNDS)]
