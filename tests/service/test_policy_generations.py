"""Direct IO under policy files that list the endpoints of one generation: the login says whose names count."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket

from hanami_plugins.api_control_v1.frames import CLUSTER_IO as brick_io
from hanami_plugins.direct_io.messages import CLUSTER_IO, EXPECTED, REQUEST, TRAIN
from tests.local import LocalServer
from tests.service.wire import Wire

ROLES = ("worker", "looker")
"""The second one may open direct IO and run no task."""
SECRET = "a long passphrase"
DENIED = {"success": False, "error": "Access denied by policy"}
ADMINS = ("user - POST: admin", "user/project - POST: admin", "project - POST: admin", "cluster - POST: admin, worker")
MODE = "cluster/set_mode - PUT: admin, worker, looker"
TASKS = {"v1.0alpha": ("task/train - POST: worker", "task/request - POST: worker"), "v1": ("task - POST: worker",)}
PREFIX = {"v1.0alpha": "/v1.0alpha", "v1": "/control/v1"}
TEMPLATES = {
    "v1.0alpha": "version: 1\nsettings:\n    max_connection_distance: 1\nhexagons:\n    1,1,1\n    2,1,1\n    3,1,1\n"
    "inputs:\n    picture: 1,1,1\noutputs:\n    label: 3,1,1\n",
    "v1": "version: 1\nbricks:\n    1,1,1\n        input: picture\n        number_of_neurons: 1\n"
    "    2,1,1\n        number_of_neurons: 5\n    3,1,1\n        output: label\n        number_of_neurons: 1\n",
}
OTHER = {"v1.0alpha": "v1", "v1": "v1.0alpha"}


class Place:
    """A server whose policy file has the entries of one generation alone, and a cluster in direct mode."""

    def __init__(self, server: LocalServer, listed: str) -> None:
        self.wire, self.listed = Wire(server.address), listed
        self.prefix = PREFIX[listed]
        self.wire.token = self.login(server.user, server.passphrase)
        self.ask("POST", "project", id="rooms", name="Rooms")
        for role in ROLES:
            self.ask("POST", "user", id=f"{role}_one", name=role, password=SECRET, is_admin=False)
            self.ask("POST", "user/project", id=f"{role}_one", project_id="rooms", role=role, is_project_admin=True)
        template = base64.b64encode(TEMPLATES[listed].encode()).decode()
        self.wire.token = self.login("worker_one", SECRET)
        self.cluster = self.ask("POST", "cluster", name="network", template=template)["uuid"]
        self.ask("PUT", "cluster/set_mode", uuid=self.cluster, new_state="DIRECT")

    def ask(self, method: str, path: str, **fields: Any) -> Any:
        answer = self.wire.body(method, f"{self.prefix}/{path}", fields)
        assert answer.status == 200, answer
        return answer.json

    def login(self, user: str, secret: str, generation: str = "") -> str:
        path = f"{PREFIX[generation or self.listed]}/token"
        answer = self.wire.body("POST", path, {"id": user, "password": secret}, "")
        assert answer.status == 200, answer
        return str(answer.json["token"])


@pytest.fixture(scope="module", params=["v1.0alpha", "v1"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    listed = str(request.param)
    data_dir = tmp_path_factory.mktemp("policy") / "data"
    data_dir.mkdir()
    entries = (*ADMINS, MODE, *TASKS[listed])
    (data_dir / "own.policy").write_text("".join(f"{listed}/{entry}\n" for entry in entries))
    with LocalServer(data_dir, "--set=policy_file.path=own.policy") as server:
        yield Place(server, listed)


Talk = Callable[..., tuple[Any, websocket.WebSocket]]


@pytest.fixture
def talk(place: Place) -> Iterator[Talk]:
    """Return what opens a socket with a token and returns the answer and the socket."""
    sockets: list[websocket.WebSocket] = []

    def begin(token: str, path: str = "") -> tuple[Any, websocket.WebSocket]:
        socket = websocket.create_connection(place.wire.address.replace("http", "ws") + path, timeout=10)
        sockets.append(socket)
        socket.send(json.dumps({"token": token, "target": "cluster", "uuid": place.cluster}))
        answer = json.loads(socket.recv())
        answer.pop("uuid", None)
        return answer, socket

    yield begin
    for socket in sockets:
        socket.close()


def send(socket: websocket.WebSocket, generation: str, name: str, process: int, *, last: bool) -> bytes | str:
    fields = {"isLast": last, "processType": process, "numberOfValues": 1, "values": [1.0]}
    if generation == "v1":
        message = brick_io.message(brickName=name, **fields)
    else:
        message = CLUSTER_IO.message(bufferName=name, targetBufferType=EXPECTED if name == "label" else 0, **fields)
    socket.send_binary(message.SerializeToString())
    return socket.recv()


def refused(answer: bytes | str) -> bool:
    return isinstance(answer, str) and json.loads(answer) == DENIED


def test_a_file_of_one_generation_is_enough_for_direct_io(place: Place, talk: Talk) -> None:
    answer, socket = talk(place.login("worker_one", SECRET))
    assert answer == {"success": True}
    send(socket, place.listed, "picture", TRAIN, last=False)
    assert isinstance(send(socket, place.listed, "label", TRAIN, last=True), bytes)
    assert isinstance(send(socket, place.listed, "picture", REQUEST, last=True), bytes)


def test_frames_need_what_tasks_need(place: Place, talk: Talk) -> None:
    answer, socket = talk(place.login("looker_one", SECRET))
    assert answer == {"success": True}
    assert isinstance(send(socket, place.listed, "picture", TRAIN, last=False), bytes)
    assert refused(send(socket, place.listed, "label", TRAIN, last=True))
    assert refused(send(socket, place.listed, "picture", REQUEST, last=True))


@pytest.mark.parametrize("path", ["", "/control/v1", "/v1", "/v1.0alpha"])
def test_entries_of_one_generation_let_in_nobody_of_the_other(place: Place, talk: Talk, path: str) -> None:
    answer, _ = talk(place.login("worker_one", SECRET, OTHER[place.listed]), path)
    assert answer == DENIED
