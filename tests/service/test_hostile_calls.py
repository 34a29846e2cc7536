"""Requests that are well-formed and make no sense, name what does not exist, or come at a bad moment."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hanami_sdk import Client
from tests.service.wire import NOBODY, Wire


def feed(dataset: str = "{dataset}", column: str = "picture", hexagon: str = "picture_hex") -> dict[str, str]:
    return {"dataset_uuid": dataset, "dataset_column": column, "hexagon_name": hexagon}


LABEL = feed(column="label", hexagon="label_hex")


def train(**changes: Any) -> dict[str, Any]:
    return {"name": "a task", "cluster_uuid": "{cluster}", "inputs": [feed()], "outputs": [LABEL]} | changes


def ask(*results: Any, **changes: Any) -> dict[str, Any]:
    found = list(results) if results else [{"dataset_column": "answer", "hexagon_name": "label_hex"}]
    return {"name": "a task", "cluster_uuid": "{cluster}", "inputs": [feed()], "results": found} | changes


def content(**changes: Any) -> dict[str, Any]:
    return {"uuid": "{dataset}", "column_name": "picture"} | changes


TASK_MISSING = f"Task with UUID '{NOBODY}'not found in Cluster with UUID '{{cluster}}'"
CLUSTER_MISSING = f"Cluster with uuid '{NOBODY}' not found"
COLUMN_MISSING = "Column with name 'nothing' was not found in dataset with UUID '{dataset}'"
PLACE = {"id": "plain_member", "project_id": "plain", "role": "member"}

ROWS: list[tuple[str, dict[str, Any], int, str]] = [
    ("GET task", {"uuid": NOBODY, "cluster_uuid": "{cluster}"}, 404, TASK_MISSING),
    ("DELETE task", {"uuid": NOBODY, "cluster_uuid": "{cluster}"}, 404, TASK_MISSING),
    ("GET task", {"uuid": "{task}", "cluster_uuid": "{fresh}"}, 404, "Task with UUID '{task}'not found in Cluster"),
    ("GET task", {"uuid": "{task}", "cluster_uuid": NOBODY}, 404, CLUSTER_MISSING),
    ("GET task/all", {"cluster_uuid": NOBODY}, 404, CLUSTER_MISSING),
    ("GET cluster", {"uuid": NOBODY}, 404, CLUSTER_MISSING),
    ("DELETE cluster", {"uuid": NOBODY}, 404, CLUSTER_MISSING),
    ("GET cluster", {"uuid": "{dataset}"}, 404, "Cluster with uuid '{dataset}' not found"),
    ("GET checkpoint", {"uuid": NOBODY}, 404, f"Checkpoint with uuid '{NOBODY}' not found"),
    ("DELETE checkpoint", {"uuid": NOBODY}, 404, f"Chekckpoint with uuid '{NOBODY}' not found"),
    ("GET dataset", {"uuid": NOBODY}, 404, f"Data-set with uuid '{NOBODY}' not found"),
    ("DELETE dataset", {"uuid": NOBODY}, 404, f"Data-set with uuid '{NOBODY}' not found"),
    ("GET dataset/progress", {"uuid": NOBODY}, 404, f"Data-set with uuid '{NOBODY}' not found"),
    ("GET dataset/check", {"uuid": NOBODY, "reference_uuid": "{dataset}"}, 404, f"Dataset with uuid '{NOBODY}' not"),
    ("GET dataset/check", {"uuid": "{result}", "reference_uuid": NOBODY}, 404, f"Dataset with uuid '{NOBODY}' not"),
    ("GET dataset/check", {"uuid": "{result}", "reference_uuid": "{other}"}, 400, "The data-sets cannot be compared"),
    ("GET dataset/check", {"uuid": "{announced}", "reference_uuid": "{dataset}"}, 409, "is not complete"),
    ("GET dataset/content", content(uuid=NOBODY), 404, f"Data-set with uuid '{NOBODY}' not found"),
    ("GET dataset/content", content(uuid="{announced}"), 409, "is not complete, its upload was not finalised"),
    ("GET dataset/content", content(column_name="nothing"), 404, COLUMN_MISSING),
    ("GET dataset/content", content(row_offset=200), 400, "Rows 200 to 200 are out of range, the data-set"),
    ("GET dataset/content", content(row_offset=199, number_of_rows=2), 400, "Rows 199 to 200 are out of range"),
    ("GET dataset/content", content(number_of_rows=201), 400, "Rows 0 to 200 are out of range"),
    ("GET dataset/content", content(row_offset=10**9, number_of_rows=10**4), 400, "Rows 1000000000 to 1000009999"),
    ("POST task/train", train(inputs=[], outputs=[]), 400, "'inputs' must not be empty"),
    ("POST task/train", train(inputs={}), 400, "'inputs' must not be empty"),
    ("POST task/train", train(outputs=[]), 400, "'outputs' must not be empty"),
    ("POST task/train", train(inputs=[{}]), 400, "'hexagon_name' is missing"),
    ("POST task/train", train(inputs=[{"hexagon_name": "x"}]), 400, "'dataset_uuid' is missing"),
    ("POST task/train", train(outputs=[{"hexagon_name": "x", "dataset_uuid": "x"}]), 400, "'dataset_column' is"),
    ("POST task/train", train(inputs=["picture"]), 400, "Value-validation failed"),
    ("POST task/train", train(inputs={"picture_hex": 5}), 400, "Value-validation failed"),
    ("POST task/train", train(inputs=[feed(dataset=5)]), 400, "'dataset_uuid' in 'inputs' must be a string"),  # type: ignore[arg-type]
    ("POST task/train", train(inputs=[feed() | {"more": "x"}]), 400, "'more' is not allowed in 'inputs'"),
    ("POST task/train", train(inputs=[feed(), feed()]), 400, "'inputs': hexagon 'picture_hex' is given 2 times"),
    ("POST task/train", train(inputs=[feed(hexagon="x")]), 400, "'inputs': the cluster has no hexagon with name 'x'"),
    ("POST task/train", train(outputs=[feed(hexagon="x")]), 400, "'outputs': the cluster has no hexagon with name 'x'"),
    ("POST task/train", train(inputs=[LABEL]), 400, "'inputs': the cluster has no hexagon with name 'label_hex'"),
    ("POST task/train", train(inputs=[feed(NOBODY)]), 404, f"Data-set with uuid '{NOBODY}' not found"),
    ("POST task/train", train(inputs=[feed("x")]), 404, "Data-set with uuid 'x' not found"),
    ("POST task/train", train(inputs=[feed("{cluster}")]), 404, "Data-set with uuid '{cluster}' not found"),
    ("POST task/train", train(inputs=[feed("{announced}")]), 409, "is not complete, its upload was not finalised"),
    ("POST task/train", train(inputs=[feed(column="nothing")]), 404, COLUMN_MISSING),
    ("POST task/train", train(inputs={"picture_hex": "{dataset}"}), 404, "Column with name 'picture_hex' was not"),
    ("POST task/train", train(time_length=201), 400, "'time_length' is 201, but there are only 200 rows"),
    ("POST task/train", train(time_length=1000), 400, "'time_length' is 1000, but there are only 200 rows"),
    ("POST task/train", train(outputs=[feed(hexagon="label_hex")]), 400, "was created with 10"),
    ("POST task/train", train(cluster_uuid=NOBODY), 404, CLUSTER_MISSING),
    ("POST task/request", ask(inputs=[]), 400, "'inputs' must not be empty"),
    ("POST task/request", ask(results=[]), 400, "'results' must not be empty"),
    ("POST task/request", ask({"hexagon_name": "label_hex"}), 400, "'dataset_column' is missing"),
    ("POST task/request", ask({"hexagon_name": "x", "dataset_column": "y"}), 400, "the cluster has no hexagon"),
    ("POST task/request", ask({"hexagon_name": "label_hex", "dataset_column": ""}), 400, "must have 1 to 254"),
    ("POST task/request", ask(results={"label_hex": "a" * 255}), 400, "must have 1 to 254 characters"),
    ("POST task/request", ask(inputs=[feed(NOBODY)]), 404, f"Data-set with uuid '{NOBODY}' not found"),
    ("POST task/request", ask(inputs=[feed(column="nothing")]), 404, COLUMN_MISSING),
    ("POST task/request", ask(time_length=201), 400, "'time_length' is 201, but there are only 200 rows"),
    ("POST task/request", ask(cluster_uuid="{fresh}"), 409, "Cluster with uuid '{fresh}' was never trained"),
    ("POST cluster", {"name": "hostile cluster"}, 409, "Cluster with name 'hostile cluster' already exist."),
    ("POST cluster/save", {"name": "saved", "cluster_uuid": NOBODY}, 404, CLUSTER_MISSING),
    ("POST cluster/load", {"cluster_uuid": NOBODY, "checkpoint_uuid": "{checkpoint}"}, 404, CLUSTER_MISSING),
    ("POST cluster/load", {"cluster_uuid": "{cluster}", "checkpoint_uuid": NOBODY}, 404, "Checkpoint with uuid"),
    ("PUT cluster/set_mode", {"uuid": NOBODY, "new_state": "DIRECT"}, 404, CLUSTER_MISSING),
    ("PUT cluster/switch_host", {"cluster_uuid": NOBODY, "host_uuid": "{host}"}, 404, CLUSTER_MISSING),
    ("PUT cluster/switch_host", {"cluster_uuid": "{cluster}", "host_uuid": NOBODY}, 404, "Host with uuid '"),
    ("PUT cluster/switch_host", {"cluster_uuid": "{cluster}", "host_uuid": "{host}", "hexagon_id": 99}, 404,
     "Cluster with UUID '{cluster}' does not contain a hexagon with ID '99'"),
    ("POST user", {"id": "demo", "name": "demo", "password": "a long one"}, 409, "User with id 'demo' already exist."),
    ("POST user", {"id": "two_secrets", "name": "demo", "password": "a long one", "passphrase": "AAAAAAAAAAA="}, 400,
     "Validation failed, because only one of 'passphrase' and 'password' can be set."),
    ("GET user", {"id": "nobody"}, 404, "User with id 'nobody' not found"),
    ("DELETE user", {"id": "nobody"}, 404, "User with id 'nobody' not found"),
    ("DELETE user", {"id": "demo"}, 409, "User with id 'demo' tries to delete himself, which is not allowed."),
    ("GET user/project", {"user_id": "nobody"}, 404, "User with id 'nobody' not found"),
    ("POST user/project", PLACE | {"id": "nobody"}, 404, "User with id 'nobody' not found"),
    ("POST user/project", PLACE | {"project_id": "nowhere"}, 404, "Project with id 'nowhere' not found"),
    ("POST user/project", PLACE, 409, "Project with ID 'plain' is already assigned to user with id 'plain_member'."),
    ("POST user/project", {"project_id": "nowhere"}, 401,
     "User with id 'demo' is not assigned to the project with id 'nowhere'."),
    ("DELETE user/project", {"id": "nobody", "project_id": "plain"}, 404, "User with id 'nobody' not found"),
    ("DELETE user/project", {"id": "demo", "project_id": "plain"}, 404,
     "Project with ID 'plain' is not assigned to user with id 'demo' and so it can not be removed from the user."),
    ("PUT token", {"project_id": "nowhere"}, 401, "User with id 'demo' is not assigned to the project with id 'now"),
    ("POST project", {"id": "plain", "name": "again"}, 409, "Project with id 'plain' already exist."),
    ("POST project", {"id": "admin", "name": "again"}, 409, "Project with id 'admin' already exist."),
    ("GET project", {"id": "nowhere"}, 404, "Project with id 'nowhere' not found"),
    ("DELETE project", {"id": "nowhere"}, 404, "Project with id 'nowhere' not found"),
    ("PUT dataset/upload/csv", {"uuid": NOBODY, "uuid_input_file": NOBODY}, 404, "Data-set with uuid"),
    ("PUT dataset/upload/csv", {"uuid": "{announced}", "uuid_input_file": NOBODY}, 404,
     f"Input-data with uuid '{NOBODY}' not found."),
    ("PUT dataset/upload/mnist", {"uuid": "{announced}", "uuid_input_file": NOBODY, "uuid_label_file": NOBODY}, 400,
     "was created for files of format 'csv'"),
]  # fmt: skip


def fill(value: Any, things: dict[str, str]) -> Any:
    """Put uuids into the places that are held for them."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: things[found[1]], value)
    if isinstance(value, dict):
        return {name: fill(item, things) for name, item in value.items()}
    return [fill(item, things) for item in value] if isinstance(value, list) else value


