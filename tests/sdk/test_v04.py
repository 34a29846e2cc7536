"""The functions of v0.4: their names, what they send, and what they have in common with those of today."""

from __future__ import annotations

import asyncio
import base64
import importlib
import inspect
import pickle
import pkgutil
import struct
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import hanami_sdk
from hanami_sdk import BadRequestException, DirectIOException, _messages, v04
from hanami_sdk.v04 import (
    aio,
    checkpoint,
    cluster,
    dataset,
    direct_io,
    hanami_exceptions,
    hanami_token,
    hosts,
    logs,
    project,
    request_result,
    task,
    user,
)

from .fake_server import Answer, FakeServer, Request

PREFIX = "/control/v1"
TEMPLATE = "version: 1\nbricks:\n    1,1,1\n        input: test_input\n        number_of_neurons: 784\n"
ENCODED = base64.b64encode(TEMPLATE.encode()).decode()
MEMBERSHIP = {"id": "asdf", "project_id": "proj", "role": "member", "is_project_admin": True}

Case = tuple[Any, tuple[Any, ...], str, str, Any]
CALLS: list[Case] = [
    (project.create_project, ("proj", "Proj"), "POST", "/project", {"id": "proj", "name": "Proj"}),
    (project.get_project, ("proj",), "GET", "/project", "id=proj"),
    (project.list_projects, (), "GET", "/project/all", ""),
    (project.delete_project, ("proj",), "DELETE", "/project", "id=proj"),
    (
        user.create_user,
        ("asdf", "Asdf", "ÄsdfÄsdf", True),
        "POST",
        "/user",
        {"id": "asdf", "name": "Asdf", "password": "ÄsdfÄsdf", "is_admin": True},
    ),
    (user.get_user, ("me@example",), "GET", "/user", "id=me@example"),
    (user.list_users, (), "GET", "/user/all", ""),
    (user.delete_user, ("me@example",), "DELETE", "/user", "id=me@example"),
    (user.add_roject_to_user, ("asdf", "proj", "member", True), "POST", "/user/project", MEMBERSHIP),
    (user.remove_project_fromUser, ("asdf", "proj"), "DELETE", "/user/project", "project_id=proj&id=asdf"),
    (user.list_projects_of_user, (), "GET", "/user/project", ""),
    (user.switch_project, ("proj",), "PUT", "/token", {"project_id": "proj"}),
    (dataset.get_dataset, ("d",), "GET", "/dataset", "uuid=d"),
    (dataset.list_datasets, (), "GET", "/dataset/all", ""),
    (dataset.delete_dataset, ("d",), "DELETE", "/dataset", "uuid=d"),
    (cluster.create_cluster, ("net", TEMPLATE), "POST", "/cluster", {"name": "net", "template": ENCODED}),
    (cluster.get_cluster, ("c",), "GET", "/cluster", "uuid=c"),
    (cluster.list_clusters, (), "GET", "/cluster/all", ""),
    (cluster.delete_cluster, ("c",), "DELETE", "/cluster", "uuid=c"),
    (cluster.save_cluster, ("point", "c"), "POST", "/cluster/save", {"name": "point", "cluster_uuid": "c"}),
    (
        cluster.restore_cluster,
        ("p", "c"),
        "POST",
        "/cluster/load",
        {"checkpoint_uuid": "p", "cluster_uuid": "c"},
    ),
    (cluster.switch_host, ("c", "h"), "PUT", "/cluster/switch_host", {"cluster_uuid": "c", "host_uuid": "h"}),
    (cluster.switch_to_task_mode, ("c",), "PUT", "/cluster/set_mode", {"new_state": "TASK", "uuid": "c"}),
    (
        task.create_task,
        ("work", "train", "c", "d"),
        "POST",
        "/task",
        {"name": "work", "type": "train", "cluster_uuid": "c", "dataset_uuid": "d"},
    ),
    (task.get_task, ("t", "c"), "GET", "/task", "uuid=t&cluster_uuid=c"),
    (task.list_tasks, ("c",), "GET", "/task/all", "cluster_uuid=c"),
    (task.delete_task, ("t", "c"), "DELETE", "/task", "uuid=t&cluster_uuid=c"),
    (request_result.get_request_result, ("t",), "GET", "/request_result", "uuid=t"),
    (request_result.list_request_results, (), "GET", "/request_result/all", ""),
    (request_result.delete_request_result, ("t",), "DELETE", "/request_result", "uuid=t"),
    (
        request_result.check_against_dataset,
        ("t", "d"),
        "POST",
        "/dataset/check",
        {"result_uuid": "t", "dataset_uuid": "d"},
    ),
    (checkpoint.get_checkpoint, ("p",), "GET", "/checkpoint", "uuid=p"),
    (checkpoint.list_checkpoints, (), "GET", "/checkpoint/all", ""),
    (checkpoint.delete_checkpoint, ("p",), "DELETE", "/checkpoint", "uuid=p"),
    (hosts.list_hosts, (), "GET", "/host/all", ""),
    (logs.list_audit_logs, ("asdf", 1), "GET", "/audit_log", "user_id=asdf&page=1"),
    (logs.list_error_logs, (None, 0), "GET", "/error_log", "page=0"),
]
"""Function, arguments, method, path, and the query or the body."""

