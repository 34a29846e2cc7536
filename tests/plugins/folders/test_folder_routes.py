"""The native routes of folders."""

from __future__ import annotations

from typing import Any

import pytest

from tests.whole import Whole


@pytest.fixture
def grace(whole: Whole) -> str:
    return whole.login("grace")


@pytest.fixture
def folder(whole: Whole, grace: str) -> str:
    return str(whole.call("POST", "folder", grace, name="texts").json["uuid"])


def put_piece(whole: Whole, token: str, upload: str, offset: int, piece: bytes) -> Any:
    return whole.http.simulate_request(
        "PUT",
        f"{whole.prefix}/folder/upload",
        params={"token": upload, "offset": offset},
        body=piece,
        headers={"X-Auth-Token": token},
    )


def send(whole: Whole, token: str, folder: str, path: str, content: bytes) -> None:
    announced = whole.call("POST", "folder/upload", token, uuid=folder, path=path, size=len(content)).json
    assert announced["seconds"] == 86_400
    assert put_piece(whole, token, announced["token"], 0, content).json == {
        "offset": len(content),
        "size": len(content),
    }


def test_a_folder_is_created_listed_and_deleted(whole: Whole, grace: str) -> None:
    made = whole.call("POST", "folder", grace, name="texts", usage_mode="data", quota=1000).json
    assert made == whole.call("GET", "folder", grace, uuid=made["uuid"]).json
    wanted = {"name": "texts", "quota": 1000, "permission": "wd", "last_used": "-", "used": 0, "ownership": "user"}
    assert {name: made[name] for name in wanted} == wanted
    found = whole.call("GET", "folder/all", grace).json
    assert [row[found["header"].index("name")] for row in found["body"]] == ["texts"]
    assert whole.call("DELETE", "folder", grace, uuid=made["uuid"]).json == {}
    assert whole.call("GET", "folder", grace, uuid=made["uuid"]).status_code == 404


def test_a_file_goes_up_in_pieces_and_comes_down(whole: Whole, grace: str, folder: str) -> None:
    upload = whole.call("POST", "folder/upload", grace, uuid=folder, path="a/file", size=8).json["token"]
    assert put_piece(whole, grace, upload, 0, b"0123").json == {"offset": 4, "size": 8}
    refused = put_piece(whole, grace, upload, 0, b"0123")
    assert (refused.status_code, refused.text) == (409, "The upload continues at byte 4")
    assert whole.call("GET", "folder/upload", grace, token=upload).json == {"offset": 4, "size": 8}
    assert put_piece(whole, grace, upload, 4, b"4567").json == {"offset": 8, "size": 8}
    got = whole.call("GET", "folder/file", grace, uuid=folder, path="a/file")
    assert (got.content, got.headers["content-length"]) == (b"01234567", "8")
    listed = whole.call("GET", "folder/files", grace, uuid=folder, path="a").json
    assert [row[:3] for row in listed["body"]] == [["file", "file", 8]]
    assert listed["header"] == ["name", "kind", "size", "modified_at"]
    assert whole.call("DELETE", "folder/file", grace, uuid=folder, path="a", recursive="true").json == {}
    assert whole.call("GET", "folder/files", grace, uuid=folder).json["body"] == []


def test_a_file_that_is_bigger_than_a_body_may_be_is_streamed(whole: Whole, grace: str, folder: str) -> None:
    content = bytes(range(256)) * 16_384
    send(whole, grace, folder, "big", content)
    assert whole.call("GET", "folder/file", grace, uuid=folder, path="big").content == content


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"path": "../x"}, 400, "'../x' cannot be a path in a folder: it must not contain '..'"),
        ({"path": "/x"}, 400, "'/x' cannot be a path in a folder: it must be relative to the folder"),
        ({"path": "missing"}, 404, "'missing' not found in the folder"),
        ({"path": "d"}, 409, "'d' is a directory"),
    ],
)
def test_a_wrong_path_is_refused(
    whole: Whole, grace: str, folder: str, fields: dict[str, str], status: int, text: str
) -> None:
    send(whole, grace, folder, "d/file", b"1")
    answer = whole.call("GET", "folder/file", grace, uuid=folder, **fields)
    assert (answer.status_code, answer.text) == (status, text)


@pytest.mark.parametrize("name", ["a/b", "", "x" * 65, "bin"])
def test_a_wrong_name_is_refused(whole: Whole, grace: str, name: str) -> None:
    assert whole.call("POST", "folder", grace, name=name).status_code == 400


def test_a_stranger_finds_nothing_and_tokens_need_a_login(whole: Whole, grace: str, folder: str) -> None:
    eve = whole.login("eve")
    upload = whole.call("POST", "folder/upload", grace, uuid=folder, path="file", size=8).json["token"]
    for method, path, fields in (
        ("GET", "folder", {}),
        ("DELETE", "folder", {}),
        ("GET", "folder/files", {}),
        ("GET", "folder/file", {"path": "file"}),
        ("DELETE", "folder/file", {"path": "file"}),
        ("POST", "folder/upload", {"path": "file", "size": 1}),
    ):
        assert whole.call(method, path, eve, uuid=folder, **fields).status_code == 404, path
    assert put_piece(whole, "", upload, 0, b"0").status_code == 401
    assert put_piece(whole, grace, upload + "x", 0, b"0").status_code == 401
    assert put_piece(whole, grace, upload, 0, b"012345678").status_code == 400