@pytest.mark.usefixtures("member", "things", "unchanged")
@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[3][:40]}" for row in ROWS])
def test_a_request_that_makes_no_sense(wire: Wire, things: dict[str, str], row: Any) -> None:
    call, fields, status, text = fill(list(row[:3]), things)[0], fill(row[1], things), row[2], fill(row[3], things)
    method, path = call.split()
    answer = wire.call(method, path, fields)
    assert answer.status == status
    assert text in answer.text


def test_a_refused_task_does_not_block_the_cluster(wire: Wire, things: dict[str, str], client: Client) -> None:
    for changes in ({"inputs": []}, {"time_length": 1000}, {"inputs": [feed(NOBODY)]}):
        assert wire.body("POST", "task/train", fill(train(**changes), things)).status != 200
    queued = wire.body("POST", "task/train", fill(train(time_length=200), things))
    assert queued.status == 200
    assert client.wait(client.task(queued.json["uuid"], things["cluster"])).current_cycle == 1


@pytest.mark.usefixtures("unchanged")
def test_a_short_result_can_be_checked(wire: Wire, things: dict[str, str]) -> None:
    answer = wire.query("GET", "dataset/check", uuid=things["dataset"], reference_uuid=things["dataset"])
    assert answer.json == {"accuracy": 100.0}
    answer = wire.query("GET", "dataset/content", uuid=things["dataset"], column_name="label", row_offset=199)
    assert sum(answer.json["data"][0]) == 1


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("GET cluster", {"uuid": "{cluster}"}),
        ("GET dataset", {"uuid": "{dataset}"}),
        ("GET dataset/progress", {"uuid": "{dataset}"}),
        ("GET dataset/content", content()),
        ("GET dataset/check", {"uuid": "{result}", "reference_uuid": "{dataset}"}),
        ("GET checkpoint", {"uuid": "{checkpoint}"}),
        ("GET task", {"uuid": "{task}", "cluster_uuid": "{cluster}"}),
        ("GET task/all", {"cluster_uuid": "{cluster}"}),
        ("PUT cluster/set_mode", {"uuid": "{cluster}", "new_state": "TASK"}),
    ],
)
def test_a_uuid_may_be_written_in_upper_case(
    wire: Wire, things: dict[str, str], call: str, fields: dict[str, Any], unchanged: None
) -> None:
    method, path = call.split()
    upper = {name: uuid.upper() for name, uuid in things.items()}
    answers = [wire.call(method, path, fill(fields, uuids)) for uuids in (things, upper)]
    assert answers[0].status == 200
    assert answers[0] == answers[1]


