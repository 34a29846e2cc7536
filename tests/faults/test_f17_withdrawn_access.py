"""F17 token tampering, revoked users: a user who is deleted, removed or refused is off within 5 s on every door.

Sockets are real ones; each carries a message of its target right before the access is withdrawn.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import websocket
from websocket import ABNF

from hanami_plugins.direct_io.messages import CLUSTER_IO
from tests.server.harness import until
from tests.service.wire import Wire

SECRET = "a long passphrase"
LIMIT = 5.0
TEMPLATE = (
    "version: 1\nsettings:\n    max_connection_distance: 1\nhexagons:\n    1,1,1\n    2,1,1\n    3,1,1\n"
    "inputs:\n    picture: 1,1,1\noutputs:\n    label: 3,1,1\n"
)


SOCKETS: list[websocket.WebSocket] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close what a test has opened; the client's library forgets a socket that the server has closed."""
    SOCKETS.clear()
    yield
    for socket in SOCKETS:
        socket.raw.close()


@pytest.fixture(scope="module")
def project(wire: Wire) -> str:
    assert wire.body("POST", "project", {"id": "doors", "name": "Doors"}).status == 200
    return "doors"


class Member:
    """A user in the project, with a cluster in direct mode."""

    def __init__(self, wire: Wire, project: str, name: str) -> None:
        self.admin, self.name = wire, name
        wire.body("POST", "user", {"id": name, "name": name, "password": SECRET})
        place = {"id": name, "project_id": project, "role": "member"}
        assert wire.body("POST", "user/project", place).status == 200
        self.token = wire.login(name, SECRET)
        self.cluster = self.create(f"cluster of {name}".replace("_", " "))

    def create(self, name: str) -> str:
        template = base64.b64encode(TEMPLATE.encode()).decode()
        answer = self.admin.body("POST", "cluster", {"name": name, "template": template}, self.token)
        assert answer.status == 200, answer
        return str(answer.json["uuid"])

    def switch(self, mode: str, cluster: str = "") -> None:
        change = {"uuid": cluster or self.cluster, "new_state": mode}
        assert self.admin.body("PUT", "cluster/set_mode", change, self.token).status == 200

    def upload(self) -> str:
        """Announce an upload and return the uuid of its file."""
        announced = {"name": "numbers", "input_data_size": 4}
        return str(self.admin.body("POST", "dataset/upload/csv", announced, self.token).json["uuid_input_file"])

    def table(self) -> str:
        """Return the uuid of a dataset with two columns."""
        from hanami_sdk import Client

        with Client(self.admin.address, self.name, SECRET) as client:
            return client.upload_csv("numbers", b"a,b\n1,0\n0,1\n").uuid

    def open(self, target: str, uuid: str) -> websocket.WebSocket:
        socket = websocket.create_connection(self.admin.address.replace("http", "ws"), timeout=2 * LIMIT)
        socket.raw = socket.sock
        SOCKETS.append(socket)
        socket.send(json.dumps({"token": self.token, "target": target, "uuid": uuid}))
        assert json.loads(socket.recv())["success"] is True
        return socket

    def talk(self) -> websocket.WebSocket:
        socket = self.open("cluster", self.cluster)
        assert frame(socket)
        return socket

    def train(self, cluster: str, table: str) -> str:
        """Queue a training, and return its uuid."""
        inputs = [{"dataset_uuid": table, "dataset_column": "a", "hexagon_name": "picture"}]
        outputs = [{"dataset_uuid": table, "dataset_column": "b", "hexagon_name": "label"}]
        fields = {"name": "training", "cluster_uuid": cluster, "inputs": inputs, "outputs": outputs}
        answer = self.admin.body("POST", "task/train", fields, self.token)
        assert answer.status == 200, answer
        return str(answer.json["uuid"])

    def ask(self, cluster: str, table: str) -> str:
        """Queue a question, and return its uuid."""
        inputs = [{"dataset_uuid": table, "dataset_column": "a", "hexagon_name": "picture"}]
        results = [{"dataset_column": "answer", "hexagon_name": "label"}]
        fields = {"name": "question", "cluster_uuid": cluster, "inputs": inputs, "results": results}
        answer = self.admin.body("POST", "task/request", fields, self.token)
        assert answer.status == 200, answer
        return str(answer.json["uuid"])


