"""Virtual folders as released clients of Backend.AI ask for them: folders, files, and what is refused."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from falcon.testing import create_environ

from hanami_core.errors import InsufficientStorage
from hanami_plugins import folders
from hanami_plugins.folders import Folder, FolderUpload, cloning
from hanami_plugins.folders.opening import storage_of
from tests.plugins.backendai_kit import Keys, SignedClient, new_keys
from tests.plugins.folders.kit import CHIEF, GRACE, of
from tests.whole import Whole

KIND = "https://api.backend.ai/probs/"
RELEASED = {"User-Agent": "Python/3.11 aiohttp/3.8.6"}
PIECE = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}


@pytest.fixture(scope="module")
def pairs(shared: Whole) -> dict[str, Keys]:
    """Pairs of keys by user; the chief is the admin."""
    users = ("grace", "alan", "boss", "eve")
    return {name: new_keys(shared, shared.login(name)) for name in users} | {"chief": new_keys(shared)}


@pytest.fixture(scope="module")
def known(shared: Whole, pairs: dict[str, Keys]) -> Callable[[str], SignedClient]:
    """Return what returns the client of a user."""
    return lambda name: SignedClient(shared, pairs[name])


@pytest.fixture
def client(whole: Whole, known: Callable[[str], SignedClient]) -> SignedClient:
    return known("grace")


@pytest.fixture
def texts(client: SignedClient) -> dict[str, Any]:
    return answered(client.call("POST", "/folders", name="texts"), 201)


def answered(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json if answer.text else None


def problem(answer: Any) -> tuple[int, str]:
    """Return status and kind of a problem, which has all that clients read."""
    found = answer.json
    assert isinstance(found["title"], str)
    assert isinstance(found["msg"], str)
    assert answer.headers["content-type"].startswith("application/problem+json")
    return answer.status_code, found["type"].removeprefix(KIND)


def announce(client: SignedClient, path: str, size: int, folder: str = "texts") -> str:
    found = answered(client.call("POST", f"/folders/{folder}/request-upload", path=path, size=size))
    assert found["url"] == "http://hanami.test/backendai/storage/upload"
    return str(found["token"])


def patch(whole: Whole, token: str, offset: int | str, piece: bytes, **headers: str) -> Any:
    given = PIECE | {"Upload-Offset": str(offset)} | headers
    return whole.http.simulate_request(
        "PATCH", "/backendai/storage/upload", params={"token": token}, body=piece, headers=given
    )


def send(whole: Whole, client: SignedClient, path: str, content: bytes, folder: str = "texts") -> None:
    token = announce(client, path, len(content), folder)
    if content:
        answer = patch(whole, token, 0, content)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(content))), answer.text


def fetch(whole: Whole, client: SignedClient, path: str, folder: str = "texts", **fields: Any) -> Any:
    found = answered(client.call("POST", f"/folders/{folder}/request-download", path=path, **fields))
    assert found["url"] == "http://hanami.test/backendai/storage/download"
    return download(whole, found["token"])


def download(whole: Whole, token: str, **headers: str) -> Any:
    return whole.http.simulate_get("/backendai/storage/download", params={"token": token}, headers=headers)


def names(client: SignedClient, path: str = ".", folder: str = "texts") -> list[str]:
    found = answered(client.call("GET", f"/folders/{folder}/files", path=path))
    assert [one["name"] for one in found["items"]] == [one["filename"] for one in json.loads(found["files"])]
    return [one["name"] for one in found["items"]]


def place(whole: Whole) -> Path:
    """Return the directory that the only folder lies in."""
    folder = Folder.active().get()
    return Path(next(whole.runtime.settings.data_dir.rglob(folder.uuid)))


# -- folders -----------------------------------------------------------------------------------------------------------


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


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("texts")
def test_a_file_goes_up_in_pieces_and_comes_down(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "a/b c.txt", 8)
    assert patch(whole, token, 0, b"0123").headers["upload-offset"] == "4"
    head = whole.http.simulate_head("/backendai/storage/upload", params={"token": token})
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("4", "8")
    assert names(client) == []
    assert patch(whole, token, 4, b"4567").headers["upload-offset"] == "8"
    assert names(client) == ["a"]
    got = fetch(whole, client, "a/b c.txt")
    assert (got.content, got.headers["content-length"]) == (b"01234567", "8")
    info = answered(client.call("GET", "/folders/texts"))
    assert (info["numFiles"], info["used_bytes"]) == (1, 8)
    part = answered(client.call("POST", "/folders/texts/request-download", path="a/b c.txt"))["token"]
    assert download(whole, part, Range="bytes=2-3").content == b"23"


@pytest.mark.usefixtures("texts")
def test_an_empty_file_needs_no_piece(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "empty", b"")
    assert fetch(whole, client, "empty").content == b""


@pytest.mark.usefixtures("texts")
def test_a_lying_offset_is_refused(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    for offset in (0, 3, 5, 8, 1 << 40):
        assert problem(patch(whole, token, offset, b"4567")) == (409, "storage/upload-offset-mismatch")
    for offset in ("", "-1", "x", "4.0", "1" * 30, "٤"):
        refused = patch(whole, token, offset.encode().decode("latin-1"), b"4567")
        assert problem(refused) == (400, "invalid-api-params")
    assert names(client) == []
    patch(whole, token, 4, b"4567")
    assert fetch(whole, client, "file").content == b"01234567"


@pytest.mark.usefixtures("texts")
def test_a_file_that_is_longer_than_announced_leaves_nothing(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    assert problem(patch(whole, token, 4, b"45678")) == (400, "storage/upload-too-long")
    assert (names(client), FolderUpload.select().count()) == ([], 0)
    assert list(storage_of(whole.runtime, "files").uploads()) == []


@pytest.mark.usefixtures("texts")
def test_a_file_that_has_arrived_gets_its_place_when_somebody_asks(
    whole: Whole, client: SignedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = announce(client, "file", 4)
    with monkeypatch.context() as patched:
        patched.setattr(storage_of(whole.runtime, "files"), "complete", Mock(side_effect=OSError(5, "broken")))
        assert patch(whole, token, 0, b"0123").status_code == 503
    assert names(client) == []
    for _ in range(2):
        head = whole.http.simulate_head("/backendai/storage/upload", params={"token": token})
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("4", "4")
        assert fetch(whole, client, "file").content == b"0123"


@pytest.mark.usefixtures("texts")
def test_of_two_uploads_to_one_path_the_later_one_counts(whole: Whole, client: SignedClient) -> None:
    first, second = announce(client, "file", 5), announce(client, "file", 6)
    patch(whole, first, 0, b"fir")
    patch(whole, second, 0, b"second")
    assert fetch(whole, client, "file").content == b"second"
    patch(whole, first, 3, b"st")
    assert fetch(whole, client, "file").content == b"first"
    info = answered(client.call("GET", "/folders/texts"))
    assert (info["numFiles"], info["used_bytes"]) == (1, 5)


@pytest.mark.usefixtures("texts")
def test_tus_says_what_it_can_and_what_it_cannot(whole: Whole, client: SignedClient) -> None:
    answer = whole.http.simulate_options("/backendai/storage/upload")
    assert (answer.status_code, answer.headers["tus-version"]) == (204, "1.0.0")
    token = announce(client, "file", 4)
    other = patch(whole, token, 0, b"0123", **{"Content-Type": "text/plain"})
    assert problem(other) == (415, "storage/unsupported-media-type")
    other = patch(whole, token, 0, b"0123", **{"Tus-Resumable": "0.2.2"})
    assert problem(other) == (412, "storage/unsupported-version")
    assert problem(patch(whole, token + "x", 0, b"0123")) == (401, "storage/invalid-token")
    assert problem(whole.http.simulate_patch("/backendai/storage/upload")) == (400, "invalid-api-params")
    withdrawn = whole.http.simulate_delete("/backendai/storage/upload", params={"token": token})
    assert withdrawn.status_code == 204
    assert problem(patch(whole, token, 0, b"0123")) == (404, "storage/object-not-found")
    assert FolderUpload.select().count() == 0


@pytest.mark.usefixtures("texts")
def test_a_directory_comes_as_an_archive(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "d/a", b"one")
    send(whole, client, "d/e/b", b"two")
    got = fetch(whole, client, "d", archive=True)
    assert int(got.headers["content-length"]) == len(got.content)
    with tarfile.open(fileobj=io.BytesIO(got.content)) as archive:
        assert sorted(archive.getnames()) == ["d/a", "d/e", "d/e/b"]
        assert archive.extractfile("d/e/b").read() == b"two"  # type: ignore[union-attr]
    token = answered(client.call("POST", "/folders/texts/request-download", path=".", archive=True))["token"]
    whole_one = download(whole, token, Range="bytes=0-3")
    assert (whole_one.status_code, whole_one.headers["content-disposition"]) == (
        200,
        "attachment; filename*=UTF-8''texts.tar",
    )


class Zeros:
    """A body of so many bytes, which nobody has in memory."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


