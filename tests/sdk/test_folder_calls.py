"""The documented functions of folders: what they send."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from hanami_sdk import BadRequestException, dataset, folder, folder_sharing
from tests.sdk.fake_server import API, C, D, FakeServer, Request, U

CALLS: list[tuple[Any, tuple[Any, ...], str, str, Any]] = [
    (
        folder.make_directory,
        (C, "a/b"),
        "POST",
        "/folder/directory",
        {"uuid": C, "path": "a/b", "parents": True, "exist_ok": False},
    ),
    (folder.rename_file, (C, "a", "b"), "PUT", "/folder/file/name", {"uuid": C, "path": "a", "name": "b"}),
    (folder.move_file, (C, "a", "b"), "PUT", "/folder/file/path", {"uuid": C, "path": "a", "target_path": "b"}),
    (folder.rename_folder, (C, "books"), "PUT", "/folder/name", {"uuid": C, "name": "books"}),
    (
        partial(folder.set_options, cloneable=True),
        (C,),
        "PUT",
        "/folder/options",
        {"uuid": C, "permission": None, "cloneable": True},
    ),
    (
        folder_sharing.invite,
        (C, "ada_", "rw"),
        "POST",
        "/folder/invitation",
        {"uuid": C, "user_id": "ada_", "permission": "rw"},
    ),
    (folder_sharing.accept_invitation, (U,), "PUT", "/folder/invitation", {"uuid": U}),
    (
        folder_sharing.share,
        (C, "ada_", "ro"),
        "PUT",
        "/folder/permission",
        {"uuid": C, "user_id": "ada_", "permission": "ro"},
    ),
    (folder_sharing.leave_folder, (C,), "PUT", "/folder/leave", {"uuid": C}),
]
QUERIES: list[tuple[Any, tuple[Any, ...], str, str, dict[str, str]]] = [
    (folder_sharing.list_invitations, (), "GET", "/folder/invitation", {}),
    (partial(folder_sharing.list_invitations, sent=True), (), "GET", "/folder/invitation", {"sent": "true"}),
    (folder_sharing.list_permissions, (C,), "GET", "/folder/permission", {"uuid": C}),
    (folder_sharing.decline_invitation, (U,), "DELETE", "/folder/invitation", {"uuid": U}),
    (folder_sharing.unshare, (C, "ada_"), "DELETE", "/folder/permission", {"uuid": C, "user_id": "ada_"}),
]


def calls(server: FakeServer, path: str) -> list[Request]:
    return [request for request in server.requests if request.path == API + path]


@pytest.mark.parametrize(("function", "given", "method", "path", "body"), CALLS)
def test_bodies(function: Any, given: tuple[Any, ...], method: str, path: str, body: Any, server: FakeServer) -> None:
    server.on(method, path, {"name": "x"})
    assert json.loads(function("token", server.address, *given)) == {"name": "x"}
    (request,) = calls(server, path)
    assert (request.method, request.body) == (method, body)


@pytest.mark.parametrize(("function", "given", "method", "path", "query"), QUERIES)
def test_queries(
    function: Any, given: tuple[Any, ...], method: str, path: str, query: dict[str, str], server: FakeServer
) -> None:
    server.on(method, path, {"name": "x"})
    assert json.loads(function("token", server.address, *given)) == {"name": "x"}
    (request,) = calls(server, path)
    assert (request.method, request.query) == (method, query)


def test_a_dataset_is_made_of_files_in_a_folder(server: FakeServer) -> None:
    server.on("POST", "/dataset/import", {"uuid": D, "state": "decoding"})
    server.on("GET", "/dataset/progress", {"uuid": D, "received": {}, "complete": True})
    assert dataset.upload_csv_files("token", server.address, "rows", "a/b.csv", folder=C) == D
    (request,) = calls(server, "/dataset/import")
    assert request.body == {"name": "rows", "format": "csv", "folder_uuid": C, "files": {"input": "a/b.csv"}}


@pytest.mark.parametrize(
    "progress",
    [
        {"state": "refused", "error": "input, line 1: no"},
        {"received": {U: 0}, "error": "input, line 1: no"},
    ],
)
def test_a_dataset_that_cannot_be_made_is_deleted(progress: dict[str, Any], server: FakeServer) -> None:
    server.on("POST", "/dataset/import", {"uuid": D, "state": "decoding"})
    server.on("GET", "/dataset/progress", {"uuid": D, "received": {}, "complete": False} | progress)
    server.on("DELETE", "/dataset", {})
    with pytest.raises(Exception, match="input, line 1: no"):
        dataset.upload_files("token", server.address, "rows", "csv", {"input": "a"}, folder=C)
    assert [request.query for request in calls(server, "/dataset")] == [{"uuid": D}]


def test_parts_in_a_folder_are_paths(server: FakeServer) -> None:
    with pytest.raises(TypeError, match="'input' must be a path in the folder, not bytes"):
        dataset.upload_files("token", server.address, "rows", "csv", {"input": b"1"}, folder=C)


def test_a_table_is_written_to_a_folder(server: FakeServer) -> None:
    server.on("POST", "/dataset/export", {"task_uuid": U, "state": "queued"})
    server.on("GET", "/dataset/export", {"task_uuid": U, "state": "finished"})
    dataset.download_dataset("token", server.address, D, "a.npy", "npy", folder=C)
    asked, looked = calls(server, "/dataset/export")
    assert asked.body == {"uuid": D, "folder_uuid": C, "path": "a.npy", "format": "npy"}
    assert looked.query == {"task_uuid": U}
    server.on("GET", "/dataset/export", {"task_uuid": U, "state": "failed", "error": "The folder has no room"})
    with pytest.raises(BadRequestException, match="no room"):
        dataset.download_dataset("token", server.address, D, "a.npy", "npy", folder=C)