OF_UPLOADS = {
    dataset.upload_mnist_files,
    dataset.upload_csv_files,
    dataset.wait_until_upload_complete,
    dataset.send_data,
}
OF_SOCKETS = {cluster.switch_to_direct_mode, direct_io.send_train_input, direct_io.send_request_input}


@pytest.fixture
def old() -> Iterator[FakeServer]:
    """A server of v0.4."""
    with FakeServer(prefix=PREFIX).running() as running:
        yield running


@pytest.fixture
def live(old: FakeServer) -> FakeServer:
    """A server of v0.4 with a network."""
    old.on("PUT", "/cluster/set_mode", {"uuid": "c"})
    old.answer_frame = network
    return old


def network(message: bytes) -> bytes | str:
    """Answer as a server of v0.4 does: twice the values to a request."""
    told = _messages.classes().brick_io.FromString(message)
    if told.brickName == "unknown":
        return '{"success":false,"error":"no such brick"}'
    values = [2 * value for value in told.values] if told.isLast and not told.processType else [0.0]
    return _messages.encode_values("test_output", values, told.isLast, told.processType, None)


def functions(*modules: ModuleType) -> set[Any]:
    return {getattr(module, name) for module in modules for name in module.__all__}


def modules(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a package that talk to a server."""
    names = [name for name in package.__all__ if name not in ("hanami_exceptions", "hanami_request")]
    return [getattr(package, name) for name in names]


@pytest.mark.parametrize(("function", "args", "method", "path", "given"), CALLS, ids=[c[0].__name__ for c in CALLS])
def test_call(
    old: FakeServer, function: Any, args: tuple[Any, ...], method: str, path: str, given: dict[str, Any] | str
) -> None:
    old.on(method, path, b'{ "as":  "it is"}')
    assert function("tok", old.address, *args, verify_connection=False) == b'{ "as":  "it is"}'
    (request,) = old.requests + old.logins
    assert (request.method, request.path, request.token) == (method, PREFIX + path, "tok")
    assert (request.body or request.raw_query) == given


def test_login(old: FakeServer) -> None:
    assert hanami_token.request_token(old.address, "asdf", pw="ÄsdfÄsdf") == "token-1"
    (login,) = old.logins
    assert (login.body, login.token) == ({"id": "asdf", "password": "ÄsdfÄsdf"}, None)


def test_keywords_of_the_released_functions(old: FakeServer) -> None:
    old.on("POST", "/user")
    old.on("DELETE", "/dataset")
    user.create_user("tok", old.address, user_id="id", user_name="name", passwort="ÄsdfÄsdf", is_admin=False)
    dataset.delete_dataset("tok", old.address, checkpoint_uuid="d")
    assert old.requests[0].body["password"] == "ÄsdfÄsdf"
    assert old.requests[1].query == {"uuid": "d"}


def test_errors_are_those_of_the_sdk(old: FakeServer) -> None:
    old.on("GET", "/cluster", "because", status=400)
    with pytest.raises(hanami_exceptions.BadRequestException, match="because") as caught:
        cluster.get_cluster("tok", old.address, "c")
    assert type(caught.value) is BadRequestException


@pytest.mark.parametrize(
    ("function", "files", "path"),
    [
        (dataset.upload_mnist_files, {"input": b"pictures", "label": b"labels"}, "/mnist/dataset"),
        (dataset.upload_csv_files, {"input": b"a,b\n1,2\n"}, "/csv/dataset"),
    ],
)
def test_upload(old: FakeServer, function: Any, files: dict[str, bytes], path: str) -> None:
    uuids = {f"uuid_{part}_file": f"file of {part}" for part in files}
    old.on("POST", path, {"uuid": "d", **uuids})
    old.on("PUT", path, {"uuid": "d"})
    old.on("GET", "/dataset/progress", {"complete": True, "uuid": "d"})
    assert function("tok", old.address, "digits", *files.values()) == "d"
    announced, asked, finished = old.requests
    assert announced.body == {"name": "digits", **{f"{part}_data_size": len(data) for part, data in files.items()}}
    assert (asked.path, asked.query) == (f"{PREFIX}/dataset/progress", {"uuid": "d"})
    assert (finished.path, finished.body) == (PREFIX + path, {"uuid": "d", **uuids})
    assert old.openings == [{"token": "tok", "target": "file_upload", "uuid": uuid} for uuid in uuids.values()]
    assert [_messages.classes().upload.FromString(frame).data for frame in old.frames] == list(files.values())


def test_one_file_of_an_upload(old: FakeServer) -> None:
    assert dataset.send_data("tok", old.address, "d", "f", b"1") is True
    assert asyncio.run(aio.dataset.send_data("tok", old.address, "d", "f", b"2")) is True
    assert [opening["uuid"] for opening in old.openings] == ["f", "f"]
    assert [_messages.classes().upload.FromString(frame).data for frame in old.frames] == [b"1", b"2"]


def test_waiting_for_an_upload(old: FakeServer) -> None:
    answers = iter([False, True])
    old.on("GET", "/dataset/progress", lambda _: Answer(body={"complete": next(answers), "uuid": "d"}))
    assert dataset.wait_until_upload_complete("tok", old.address, "d") is True
    assert len(old.requests) == 2


def test_direct_io(live: FakeServer) -> None:
    """As the manual of v0.4.0 prints it: back to task mode first, then the end of the connection."""
    ws = cluster.switch_to_direct_mode("tok", live.address, "c")
    direct_io.send_train_input(ws, "test_input", [0.0, 2.0], False)
    direct_io.send_train_input(ws, "test_output", [1.0], True)
    assert direct_io.send_request_input(ws, "test_input", [3.0, 1.0], False) is None
    answer = direct_io.send_request_input(ws, "test_input", [1.0, 3.0], True)
    cluster.switch_to_task_mode("tok", live.address, "c")
    ws.close()
    assert list(answer) == [2.0, 6.0]
    check_conversation(live)


def test_direct_io_with_coroutines(live: FakeServer) -> None:
    """As the manual of v0.4.1 prints it: the end of the connection first."""

    async def main() -> list[float]:
        ws = await aio.cluster.switch_to_direct_mode("tok", live.address, "c")
        await aio.direct_io.send_train_input(ws, "test_input", [0.0, 2.0], False)
        await aio.direct_io.send_train_input(ws, "test_output", [1.0], True)
        assert await aio.direct_io.send_request_input(ws, "test_input", [3.0, 1.0], False) is None
        answer = await aio.direct_io.send_request_input(ws, "test_input", [1.0, 3.0], True)
        await ws.close()
        aio.cluster.switch_to_task_mode("tok", live.address, "c")
        return list(answer)

    assert asyncio.run(main()) == [2.0, 6.0]
    check_conversation(live)


def check_conversation(old: FakeServer) -> None:
    """Check the bytes: brickName, isLast, processType, numberOfValues and the packed values have the numbers 1 to 5."""
    assert [request.body["new_state"] for request in old.requests] == ["DIRECT", "TASK"]
    assert {request.path for request in old.requests} == {f"{PREFIX}/cluster/set_mode"}
    assert old.openings == [{"token": "tok", "target": "cluster", "uuid": "c"}]
    given, wanted = b"test_input".hex(), b"test_output".hex()
    assert [frame.hex() for frame in old.frames] == [
        f"0a0a{given}180120022a08" + struct.pack("<2f", 0, 2).hex(),
        f"0a0b{wanted}1001180120012a04" + struct.pack("<f", 1).hex(),
        f"0a0a{given}20022a08" + struct.pack("<2f", 3, 1).hex(),
        f"0a0a{given}100120022a08" + struct.pack("<2f", 1, 3).hex(),
    ]


def test_refused_values(live: FakeServer) -> None:
    ws = cluster.switch_to_direct_mode("tok", live.address, "c")
    with pytest.raises(DirectIOException, match="no such brick"):
        direct_io.send_train_input(ws, "unknown", [1.0], True)
    assert list(direct_io.send_request_input(ws, "test_input", [1.0], True)) == [2.0]
    ws.close()


def test_generations_side_by_side(old: FakeServer, server: FakeServer) -> None:
    """A call of one generation, under way in one thread, changes no call of the other."""
    began = threading.Event()

    def slow(request: Request) -> Any:
        began.set()
        return old.hold(request)

    old.on("GET", "/host/all", slow)
    server.on("GET", "/host/all")
    asking = threading.Thread(target=hosts.list_hosts, args=("tok", old.address))
    asking.start()
    assert began.wait(10)
    hanami_sdk_hosts = importlib.import_module("hanami_sdk.hosts")
    hanami_sdk_hosts.list_hosts("tok", server.address)
    old.released.set()
    asking.join()
    hanami_sdk_hosts.list_hosts("tok", server.address)
    assert [request.path for request in server.requests] == ["/v1.0alpha/host/all"] * 2
    assert [request.path for request in old.requests] == [f"{PREFIX}/host/all"]


def test_generation_ends_with_a_call_that_fails(old: FakeServer, server: FakeServer) -> None:
    with pytest.raises(hanami_exceptions.NotFoundException):
        hosts.list_hosts("tok", old.address)
    server.on("GET", "/host/all")
    importlib.import_module("hanami_sdk.hosts").list_hosts("tok", server.address)


SIGNATURES: dict[str, str] = {
    "hanami_token.request_token": "address user_id pw verify_connection",
    "project.create_project": "token address project_id project_name verify_connection",
    "project.get_project": "token address project_id verify_connection",
    "project.list_projects": "token address verify_connection",
    "project.delete_project": "token address project_id verify_connection",
    "user.create_user": "token address user_id user_name passwort is_admin verify_connection",
    "user.get_user": "token address user_id verify_connection",
    "user.list_users": "token address verify_connection",
    "user.delete_user": "token address user_id verify_connection",
    "user.add_roject_to_user": "token address user_id project_id role is_project_admin verify_connection",
    "user.remove_project_fromUser": "token address user_id project_id verify_connection",
    "user.list_projects_of_user": "token address verify_connection",
    "user.switch_project": "token address project_id verify_connection",
    "dataset.list_datasets": "token address verify_connection",
    "dataset.get_dataset": "token address dataset_uuid verify_connection",
    "dataset.delete_dataset": "token address checkpoint_uuid verify_connection",
    "dataset.wait_until_upload_complete": "token address uuid verify_connection",
    "dataset.send_data": "token address dataset_uuid file_uuid data verify_connection",
    "dataset.upload_mnist_files": "token address name input_file_path label_file_path verify_connection",
    "dataset.upload_csv_files": "token address name input_file_path verify_connection",
    "cluster.create_cluster": "token address name template verify_connection",
    "cluster.save_cluster": "token address name cluster_uuid verify_connection",
    "cluster.restore_cluster": "token address checkpoint_uuid cluster_uuid verify_connection",
    "cluster.get_cluster": "token address cluster_uuid verify_connection",
    "cluster.list_clusters": "token address verify_connection",
    "cluster.delete_cluster": "token address cluster_uuid verify_connection",
    "cluster.switch_to_task_mode": "token address cluster_uuid verify_connection",
    "cluster.switch_host": "token address cluster_uuid host_uuid verify_connection",
    "cluster.switch_to_direct_mode": "token address cluster_uuid verify_connection",
    "task.create_task": "token address name task_type cluster_uuid dataset_uuid verify_connection",
    "task.get_task": "token address task_uuid cluster_uuid verify_connection",
    "task.list_tasks": "token address cluster_uuid verify_connection",
    "task.delete_task": "token address task_uuid cluster_uuid verify_connection",
    "request_result.get_request_result": "token address request_result_uuid verify_connection",
    "request_result.list_request_results": "token address verify_connection",
    "request_result.delete_request_result": "token address request_result_uuid verify_connection",
    "request_result.check_against_dataset": "token address result_uuid dataset_uuid verify_connection",
    "checkpoint.list_checkpoints": "token address verify_connection",
    "checkpoint.delete_checkpoint": "token address checkpoint_uuid verify_connection",
    "hosts.list_hosts": "token address verify_connection",
    "logs.list_audit_logs": "token address user_id page verify_connection",
    "logs.list_error_logs": "token address user_id page verify_connection",
    "direct_io.send_train_input": "ws brick_name values is_last verify_connection",
    "direct_io.send_request_input": "ws brick_name values is_last verify_connection",
    "hanami_request.send_post_request": "token address path body verify",
    "hanami_request.send_put_request": "token address path body verify",
    "hanami_request.send_get_request": "token address path values verify",
    "hanami_request.send_delete_request": "token address path values verify",
}
COROUTINES = {
    "cluster.switch_to_direct_mode",
    "dataset.send_data",
    "direct_io.send_request_input",
    "direct_io.send_train_input",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_is_that_of_the_released_sdks(name: str) -> None:
    module, function = name.split(".")
    for package in (v04, aio):
        found = getattr(getattr(package, module), function)
        parameters = inspect.signature(found).parameters.values()
        positional = [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD]
        assert positional == SIGNATURES[name].split()
        assert asyncio.iscoroutinefunction(found) == (package is aio and name in COROUTINES)


def test_every_function_is_tested() -> None:
    aliases = {user.add_project_to_user, user.remove_project_from_user}
    everything = {case[0] for case in CALLS} | OF_UPLOADS | OF_SOCKETS | {hanami_token.request_token}
    assert functions(*modules(v04)) == everything | aliases
    released = {getattr(getattr(v04, name.split(".")[0]), name.split(".")[1]) for name in SIGNATURES}
    assert everything - released == {checkpoint.get_checkpoint}


def test_both_packages_have_the_same_names() -> None:
    assert aio.__all__ == v04.__all__ == sorted(v04.__all__)
    for name in v04.__all__:
        assert getattr(aio, name).__all__ == getattr(v04, name).__all__
    different = functions(*modules(aio)) - functions(*modules(v04))
    assert {function.__name__ for function in different} == {name.split(".")[1] for name in COROUTINES}


def test_documentation_is_that_of_v04() -> None:
    for function in functions(*modules(v04), *modules(aio)):
        assert function.__doc__, function
        assert "created_at" not in function.__doc__, function
    assert "percentage_finished" in (task.get_task.__doc__ or "")
    assert "timestamp, user_id" in (logs.list_audit_logs.__doc__ or "")


def test_functions_live_where_they_are_imported_from() -> None:
    for module in modules(v04):
        for name in module.__all__:
            function = getattr(module, name)
            assert function.__module__ == module.__name__
            assert pickle.loads(pickle.dumps(function)) is function


def test_every_module_belongs_to_a_package() -> None:
    for package in (v04, aio):
        found = {name for _, name, _ in pkgutil.iter_modules(package.__path__) if not name.startswith("_")}
        assert found - {"aio"} <= set(package.__all__)
    assert "v04" not in hanami_sdk.__all__, "it is imported by those who need it"


def test_answer_of_today_is_no_answer_of_v04() -> None:
    """The numbers of the fields differ: whoever mixes them up gets other values, or none."""
    answer = _messages.encode_values("out", [1.0, 2.0], False, _messages.Process.REQUEST, None)
    assert list(_messages.decode_brick_values(answer)) == [1.0, 2.0]
    assert list(_messages.decode_values(answer)) == []