def frame(socket: websocket.WebSocket) -> bytes:
    message = CLUSTER_IO.message(bufferName="picture", numberOfValues=1, values=[1.0], isLast=False)
    socket.send_binary(message.SerializeToString())
    return bytes(socket.recv())


def closing(socket: websocket.WebSocket) -> int:
    """Return the code with which the server closes a socket."""
    opcode, data = socket.recv_data(control_frame=True)
    while opcode == ABNF.OPCODE_PING:
        opcode, data = socket.recv_data(control_frame=True)
    assert opcode == ABNF.OPCODE_CLOSE
    return int.from_bytes(data[:2], "big")


@pytest.fixture
def member(wire: Wire, project: str, request: pytest.FixtureRequest) -> Member:
    found = Member(wire, project, f"user_{abs(hash(request.node.name)) % 10**9}")
    found.switch("DIRECT")
    return found


def delete_user(member: Member) -> None:
    assert member.admin.query("DELETE", "user", id=member.name).status == 200


def remove_from_project(member: Member) -> None:
    assert member.admin.query("DELETE", "user/project", id=member.name, project_id="doors").status == 200


def change_passphrase(member: Member) -> None:
    fields = {"id": member.name, "password": SECRET + "!"}
    assert member.admin.body("PUT", "user/passphrase", fields).status == 200


@pytest.mark.parametrize("withdraw", [delete_user, remove_from_project])
def test_open_sockets_of_a_user_without_access_are_closed(member: Member, withdraw: Any) -> None:
    sockets = [member.talk(), member.talk(), member.open("file_upload", member.upload())]
    withdraw(member)
    begin = time.monotonic()
    assert [closing(socket) for socket in sockets] == [1008] * 3
    assert time.monotonic() - begin < LIMIT


def test_other_sockets_stay_open(member: Member, wire: Wire, project: str) -> None:
    other = Member(wire, project, "stays_here")
    other.switch("DIRECT")
    mine, theirs = member.talk(), other.talk()
    delete_user(member)
    assert closing(mine) == 1008
    for _ in range(3):
        assert frame(theirs)
        time.sleep(1.0)  # together longer than a look


def task(wire: Wire, cluster: str, uuid: str) -> dict[str, Any]:
    return dict(wire.query("GET", "task", uuid=uuid, cluster_uuid=cluster).json)


def ended(wire: Wire, cluster: str, uuid: str) -> dict[str, Any]:
    def look() -> Any:
        found = task(wire, cluster, uuid)
        return found if found["state"] not in ("queued", "active") else None

    return dict(until(look, LIMIT, "the task is not ended"))


@pytest.mark.parametrize("withdraw", [delete_user, remove_from_project])
def test_queued_tasks_of_a_user_without_access_end(member: Member, wire: Wire, withdraw: Any) -> None:
    waiting = member.train(member.cluster, member.table())  # direct mode lets no task begin
    assert task(wire, member.cluster, waiting)["state"] == "queued"
    withdraw(member)
    found = ended(wire, member.cluster, waiting)
    assert (found["state"], found["error"]) == ("aborted", "its owner may not do this any more")


def test_questions_of_strangers_end_when_a_cluster_becomes_private(member: Member, wire: Wire, project: str) -> None:
    stranger = Member(wire, project, "strange_one")
    table, own = stranger.table(), member.table()
    member.switch("TASK")
    first = member.train(member.cluster, own)
    found = ended(wire, member.cluster, first)
    assert found["state"] == "finished", found["error"]
    share = {"uuid": member.cluster, "visibility": "shared"}
    assert wire.body("PUT", "cluster/visibility", share, member.token).status == 200
    member.switch("DIRECT")
    theirs, mine = stranger.ask(member.cluster, table), member.ask(member.cluster, own)
    private = {"uuid": member.cluster, "visibility": "private"}
    assert wire.body("PUT", "cluster/visibility", private, member.token).status == 200
    assert ended(wire, member.cluster, theirs)["state"] == "aborted"
    member.switch("TASK")
    assert ended(wire, member.cluster, mine)["state"] == "finished"


def test_a_changed_passphrase_closes_sockets_and_ends_no_task(member: Member, wire: Wire) -> None:
    waiting = member.train(member.cluster, member.table())
    socket = member.talk()
    change_passphrase(member)
    assert closing(socket) == 1008
    assert task(wire, member.cluster, waiting)["state"] == "queued"
