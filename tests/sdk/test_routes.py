"""The client offers what the server offers: every call and every field of the description of the API."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from hanami_sdk import Client, NotFoundException, Task, _folders
from hanami_sdk._dataset_folders import EXPORT_PATH
from hanami_sdk._download import Download
from hanami_sdk._folder_sharing import CLONE_PATH
from hanami_sdk._work import wait_for_work
from tests.sdk.fake_server import C, D, P
from tests.whole import Whole

API = "/v1.0alpha"
LIST = {"header": [], "body": [], "next": None}
WHOLE = {
    "access_key": "a",
    "accuracy": 1.0,
    "cluster_uuid": C,
    "complete": True,
    "current_speed": {"seconds": [], "minutes": [], "hours": [], "days": []},
    "data": [],
    "entries": [],
    "id": "x",
    "info": {"hostname": "h"},
    "files": 0,
    "folder_uuid": C,
    "invitee_id": "ada_",
    "inviter_id": "asdf",
    "name": "x",
    "offset": 4,
    "outputs": {},
    "power": {"seconds": [], "minutes": [], "hours": [], "days": []},
    "projects": [],
    "quotas": [],
    "report": {"rows": 1},
    "state": "finished",
    "temperature": {"seconds": [], "minutes": [], "hours": [], "days": []},
    "ownership": "user",
    "permission": "rw",
    "storage": "files",
    "thread_map": {},
    "usage_mode": "general",
    "used": 0,
    "token": "t",
    "task_uuid": "t",
    "type": "cpu",
    "user_id": "ada_",
    "uuid": C,
    "uuid_input_file": "f",
    "uuid_label_file": "f",
    **LIST,
}
"""An answer that has whatever any call looks for."""

Calls = dict[tuple[str, str], set[str]]


class Recorder(Client):
    """A client that notes what it would send. A list is asked for twice, page by page."""

    def __init__(self) -> None:
        super().__init__("http://nowhere", "asdf", "asdfasdf")
        self.sent: Calls = {}

    def _send(
        self,
        method: str,
        path: str,
        token: str = "",
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | bytes | None = None,
    ) -> Any:
        given = {**(query or {}), **(body if isinstance(body, Mapping) else {})}
        self.sent.setdefault((method, API + path), set()).update(given)
        return WHOLE | {"next": "1" if "limit" in given and "after" not in given else None}

    def open_socket(self, *_: Any) -> Any:
        return _Socket()

    def open_stream(self, path: str, headers: Mapping[str, str], /, **query: object) -> Any:
        self.sent.setdefault(("GET", API + path), set()).update(query)
        raise NotFoundException


class _Socket:
    """A websocket that takes everything."""

    def exchange(self, message: bytes) -> bytes:
        return b"\x08\x01"

    def close(self) -> None:
        """Do nothing."""

    def keep_alive(self) -> None:
        """Do nothing."""


T = Task("t", C, "finished")
LINKS = {"x": (D, "x")}


def nothing(download: Callable[..., object], *what: str) -> None:
    """Begin a download that brings nothing."""
    with tempfile.TemporaryDirectory() as directory, pytest.raises(NotFoundException):
        download(*what, f"{directory}/file")


def missing(find: Callable[[str], object]) -> None:
    """Look for a name that nothing has."""
    with pytest.raises(NotFoundException):
        find("nothing")


def rest_of_dataset(client: Client) -> None:
    """Go on with a download that broke off after seven bytes."""
    with pytest.raises(NotFoundException):
        Download(client, "/dataset/file", {"uuid": D, "format": "csv"}, skips=True).ask(7, "a tag")


def upload_checkpoint(client: Client) -> None:
    with tempfile.NamedTemporaryFile() as file:
        client.upload_checkpoint(file.name, "from elsewhere")


def upload_file(client: Client) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"1234")
        file.flush()
        client.upload_file(C, file.name, "a")
    _folders.arrived(client, "t")


def export_to_folder(client: Client) -> None:
    client.download_dataset(D, "a", "npy", folder=C)
    wait_for_work(client, EXPORT_PATH, {"task_uuid": "t", "state": "active"}, "an export")


def clone_folder(client: Client) -> None:
    client.clone_folder(C, "copy", storage="files", usage_mode="data", permission="ro")
    wait_for_work(client, CLONE_PATH, {"task_uuid": "t", "state": "queued"}, "a copy")


CALLS: dict[str, Callable[[Client], Any]] = {
    "accept_invitation": lambda client: client.accept_invitation(C),
    "clone_folder": clone_folder,
    "decline_invitation": lambda client: client.decline_invitation(C),
    "folder_invitations": lambda client: client.folder_invitations(sent=True),
    "folder_permissions": lambda client: client.folder_permissions(C),
    "invite_to_folder": lambda client: client.invite_to_folder(C, "ada_", "rw"),
    "leave_folder": lambda client: client.leave_folder(C),
    "make_directory": lambda client: client.make_directory(C, "a", exist_ok=True),
    "move_file": lambda client: client.move_file(C, "a", "b"),
    "rename_file": lambda client: client.rename_file(C, "a", "b"),
    "rename_folder": lambda client: client.rename_folder(C, "books"),
    "set_folder_options": lambda client: client.set_folder_options(C, permission="ro", cloneable=True),
    "share_folder": lambda client: client.share_folder(C, "ada_", "ro"),
    "unshare_folder": lambda client: client.unshare_folder(C, "ada_"),
    "activate_keypair": lambda client: client.activate_keypair("a"),
    "add_to_project": lambda client: client.add_to_project("ada_", "proj", "member", is_project_admin=True),
    "audit_log": lambda client: client.audit_log(1, "ada_"),
    "change_passphrase": lambda client: (client.change_passphrase("x"), client.change_passphrase("x", "ada_")),
    "check": lambda client: client.check(T, D),
    "checkpoint": lambda client: client.checkpoint(P, before=5),
    "checkpoints": lambda client: client.checkpoints(tag="best"),
    "close": lambda client: client.close(),
    "cluster": lambda client: client.cluster(C, before=5),
    "clusters": lambda client: client.clusters(tag="best"),
    "compare": lambda client: client.compare(T, D, column="x", reference_column="y"),
    "context": lambda client: client.context(),
    "create_cluster": lambda client: client.create_cluster("net", "version: 1", lease=60),
    "create_keypair": lambda client: client.create_keypair("nightly", user_id="ada_", project_id="proj"),
    "create_folder": lambda client: client.create_folder("texts", quota=5),
    "create_project": lambda client: client.create_project("proj", "Proj"),
    "create_user": lambda client: client.create_user("ada_", "Ada", "x", is_admin=True),
    "dataset": lambda client: client.dataset(D),
    "dataset_content": lambda client: client.dataset_content(D, "x", 2, 3),
    "datasets": lambda client: client.datasets(tag="best"),
    "deactivate_keypair": lambda client: client.deactivate_keypair("a"),
    "delete": lambda client: None,
    "delete_checkpoint": lambda client: client.delete_checkpoint(P),
    "delete_cluster": lambda client: client.delete_cluster(C),
    "delete_dataset": lambda client: client.delete_dataset(D),
    "delete_keypair": lambda client: client.delete_keypair("a"),
    "delete_file": lambda client: client.delete_file(C, "a", recursive=True),
    "delete_folder": lambda client: client.delete_folder(C),
    "delete_project": lambda client: client.delete_project("proj"),
    "delete_task": lambda client: client.delete_task("t", C),
    "delete_user": lambda client: client.delete_user("ada_"),
    "download_checkpoint": lambda client: nothing(client.download_checkpoint, P),
    "download_dataset": lambda client: (
        nothing(client.download_dataset, D),
        rest_of_dataset(client),
        export_to_folder(client),
    ),
    "download_file": lambda client: nothing(client.download_file, C, "a"),
    "direct": lambda client: client.direct(C).__enter__(),
    "error_log": lambda client: client.error_log(1, "ada_"),
    "export": lambda client: nothing(client.export, P, "onnx"),
    "find_checkpoint": lambda client: missing(client.find_checkpoint),
    "find_cluster": lambda client: missing(client.find_cluster),
    "find_dataset": lambda client: missing(client.find_dataset),
    "folder": lambda client: client.folder(C),
    "folder_files": lambda client: client.folder_files(C, "a"),
    "folders": lambda client: client.folders(),
    "get_or_create_cluster": lambda client: client.get_or_create_cluster("net", "version: 1"),
    "get_or_create_dataset": lambda client: (
        client.get_or_create_dataset("digits", "mnist", {"input": b"1", "label": b"1"}),
        client.get_or_create_dataset("numbers", "csv", {"input": b"1"}),
        client.get_or_create_dataset("numbers", "csv", {"input": "a"}, folder=C),
    ),
    "get": lambda client: None,
    "history": lambda client: client.history("t"),
    "fit": lambda client: None,  # an upload and a training
    "hosts": lambda client: client.hosts(),
    "identity": lambda client: client.identity(),
    "label_checkpoint": lambda client: client.label_checkpoint(P, name="new", about="x", tags=["a"]),
    "label_cluster": lambda client: client.label_cluster(C, name="new", about="x", tags=["a"]),
    "label_dataset": lambda client: client.label_dataset(D, name="new", about="x", tags=["a"]),
    "keep_cluster": lambda client: client.keep_cluster(C),
    "keep_dataset": lambda client: client.keep_dataset(D),
    "keypair": lambda client: client.keypair("a"),
    "keypairs": lambda client: client.keypairs(),
    "lease_cluster": lambda client: client.lease_cluster(C, 60),
    "lease_dataset": lambda client: client.lease_dataset(D, 60),
    "login": lambda client: client.login(),
    "may_call": lambda client: client.may_call("PUT", "/token"),
    "memberships": lambda client: client.memberships("ada_"),
    "open_socket": lambda client: None,
    "open_stream": lambda client: None,
    "post": lambda client: None,
    "power_consumption": lambda client: client.power_consumption(),
    "project": lambda client: client.project("proj"),
    "predict": lambda client: client.predict(C, [[1.0]]),
    "projects": lambda client: client.projects(),
    "put": lambda client: None,
    "put_bytes": lambda client: None,
    "quotas": lambda client: (client.quotas("ada_"), client.quotas(project_id="proj")),
    "remove_from_project": lambda client: client.remove_from_project("ada_", "proj"),
    "request": lambda client: client.request(C, LINKS, {"y": "answer"}, time_length=2),
    "reset_quotas": lambda client: (
        client.reset_quotas("disk", user_id="ada_"),
        client.reset_quotas(project_id="proj"),
    ),
    "restore": lambda client: client.restore(C, P),
    "rows": lambda client: [
        list(client.rows(f"/{noun}/all", 2, **({"cluster_uuid": C} if noun == "task" else {})))
        for noun in ("checkpoint", "cluster", "dataset", "folder", "host", "keypair", "project", "task", "user")
    ],
    "save": lambda client: client.save(C, "point"),
    "set_checkpoint_visibility": lambda client: client.set_checkpoint_visibility(P, "shared"),
    "set_cluster_visibility": lambda client: client.set_cluster_visibility(C, "shared"),
    "set_dataset_visibility": lambda client: client.set_dataset_visibility(D, "shared"),
    "set_quota": lambda client: (
        client.set_quota("disk", 5, user_id="ada_"),
        client.set_quota("disk", 5, project_id="proj"),
    ),
    "set_mode": lambda client: client.set_mode(C, "TASK"),
    "speed": lambda client: client.speed(),
    "switch_host": lambda client: client.switch_host(C, "h"),
    "switch_project": lambda client: client.switch_project("proj"),
    "system_info": lambda client: client.system_info(),
    "task": lambda client: client.task("t", C),
    "tasks": lambda client: client.tasks(C),
    "temperature": lambda client: client.temperature(),
    "threading": lambda client: client.threading(),
    "train": lambda client: client.train(
        C,
        LINKS,
        LINKS,
        time_length=2,
        epochs=2,
        seed=1,
        validation=0.2,
        early_stopping=3,
        class_weight={0: 1, 1: 20},
        sample_weight=(D, "weight"),
    ),
    "upload_checkpoint": upload_checkpoint,
    "upload_file": upload_file,
    "upload": lambda client: client.upload("numbers", "csv", {"input": b"1"}),
    "upload_csv": lambda client: (
        client.upload_csv("numbers", b"1", lease=60),
        client.upload_csv("numbers", "a", lease=60, folder=C),
    ),
    "upload_mnist": lambda client: client.upload_mnist("digits", b"1", b"1", lease=60),
    "user": lambda client: client.user("ada_"),
    "users": lambda client: client.users(),
    "wait": lambda client: client.wait(client.task("t", C)),
    "whoami": lambda client: client.whoami(),
}

ABOUT_THE_API = {("GET", "/openapi.json"), ("GET", "/docs")}
"""For people, and for programs that have no client."""

NOT_SENT = {
    "connection_uuid": "what released clients send to be ignored",
    "token": "what clients of v0.5.0 send to be ignored, the header counts",
    "hexagon_id": "what released clients send, a constant",
    "password": "the passphrase as older clients send it",
    "current_password": "likewise",
}


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    """Return the fields of each call that the server describes."""
    with Whole(tmp_path_factory.mktemp("routes")) as whole:
        document = whole.call("GET", "/openapi.json", as_token="").json
        yield {
            (method.upper(), path): set(_fields(document, operation))
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }


def _fields(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    yield from (one["name"] for one in operation.get("parameters", ()) if one["in"] != "header")
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        yield from document["components"]["schemas"][reference.rpartition("/")[2]]["properties"]


@pytest.fixture(scope="module")
def sent() -> Calls:
    recorder = Recorder()
    for call in CALLS.values():
        call(recorder)
    return recorder.sent


def test_all_methods_are_called() -> None:
    methods = inspect.getmembers(Client, inspect.isfunction)
    assert set(CALLS) == {name for name, _ in methods if not name.startswith("_")}


def test_each_call_of_the_server_has_a_method_and_no_method_calls_others(offered: Calls, sent: Calls) -> None:
    assert len(offered) > 45
    assert set(sent) == set(offered) - ABOUT_THE_API


def test_each_field_can_be_given(offered: Calls, sent: Calls) -> None:
    for call, fields in offered.items():
        if call not in ABOUT_THE_API:
            assert fields - sent[call] <= set(NOT_SENT), call
            assert sent[call] <= fields, call


def test_what_is_not_sent_is_still_there(offered: Calls) -> None:
    assert set(NOT_SENT) <= set().union(*offered.values())