def test_tasks_take_uuids_in_upper_case(wire: Wire, things: dict[str, str], client: Client) -> None:
    upper = {name: uuid.upper() for name, uuid in things.items()}
    for call, fields in (
        ("POST task/train", train()),
        ("POST task/request", ask()),
        ("POST cluster/load", {"cluster_uuid": "{cluster}", "checkpoint_uuid": "{checkpoint}"}),
        ("PUT cluster/switch_host", {"cluster_uuid": "{cluster}", "host_uuid": "{host}"}),
    ):
        method, path = call.split()
        assert wire.call(method, path, fill(fields, upper)).status == 200, call
    assert all(client.wait(task).finished for task in client.tasks(things["cluster"]))


@pytest.mark.long
def test_nobody_announces_uploads_without_end(wire: Wire, member: str) -> None:
    announced: list[str] = []
    while (answer := wire.body("POST", "dataset/upload/csv", {"name": "many", "input_data_size": 5}, member))[0] == 200:
        announced.append(answer.json["uuid"])
        assert len(announced) <= 100
    text = "User with id 'plain_member' has 100 unfinished uploads already, finalise one or delete its data-set first"
    assert answer == (409, text)
    progress = wire.query("GET", "dataset/progress", uuid=announced[0]).json  # that of somebody else
    assert (progress["complete"], list(progress["received"].values())) == (False, [0])
    sizes = {"input_data_size": 5, "label_data_size": 5}
    assert wire.query("DELETE", "dataset", member, uuid=announced.pop()).status == 200
    before = wire.query("GET", "dataset/all", member)
    assert wire.body("POST", "dataset/upload/mnist", {"name": "many"} | sizes, member) == (409, text)
    assert wire.query("GET", "dataset/all", member) == before
    assert wire.body("POST", "dataset/upload/csv", {"name": "others", "input_data_size": 5}).status == 200
    for uuid in announced:
        assert wire.query("DELETE", "dataset", member, uuid=uuid).status == 200
