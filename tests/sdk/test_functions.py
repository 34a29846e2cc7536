"""Every documented function: method, path, query, body, headers, result."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
from functools import partial
from typing import Any

import pytest
import requests

from hanami_sdk import (
    checkpoint,
    cluster,
    dataset,
    direct_io,
    hanami_exceptions,
    hanami_request,
    hanami_token,
    hosts,
    logs,
    measurements,
    project,
    request_result,
    task,
    user,
)

from .fake_server import API, Answer, FakeServer

ENTRIES = [{"dataset_uuid": "d", "dataset_column": "picture", "hexagon_name": "picture_hex"}]
RESULTS = [{"dataset_column": "test_output", "hexagon_name": "label_hex"}]
SECRET = base64.b64encode("ÄsdfÄsdf".encode()).decode()

GETS: list[tuple[Any, tuple[Any, ...], str, str]] = [
    (project.get_project, ("test_project",), "/project", "id=test_project"),
    (project.list_projects, (), "/project/all", ""),
    (user.get_user, ("me@example",), "/user", "id=me@example"),
    (user.list_users, (), "/user/all", ""),
    (user.list_projects_of_user, (), "/user/project", ""),
    (dataset.list_datasets, (), "/dataset/all", ""),
    (dataset.get_dataset, ("d",), "/dataset", "uuid=d"),
    (dataset.check_mnist_dataset, ("result", "reference"), "/dataset/check", "uuid=result&reference_uuid=reference"),
    (
        dataset.compare_datasets,
        ("result", "reference", "", "a b"),
        "/dataset/check",
        "uuid=result&reference_uuid=reference&equal_rows=true&report=true&reference_column_name=a%20b",
    ),
    (
        partial(dataset.compare_datasets, column_name="x", equal_rows=False),
        ("result", "reference"),
        "/dataset/check",
        "uuid=result&reference_uuid=reference&report=true&column_name=x",
    ),
    (
        partial(dataset.check_mnist_dataset, equal_rows=True),
        ("result", "reference"),
        "/dataset/check",
        "uuid=result&reference_uuid=reference&equal_rows=true",
    ),
    (
        dataset.download_dataset_content,
        ("d", "a b+c", 10, 100),
        "/dataset/content",
        "uuid=d&column_name=a%20b%2Bc&row_offset=100&number_of_rows=10",
    ),
    (
        dataset.download_dataset_content,
        ("d", "label", 2),
        "/dataset/content",
        "uuid=d&column_name=label&row_offset=0&number_of_rows=2",
    ),
    (cluster.get_cluster, ("c",), "/cluster", "uuid=c"),
    (cluster.list_clusters, (), "/cluster/all", ""),
    (task.get_task, ("t", "c"), "/task", "uuid=t&cluster_uuid=c"),
    (task.get_task_metrics, ("t",), "/task/metrics", "uuid=t"),
    (task.list_tasks, ("c",), "/task/all", "cluster_uuid=c"),
    (checkpoint.get_checkpoint, ("p",), "/checkpoint", "uuid=p"),
    (checkpoint.list_checkpoints, (), "/checkpoint/all", ""),
    (hosts.list_hosts, (), "/host/all", ""),
    (logs.list_audit_logs, ("asdf", 2), "/audit_log", "user_id=asdf&page=2"),
    (logs.list_audit_logs, ("", 0), "/audit_log", "page=0"),
    (logs.list_audit_logs, (None, 0), "/audit_log", "page=0"),
    (logs.list_error_logs, ("asdf", 2), "/error_log", "user_id=asdf&page=2"),
    (logs.list_error_logs, ("", 0), "/error_log", "page=0"),
    (measurements.get_power_consumption, (), "/power_consumption", ""),
    (measurements.get_temperature_production, (), "/temperature_production", ""),
    (measurements.get_speed, (), "/speed", ""),
    (measurements.get_system_info, (), "/system_info", ""),
    (measurements.get_threading, (), "/threading", ""),
    (request_result.get_request_result, ("d",), "/dataset", "uuid=d"),
    (request_result.list_request_results, (), "/dataset/all", ""),
    (request_result.check_against_dataset, ("result", "ref"), "/dataset/check", "uuid=result&reference_uuid=ref"),
]

DELETES: list[tuple[Any, tuple[Any, ...], str, str]] = [
    (project.delete_project, ("test_project",), "/project", "id=test_project"),
    (user.delete_user, ("me@example",), "/user", "id=me@example"),
    (user.remove_project_fromUser, ("asdf", "proj"), "/user/project", "project_id=proj&id=asdf"),
    (user.remove_project_from_user, ("asdf", "proj"), "/user/project", "project_id=proj&id=asdf"),
    (dataset.delete_dataset, ("d",), "/dataset", "uuid=d"),
    (cluster.delete_cluster, ("c",), "/cluster", "uuid=c"),
    (task.delete_task, ("t", "c"), "/task", "uuid=t&cluster_uuid=c"),
    (checkpoint.delete_checkpoint, ("p",), "/checkpoint", "uuid=p"),
    (request_result.delete_request_result, ("d",), "/dataset", "uuid=d"),
]

BODIES: list[tuple[Any, tuple[Any, ...], str, str, dict[str, Any]]] = [
    (project.create_project, ("proj", "The Project"), "POST", "/project", {"id": "proj", "name": "The Project"}),
    (
        user.create_user,
        ("asdf", "Asdf", "ÄsdfÄsdf", True),
        "POST",
        "/user",
        {"id": "asdf", "name": "Asdf", "passphrase": SECRET, "is_admin": True},
    ),
    (
        user.add_roject_to_user,
        ("asdf", "proj", "member", False),
        "POST",
        "/user/project",
        {"id": "asdf", "project_id": "proj", "role": "member", "is_project_admin": False},
    ),
    (
        user.add_project_to_user,
        ("asdf", "proj", "member", False),
        "POST",
        "/user/project",
        {"id": "asdf", "project_id": "proj", "role": "member", "is_project_admin": False},
    ),
    (user.switch_project, ("proj",), "PUT", "/token", {"project_id": "proj"}),
    (
        user.change_passphrase,
        ("ÄsdfÄsdf", "x"),
        "PUT",
        "/user/passphrase",
        {"passphrase": SECRET, "current_passphrase": "eA=="},
    ),
    (
        user.change_passphrase,
        ("ÄsdfÄsdf", None, "ada_"),
        "PUT",
        "/user/passphrase",
        {"passphrase": SECRET, "id": "ada_"},
    ),
    (
        cluster.create_cluster,
        ("net", "version: 1\n# ä\n"),
        "POST",
        "/cluster",
        {"name": "net", "template": base64.b64encode("version: 1\n# ä\n".encode()).decode()},
    ),
    (cluster.save_cluster, ("point", "c"), "POST", "/cluster/save", {"name": "point", "cluster_uuid": "c"}),
    (
        cluster.restore_cluster,
        ("p", "c"),
        "POST",
        "/cluster/load",
        {"checkpoint_uuid": "p", "cluster_uuid": "c"},
    ),
    (cluster.switch_to_task_mode, ("c",), "PUT", "/cluster/set_mode", {"new_state": "TASK", "uuid": "c"}),
    (
        cluster.set_visibility,
        ("c", "shared"),
        "PUT",
        "/cluster/visibility",
        {"uuid": "c", "visibility": "shared"},
    ),
    (
        dataset.set_visibility,
        ("d", "public"),
        "PUT",
        "/dataset/visibility",
        {"uuid": "d", "visibility": "public"},
    ),
    (
        checkpoint.set_visibility,
        ("p", "private"),
        "PUT",
        "/checkpoint/visibility",
        {"uuid": "p", "visibility": "private"},
    ),
    (cluster.switch_host, ("c", "h"), "PUT", "/cluster/switch_host", {"cluster_uuid": "c", "host_uuid": "h"}),
    (
        task.create_train_task,
        ("work", "c", ENTRIES, ENTRIES),
        "POST",
        "/task/train",
        {"name": "work", "cluster_uuid": "c", "inputs": ENTRIES, "outputs": ENTRIES, "time_length": 1},
    ),
    (
        task.create_request_task,
        ("work", "c", ENTRIES, RESULTS, 3),
        "POST",
        "/task/request",
        {"name": "work", "cluster_uuid": "c", "inputs": ENTRIES, "results": RESULTS, "time_length": 3},
    ),
    (
        task.create_train_task,
        ("work", "c", {"picture": "d"}, {"label": "d"}),
        "POST",
        "/task/train",
        {
            "name": "work",
            "cluster_uuid": "c",
            "inputs": {"picture": "d"},
            "outputs": {"label": "d"},
            "time_length": 1,
        },
    ),
]


def _names(table: list[Any]) -> list[str]:
    return [getattr(row[0], "func", row[0]).__name__ for row in table]


@pytest.mark.parametrize(("function", "args", "path", "query"), GETS, ids=_names(GETS))
def test_get(server: FakeServer, function: Any, args: tuple[Any, ...], path: str, query: str) -> None:
    server.on("GET", path, b'{ "as":  "it is"}')
    assert function("tok", server.address, *args) == b'{ "as":  "it is"}'
    (request,) = server.requests
    assert (request.method, request.path, request.raw_query) == ("GET", API + path, query)
    assert request.token == "tok"
    assert request.body is None


@pytest.mark.parametrize(("function", "args", "path", "query"), DELETES, ids=_names(DELETES))
def test_delete(server: FakeServer, function: Any, args: tuple[Any, ...], path: str, query: str) -> None:
    server.on("DELETE", path)
    assert function("tok", server.address, *args, verify_connection=False) == b"{}"
    (request,) = server.requests
    assert (request.method, request.path, request.raw_query) == ("DELETE", API + path, query)
    assert request.token == "tok"


@pytest.mark.parametrize(("function", "args", "method", "path", "body"), BODIES, ids=_names(BODIES))
def test_post_and_put(
    server: FakeServer, function: Any, args: tuple[Any, ...], method: str, path: str, body: dict[str, Any]
) -> None:
    server.on(method, path, {"uuid": "x"})
    assert json.loads(function("tok", server.address, *args)) == {"uuid": "x"}
    (request,) = server.requests + server.logins
    assert (request.method, request.path, request.raw_query) == (method, API + path, "")
    assert request.body == body
    assert request.token == "tok"
    assert request.headers["content-type"] == "application/json"


def test_request_token(server: FakeServer) -> None:
    assert hanami_token.request_token(server.address, "asdf", "ÄsdfÄsdf") == "token-1"
    (login,) = server.logins
    assert login.body == {"id": "asdf", "passphrase": SECRET}
    assert login.token is None


def test_renew_token(server: FakeServer) -> None:
    server.on("PUT", "/token", {"token": "new"})
    assert hanami_token.renew_token("old", server.address, "proj") == "new"
    (login,) = server.logins
    assert (login.body, login.token) == ({"project_id": "proj"}, "old")


@pytest.mark.parametrize("answer", [{}, [], b"<html>"])
def test_login_answer_without_token(server: FakeServer, answer: Any) -> None:
    server.on("POST", "/token", answer if answer else json.dumps(answer))
    with pytest.raises(hanami_exceptions.HanamiException):
        hanami_token.request_token(server.address, "asdf", "asdfasdf")


def test_keywords_of_older_releases(server: FakeServer) -> None:
    assert hanami_token.request_token(address=server.address, user_id="asdf", pw="ÄsdfÄsdf") == "token-1"  # type: ignore[call-arg]
    server.on("POST", "/user")
    user.create_user("tok", server.address, "id", "name", passwort="ÄsdfÄsdf", is_admin=False)  # type: ignore[call-arg]
    assert server.requests[0].body["passphrase"] == server.logins[0].body["passphrase"] == SECRET


def test_list_projects_of_another_user(server: FakeServer) -> None:
    server.on("GET", "/user/project", {"projects": []})
    user.list_projects_of_user("tok", server.address, user_id="me@x")
    assert server.requests[0].raw_query == "user_id=me@x"


def test_delete_dataset_under_its_right_name(server: FakeServer) -> None:
    server.on("DELETE", "/dataset")
    dataset.delete_dataset("tok", server.address, dataset_uuid="d")
    assert server.requests[0].query == {"uuid": "d"}
    for uuids in [{}, {"checkpoint_uuid": "a", "dataset_uuid": "b"}]:
        with pytest.raises(TypeError, match="once"):
            dataset.delete_dataset("tok", server.address, **uuids)  # type: ignore[arg-type]


def test_check_where_the_manual_has_it() -> None:
    assert request_result.check_mnist_dataset is dataset.check_mnist_dataset


def test_low_level_requests(server: FakeServer) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        server.on(method, "/x", {"method": method})
    address, path = server.address + "/", API + "/x"
    assert b"POST" in hanami_request.send_post_request("tok", address, path, '{"a":"ä"}', verify=False)
    assert b"PUT" in hanami_request.send_put_request("tok", address, path, '{"a":1}', False)
    assert b"GET" in hanami_request.send_get_request("tok", address, path, "a=1", verify=True)
    assert b"GET" in hanami_request.send_get_request("tok", address, path, "")
    assert b"DELETE" in hanami_request.send_delete_request("tok", address, path, "a=1")
    assert [request.raw_query for request in server.requests] == ["", "", "a=1", "", "a=1"]
    assert server.requests[0].body == {"a": "ä"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, hanami_exceptions.BadRequestException),
        (401, hanami_exceptions.UnauthorizedException),
        (404, hanami_exceptions.NotFoundException),
        (409, hanami_exceptions.ConflictException),
        (500, hanami_exceptions.InternalServerErrorException),
        (201, hanami_exceptions.HanamiException),
        (204, hanami_exceptions.HanamiException),
        (403, hanami_exceptions.HanamiException),
        (503, hanami_exceptions.HanamiException),
    ],
)
def test_status(server: FakeServer, status: int, kind: type[hanami_exceptions.HanamiException]) -> None:
    server.on("GET", "/cluster", "" if status == 204 else "because", status=status)
    with pytest.raises(hanami_exceptions.HanamiException) as caught:
        cluster.get_cluster("tok", server.address, "c")
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.message == (b"" if status == 204 else b"because")


def test_redirects_are_not_followed(server: FakeServer) -> None:
    server.answers["GET", f"{API}/cluster"] = lambda request: Answer(301, b"", {"Location": "https://elsewhere/x"})
    with pytest.raises(hanami_exceptions.HanamiException, match="https://elsewhere/x"):
        cluster.get_cluster("secret", server.address, "c")


def test_time_out(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hanami_sdk._http._default_timeout", 60.0)
    hanami_request.set_default_timeout(0.05)
    server.answers["GET", f"{API}/host/all"] = server.hold
    with pytest.raises(requests.Timeout):
        hosts.list_hosts("tok", server.address)
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="time-out"):
            hanami_request.set_default_timeout(seconds)


def test_no_server() -> None:
    with pytest.raises(requests.ConnectionError):
        hosts.list_hosts("tok", "http://127.0.0.1:9")


SIGNATURES: dict[Any, str] = {
    hanami_token.request_token: "address user_id passphrase verify_connection",
    project.create_project: "token address project_id project_name verify_connection",
    project.get_project: "token address project_id verify_connection",
    project.list_projects: "token address verify_connection",
    project.delete_project: "token address project_id verify_connection",
    user.create_user: "token address user_id user_name passphrase is_admin verify_connection",
    user.get_user: "token address user_id verify_connection",
    user.delete_user: "token address user_id verify_connection",
    user.list_users: "token address verify_connection",
    user.add_roject_to_user: "token address user_id project_id role is_project_admin verify_connection",
    user.remove_project_fromUser: "token address user_id project_id verify_connection",
    user.list_projects_of_user: "token address verify_connection",
    user.switch_project: "token address project_id verify_connection",
    dataset.list_datasets: "token address verify_connection",
    dataset.get_dataset: "token address dataset_uuid verify_connection",
    dataset.delete_dataset: "token address checkpoint_uuid verify_connection",
    dataset.wait_until_upload_complete: "token address uuid verify_connection",
    dataset.send_data: "token address dataset_uuid file_uuid data verify_connection",
    dataset.upload_mnist_files: "token address name input_file_path label_file_path verify_connection",
    dataset.upload_csv_files: "token address name input_file_path verify_connection",
    dataset.check_mnist_dataset: "token address dataset_uuid reference_dataset_uuid verify_connection",
    dataset.download_dataset_content: (
        "token address dataset_uuid column_name number_of_rows row_offset verify_connection"
    ),
    cluster.create_cluster: "token address name template verify_connection",
    cluster.save_cluster: "token address name cluster_uuid verify_connection",
    cluster.restore_cluster: "token address checkpoint_uuid cluster_uuid verify_connection",
    cluster.get_cluster: "token address cluster_uuid verify_connection",
    cluster.delete_cluster: "token address cluster_uuid verify_connection",
    cluster.list_clusters: "token address verify_connection",
    cluster.switch_to_task_mode: "token address cluster_uuid verify_connection",
    cluster.switch_host: "token address cluster_uuid host_uuid verify_connection",
    cluster.switch_to_direct_mode: "token address cluster_uuid verify_connection",
    task.create_train_task: "token address name cluster_uuid inputs outputs timeLength verify_connection",
    task.create_request_task: "token address name cluster_uuid inputs results timeLength verify_connection",
    task.get_task: "token address task_uuid cluster_uuid verify_connection",
    task.delete_task: "token address task_uuid cluster_uuid verify_connection",
    task.list_tasks: "token address cluster_uuid verify_connection",
    checkpoint.list_checkpoints: "token address verify_connection",
    checkpoint.delete_checkpoint: "token address checkpoint_uuid verify_connection",
    hosts.list_hosts: "token address verify_connection",
    request_result.get_request_result: "token address request_result_uuid verify_connection",
    request_result.delete_request_result: "token address request_result_uuid verify_connection",
    request_result.list_request_results: "token address verify_connection",
    request_result.check_against_dataset: "token address result_uuid dataset_uuid verify_connection",
    logs.list_audit_logs: "token address user_id page verify_connection",
    logs.list_error_logs: "token address user_id page verify_connection",
    direct_io.send_train_input: "ws hexagon_name values is_input is_last verify_connection",
    direct_io.send_request_input: "ws hexagon_name values is_last verify_connection",
    hanami_request.send_post_request: "token address path body verify",
    hanami_request.send_put_request: "token address path body verify",
    hanami_request.send_get_request: "token address path values verify",
    hanami_request.send_delete_request: "token address path values verify",
}
COROUTINES = {
    dataset.send_data,
    cluster.switch_to_direct_mode,
    direct_io.send_train_input,
    direct_io.send_request_input,
}


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__name__)
def test_signature_is_that_of_the_released_sdk(function: Any) -> None:
    parameters = inspect.signature(function).parameters.values()
    positional = [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD]
    assert positional == SIGNATURES[function].split()
    assert asyncio.iscoroutinefunction(function) == (function in COROUTINES)


def test_every_function_is_tested() -> None:
    modules = (checkpoint, cluster, dataset, direct_io, hanami_request, hanami_token, hosts, logs, measurements)
    modules += (project, request_result, task, user)
    public = {getattr(module, name) for module in modules for name in module.__all__}
    new = {checkpoint.get_checkpoint, hanami_token.renew_token, dataset.upload_files}
    new |= {checkpoint.download_checkpoint, checkpoint.export_checkpoint, checkpoint.upload_checkpoint}
    new |= {
        dataset.download_dataset,
        user.add_project_to_user,
        user.remove_project_from_user,
        hanami_request.set_default_timeout,
    }
    new |= {user.change_passphrase, *(getattr(measurements, name) for name in measurements.__all__)}
    new |= {
        task.get_task_metrics,
        dataset.compare_datasets,
        direct_io.flush,
        *(module.set_visibility for module in (checkpoint, cluster, dataset)),
    }
    new |= {module.set_labels for module in (checkpoint, cluster, dataset)}
    new |= {module.set_lease for module in (cluster, dataset)}
    assert public == set(SIGNATURES) | new


def test_every_function_has_one_case_at_least() -> None:
    cases = {case[0] for case in (*GETS, *DELETES, *BODIES)}
    elsewhere = {name for name in SIGNATURES if inspect.getmodule(name) in (hanami_request, direct_io)} | COROUTINES
    uploads = {dataset.upload_mnist_files, dataset.upload_csv_files, dataset.wait_until_upload_complete}
    assert set(SIGNATURES) == cases & set(SIGNATURES) | elsewhere | uploads | {hanami_token.request_token}
