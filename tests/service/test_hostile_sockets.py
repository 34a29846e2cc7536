"""Websockets of clients of both generations that say something wrong, or nothing at all."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import websocket

from hanami_plugins.api_control_v1.frames import CLUSTER_IO as brick_io
from hanami_plugins.direct_io.messages import CLUSTER_IO
from hanami_sdk import Client, Cluster
from hanami_server.local import LocalServer
from tests.service.wire import NO_OBJECT, NOBODY, Wire

NATIVE, OLD = "/v1.0alpha", "/control/v1"


@pytest.fixture(params=[NATIVE, OLD])
def wire(request: pytest.FixtureRequest, server: LocalServer) -> Wire:
    """The admin's connection, with a token of one generation."""
    login = {"id": server.user, "password": server.passphrase}
    answer = Wire(server.address).body("POST", f"{request.param}/token", login)
    return Wire(server.address, answer.json["token"])


@contextlib.contextmanager
def opened(wire: Wire) -> Iterator[websocket.WebSocket]:
    """Open a websocket that has said nothing yet."""
    socket = websocket.create_connection(wire.address.replace("http", "ws"), timeout=10)
    try:
        yield socket
    finally:
        socket.close()


def say(socket: websocket.WebSocket, first: Any) -> Any:
    """Send a first message and return the answer."""
    socket.send(first if isinstance(first, str) else json.dumps(first))
    return json.loads(socket.recv())


