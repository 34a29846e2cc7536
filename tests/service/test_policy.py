"""A policy file on a real server: what it lists counts, in the order of checks that clients rely on."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import websocket

from hanami_core.errors import StartupError
from hanami_plugins.direct_io.messages import CLUSTER_IO, EXPECTED, TRAIN
from hanami_server.bootstrap import prepare
from hanami_server.process import Options
from tests.local import LocalServer
from tests.service.wire import NOBODY, Wire

SECRET = "a long passphrase"
LISTED = {
    "v1.0alpha/cluster/set_mode\n    - PUT": "asker, trainer",
    "v1.0alpha/task/request\n    - POST": "guest, asker",
    "v1.0alpha/task/train\n    - POST": "trainer",
    "v1.0alpha/dataset/upload/csv\n    - POST": "uploader",
}
"""Rules of the shipped file, and roles that it does not know."""
DENIED = {"success": False, "error": "Access denied by policy"}
TEMPLATE = (
    "version: 1\nsettings:\n    max_connection_distance: 1\nhexagons:\n    1,1,1\n    2,1,1\n    3,1,1\n"
    "inputs:\n    picture: 1,1,1\noutputs:\n    label: 3,1,1\n"
)
SHIPPED = Path(__file__).parents[2] / "docs" / "openhanami.policy"
OWN = "--set=policy_file.path=own.policy"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The admin's connection to a server with the policy that OpenHanami ships."""
    data_dir = tmp_path_factory.mktemp("policy") / "data"
    data_dir.mkdir()
    leftover = "v1.0alpha/request_result\n  - GET : admin\n"
    text = SHIPPED.read_text()
    for rule, roles in LISTED.items():
        assert text.count(f"{rule} : admin, member") == 1
        text = text.replace(f"{rule} : admin, member", f"{rule} : admin, member, {roles}")
    (data_dir / "own.policy").write_text(text + leftover)
    with LocalServer(data_dir, OWN) as server:
        wire = Wire(server.address)
        wire.token = wire.login(server.user, server.passphrase)
        yield wire


@pytest.fixture(scope="module")
def lookalike(strict: Wire) -> str:
    """Return the token of somebody whose role has the name of the admins'."""
    strict.body("POST", "project", {"id": "rooms", "name": "Rooms"})
    strict.body("POST", "user", {"id": "tsugumi", "name": "Tsugumi", "password": SECRET})
    strict.body("POST", "user/project", {"id": "tsugumi", "project_id": "rooms", "role": "admin"})
    return strict.login("tsugumi", SECRET)


def test_a_listed_path_without_an_endpoint_is_told(strict: Wire) -> None:
    for call in ("GET request_result", "POST dataset", "PUT checkpoint"):
        method, path = call.split()
        text = f"No endpoint found for path 'v1.0alpha/{path}' and type {method}"
        assert strict.call(method, path, {"any": "field"}) == (400, text)
        assert strict.call(method, path, {}, "bad.to.ken").status == 401
    noted = strict.query("GET", "audit_log", page=0).json["body"][-2:]
    assert [row[2:] for row in noted] == [["v1.0alpha/dataset", "POST"], ["v1.0alpha/checkpoint", "PUT"]]


def test_what_is_not_listed_is_refused_to_everybody(strict: Wire) -> None:
    for call in ("GET nothing", "PUT cluster", "PUT user/passphrase", "PUT cluster/", "GET Cluster", "DELETE token"):
        method, path = call.split()
        assert strict.call(method, path, {}) == (401, "Access denied by policy")
    assert strict.query("GET", "auth", endpoint="v1.0alpha/user/passphrase", http_type=5).status == 401
    assert strict.query("GET", "auth", endpoint="v1.0alpha/nothing", http_type=2) == (401, "Access denied by policy")
    assert strict.query("GET", "auth", endpoint="v1.0alpha/cluster/all", http_type=2).status == 200


def test_anonymous_paths_are_not_looked_up(strict: Wire) -> None:
    for path in ("/health/live", "/health/ready", "/openapi.json", "/docs"):
        assert strict.query("GET", path, "").status == 200


def test_a_role_with_the_name_of_the_admins_is_no_admin(strict: Wire, lookalike: str) -> None:
    calls = ("POST user", "GET user", "DELETE user", "GET user/all", "POST project", "GET project", "GET project/all")
    for call in (*calls, "DELETE project", "DELETE user/project"):
        method, path = call.split()
        assert strict.call(method, path, {}, lookalike) == (401, ""), call
    answer = strict.query("GET", "error_log", lookalike, page=0)
    assert answer == (401, "only an admin is allowed to request error-logs")


