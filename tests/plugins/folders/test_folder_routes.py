"""The native routes of folders."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.harness import until
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


# -- names, places and sharing -----------------------------------------------------------------------------------------


def test_directories_and_files_get_other_names_and_places(whole: Whole, grace: str, folder: str) -> None:
    send(whole, grace, folder, "file", b"1")
    for path, status in (("a/b", 200), ("a/b", 409), ("file/x", 409)):
        assert whole.call("POST", "folder/directory", grace, uuid=folder, path=path).status_code == status
    again = {"uuid": folder, "path": "a/b", "exist_ok": True}
    assert whole.call("POST", "folder/directory", grace, **again).status_code == 200
    alone = {"uuid": folder, "path": "x/y", "parents": False}
    assert whole.call("POST", "folder/directory", grace, **alone).status_code == 404
    assert whole.call("PUT", "folder/file/name", grace, uuid=folder, path="file", name="other").json == {}
    refused = whole.call("PUT", "folder/file/name", grace, uuid=folder, path="other", name="a/b")
    assert (refused.status_code, refused.text) == (
        400,
        "'a/b' cannot be a path in a folder: it must be a single name",
    )
    assert whole.call("PUT", "folder/file/path", grace, uuid=folder, path="other", target_path="a/b").json == {}
    assert whole.call("GET", "folder/file", grace, uuid=folder, path="a/b/other").content == b"1"
    assert whole.call("PUT", "folder/file/path", grace, uuid=folder, path="a", target_path="a/b/c").status_code == 409


def test_a_folder_gets_another_name_and_other_options(whole: Whole, grace: str, folder: str) -> None:
    assert whole.call("PUT", "folder/name", grace, uuid=folder, name="books").json["name"] == "books"
    assert whole.call("PUT", "folder/name", grace, uuid=folder, name="a/b").status_code == 400
    assert whole.call("PUT", "folder/options", grace, uuid=folder, cloneable=True).json["cloneable"] is True
    assert whole.call("PUT", "folder/options", grace, uuid=folder, permission="all").status_code == 400
    assert whole.call("GET", "folder", grace, uuid=folder).json["cloneable"] is True


def invite(whole: Whole, token: str, folder: str, user: str = "alan", permission: str = "ro") -> Any:
    return whole.call("POST", "folder/invitation", token, uuid=folder, user_id=user, permission=permission)


def rows(answer: Any) -> list[dict[str, Any]]:
    return [dict(zip(answer.json["header"], row, strict=True)) for row in answer.json["body"]]


def test_a_folder_is_shared_by_invitation(whole: Whole, grace: str, folder: str) -> None:
    alan, eve = whole.login("alan"), whole.login("eve")
    assert invite(whole, eve, folder).status_code == 404
    sent = invite(whole, grace, folder).json
    wanted = {"folder_uuid": folder, "inviter_id": "grace", "invitee_id": "alan", "permission": "ro"}
    assert {name: sent[name] for name in wanted} == wanted
    refused = invite(whole, grace, folder)
    assert (refused.status_code, refused.text.startswith("User with id 'alan' cannot be invited")) == (409, True)
    assert invite(whole, grace, folder, "nobody").status_code == 409
    listed = [
        rows(whole.call("GET", "folder/invitation", alan)),
        rows(whole.call("GET", "folder/invitation", grace, sent="true")),
    ]
    assert listed == [[sent | {"folder_name": "texts"}]] * 2
    assert rows(whole.call("GET", "folder/invitation", grace)) == []
    assert whole.call("GET", "folder", alan, uuid=folder).status_code == 404
    for other in (eve, grace):
        assert whole.call("PUT", "folder/invitation", other, uuid=sent["uuid"]).status_code == 404
    assert whole.call("DELETE", "folder/invitation", eve, uuid=sent["uuid"]).status_code == 404
    accepted = whole.call("PUT", "folder/invitation", alan, uuid=sent["uuid"]).json
    assert (accepted["uuid"], accepted["permission"]) == (folder, "ro")
    assert whole.call("GET", "folder/permission", alan, uuid=folder).status_code == 401
    assert rows(whole.call("GET", "folder/permission", grace, uuid=folder)) == [{"user_id": "alan", "permission": "ro"}]
    assert whole.call("PUT", "folder/leave", grace, uuid=folder).status_code == 409
    assert whole.call("PUT", "folder/leave", alan, uuid=folder).json == {}
    assert whole.call("GET", "folder", alan, uuid=folder).status_code == 404


def test_invitations_are_declined_and_cancelled(whole: Whole, grace: str, folder: str) -> None:
    alan = whole.login("alan")
    for token in (alan, grace):
        uuid = invite(whole, grace, folder).json["uuid"]
        assert whole.call("DELETE", "folder/invitation", token, uuid=uuid).json == {}
        assert whole.call("PUT", "folder/invitation", alan, uuid=uuid).status_code == 404
    assert rows(whole.call("GET", "folder/invitation", alan)) == []


def test_an_owner_takes_back_what_was_shared(whole: Whole, grace: str, folder: str) -> None:
    alan = whole.login("alan")
    uuid = invite(whole, grace, folder).json["uuid"]
    whole.call("PUT", "folder/invitation", alan, uuid=uuid)
    assert whole.call("DELETE", "folder/permission", alan, uuid=folder, user_id="alan").status_code == 401
    assert whole.call("DELETE", "folder/permission", grace, uuid=folder, user_id="alan").json == {}
    gone = whole.call("DELETE", "folder/permission", grace, uuid=folder, user_id="alan")
    assert (gone.status_code, gone.text) == (
        404,
        f"Folder with UUID '{folder}' is not shared with the user with id 'alan'",
    )


def test_admins_of_a_project_share_its_folders_with_members(whole: Whole, grace: str, folder: str) -> None:
    boss = whole.login("boss")
    group = whole.call("POST", "folder", boss, name="group", ownership="group", permission="ro").json["uuid"]
    wanted = {"uuid": group, "user_id": "grace", "permission": "wd"}
    assert whole.call("PUT", "folder/permission", grace, **wanted).status_code == 401
    assert whole.call("PUT", "folder/permission", boss, **wanted).json == wanted
    assert whole.call("GET", "folder", grace, uuid=group).json["permission"] == "wd"
    refused = whole.call("PUT", "folder/permission", boss, **wanted | {"user_id": "eve"})
    said = "User with id 'eve' does not exist, or is no member of the project of the folder"
    assert (refused.status_code, refused.text) == (409, said)
    other_kind = whole.call("PUT", "folder/permission", grace, **wanted | {"uuid": folder})
    assert other_kind.status_code == 400
    assert invite(whole, boss, group).status_code == 400


def test_a_folder_is_copied(whole: Whole, grace: str, folder: str) -> None:
    send(whole, grace, folder, "d/file", b"123")
    copy = whole.call("POST", "folder/clone", grace, uuid=folder, name="copy", usage_mode="data").json
    assert copy["state"] == "finished"
    assert whole.call("GET", "folder/clone", grace, task_uuid=copy["task_uuid"]).json == copy
    found = whole.call("GET", "folder", grace, uuid=copy["uuid"]).json
    assert (found["name"], found["usage_mode"], found["used"]) == ("copy", "data", 3)
    assert whole.call("GET", "folder/file", grace, uuid=copy["uuid"], path="d/file").content == b"123"
    alan = whole.login("alan")
    assert whole.call("GET", "folder/clone", alan, task_uuid=copy["task_uuid"]).status_code == 404
    assert (
        whole.call("PUT", "folder/invitation", alan, uuid=invite(whole, grace, folder).json["uuid"]).status_code == 200
    )
    refused = whole.call("POST", "folder/clone", alan, uuid=folder, name="mine")
    assert (refused.status_code, refused.text) == (401, f"Folder with UUID '{folder}' may not be copied")


def test_a_long_copy_is_followed(whole: Whole, grace: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(whole.runtime.settings._resolved, "folders.wait", 0.0)
    begun = whole.call("POST", "folder/clone", grace, uuid=folder, name="copy").json
    asked = {"task_uuid": begun["task_uuid"]}
    until(lambda: whole.call("GET", "folder/clone", grace, **asked).json["state"] == "finished")
    assert whole.call("GET", "folder", grace, uuid=begun["uuid"]).status_code == 200
