"""Virtual folders as released clients of Backend.AI ask for them, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from hanami_core.errors import InsufficientStorage
from hanami_core.ids import new_uuid
from hanami_plugins import folders
from hanami_plugins.folders import Folder, cloning
from tests.plugins.backendai_kit import Keys, SignedClient
from tests.plugins.folders.kit import CHIEF, GRACE, of
from tests.plugins.folders.wire import (
    answered,
    fetch,
    problem,
    send,
)
from tests.whole import Whole, fill


def test_a_folder_is_created_shown_renamed_and_deleted(client: SignedClient) -> None:
    made = answered(client.call("POST", "/folders", name="texts", host="files", quota="10g", usage_mode="data"), 201)
    wanted = {"name": "texts", "host": "files", "usage_mode": "data", "permission": "rw", "max_size": 10_240}
    wanted |= {"creator": "grace", "ownership_type": "user", "group": None, "cloneable": False, "bgtask_id": None}
    assert wanted.items() <= made.items()
    assert len(made["id"]) == 32
    info = answered(client.call("GET", "/folders/texts"))
    wanted |= {"permission": "wd", "is_owner": True, "type": "user", "numFiles": 0, "num_files": 0, "used_bytes": 0}
    assert (wanted | {"id": made["id"], "user": made["user"], "last_used": None}).items() <= info.items()
    assert info["created"] == info["created_at"]
    answered(client.call("POST", "/folders/texts/update-options", cloneable=True, permission=None), 201)
    assert answered(client.call("GET", "/folders/texts"))["cloneable"] is True
    answered(client.call("POST", "/folders/texts/rename", new_name="books"), 201)
    [listed] = answered(client.call("GET", "/folders", all=False))
    assert (listed["name"], listed["user_email"], listed["group_name"]) == ("books", "grace", None)
    answered(client.call("DELETE", "/folders/books"), 204)
    assert answered(client.call("GET", "/folders")) == []


def test_quotas_have_binary_units(client: SignedClient) -> None:
    for number, (quota, size) in enumerate(
        (("0", None), ("1", 1), ("512k", 1), ("1.5g", 1536), ("2T", 2 << 20), (1 << 21, 2), ("10GiB", 10_240))
    ):
        made = answered(client.call("POST", "/folders", name=f"texts{number}", quota=quota), 201)
        assert made["max_size"] == size, quota
    for quota in ("ten", "-1", "1x", "9e", "", "1" * 30):
        refused = client.call("POST", "/folders", name="other", quota=quota)
        assert problem(refused) == (400, "invalid-api-params")
        assert "quota" in refused.json["data"]


@pytest.mark.parametrize(
    ("fields", "expected", "field"),
    [
        ({"name": "a/b"}, (400, "invalid-api-params"), "name"),
        ({"name": ".."}, (400, "invalid-api-params"), "name"),
        ({"name": "a\0b"}, (400, "invalid-api-params"), "name"),
        ({"name": "x" * 300}, (400, "invalid-api-params"), "name"),
        ({"name": ""}, (400, "invalid-api-params"), "name"),
        ({"name": ".bashrc"}, (400, "invalid-api-params"), "name"),
        ({"name": "bin"}, (400, "invalid-api-params"), "name"),
        ({"name": "ok", "host": "mynas"}, (400, "invalid-api-params"), "host"),
        ({"name": "ok", "usage_mode": "fun"}, (400, "invalid-api-params"), "usage_mode"),
        ({"name": "ok", "permission": "x"}, (400, "invalid-api-params"), "permission"),
        ({"name": "ok", "other": 1}, (400, "invalid-api-params"), "body"),
        ({"name": "ok", "unmanaged_path": "/etc"}, (403, "generic-forbidden"), None),
        ({"name": "ok", "group": "default"}, (403, "generic-forbidden"), None),
        ({"name": "ok", "group": "attic"}, (404, "object-not-found"), None),
        ({"name": "texts"}, (400, "vfolder-already-exists"), None),
    ],
)
def test_a_folder_that_cannot_be_is_refused(
    client: SignedClient, texts: dict[str, Any], fields: dict[str, Any], expected: tuple[int, str], field: str | None
) -> None:
    refused = client.call("POST", "/folders", **fields)
    assert problem(refused) == expected
    assert list(refused.json.get("data", {})) == ([] if field is None else [field])
    assert [one["name"] for one in answered(client.call("GET", "/folders"))] == ["texts"]


def test_a_folder_for_keys_may_begin_with_a_dot(client: SignedClient) -> None:
    answered(client.call("POST", "/folders", name=".ssh"), 201)
    refused = client.call("POST", "/folders/.ssh/invite", user_ids=["alan"], perm="ro")
    assert problem(refused) == (400, "vfolder-operation-failed")


def test_other_names_are_checked_like_the_first_one(client: SignedClient, texts: dict[str, Any]) -> None:
    answered(client.call("POST", "/folders", name="books"), 201)
    for path, name in (("rename", "new_name"), ("clone", "target_name")):
        refused = client.call("POST", f"/folders/texts/{path}", **{name: "../x"})
        assert (problem(refused), list(refused.json["data"])) == ((400, "invalid-api-params"), [name])
        assert problem(client.call("POST", f"/folders/texts/{path}", **{name: "books"}))[1] == "vfolder-already-exists"
    refused = client.call("POST", "/folders/texts/clone", target_name="more", target_host="mynas")
    assert list(refused.json["data"]) == ["target_host"]
    assert {one["name"] for one in answered(client.call("GET", "/folders"))} == {"texts", "books"}


@pytest.mark.usefixtures("texts")
def test_a_stranger_finds_nothing(known: Callable[[str], SignedClient]) -> None:
    eve = known("eve")
    for method, path, fields in (
        ("GET", "", {}),
        ("DELETE", "", {}),
        ("POST", "/rename", {"new_name": "mine"}),
        ("POST", "/update-options", {"cloneable": True}),
        ("POST", "/mkdir", {"path": "d"}),
        ("POST", "/rename-file", {"target_path": "a", "new_name": "b"}),
        ("POST", "/move-file", {"src": "a", "dst": "b"}),
        ("DELETE", "/delete-files", {"files": ["a"]}),
        ("GET", "/files", {"path": "."}),
        ("POST", "/request-upload", {"path": "a", "size": 1}),
        ("POST", "/request-download", {"path": "a"}),
        ("POST", "/invite", {"user_ids": ["eve"], "perm": "wd"}),
        ("POST", "/share", {"emails": ["eve"], "permission": "wd"}),
        ("DELETE", "/unshare", {"emails": ["alan"]}),
        ("POST", "/leave", {}),
        ("POST", "/clone", {"target_name": "mine"}),
    ):
        refused = eve.call(method, f"/folders/texts{path}", **fields)
        assert problem(refused) == (404, "object-not-found"), path
        assert refused.json["title"] == "No such virtual folder."
    assert answered(eve.call("GET", "/folders")) == []


@pytest.mark.usefixtures("texts")
def test_no_admin_hits_what_is_not_theirs_by_its_name(
    client: SignedClient, known: Callable[[str], SignedClient]
) -> None:
    for name in ("chief", "boss"):
        refused = known(name).call("DELETE", "/folders/texts")
        assert problem(refused) == (404, "object-not-found")
    answered(known("chief").call("POST", "/folders", name="theirs", group="attic"), 201)
    answered(known("chief").call("GET", "/folders/theirs"))
    answered(known("chief").call("POST", "/folders", name="theirs", group="room"), 201)
    assert problem(known("chief").call("DELETE", "/folders/theirs")) == (404, "object-not-found")
    assert len(answered(known("chief").call("GET", "/folders", all=True))) == 3


def test_admins_delete_by_id_and_see_all(
    client: SignedClient, texts: dict[str, Any], known: Callable[[str], SignedClient]
) -> None:
    chief = known("chief")
    assert answered(chief.call("GET", "/folders", all=False)) == []
    [listed] = answered(chief.call("GET", "/folders", all=True))
    assert (listed["id"], listed["is_owner"]) == (texts["id"], False)
    assert problem(client.call("DELETE", "/folders", id=texts["id"])) == (401, "auth-failed")
    assert problem(chief.call("DELETE", "/folders", id="nothing")) == (404, "object-not-found")
    answered(chief.call("DELETE", "/folders", id=texts["id"]), 204)
    assert answered(client.call("GET", "/folders")) == []


# -- clones ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("texts")
def test_a_folder_is_cloned(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "a/file", b"123")
    made = answered(client.call("POST", "/folders/texts/clone", target_name="copy", usage_mode="model"), 201)
    assert (made["name"], made["usage_mode"], made["bgtask_id"]) == ("copy", "model", None)
    assert fetch(whole, client, "a/file", "copy").content == b"123"


@pytest.mark.usefixtures("texts")
def test_a_clone_that_takes_long_is_followed(
    whole: Whole, client: SignedClient, known: Callable[[str], SignedClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(whole, client, "file", b"123")
    with monkeypatch.context() as patched:
        patched.setattr(whole.runtime.queue, "wait", lambda uuid, timeout: "queued")
        patched.setattr(cloning, "_result", lambda uuid, task: folders.FolderClone(Folder.get(uuid=uuid), task, task))
        made = answered(client.call("POST", "/folders/texts/clone", target_name="copy"), 201)
    target = f"/events/background-task?task_id={made['bgtask_id']}"
    assert problem(known("eve").call("GET", target)) == (404, "object-not-found")
    events = client.call("GET", target).text
    assert "event: bgtask_done\n" in events
    assert events.endswith("event: server_close\ndata: {}\n\n")
    assert fetch(whole, client, "file", "copy").content == b"123"


# -- hosts -------------------------------------------------------------------------------------------------------------


def test_hosts_are_the_storages(client: SignedClient, known: Callable[[str], SignedClient]) -> None:
    for alias in "_-":
        found = answered(client.call("GET", f"/folders/{alias}/hosts"))
        assert (found["default"], found["allowed"]) == ("files", ["files"])
        assert found["volume_info"] == {"files": {"backend": "files", "capabilities": []}}
        assert answered(client.call("GET", f"/folders/{alias}/allowed_types")) == ["user", "group"]
        assert problem(client.call("GET", f"/folders/{alias}/all_hosts")) == (401, "auth-failed")
        found = answered(known("chief").call("GET", f"/folders/{alias}/all_hosts"))
        assert found == {"default": "files", "allowed": ["files"]}


@pytest.mark.usefixtures("texts")
def test_admins_look_at_storages_and_mount_nothing(
    whole: Whole, client: SignedClient, known: Callable[[str], SignedClient]
) -> None:
    send(whole, client, "file", b"123")
    chief = known("chief")
    found = answered(chief.call("GET", "/folders/_/perf-metric", folder_host="files"))["metric"]
    assert {"folders": 1, "files": 1, "used_bytes": 3}.items() <= found.items()
    assert problem(chief.call("GET", "/folders/_/perf-metric", folder_host="mynas")) == (404, "object-not-found")
    assert answered(chief.call("GET", "/folders/_/fstab", agent_id=None))["node"] == "manager"
    assert answered(chief.call("GET", "/folders/_/mounts"))["manager"]["mounts"] == ["files"]
    mount = {"name": "nas", "fs_location": "nas:/", "options": None, "edit_fstab": False}
    assert answered(chief.call("POST", "/folders/_/mounts", **mount))["manager"]["success"] is False
    assert answered(chief.call("DELETE", "/folders/_/mounts", name="nas"))["manager"]["success"] is False
    for method, path, fields in (
        ("GET", "perf-metric", {"folder_host": "files"}),
        ("GET", "fstab", {}),
        ("GET", "mounts", {}),
        ("POST", "mounts", mount),
        ("DELETE", "mounts", {"name": "nas"}),
    ):
        assert problem(client.call(method, f"/folders/_/{path}", **fields)) == (401, "auth-failed")


# -- GraphQL -----------------------------------------------------------------------------------------------------------


LIST = (
    "query($filter: String, $order: String, $group: UUID, $key: String) { vfolder_list(limit: 10, offset: 0, "
    "filter: $filter, order: $order, group_id: $group, access_key: $key) { total_count items { %s } } }"
)


def listed(client: SignedClient, fields: str = "name", **variables: Any) -> list[dict[str, Any]]:
    found = client.data(LIST % fields, **variables)["vfolder_list"]
    assert found["total_count"] == len(found["items"])
    return list(found["items"])


def test_graphql_lists_folders(
    whole: Whole, client: SignedClient, known: Callable[[str], SignedClient], pairs: dict[str, Keys]
) -> None:
    boss, chief, eve = known("boss"), known("chief"), known("eve")
    for name, fields in (("texts", {"quota": "5m"}), ("books", {"cloneable": True})):
        answered(client.call("POST", "/folders", name=name, **fields), 201)
    common = answered(boss.call("POST", "/folders", name="common", group="default"), 201)
    assert [one["name"] for one in listed(client)] == ["texts", "books", "common"]
    assert [one["name"] for one in listed(client, order="-name")] == ["texts", "common", "books"]
    assert listed(client, filter="cloneable == true") == [{"name": "books"}]
    assert listed(client, filter="max_size >= 5") == [{"name": "texts"}]
    assert listed(client, group=common["group"]) == [{"name": "common"}]
    assert listed(eve) == []
    assert len(listed(chief)) == 3
    key = pairs["grace"].access_key
    assert [one["name"] for one in listed(chief, key=key)] == ["texts", "books", "common"]
    assert listed(chief, key=key, filter='ownership_type == "group"') == [{"name": "common"}]
    assert listed(client, key=key) == listed(client)
    assert "Only administrators" in eve.error(LIST % "name", key=key)
    assert "There is no group" in eve.error(LIST % "name", group=common["group"])
    send(whole, client, "file", b"123")
    every = "id host name user group creator unmanaged_path usage_mode permission ownership_type max_files max_size "
    every += "created_at last_used num_files cur_size cloneable"
    [one] = listed(client, every, filter='name == "texts"')
    assert (one["max_size"], one["num_files"], one["cur_size"], one["max_files"]) == (5, 1, 3, 0)
    assert (one["creator"], one["group"], one["unmanaged_path"]) == ("grace", None, None)


@pytest.mark.usefixtures("texts")
def test_graphql_tells_admins_about_storages(client: SignedClient, known: Callable[[str], SignedClient]) -> None:
    query = "{ storage_volume_list(limit: 10, offset: 0) { total_count items { id backend capabilities usage } } }"
    [found] = known("chief").data(query)["storage_volume_list"]["items"]
    assert (found["id"], found["backend"]) == ("files", "files")
    assert json.loads(found["usage"])["used_bytes"] == 0
    one = known("chief").data('{ storage_volume(id: "files") { id } other: storage_volume(id: "nas") { id } }')
    assert one == {"storage_volume": {"id": "files"}, "other": None}
    assert "Only administrators" in client.error(query)


def test_a_folder_is_full_for_both_apis(whole: Whole) -> None:
    folder = folders.create_folder(whole.runtime, of(whole.runtime, GRACE), "texts", quota=1)
    with pytest.raises(InsufficientStorage):
        folders.begin_upload(whole.runtime, of(whole.runtime, CHIEF), folder.uuid, "a", 2)


# -- all routes --------------------------------------------------------------------------------------------------------


ODD = (None, True, -1, 1 << 70, 1.5, "", "\0", "../..", "x" * 9000, [], ["../x"], [[]], {}, {"a": {}})
RIGHT: dict[str, object] = {
    "id": 32 * "0",
    "inv_id": 32 * "0",
    "new_name": "other",
    "target_name": "other",
    "path": "file",
    "target_path": "file",
    "src": "file",
    "dst": "more",
    "files": ["file"],
    "size": 1,
    "perm": "ro",
    "user_ids": ["alan"],
    "emails": ["alan"],
    "folder_host": "files",
    "task_id": 32 * "0",
    "name": "texts",
    "fs_location": "nas:/",
}


@pytest.mark.long
@pytest.mark.slow
def test_no_odd_value_breaks_anything(whole: Whole, known: Callable[[str], SignedClient]) -> None:
    chief, tried = known("chief"), 0
    for bound in [one for one in whole.runtime.routes if one.route.action.startswith("backendai_folders.")]:
        if bound.route.anonymous:
            continue
        assert bound.route.request is not None
        fields = bound.route.request.__struct_fields__
        required = {one.name for one in structs.fields(bound.route.request) if one.required}
        path = bound.path.removeprefix("/backendai").format(name="texts")
        for field in fields:
            for value in ODD:
                if not list(folders.list_folders(of(whole.runtime, CHIEF), as_admin=False)):
                    answered(chief.call("POST", "/folders", name="texts"), 201)
                given = {name: RIGHT[name] for name in required} | {field: value}
                answer = chief.call(bound.route.method, path, **given)
                assert answer.status_code < 500, (bound.key, field, value, answer.text)
                tried += 1
    assert tried > 500


@pytest.mark.long
def test_ten_thousand_folders_are_listed_page_by_page(whole: Whole, client: SignedClient) -> None:
    answered(client.call("POST", "/folders", name="first"), 201)
    row = Folder.get(Folder.name == "first").__data__
    fill(
        whole,
        Folder,
        9_999,
        **{key: value for key, value in row.items() if key not in ("sequence", "uuid", "name")},
        uuid=lambda _: new_uuid(),
        name=lambda number: f"folder-{number:05}",
    )
    query = "query($offset: Int!) { vfolder_list(limit: 100, offset: $offset) { total_count items { name } } }"
    found = client.data(query, offset=9_950)["vfolder_list"]
    assert found["total_count"] == 10_000
    assert [one["name"] for one in found["items"]] == [f"folder-{number:05}" for number in range(9_949, 9_999)]