@pytest.fixture(scope="module")
def tokens(strict: Wire, lookalike: str) -> dict[str, str]:
    """Let somebody with each role see and change all of a project, and return their tokens."""
    found = {"admin": lookalike}
    for role in ("guest", "asker", "trainer", "uploader"):
        user = f"{role}_one"
        strict.body("POST", "user", {"id": user, "name": user, "password": SECRET})
        place = {"id": user, "project_id": "rooms", "role": role, "is_project_admin": True}
        assert strict.body("POST", "user/project", place).status == 200
        found[role] = strict.login(user, SECRET)
    return found


class Talk:
    """A websocket to a network."""

    def __init__(self, wire: Wire) -> None:
        self.socket = websocket.create_connection(wire.address.replace("http", "ws"), timeout=10)

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def begin(self, token: str, uuid: str, target: str = "cluster") -> Any:
        """Send the first message and return its answer without the session's uuid."""
        self.socket.send(json.dumps({"token": token, "target": target, "uuid": uuid}))
        answer = json.loads(self.socket.recv())
        return {name: value for name, value in answer.items() if name != "uuid"}

    def train(self) -> bytes | str:
        """Train the network with a row and return the last answer."""
        self.say(bufferName="picture", processType=TRAIN)
        return self.say(bufferName="label", processType=TRAIN, targetBufferType=EXPECTED, isLast=True)

    def ask(self) -> bytes | str:
        """Ask the network and return the answer."""
        return self.say(bufferName="picture", isLast=True)

    def say(self, **fields: Any) -> bytes | str:
        self.socket.send_binary(CLUSTER_IO.message(numberOfValues=1, values=[1.0], **fields).SerializeToString())
        return cast(bytes | str, self.socket.recv())


def refused(answer: bytes | str) -> bool:
    return isinstance(answer, str) and json.loads(answer) == DENIED


def test_a_websocket_does_what_its_user_may_call(strict: Wire, tokens: dict[str, str]) -> None:
    template = base64.b64encode(TEMPLATE.encode()).decode()
    network = strict.body("POST", "cluster", {"name": "reader", "template": template}, tokens["admin"]).json["uuid"]
    mode = {"uuid": network, "new_state": "DIRECT"}
    assert strict.body("PUT", "cluster/set_mode", mode, tokens["admin"]).status == 200
    with Talk(strict) as guest, Talk(strict) as asker, Talk(strict) as trainer:
        # Who may not open any does not learn either which networks there are.
        for uuid in (network, NOBODY):
            assert guest.begin(tokens["guest"], uuid) == DENIED
        assert trainer.begin(tokens["trainer"], network) == {"success": True}
        assert not refused(trainer.train())
        assert refused(trainer.ask())
        assert asker.begin(tokens["asker"], network) == {"success": True}
        assert refused(asker.train())
        assert not refused(asker.ask())
    assert strict.body("PUT", "cluster/set_mode", mode | {"new_state": "TASK"}, tokens["admin"]).status == 200
    assert strict.query("GET", "cluster", tokens["admin"], uuid=network).json["cycles"] == 1


def test_who_may_announce_an_upload_may_send_it(strict: Wire, tokens: dict[str, str]) -> None:
    announced = {"name": "numbers", "input_data_size": 4}
    answer = strict.body("POST", "dataset/upload/csv", announced, tokens["uploader"])
    assert answer.status == 200, answer
    file = answer.json["uuid_input_file"]
    with Talk(strict) as mine, Talk(strict) as other:
        assert mine.begin(tokens["uploader"], file, "file_upload") == {"success": True}
        missing = {"success": False, "error": f"Tempfile with UUID '{file}' not found"}
        assert other.begin(tokens["admin"], file, "file_upload") == missing


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1, column 1: the file ends too early, expected a word"),
        ("v1.0alpha/cluster\n  -GET : admin\n", "line 2, column 3: unexpected '-GET', expected '- '"),
        ("v1.0alpha/cluster\n  - GET : admin # all\n", "line 2, column 17: invalid character '#'"),
        (None, "own.policy: "),
    ],
)
def test_what_is_wrong_with_a_policy_is_told_with_its_place(tmp_path: Path, text: str | None, place: str) -> None:
    if text is not None:
        (tmp_path / "own.policy").write_text(text)
    with pytest.raises(StartupError) as caught:
        prepare(Options(data_dir=tmp_path, flags={"policy_file.path": "own.policy"}))
    assert place in str(caught.value)
    assert "own.policy" in str(caught.value)


def test_a_server_does_not_start_with_a_broken_policy(tmp_path: Path) -> None:
    (tmp_path / "own.policy").write_text("v1.0alpha/cluster\n  -GET : admin\n")
    with pytest.raises(StartupError, match=r"own\.policy.*line 2, column 3"), LocalServer(tmp_path, OWN):
        pytest.fail("the server starts")
