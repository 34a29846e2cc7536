"""The same paths in the words of both released generations of clients: OpenHanami 0.5.0 and the later one."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from hanami_sdk import Client, Dataset
from hanami_server.local import LocalServer
from tests.server.harness import until
from tests.service.wire import Answer, Wire

SECRET = "pässphrase of yui"
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
SETTINGS = "version: 1 settings: max_connection_distance: 1 hexagons: 1,1,1 2,1,1 3,1,1 "


class Dialect(NamedTuple):
    """How a generation says the same."""

    secret: dict[str, str]
    template: str
    train: dict[str, Any]
    request: dict[str, Any]
    result: tuple[str, str]
    """Name of the dataset that a request writes, and of its column."""


def dialects(dataset: str) -> dict[str, Dialect]:
    def feed(name: str) -> list[dict[str, str]]:
        return [{"dataset_uuid": dataset, "dataset_column": name, "hexagon_name": name}]

    return {
        "0.5.0": Dialect(
            {"password": SECRET},
            SETTINGS + "inputs: picture: target: 1,1,1 number_of_inputs: 784 "
            "outputs: label: target: 3,1,1 number_of_outputs: 10",
            {"inputs": {"picture": dataset}, "outputs": {"label": dataset}},
            {"inputs": {"picture": dataset}, "results": {"label": "test_output"}},
            ("test_output", "test_output"),
        ),
        "later": Dialect(
            {"passphrase": base64.b64encode(SECRET.encode()).decode()},
            SETTINGS + "axons: 1,1,1 -> 2,1,1 inputs: picture: 1,1,1 outputs: label: 3,1,1",
            {"inputs": feed("picture"), "outputs": feed("label")},
            {"inputs": feed("picture"), "results": [{"dataset_column": "answer", "hexagon_name": "label"}]},
            ("asked task", "answer"),
        ),
    }


@pytest.fixture(params=["0.5.0", "later"])
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def walk(wire: Wire, dataset: Dataset, generation: str) -> Iterator[tuple[Wire, Dialect]]:
    """Create a user in the words of a generation, and log in with them."""
    dialect = dialects(dataset.uuid)[generation]
    fields = {"id": "yui@home", "name": "Yui H", "is_admin": True} | dialect.secret
    created = ok(wire.body("POST", "user", fields))
    assert STAMP.fullmatch(created.pop("created_at"))
    expected = {"creator_id": "demo", "id": "yui@home", "is_admin": True, "name": "Yui H", "projects": []}
    assert created == expected
    own = Wire(wire.address)
    answer = ok(own.body("POST", "token", {"id": "yui@home"} | dialect.secret))
    assert answer == {"id": "yui@home", "is_admin": True, "name": "Yui H", "token": answer["token"]}
    own.token = answer["token"]
    yield own, dialect
    ok(wire.query("DELETE", "user", id="yui@home"))


def ok(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return answer.json


def finished(wire: Wire, task: dict[str, Any], cluster: str) -> dict[str, Any]:
    """Wait for a task, whose first state was answered, and return its last one."""
    assert task.keys() == {
        "current_cycle", "end_timestamp", "name", "queue_timestamp", "start_timestamp", "state",
        "total_number_of_cycles", "uuid",
    }  # fmt: skip
    assert (task["state"], task["current_cycle"], task["end_timestamp"]) == ("queued", 0, "-")
    assert STAMP.fullmatch(task["queue_timestamp"])
    query = {"uuid": task["uuid"], "cluster_uuid": cluster}
    until(lambda: ok(wire.query("GET", "task", **query))["state"] == "finished", 30, "the task does not finish")
    done: dict[str, Any] = ok(wire.query("GET", "task", **query))
    assert done["current_cycle"] == done["total_number_of_cycles"] == task["total_number_of_cycles"] == 200
    assert STAMP.fullmatch(done["start_timestamp"]) is not None is not STAMP.fullmatch(done["end_timestamp"])
    return done


def test_a_network_is_made_trained_asked_and_saved(walk: tuple[Wire, Dialect], dataset: Dataset) -> None:
    wire, dialect = walk
    template = base64.b64encode(dialect.template.encode()).decode()
    cluster = ok(wire.body("POST", "cluster", {"name": "a network", "template": template}))
    assert cluster.keys() == {"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}
    assert (cluster["owner_id"], cluster["project_id"], cluster["visibility"]) == ("yui@home", "admin", "private")
    uuid = cluster["uuid"]
    shown = ok(wire.query("GET", "cluster", uuid=uuid))
    assert shown.items() >= cluster.items()
    assert (shown["number_of_blocks"], shown["number_of_sections"]) == (0, 0)

    task = ok(wire.body("POST", "task/train", {"name": "trained task", "cluster_uuid": uuid} | dialect.train))
    finished(wire, task, uuid)
    first = task["uuid"]
    task = ok(wire.body("POST", "task/request", {"name": "asked task", "cluster_uuid": uuid} | dialect.request))
    finished(wire, task, uuid)
    rows = ok(wire.query("GET", "task/all", cluster_uuid=uuid))
    assert rows["header"] == ["uuid", "state", "percentage", "queued", "start", "end"]
    assert [row[1:3] for row in rows["body"]] == [["finished", "1.000000"]] * 2
    assert [row[0] for row in rows["body"]] == [first, task["uuid"]]
    shown = ok(wire.query("GET", "cluster", uuid=uuid))
    assert shown["number_of_blocks"] > 0 < shown["number_of_sections"]

    result = ok(wire.query("GET", "dataset", uuid=task["uuid"]))
    name, column = dialect.result
    assert result.keys() == {
        "created_at", "description", "name", "number_of_columns", "number_of_rows", "owner_id", "project_id", "uuid",
        "version", "visibility",
    }  # fmt: skip
    assert (result["name"], result["number_of_rows"], result["version"]) == (name, 200, "v1.0alpha")
    assert result["description"] == {column: {"column_start": 0, "column_end": 10}}
    values = ok(wire.query("GET", "dataset/content", uuid=task["uuid"], column_name=column, number_of_rows=2))
    assert [len(row) for row in values["data"]] == [10, 10]
    right = ok(wire.query("GET", "dataset/check", uuid=task["uuid"], reference_uuid=dataset.uuid))
    assert isinstance(right["accuracy"], float)

    saved = ok(wire.body("POST", "cluster/save", {"name": "a checkpoint", "cluster_uuid": uuid}))
    assert saved["name"] == "a checkpoint"
    assert wire.query("DELETE", "cluster", uuid=uuid) == (200, "{}")
    checkpoint = ok(wire.query("GET", "checkpoint", uuid=saved["uuid"]))
    assert checkpoint.keys() == {"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}
    other = ok(wire.body("POST", "cluster", {"name": "a network", "template": template}))["uuid"]
    loaded = ok(wire.body("POST", "cluster/load", {"cluster_uuid": other, "checkpoint_uuid": saved["uuid"]}))
    assert loaded.keys() == {"uuid"}
    assert wire.query("DELETE", "checkpoint", uuid=saved["uuid"]) == (200, "{}")
    restored = ok(wire.query("GET", "cluster", uuid=other))
    assert restored["number_of_sections"] == shown["number_of_sections"]
    for path, resource in (("cluster", other), ("dataset", task["uuid"])):
        assert wire.query("DELETE", path, uuid=resource) == (200, "{}")


def test_a_host_is_changed_with_and_without_a_hexagon(walk: tuple[Wire, Dialect], generation: str) -> None:
    wire, dialect = walk
    template = base64.b64encode(dialect.template.encode()).decode()
    cluster = ok(wire.body("POST", "cluster", {"name": "a network", "template": template}))
    hosts = ok(wire.query("GET", "host/all"))
    assert hosts["header"] == ["uuid", "type"]
    fields = {"cluster_uuid": cluster["uuid"], "host_uuid": hosts["body"][0][0]}
    hexagon = {} if generation == "0.5.0" else {"hexagon_id": 1}
    assert ok(wire.body("PUT", "cluster/switch_host", fields | hexagon)) == cluster
    modes = [("DIRECT", 200), ("DIRECT", 409), ("TASK", 200), ("TASK", 200)]
    for mode, status in modes:
        answer = wire.body("PUT", "cluster/set_mode", {"uuid": cluster["uuid"], "new_state": mode})
        assert answer.status == status
        if status == 200:
            picked = {name: cluster[name] for name in ("created_at", "name", "uuid")}
            assert answer.json == picked | {"new_state": mode}
        else:
            assert answer.text == f"Can not switch cluster to '{mode}'"
    assert wire.query("DELETE", "cluster", uuid=cluster["uuid"]) == (200, "{}")


def test_an_account_works_in_both_spellings(walk: tuple[Wire, Dialect], dataset: Dataset) -> None:
    wire, _ = walk
    for dialect in dialects(dataset.uuid).values():
        assert wire.body("POST", "token", {"id": "yui@home"} | dialect.secret, "").status == 200
    for wrong in ({"password": base64.b64encode(SECRET.encode()).decode()}, {"passphrase": "cMOkc3NwaHJhc2U="}):
        answer = wire.body("POST", "token", {"id": "yui@home"} | wrong, "")
        assert answer == (401, "ACCESS DENIED!\nUser or passphrase is incorrect.")


def test_whom_a_token_stands_for(walk: tuple[Wire, Dialect]) -> None:
    wire, _ = walk
    expected = {
        "id": "yui@home", "is_admin": True, "is_project_admin": True, "name": "Yui H", "project_id": "admin",
        "role": "admin",
    }  # fmt: skip
    assert ok(wire.query("GET", "auth")) == expected
    assert ok(wire.query("GET", "auth", endpoint="v1.0alpha/user/all", http_type=2, token="of old times")) == expected
    assert wire.query("GET", "auth", endpoint="v1.0alpha/user/all", http_type=5) == (401, "Access denied by policy")
    assert wire.query("GET", "auth", "bad").status == 401


def test_lists_of_everything(wire: Wire, server: LocalServer, client: Client, member: str) -> None:
    resource = ["created_at", "uuid", "project_id", "owner_id", "visibility", "name"]
    headers = {
        "user/all": ["created_at", "id", "name", "creator_id", "projects", "is_admin"],
        "project/all": ["created_at", "id", "name", "creator_id"],
        "dataset/all": resource,
        "cluster/all": resource,
        "checkpoint/all": resource,
    }
    for path, header in headers.items():
        listed = ok(wire.query("GET", path))
        assert listed.keys() == {"header", "body"}
        assert listed["header"] == header
        assert all(STAMP.fullmatch(row[0]) for row in listed["body"])
    first = ok(wire.query("GET", "user/all"))["body"][0]
    assert first[1:] == ["demo", "demo", "HANAMI_INIT", [], True]
    places = ok(wire.query("GET", "user/project"))
    assert places == {"projects": [{"is_project_admin": True, "project_id": "admin", "role": "admin"}]}
    places = ok(wire.query("GET", "user/project", member))
    assert places == {"projects": [{"is_project_admin": False, "project_id": "plain", "role": "member"}]}
    assert ok(wire.query("GET", "user/project", user_id="plain_member")) == places


MEASURED = {
    "power_consumption": ("power", "Power consumption"),
    "temperature_production": ("temperature", "Temperature"),
    "speed": ("current_speed", "Speed"),
}
RINGS = {"seconds": 60, "minutes": 60, "hours": 24, "days": 365}


@pytest.mark.parametrize("path", MEASURED)
def test_measurements_are_there_or_not_available(wire: Wire, path: str) -> None:
    name, title = MEASURED[path]
    answer = wire.query("GET", path)
    if answer.status == 200:
        assert {ring: len(values) for ring, values in answer.json[name].items()} == RINGS
    else:
        assert answer == (404, f"{title} is not available on this machine")


def test_the_machine_and_its_threads(wire: Wire) -> None:
    info = ok(wire.query("GET", "system_info"))["info"]
    assert isinstance(info["has_hyperthreading"], bool)
    core = info["packages"][0]["cores"][0]
    assert core.keys() == {
        "id", "minimum_speed", "maximum_speed", "current_minimum_speed", "current_maximum_speed", "current_speed",
        "threads",
    }  # fmt: skip
    threads = ok(wire.query("GET", "threading"))["thread_map"]
    assert threads
    assert all(isinstance(number, int) for numbers in threads.values() for number in numbers)
