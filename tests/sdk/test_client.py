"""Methods of the client: what they send and which objects they return."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from hanami_sdk import (
    BadRequestException,
    Checkpoint,
    Client,
    Cluster,
    Column,
    Comparison,
    ConflictException,
    Dataset,
    Host,
    Membership,
    NotFoundException,
    Project,
    Task,
    TaskFailedException,
    User,
    WaitTimeoutException,
)

from .fake_server import API, Answer, C, D, FakeServer, P, Request, U

OTHER, ANOTHER = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "12")
THING = {
    "created_at": "2026-11-21 19:51:42",
    "uuid": U,
    "project_id": "admin",
    "owner_id": "asdf",
    "visibility": "private",
    "name": "thing",
}
THINGS = {"header": list(THING), "body": [list(THING.values())]}
TASK: dict[str, Any] = {
    "uuid": "t",
    "name": "work",
    "state": "finished",
    "current_cycle": 4,
    "total_number_of_cycles": 4,
    "queue_timestamp": "2026-11-21 19:51:42",
    "start_timestamp": "2026-11-21 19:51:43",
    "end_timestamp": "2026-11-21 19:51:44",
}
USER = {
    "created_at": "2026-11-21 19:51:42",
    "creator_id": "asdf",
    "id": "tsugumi",
    "is_admin": False,
    "name": "Tsugumi",
    "projects": [{"is_project_admin": True, "project_id": "proj", "role": "member"}],
}
PROJECT = {"created_at": "2026-11-21 19:51:42", "creator_id": "asdf", "id": "proj", "name": "The Project"}
TSUGUMI = User("tsugumi", "Tsugumi", False, "asdf", (Membership("proj", "member", True),), "2026-11-21 19:51:42")


def last(server: FakeServer) -> tuple[str, str, Any]:
    request = server.requests[-1]
    return request.method, request.path.removeprefix(API), request.body or request.query


def test_datasets(server: FakeServer, client: Client) -> None:
    server.on("GET", "/dataset/all", THINGS)
    (found,) = client.datasets()
    assert found == Dataset(U, "thing", "asdf", "admin", "private", "2026-11-21 19:51:42")
    description = {"picture": {"column_start": 0, "column_end": 784}, "label": {"start_column": 784, "end_column": 794}}
    server.on("GET", "/dataset", {**THING, "description": description, "number_of_rows": 9, "number_of_columns": 794})
    full = client.dataset(found)
    assert full.columns == {"picture": range(784), "label": range(784, 794)}
    assert (full.number_of_rows, full.number_of_columns) == (9, 794)
    assert full["label"] == found["anything"].__class__(U, "label") == Column(U, "label")
    with pytest.raises(KeyError, match="has no column 'x'"):
        full["x"]
    assert hash(full) == hash(client.dataset(U))
    server.on("DELETE", "/dataset")
    client.delete_dataset(full)
    assert last(server) == ("DELETE", "/dataset", {"uuid": U})


def test_content_and_check(server: FakeServer, client: Client) -> None:
    server.on("GET", "/dataset/content", {"data": [[0.5, 1.0]]})
    task = Task("t", C, "finished")
    assert client.dataset_content(task, "answer", 1, offset=7) == [[0.5, 1.0]]
    query = {"uuid": "t", "column_name": "answer", "row_offset": "7", "number_of_rows": "1"}
    assert last(server) == ("GET", "/dataset/content", query)
    server.on("GET", "/dataset/check", {"accuracy": 97})
    accuracy = client.check(task, OTHER)
    assert accuracy == 97.0
    assert isinstance(accuracy, float)
    assert last(server)[2] == {"uuid": "t", "reference_uuid": OTHER, "equal_rows": "true"}
    client.check(task, OTHER, equal_rows=False)
    assert last(server)[2] == {"uuid": "t", "reference_uuid": OTHER}


def test_a_comparison(server: FakeServer, client: Client) -> None:
    report = {"column_name": "a", "reference_column_name": "b", "rows": 3, "mse": 0.5, "mae": 0.25, "r2": None}
    server.on("GET", "/dataset/check", {"report": report})
    found = client.compare(Task("t", C, "finished"), D, column="a", reference_column="b", equal_rows=False)
    assert found == Comparison(3, "a", "b", None, 0.5, 0.25, None)
    named = {"report": "true", "column_name": "a", "reference_column_name": "b"}
    assert last(server)[2] == {"uuid": "t", "reference_uuid": D} | named
    classes = {"confusion_matrix": [[2, 0], [1, 0]], "precision": [0.5, None], "recall": [1.0, 0.0]}
    server.on("GET", "/dataset/check", {"accuracy": 75.0, "report": report | classes})
    found = client.compare(Task("t", C, "finished"), D)
    assert (found.accuracy, found.confusion_matrix[1][0], found.precision) == (75.0, 1, [0.5, None])
    assert last(server)[2] == {"uuid": "t", "reference_uuid": D, "equal_rows": "true", "report": "true"}


def test_clusters(server: FakeServer, client: Client) -> None:
    server.on("POST", "/cluster", THING)
    made = client.create_cluster("thing", "version: 1 ä")
    assert made == Cluster(U, "thing", "asdf", "admin", "private", "2026-11-21 19:51:42")
    encoded = base64.b64encode("version: 1 ä".encode()).decode()
    assert last(server) == ("POST", "/cluster", {"name": "thing", "template": encoded})
    server.on("GET", "/cluster/all", THINGS)
    assert client.clusters() == [made]
    server.on("GET", "/cluster", {**THING, "number_of_blocks": 3, "number_of_sections": 973, "added_later": 1})
    assert client.cluster(made).number_of_sections == 973
    server.on("DELETE", "/cluster")
    client.delete_cluster(made)
    assert last(server) == ("DELETE", "/cluster", {"uuid": U})
    server.on("PUT", "/cluster/set_mode")
    client.set_mode(made, "DIRECT")
    assert last(server) == ("PUT", "/cluster/set_mode", {"new_state": "DIRECT", "uuid": U, "shared": False})
    client.set_mode(made, "TASK", shared=True)
    assert last(server) == ("PUT", "/cluster/set_mode", {"new_state": "TASK", "uuid": U, "shared": True})


def test_hosts(server: FakeServer, client: Client) -> None:
    server.on("GET", "/host/all", {"header": ["uuid", "type"], "body": [["h1", "cpu"], ["h2", "cuda"]]})
    hosts = client.hosts()
    assert hosts == [Host("h1", "cpu"), Host("h2", "cuda")]
    server.on("PUT", "/cluster/switch_host", THING)
    assert client.switch_host(C, hosts[1]).uuid == U
    assert last(server) == ("PUT", "/cluster/switch_host", {"cluster_uuid": C, "host_uuid": "h2"})


def test_checkpoints(server: FakeServer, client: Client) -> None:
    server.on("POST", "/cluster/save", {"name": "thing", "uuid": U})
    server.on("GET", "/task", {**TASK, "uuid": U})
    server.on("GET", "/checkpoint", THING)
    point = client.save(Cluster(C, "net"), "thing")
    assert point == Checkpoint(U, "thing", "asdf", "admin", "private", "2026-11-21 19:51:42")
    assert [request.path.removeprefix(API) for request in server.requests] == ["/cluster/save", "/task", "/checkpoint"]
    assert server.requests[0].body == {"name": "thing", "cluster_uuid": C}
    assert server.requests[1].query == {"uuid": U, "cluster_uuid": C, "details": "true"}
    server.on("GET", "/checkpoint/all", THINGS)
    assert client.checkpoints() == [point]
    server.on("POST", "/cluster/load", {"uuid": "t"})
    assert client.restore(C, point).finished
    assert server.requests[-2].body == {"cluster_uuid": C, "checkpoint_uuid": U}
    server.on("DELETE", "/checkpoint")
    client.delete_checkpoint(point)
    assert last(server) == ("DELETE", "/checkpoint", {"uuid": U})


def states(*changes: dict[str, Any]) -> Any:
    """Answer with one state of a task after the other, the last one for ever."""
    answers: Iterator[dict[str, Any]] = iter(changes)
    present: dict[str, Any] = {}

    def answer(request: Any) -> Answer:
        present.update(TASK, **next(answers, present))
        return Answer(body=present)

    return answer


def test_train(server: FakeServer, client: Client) -> None:
    queued = {**TASK, "state": "queued", "current_cycle": 0, "start_timestamp": "-", "end_timestamp": "-"}
    server.on("POST", "/task/train", queued)
    server.answers["GET", f"{API}/task"] = states(
        {"state": "active", "current_cycle": 0},
        {"state": "active", "current_cycle": 2},
        {"state": "active", "current_cycle": 2},
        {"state": "finished", "current_cycle": 4},
    )
    seen: list[tuple[int, int]] = []
    data = Dataset(D, "digits")
    inputs: dict[str, Any] = {"a": data["picture"], "b": (data, "x"), "c": (OTHER, "y"), "picture": data, "e": ANOTHER}
    task = client.train(C, inputs, {"label_hex": data["label"]}, progress=lambda *step: seen.append(step))
    assert task == Task("t", C, "finished", "work", 4, 4, 1.0, *list(TASK.values())[-3:])
    assert task.ended
    assert seen == [(0, 4), (2, 4), (4, 4)]
    body = server.requests[0].body
    assert body["inputs"] == [
        {"dataset_uuid": D, "dataset_column": "picture", "hexagon_name": "a"},
        {"dataset_uuid": D, "dataset_column": "x", "hexagon_name": "b"},
        {"dataset_uuid": OTHER, "dataset_column": "y", "hexagon_name": "c"},
        {"dataset_uuid": D, "dataset_column": "picture", "hexagon_name": "picture"},
        {"dataset_uuid": ANOTHER, "dataset_column": "e", "hexagon_name": "e"},
    ]
    assert body["outputs"] == [{"dataset_uuid": D, "dataset_column": "label", "hexagon_name": "label_hex"}]
    assert (body["name"], body["time_length"], body["cluster_uuid"]) == ("train", 1, C)
    assert body["shuffle"] is True


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"shuffle": False}, {}),
        ({"epochs": 3}, {"epochs": 3, "shuffle": True}),
        ({"epochs": 3, "shuffle": False, "seed": 5}, {"epochs": 3, "shuffle": False, "seed": 5}),
    ],
)
def test_how_a_training_goes(server: FakeServer, client: Client, options: Any, fields: Any) -> None:
    """A single pass over the rows as they come is what servers of every age know."""
    server.on("POST", "/task/train", {**TASK, "state": "queued"})
    client.train(C, {"x": D}, {"y": D}, equal_rows=False, wait=False, **options)
    body = dict(server.requests[0].body)
    for name in ("name", "cluster_uuid", "inputs", "outputs", "time_length"):
        del body[name]
    assert body == fields


def test_request_without_waiting(server: FakeServer, client: Client) -> None:
    server.on("POST", "/task/request", {**TASK, "state": "queued", "current_cycle": 1, "start_timestamp": "-"})
    entries = [{"dataset_uuid": D, "dataset_column": "picture", "hexagon_name": "picture_hex"}]
    task = client.request(C, entries, {"label_hex": "answer"}, name="asking", time_length=3, wait=False)
    assert (task.state, task.fraction, task.start_timestamp) == ("queued", 0.25, None)
    assert not task.ended
    assert server.requests[0].body == {
        "name": "asking",
        "cluster_uuid": C,
        "inputs": entries,
        "results": [{"dataset_column": "answer", "hexagon_name": "label_hex"}],
        "time_length": 3,
    }
    results = [{"dataset_column": "answer", "hexagon_name": "label_hex"}]
    client.request(C, entries, results, wait=False)
    assert server.requests[1].body["results"] == results
    assert server.requests[1].body["name"] == "request"


def test_task_that_fails(server: FakeServer, client: Client) -> None:
    server.answers["GET", f"{API}/task"] = states({"state": "failed", "error": "host is gone"})
    with pytest.raises(TaskFailedException, match="task t is failed: host is gone") as caught:
        client.wait(Task("t", C, "queued"))
    assert caught.value.task is not None
    assert caught.value.task.state == "failed"
    server.answers["GET", f"{API}/task"] = states({"state": "aborted"})
    with pytest.raises(TaskFailedException, match=r"task t is aborted$"):
        client.wait(Task("t", C, "queued"))


def test_waiting_has_an_end(server: FakeServer, client: Client) -> None:
    server.answers["GET", f"{API}/task"] = states({"state": "active"})
    with pytest.raises(WaitTimeoutException, match=r"task t did not end within 0\.03 s"):
        client.wait(Task("t", C, "queued"), timeout=0.03)
    server.on("GET", "/task", "gone", status=404)
    with pytest.raises(NotFoundException):
        client.wait(Task("t", C, "queued"))


def test_what_made_a_cluster_and_a_checkpoint(server: FakeServer, client: Client) -> None:
    lesson = {"number": 1, "task_uuid": "t", "name": "lesson", "state": "finished", "rows": 5, "ended_at": "2026"}
    made = {"number_of_trainings": 1, "trainings": [{**lesson, "datasets": [{"uuid": D, "name": "digits"}]}]}
    server.on("GET", "/cluster", {**THING, **made, "template": "version: 1", "version": 2, "stored_at": "-"})
    cluster = client.cluster(C, before=7)
    assert server.requests[-1].query == {"uuid": C, "details": "true", "before": "7"}
    assert (cluster.template, cluster.version, cluster.stored_at) == ("version: 1", 2, None)
    assert cluster.trainings[0].datasets == ((D, "digits"),)
    told = {"size": 9, "cluster_name": "net", "task_name": "lesson", "seed": 7, "version": 3, "imported": True}
    server.on("GET", "/checkpoint", {**THING, **made, **told})
    point = client.checkpoint(P)
    assert (point.seed, point.version, point.imported, point.trainings[0].imported) == (7, 3, True, False)
    assert (point.size, point.cluster_name, point.task_name) == (9, "net", "lesson")
    assert point.trainings == cluster.trainings
    header = ["created_at", "uuid", "name", "size", "cluster", "task"]
    server.on("GET", "/checkpoint/all", {"header": header, "body": [["2026", P, "kept", 9, "net", "lesson"]]})
    assert (client.checkpoints()[0].cluster_name, client.checkpoints()[0].task_name) == ("net", "lesson")


def test_things_are_found_by_their_names(server: FakeServer, client: Client) -> None:
    header = ["created_at", "uuid", "name"]
    body = [["2026", C, "net"], ["2026", D, "Größe"], ["2026", P, "net"]]
    for noun in ("cluster", "dataset", "checkpoint"):
        server.on("GET", f"/{noun}/all", {"header": header, "body": body})
        server.on("GET", f"/{noun}", THING)
        find = getattr(client, f"find_{noun}")
        assert find("Gro\u0308ße").name == "thing"
        assert server.requests[-1].query["uuid"] == D
        with pytest.raises(ConflictException, match=f"use the UUID: {C}, {P}"):
            find("net")
        with pytest.raises(NotFoundException, match=f"there is no {noun} 'other', only 'Größe', 'net'$"):
            find("other")


def test_a_cluster_is_created_only_if_it_is_not_there(server: FakeServer, client: Client) -> None:
    server.on("GET", "/cluster/all", {"header": ["uuid", "name"], "body": [[D, "there"]]})
    server.on("GET", "/cluster", THING)
    server.on("POST", "/cluster", THING)
    client.get_or_create_cluster("there")
    assert "POST" not in [request.method for request in server.requests]
    client.get_or_create_cluster("new", "version: 1")
    assert [request.method for request in server.requests][-3:] == ["GET", "POST", "GET"]


def test_servers_of_openhanami_are_asked_without_details(server: FakeServer, client: Client) -> None:
    refusal = "Validation failed, because item 'details' is not in the list of allowed keys"
    server.on("GET", "/cluster", refusal, status=400)
    with pytest.raises(BadRequestException):
        client.cluster(C)
    server.on("GET", "/cluster", THING)
    client.cluster(C)
    assert [request.query.get("details") for request in server.requests] == ["true", None, None]


def test_tasks(server: FakeServer, client: Client) -> None:
    header = ["uuid", "state", "percentage", "queued", "start", "end"]
    server.on("GET", "/task/all", {"header": header, "body": [["t", "active", "0.250000", "2026", "2027", "-"]]})
    (task,) = client.tasks(C)
    assert task == Task("t", C, "active", "", None, None, 0.25, "2026", "2027", None)
    server.on("GET", "/task", TASK)
    server.on("DELETE", "/task")
    client.task(task)
    client.task("t", Cluster(C, "net"))
    client.delete_task(task)
    client.delete_task("t", C)
    named = {"uuid": "t", "cluster_uuid": C}
    assert [request.query for request in server.requests[1:]] == [named | {"details": "true"}] * 2 + [named] * 2
    with pytest.raises(TypeError, match="cluster"):
        client.task("t")


def test_users(server: FakeServer, client: Client) -> None:
    for method, path in (("POST", "/user"), ("GET", "/user"), ("POST", "/user/project"), ("DELETE", "/user/project")):
        server.on(method, path, USER)
    secret = base64.b64encode(b"new passphrase").decode()
    assert client.create_user("tsugumi", "Tsugumi", "new passphrase") == TSUGUMI
    body = {"id": "tsugumi", "name": "Tsugumi", "passphrase": secret, "is_admin": False}
    assert last(server) == ("POST", "/user", body)
    assert client.user("tsugumi") == TSUGUMI
    server.on("GET", "/user/all", {"header": list(USER), "body": [list(USER.values())]})
    assert client.users() == [TSUGUMI]
    assert client.add_to_project("tsugumi", "proj", is_project_admin=True) == TSUGUMI
    body = {"id": "tsugumi", "project_id": "proj", "role": "member", "is_project_admin": True}
    assert last(server) == ("POST", "/user/project", body)
    assert client.remove_from_project("tsugumi", "proj") == TSUGUMI
    assert last(server) == ("DELETE", "/user/project", {"project_id": "proj", "id": "tsugumi"})
    server.on("DELETE", "/user")
    client.delete_user("tsugumi")
    assert last(server) == ("DELETE", "/user", {"id": "tsugumi"})


def test_memberships(server: FakeServer, client: Client) -> None:
    server.on("GET", "/user/project", {"projects": USER["projects"]})
    assert client.memberships() == TSUGUMI.projects
    assert last(server)[2] == {}
    client.memberships("tsugumi")
    assert last(server)[2] == {"user_id": "tsugumi"}


def test_passphrases(server: FakeServer, client: Client) -> None:
    server.on("PUT", "/user/passphrase", {"id": "asdf", "token": "a.b.c"})
    client.change_passphrase("new passphrase")
    secrets = [base64.b64encode(text.encode()).decode() for text in ("new passphrase", "asdfasdf")]
    assert last(server)[:2] == ("PUT", "/user/passphrase")
    assert last(server)[2]["passphrase"] == secrets[0]
    assert set(last(server)[2]) == {"passphrase", "current_passphrase"}
    assert client.identity() == {"id": "asdf", "name": "asdf", "is_admin": True}
    client.change_passphrase("new passphrase", "tsugumi")
    assert last(server) == ("PUT", "/user/passphrase", {"id": "tsugumi", "passphrase": secrets[0]})


def test_projects(server: FakeServer, client: Client) -> None:
    server.on("POST", "/project", PROJECT)
    server.on("GET", "/project", PROJECT)
    server.on("GET", "/project/all", {"header": list(PROJECT), "body": [list(PROJECT.values())]})
    server.on("DELETE", "/project")
    expected = Project("proj", "The Project", "asdf", "2026-11-21 19:51:42")
    assert client.create_project("proj", "The Project") == expected
    assert last(server) == ("POST", "/project", {"id": "proj", "name": "The Project"})
    assert client.project("proj") == expected
    assert client.projects() == [expected]
    client.delete_project("proj")
    assert last(server) == ("DELETE", "/project", {"id": "proj"})


def test_logs(server: FakeServer, client: Client) -> None:
    log = {"header": ["user_id", "endpoint"], "body": [["asdf", "v1.0alpha/user"]]}
    for path, read in (("/audit_log", client.audit_log), ("/error_log", client.error_log)):
        server.on("GET", path, log)
        assert read() == [{"user_id": "asdf", "endpoint": "v1.0alpha/user"}]
        assert last(server)[2] == {"page": "0"}
        read(3, "me@x")
        assert server.requests[-1].raw_query == "user_id=me@x&page=3"


RINGS = {"seconds": [0.0, 45.5], "minutes": [0.0] * 60, "hours": [0.0], "days": []}


def test_measurements(server: FakeServer, client: Client) -> None:
    for path, name, read in (
        ("/power_consumption", "power", client.power_consumption),
        ("/temperature_production", "temperature", client.temperature),
        ("/speed", "current_speed", client.speed),
    ):
        server.on("GET", path, {name: RINGS})
        found = read()
        assert (found.now, found.seconds, len(found.minutes), found.days) == (45.5, (0.0, 45.5), 60, ())
    assert "60 values, the last one is 0" in found._repr_html_()
    server.on("GET", "/speed", "Speed is not available on this machine", status=404)
    with pytest.raises(NotFoundException, match="not available"):
        client.speed()


def test_the_machine(server: FakeServer, client: Client) -> None:
    core = {"id": 1, "current_speed": 2600000, "maximum_speed": 3000000, "threads": [{"id": 2}, {"id": 3}]}
    package = {"id": 0, "thermal_spec": 65.0, "power": 12.5, "cores": [core]}
    server.on("GET", "/system_info", {"info": {"hostname": "h", "has_hyperthreading": True, "packages": [package]}})
    machine = client.system_info()
    assert (machine.hostname, machine.has_hyperthreading) == ("h", True)
    (processor,) = machine.packages
    assert (processor.thermal_spec, processor.power, processor.cores[0].threads) == (65.0, 12.5, (2, 3))
    assert processor.cores[0].current_minimum_speed == 0
    server.on("GET", "/threading", {"thread_map": {"api/main": [0, 1]}})
    assert client.threading() == {"api/main": (0, 1)}


def test_rows_come_page_by_page(server: FakeServer, client: Client) -> None:
    pages = {None: (["a", "b"], "7"), "7": ([C], None)}

    def answer(request: Request) -> Answer:
        names, following = pages[request.query.get("after")]
        return Answer(body={"header": ["uuid"], "body": [[name] for name in names], "next": following})

    server.on("GET", "/task/all", answer)
    found = client.rows("/task/all", 2, cluster_uuid=C)
    assert next(found) == {"uuid": "a"}
    assert len(server.requests) == 1, "a page is asked for when it is needed"
    assert [row["uuid"] for row in found] == ["b", C]
    assert [request.query for request in server.requests] == [
        {"cluster_uuid": C, "limit": "2"},
        {"cluster_uuid": C, "limit": "2", "after": "7"},
    ]