def sent(whole: Whole, environ: dict[str, Any]) -> int:
    """Return how many bytes answer a call, whose pieces are thrown away."""
    return sum(map(len, whole.http.app(environ, lambda *_: None)))


@pytest.mark.usefixtures("texts")
def test_nothing_large_is_in_memory(whole: Whole, client: SignedClient) -> None:
    size, upload, given = 64 << 20, announce(client, "big", 64 << 20), PIECE | {"Upload-Offset": "0"}
    tracemalloc.start()
    try:
        target = {"path": "/backendai/storage/upload", "query_string": f"token={upload}"}
        environ = create_environ(method="PATCH", headers=given | {"Content-Length": str(size)}, **target)
        assert sent(whole, environ | {"wsgi.input": Zeros(size)}) == 0
        for path, archive, more in (("big", False, 0), (".", True, 512)):
            asked = client.call("POST", "/folders/texts/request-download", path=path, archive=archive)
            query = f"token={answered(asked)['token']}"
            assert sent(whole, create_environ("/backendai/storage/download", query)) >= size + more
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("texts")
def test_files_are_moved_renamed_and_deleted(whole: Whole, client: SignedClient) -> None:
    answered(client.call("POST", "/folders/texts/mkdir", path="x/y"), 201)
    send(whole, client, "file", b"1")
    assert answered(client.call("POST", "/folders/texts/move-file", src="file", dst="x/y")) == {}
    assert answered(client.call("POST", "/folders/texts/rename-file", target_path="x/y/file", new_name="f")) == {}
    assert names(client, "x/y") == ["f"]
    refused = client.call("POST", "/folders/texts/rename-file", target_path="x/y/f", new_name="a/b")
    assert (problem(refused), list(refused.json["data"])) == ((400, "invalid-api-params"), ["target_path"])
    assert problem(client.call("DELETE", "/folders/texts/delete-files", files=["x"])) == (
        400,
        "vfolder-operation-failed",
    )
    assert answered(client.call("DELETE", "/folders/texts/delete-files", files=["x/y/f"])) == {}
    assert answered(client.call("DELETE", "/folders/texts/delete-files", files=["x"], recursive=True)) == {}
    assert names(client) == []