def first(wire: Wire, things: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {"token": wire.token, "target": "cluster", "uuid": things["cluster"]} | changes


@pytest.mark.usefixtures("unchanged")
def test_a_first_message_that_is_wrong_is_answered_and_another_may_follow(wire: Wire, things: dict[str, str]) -> None:
    required = "Validation failed, because variable '{}' is required, but is not set."
    broken = NO_OBJECT + "the body must be a JSON object"
    wrong: list[tuple[Any, str]] = [
        ("{", NO_OBJECT),
        ("", NO_OBJECT),
        ("[]", broken),
        ("5", broken),
        ("[" * 60_000, NO_OBJECT),
        ({}, required.format("target")),
        ({"target": "cluster"}, required.format("token")),
        ({"target": "cluster", "token": wire.token}, required.format("uuid")),
        (first(wire, things, uuid=5), "Value-validation failed, because a item 'uuid'  has the false type"),
        (first(wire, things, token="x"), "Token invalid"),
        (first(wire, things, token=""), "Token invalid"),
        (first(wire, things, target="nothing"), "Unknown target 'nothing'"),
        (first(wire, things, target=""), "Unknown target ''"),
        (first(wire, things, uuid=NOBODY), f"Cluster with UUID '{NOBODY}' not found"),
        (first(wire, things, uuid="' OR 1=1 --"), "Cluster with UUID '' OR 1=1 --' not found"),
        (first(wire, things, uuid=things["dataset"]), f"Cluster with UUID '{things['dataset']}' not found"),
        (first(wire, things, target="file_upload"), f"Tempfile with UUID '{things['cluster']}' not found"),
    ]
    with opened(wire) as socket:
        for message, error in wrong:
            answer = say(socket, message)
            assert answer["success"] is False, message
            assert answer["error"].startswith(error), message
        assert say(socket, first(wire, things, uuid=things["cluster"].upper()))["success"] is True


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("missing", ["token", "uuid", "target"])
def test_sockets_that_begin_wrong_leave_the_next_one_alone(wire: Wire, things: dict[str, str], missing: str) -> None:
    for _ in range(8):
        with opened(wire) as socket:
            message = first(wire, things)
            del message[missing]
            assert missing in say(socket, message)["error"]
    with opened(wire) as socket:
        assert say(socket, first(wire, things))["success"] is True


Io = CLUSTER_IO.message
FRAMES: dict[str, tuple[Any, str]] = {
    "text": ("text", "expected a binary ClusterIO-Message, got a text"),
    "garbage": (b"\xff\xff\xff", "Got invalid ClusterIO-Message"),
    "cut": (bytes.fromhex("2805"), "numberOfValues is 5, but the message holds 0 values"),
    "empty": (b"", "bufferName '' is unknown, expected one of: picture_hex"),
    "unknown buffer": (Io(bufferName="x", numberOfValues=1, values=[1.0]), "bufferName 'x' is unknown"),
    "far too many": (Io(bufferName="picture_hex", numberOfValues=10**13), "numberOfValues is 10000000000000, but"),
    "most of all": (Io(bufferName="picture_hex", numberOfValues=2**64 - 1, values=[1.0]), "but the message holds 1"),
    "more than said": (Io(bufferName="picture_hex", numberOfValues=1, values=[1.0, 2.0]), "but the message holds 2"),
    "no value": (Io(bufferName="picture_hex"), "a buffer holds 1 to 1048576 values, got 0"),
    "not a number": (Io(bufferName="picture_hex", numberOfValues=1, values=[float("nan")]), "values must be finite"),
    "output": (
        Io(bufferName="label_hex", targetBufferType=1, numberOfValues=1, values=[1.0]),
        "targetBufferType must",
    ),
    "wrong side": (Io(bufferName="label_hex", numberOfValues=1, values=[1.0]), "bufferName 'label_hex' is unknown"),
    "other process": (Io(bufferName="picture_hex", processType=5), "processType 5 is unknown"),
    "untrained": (Io(bufferName="picture_hex", isLast=True, numberOfValues=1, values=[1.0]), "was never trained"),
    "half of it": (
        Io(bufferName="picture_hex", isLast=True, processType=1, numberOfValues=1, values=[1.0]),
        "no values for 'label_hex' were sent yet",
    ),
}


Brick = brick_io.message
FRAMES_OF_BRICKS: dict[str, tuple[Any, str]] = {
    "text": ("text", "expected a binary ClusterIO-Message, got a text"),
    "garbage": (b"\xff\xff\xff", "Got invalid ClusterIO-Message"),
    "cut": (bytes.fromhex("2005"), "numberOfValues is 5, but the message holds 0 values"),
    "empty": (b"", "bufferName '' is unknown, expected one of: picture_hex, label_hex"),
    "unknown brick": (Brick(brickName="x", numberOfValues=1, values=[1.0]), "bufferName 'x' is unknown"),
    "far too many": (Brick(brickName="picture_hex", numberOfValues=10**13), "numberOfValues is 10000000000000, but"),
    "most of all": (Brick(brickName="picture_hex", numberOfValues=2**64 - 1, values=[1.0]), "but the message holds 1"),
    "more than said": (Brick(brickName="picture_hex", numberOfValues=1, values=[1.0, 2.0]), "but the message holds 2"),
    "no value": (Brick(brickName="picture_hex"), "a buffer holds 1 to 1048576 values, got 0"),
    "not a number": (Brick(brickName="picture_hex", numberOfValues=1, values=[float("nan")]), "values must be finite"),
    "other process": (Brick(brickName="picture_hex", processType=5), "processType 5 is unknown"),
    "untrained": (
        Brick(brickName="picture_hex", isLast=True, numberOfValues=1, values=[1.0]),
        "was never trained",
    ),
    "half of it": (
        Brick(brickName="picture_hex", isLast=True, processType=1, numberOfValues=1, values=[1.0]),
        "no values for 'label_hex' were sent yet",
    ),
    "of the other generation": (Io(bufferName="picture_hex", numberOfValues=1, values=[1.0]), ""),
}
RIGHT = {
    NATIVE: (Io(bufferName="picture_hex", numberOfValues=1, values=[1.0]), "18012801320400000000"),
    OLD: (Brick(brickName="picture_hex", numberOfValues=1, values=[1.0]), "180120012a0400000000"),
}
"""A frame that is right, and its answer."""
WRONG = [*((NATIVE, *found) for found in FRAMES.values()), *((OLD, *found) for found in FRAMES_OF_BRICKS.values())]
NAMES = [*(f"native, {name}" for name in FRAMES), *(f"v0.4, {name}" for name in FRAMES_OF_BRICKS)]


@pytest.fixture
def direct(wire: Wire, things: dict[str, str]) -> Iterator[None]:
    """Switch the fresh cluster to direct mode."""
    assert wire.body("PUT", "cluster/set_mode", {"uuid": things["fresh"], "new_state": "DIRECT"}).status == 200
    yield
    assert wire.body("PUT", "cluster/set_mode", {"uuid": things["fresh"], "new_state": "TASK"}).status == 200


@pytest.mark.usefixtures("direct", "unchanged")
@pytest.mark.parametrize(
    ("wire", "generation", "frame", "error"), [(w[0], *w) for w in WRONG], ids=NAMES, indirect=["wire"]
)
def test_a_frame_that_is_wrong_is_answered_and_another_may_follow(
    wire: Wire, things: dict[str, str], generation: str, frame: Any, error: str
) -> None:
    right, answered = RIGHT[generation]
    with opened(wire) as socket:
        assert say(socket, first(wire, things, uuid=things["fresh"]))["success"] is True
        for _ in range(5):
            if isinstance(frame, str):
                socket.send(frame)
            else:
                socket.send_binary(frame if isinstance(frame, bytes) else frame.SerializeToString())
            answer = json.loads(socket.recv())
            assert answer["success"] is False
            assert error in answer["error"]
        socket.send_binary(right.SerializeToString())
        assert socket.recv() == bytes.fromhex(answered)


def test_a_long_answer_is_one_message(client: Client, cluster: Cluster) -> None:
    """The reference's buffer holds 128 KiB; 50,000 values take 200 kB."""
    with client.direct(cluster) as direct:
        direct.train({"picture_hex": [1.0]}, {"label_hex": [0.0, 1.0] * 25_000})
        assert len(direct.request({"picture_hex": [1.0]})) == 50_000


@pytest.mark.usefixtures("unchanged")
def test_frames_are_refused_in_task_mode(wire: Wire, things: dict[str, str]) -> None:
    with opened(wire) as socket:
        assert say(socket, first(wire, things))["success"] is True
        socket.send_binary(Io(bufferName="picture_hex", numberOfValues=1, values=[1.0]).SerializeToString())
        assert "not in direct mode" in json.loads(socket.recv())["error"]


@pytest.mark.usefixtures("unchanged")
def test_rest_answers_beside_idle_connections_and_open_sockets(wire: Wire, things: dict[str, str]) -> None:
    """More of each than the api has threads, in at most four processes."""
    with contextlib.ExitStack() as stack:
        for count in range(4 * 16 + 8):
            stack.enter_context(wire.connect()).sendall(b"GET /v1.0alpha/clu"[: count % 2 * 18])
            socket = stack.enter_context(opened(wire))
            if count % 2:
                assert say(socket, first(wire, things))["success"] is True
        begin = time.monotonic()
        for _ in range(20):
            assert wire.query("GET", "cluster/all").status == 200
        assert time.monotonic() - begin < 5
        for _ in range(4):
            with opened(wire) as socket:
                assert say(socket, first(wire, things))["success"] is True