@pytest.mark.usefixtures("texts")
def test_files_are_listed_as_ls_does(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "d/file", b"12")
    (place(whole) / "link").symlink_to("/etc/passwd")
    found = answered(client.call("GET", "/folders/texts/files"))
    assert [(one["name"], one["type"], one["mode"][0]) for one in found["items"]] == [
        ("d", "DIRECTORY", "d"),
        ("link", "SYMLINK", "l"),
    ]
    [file] = json.loads(answered(client.call("GET", "/folders/texts/files", path="d"))["files"])
    assert (file["filename"], file["size"], file["mode"]) == ("file", 2, "-rw-------")
    assert isinstance(file["mtime"], float)


BAD_PATHS = ("../x", "a/../../x", "/etc/passwd", "a\0b", "x" * 300, "a/" * 3000, "")


@pytest.mark.parametrize("path", BAD_PATHS)
@pytest.mark.usefixtures("texts")
def test_a_path_that_leads_elsewhere_is_refused(whole: Whole, client: SignedClient, path: str) -> None:
    send(whole, client, "file", b"1")
    for method, route, fields in (
        ("POST", "mkdir", {"path": path}),
        ("POST", "rename-file", {"target_path": path, "new_name": "b"}),
        ("POST", "rename-file", {"target_path": "file", "new_name": path}),
        ("POST", "move-file", {"src": path, "dst": "b"}),
        ("POST", "move-file", {"src": "file", "dst": path or ".."}),
        ("DELETE", "delete-files", {"files": ["file", path]}),
        ("POST", "request-upload", {"path": path, "size": 1}),
        ("POST", "request-download", {"path": path}),
        ("GET", "files", {"path": path or ".."}),
    ):
        refused = client.call(method, f"/folders/texts/{route}", **fields)
        assert problem(refused) == (400, "invalid-api-params"), route
        assert len(refused.json["data"]) == 1
    assert names(client) == ["file"]
    assert FolderUpload.active().count() == 0


@pytest.mark.usefixtures("texts")
def test_no_link_is_followed(whole: Whole, client: SignedClient, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (place(whole) / "out").symlink_to(tmp_path)
    (place(whole) / "secret").symlink_to(tmp_path / "secret")
    os.mkfifo(place(whole) / "pipe")
    for path in ("out/secret", "secret", "pipe"):
        refused = client.call("POST", "/folders/texts/request-download", path=path)
        assert refused.status_code == 400, path
        assert problem(refused)[1] == "vfolder-operation-failed"
    for method, route, fields in (
        ("GET", "files", {"path": "out"}),
        ("POST", "mkdir", {"path": "out/new"}),
        ("POST", "request-upload", {"path": "out/new", "size": 0}),
        ("DELETE", "delete-files", {"files": ["out/secret"]}),
        ("POST", "move-file", {"src": "out/secret", "dst": "mine"}),
    ):
        assert client.call(method, f"/folders/texts/{route}", **fields).status_code == 400, route
    assert os.listdir(tmp_path) == ["secret"]
    assert b"secret\0" not in fetch(whole, client, ".", archive=True).content


# -- limits, and what goes wrong in the middle -------------------------------------------------------------------------


def test_a_full_folder_refuses_before_anything_is_sent(client: SignedClient, whole: Whole) -> None:
    answered(client.call("POST", "/folders", name="texts", quota="1k"), 201)
    announce(client, "first", 1000)
    refused = client.call("POST", "/folders/texts/request-upload", path="second", size=100)
    assert problem(refused) == (412, "quota-exceeded")
    assert FolderUpload.active().count() == 1


@pytest.mark.usefixtures("texts")
def test_a_quota_that_is_full_in_the_middle_leaves_nothing(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    whole.call("PUT", "quota", user_id="grace", resource="disk", limit=5)
    assert problem(patch(whole, token, 4, b"4567")) == (412, "storage/quota-exceeded")
    assert names(client) == []
    assert FolderUpload.select().count() == 0
    assert list(storage_of(whole.runtime, "files").uploads()) == []


@pytest.mark.usefixtures("texts")
def test_a_disk_that_is_full_in_the_middle_leaves_nothing(
    whole: Whole, client: SignedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    with monkeypatch.context() as patched:
        patched.setattr(storage_of(whole.runtime, "files"), "append", Mock(side_effect=OSError(28, "full")))
        assert problem(patch(whole, token, 4, b"4567")) == (412, "storage/quota-exceeded")
    assert FolderUpload.select().count() == 0
    assert list(storage_of(whole.runtime, "files").uploads()) == []


@pytest.mark.usefixtures("texts")
def test_a_released_client_is_told_at_once_why_its_upload_fails(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    answered(client.call("DELETE", "/folders/texts"), 204)
    refused = patch(whole, token, 4, b"4567", **RELEASED)
    assert (refused.status_code, refused.content) == (204, b"")
    text = refused.headers["upload-offset"]
    assert text.startswith("Folder with UUID")
    assert text.isascii()
    with pytest.raises(ValueError, match="not found"):
        int(text)


@pytest.mark.usefixtures("texts")
def test_the_reason_fits_into_a_header(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "a\nb 花", 4)
    answered(client.call("POST", "/folders/texts/mkdir", path="a\nb 花"), 201)
    text = patch(whole, token, 0, b"0123", **RELEASED).headers["upload-offset"]
    assert text == "'a\\nb \\u82b1' is a directory"


@pytest.mark.usefixtures("texts")
def test_errors_of_downloads_have_no_length(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "file", b"1")
    token = answered(client.call("POST", "/folders/texts/request-download", path="file"))["token"]
    answered(client.call("DELETE", "/folders/texts/delete-files", files=["file"]))
    for one, expected in ((token, (404, "storage/object-not-found")), (token + "x", (401, "storage/invalid-token"))):
        refused = download(whole, one)
        assert problem(refused) == expected
        assert "content-length" not in refused.headers


@pytest.mark.usefixtures("texts")
def test_a_token_is_good_for_what_it_was_issued_for(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "file", b"1")
    token = answered(client.call("POST", "/folders/texts/request-download", path="file"))["token"]
    assert problem(patch(whole, token, 0, b"1")) == (401, "storage/invalid-token")
    assert problem(download(whole, announce(client, "file", 1))) == (401, "storage/invalid-token")


def test_missing_files_are_refused_when_they_are_asked_for(client: SignedClient, texts: dict[str, Any]) -> None:
    answered(client.call("POST", "/folders/texts/mkdir", path="d"), 201)
    refused = client.call("POST", "/folders/texts/request-download", path="nothing")
    assert problem(refused) == (404, "object-not-found")
    assert problem(client.call("POST", "/folders/texts/request-download", path="d")) == (
        400,
        "vfolder-operation-failed",
    )
    assert problem(client.call("POST", "/folders/texts/request-upload", path="d", size=1)) == (
        400,
        "vfolder-operation-failed",
    )


def test_too_many_folders_are_refused(whole: Whole, client: SignedClient, texts: dict[str, Any]) -> None:
    whole.call("PUT", "quota", user_id="grace", resource="folders", limit=1)
    assert problem(client.call("POST", "/folders", name="more")) == (412, "quota-exceeded")
    assert len(answered(client.call("GET", "/folders"))) == 1


def test_a_frozen_server_takes_the_rest_of_an_upload(
    whole: Whole, client: SignedClient, texts: dict[str, Any], known: Callable[[str], SignedClient]
) -> None:
    token = announce(client, "file", 4)
    answered(known("chief").call("PUT", "/manager/status", status="frozen"), 204)
    try:
        assert problem(client.call("POST", "/folders/texts/request-upload", path="b", size=1)) == (503, "server-frozen")
        assert patch(whole, token, 0, b"0123").status_code == 204
        assert fetch_frozen(client) == (503, "server-frozen")
    finally:
        answered(known("chief").call("PUT", "/manager/status", status="running"), 204)
    assert fetch(whole, client, "file").content == b"0123"


def fetch_frozen(client: SignedClient) -> tuple[int, str]:
    return problem(client.call("POST", "/folders/texts/mkdir", path="new"))


# -- sharing -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("texts")
def test_an_invitation_is_accepted_and_the_folder_left(
    whole: Whole, client: SignedClient, known: Callable[[str], SignedClient]
) -> None:
    alan, eve = known("alan"), known("eve")
    invited = answered(client.call("POST", "/folders/texts/invite", user_ids=["alan", "nobody"], perm="ro"), 201)
    assert invited == {"invited_ids": ["alan"]}
    [invitation] = answered(alan.call("GET", "/folders/invitations/list"))["invitations"]
    shown = {"inviter": "grace", "invitee": "alan", "perm": "ro", "state": "pending", "vfolder_name": "texts"}
    assert shown.items() <= invitation.items()
    assert problem(eve.call("POST", "/folders/invitations/accept", inv_id=invitation["id"]))[0] == 404
    assert answered(alan.call("POST", "/folders/invitations/accept", inv_id=invitation["id"])) == {}
    info = answered(alan.call("GET", "/folders/texts"))
    assert (info["permission"], info["is_owner"]) == ("ro", False)
    refused = alan.call("POST", "/folders/texts/request-upload", path="a", size=1)
    assert problem(refused) == (403, "generic-forbidden")
    assert problem(alan.call("POST", "/folders/texts/clone", target_name="mine")) == (403, "generic-forbidden")
    assert problem(alan.call("POST", "/folders/texts/rename", new_name="mine")) == (403, "generic-forbidden")
    assert problem(client.call("POST", "/folders/texts/leave")) == (400, "vfolder-operation-failed")
    assert "msg" in answered(alan.call("POST", "/folders/texts/leave"))
    assert answered(alan.call("GET", "/folders")) == []


@pytest.mark.usefixtures("texts")
def test_an_invitation_is_declined_or_cancelled(client: SignedClient, known: Callable[[str], SignedClient]) -> None:
    alan = known("alan")
    for who in (alan, client):
        answered(client.call("POST", "/folders/texts/invite", user_ids=["alan"], perm="rw"), 201)
        [invitation] = answered(alan.call("GET", "/folders/invitations/list"))["invitations"]
        assert answered(who.call("DELETE", "/folders/invitations/delete", inv_id=invitation["id"])) == {}
        assert answered(alan.call("GET", "/folders/invitations/list")) == {"invitations": []}
        assert problem(alan.call("POST", "/folders/invitations/accept", inv_id=invitation["id"]))[0] == 404


def test_a_group_folder_belongs_to_the_project(
    whole: Whole, client: SignedClient, known: Callable[[str], SignedClient]
) -> None:
    boss, eve = known("boss"), known("eve")
    made = answered(boss.call("POST", "/folders", name="common", group="room", permission="ro"), 201)
    assert (made["ownership_type"], made["user"], made["permission"]) == ("group", None, "ro")
    info = answered(client.call("GET", "/folders/common"))
    assert (info["type"], info["permission"], info["is_owner"]) == ("group", "ro", False)
    assert answered(boss.call("GET", "/folders/common"))["is_owner"] is True
    assert problem(eve.call("GET", "/folders/common")) == (404, "object-not-found")
    shared = boss.call("POST", "/folders/common/share", emails=["grace", "eve"], permission="rw")
    assert answered(shared, 201) == {"shared_emails": ["grace"]}
    send(whole, client, "file", b"1", "common")
    assert problem(client.call("DELETE", "/folders/common")) == (403, "generic-forbidden")
    unshared = boss.call("DELETE", "/folders/common/unshare", emails=["grace", "eve"])
    assert answered(unshared) == {"unshared_emails": ["grace"]}
    refused = client.call("POST", "/folders/common/request-upload", path="a", size=1)
    assert problem(refused) == (403, "generic-forbidden")
    [listed] = answered(client.call("GET", "/folders"))
    assert (listed["group_name"], listed["group"]) == ("room", made["group"])


def test_an_admin_creates_folders_of_any_group(known: Callable[[str], SignedClient], whole: Whole) -> None:
    made = answered(known("chief").call("POST", "/folders", name="theirs", group="attic"), 201)
    found = answered(known("eve").call("GET", "/folders/theirs"))
    assert (found["group"], found["type"]) == (made["group"], "group")


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
        patched.setattr(cloning, "_result", lambda uuid, task: folders.FolderClone(Folder.get(uuid=uuid), task))
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
