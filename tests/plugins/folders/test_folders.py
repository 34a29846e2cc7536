"""Folders as services: what they hold, and what is left after something went wrong."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hanami_core.access import Access
from hanami_core.admission import DISK, Holder, held
from hanami_core.errors import (
    BadRequest,
    ClientError,
    Conflict,
    Forbidden,
    InsufficientStorage,
    NotFound,
    Unauthorized,
)
from hanami_core.runtime import Runtime
from hanami_core.storage.database import DELETED, atomic
from hanami_plugins import folders, quotas
from hanami_plugins.folders import Folder, FolderUpload, upkeep
from hanami_plugins.folders.opening import storage_of
from tests.plugins.folders.kit import ALAN, BOSS, CHIEF, GRACE, content, invited, of, send


def place_of(runtime: Runtime, folder: Folder) -> Path:
    return runtime.settings.data_dir / "folders" / "content" / folder.uuid


# -- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_is_created_found_renamed_and_deleted(runtime: Runtime, grace: Access) -> None:
    made = folders.create_folder(runtime, grace, "texts", usage_mode="data", quota=1000, cloneable=True)
    assert [one.uuid for one in folders.list_folders(grace)] == [made.uuid]
    assert folders.find_folder(grace, "texts") == folders.get_folder(grace, made.uuid.upper()) == made
    assert (made.ownership, made.storage, made.usage_mode, made.quota) == ("user", "files", "data", 1000)
    assert folders.what_may_be_done(grace, made) == ("wd", True, True)
    assert folders.rename_folder(grace, made.uuid, ".ssh").name == ".ssh"
    assert folders.set_options(grace, made.uuid, cloneable=False, permission="ro").permission == "ro"
    send(runtime, grace, made, "a/b.txt", b"content")
    folders.delete_folder(runtime, grace, made.uuid)
    with pytest.raises(NotFound, match="folder missing"):
        folders.get_folder(grace, made.uuid)
    with pytest.raises(NotFound, match="folder name missing"):
        folders.find_folder(grace, ".ssh")
    assert not place_of(runtime, made).exists()
    folders.create_folder(runtime, grace, ".ssh")


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", "a" * 65, "-a", "a-", "a b", "_x", "ü", "a\n", "tmp", ".bashrc", "TMP"]
)
def test_a_name_that_breaks_a_rule_is_refused(runtime: Runtime, grace: Access, folder: Folder, name: str) -> None:
    for attempt in (
        lambda: folders.create_folder(runtime, grace, name),
        lambda: folders.rename_folder(grace, folder.uuid, name),
        lambda: folders.clone_folder(runtime, grace, folder.uuid, name),
    ):
        with pytest.raises(BadRequest, match="folder name"):
            attempt()


@pytest.mark.parametrize("name", [".ssh", "a", "a.b", "my_data-2", "a" * 64, "..x"[1:]])
def test_a_name_is_accepted(runtime: Runtime, grace: Access, name: str) -> None:
    assert folders.create_folder(runtime, grace, name).name == name


def test_a_name_is_taken_only_once(runtime: Runtime, grace: Access, folder: Folder) -> None:
    other = folders.create_folder(runtime, grace, "other")
    for attempt in (
        lambda: folders.create_folder(runtime, grace, "texts"),
        lambda: folders.rename_folder(grace, other.uuid, "texts"),
        lambda: folders.clone_folder(runtime, grace, other.uuid, "texts"),
    ):
        with pytest.raises(Conflict, match="folder exists"):
            attempt()
    folders.create_folder(runtime, of(runtime, ALAN), "texts")
    folders.create_folder(runtime, of(runtime, BOSS), "texts", ownership="group")
    with pytest.raises(Conflict, match="folder exists"):
        folders.create_folder(runtime, of(runtime, CHIEF_HERE), "texts", ownership="group")


CHIEF_HERE = replace(CHIEF, project_id="room")


def test_of_those_who_ask_for_a_name_at_once_one_gets_it(runtime: Runtime, grace: Access) -> None:
    def attempt(_: int) -> bool:
        try:
            folders.create_folder(runtime, grace, "texts")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(attempt, range(8))) == [False] * 7 + [True]
    assert len(list(storage_of(runtime, "files").folders())) == 1


def test_storages_are_listed_and_an_unknown_one_is_refused(runtime: Runtime, grace: Access) -> None:
    assert folders.list_storages(runtime, grace) == [("files", True, ())]
    with pytest.raises(BadRequest, match="folder storage unknown"):
        folders.create_folder(runtime, grace, "texts", storage="cloud")


def test_a_user_has_own_folders_in_every_project(runtime: Runtime, grace: Access, folder: Folder) -> None:
    elsewhere = of(runtime, replace(GRACE, project_id="attic"))
    assert folders.get_folder(elsewhere, folder.uuid) == folder
    assert folders.what_may_be_done(elsewhere, folder).may_manage


# -- files ------------------------------------------------------------------------------------------------------------


def names(runtime: Runtime, access: Access, folder: Folder, path: str = ".") -> list[str]:
    return [entry.name for entry in folders.list_files(runtime, access, folder.uuid, path)]


def counted(folder: Folder) -> tuple[int, int]:
    row = Folder.get(Folder.uuid == folder.uuid)
    return row.files, row.used


def test_files_are_moved_renamed_and_deleted(runtime: Runtime, grace: Access, folder: Folder) -> None:
    uuid = folder.uuid
    send(runtime, grace, folder, "a/one", b"1")
    send(runtime, grace, folder, "two", b"22")
    folders.make_directory(runtime, grace, uuid, "b/c")
    folders.rename_file(runtime, grace, uuid, "a/one", "three")
    folders.move_file(runtime, grace, uuid, "a/three", "b/c")
    folders.move_file(runtime, grace, uuid, "two", "b/four")
    folders.move_file(runtime, grace, uuid, "b/c/three", ".")
    assert names(runtime, grace, folder) == ["a", "b", "three"]
    assert names(runtime, grace, folder, "b") == ["c", "four"]
    assert counted(folder) == (2, 3)
    with pytest.raises(Conflict, match="folder path exists"):
        folders.rename_file(runtime, grace, uuid, "three", "a")
    with pytest.raises(Conflict, match="inside itself"):
        folders.move_file(runtime, grace, uuid, "b", "b/c")
    with pytest.raises(Conflict, match="folder path directory"):
        folders.delete_files(runtime, grace, uuid, ["three", "b"])
    assert counted(folder) == (2, 3)
    assert folders.delete_files(runtime, grace, uuid, ["three", "b"], recursive=True) == (2, 3)
    assert counted(folder) == (0, 0)
    assert names(runtime, grace, folder) == ["a"]


@pytest.mark.parametrize("path", ["/etc", "..", "a/../..", "a\0"])
def test_no_path_leads_out(runtime: Runtime, grace: Access, folder: Folder, path: str) -> None:
    uuid = folder.uuid
    for attempt in (
        lambda: folders.list_files(runtime, grace, uuid, path),
        lambda: folders.make_directory(runtime, grace, uuid, path),
        lambda: folders.rename_file(runtime, grace, uuid, path, "x"),
        lambda: folders.rename_file(runtime, grace, uuid, "x", path),
        lambda: folders.move_file(runtime, grace, uuid, path, "x"),
        lambda: folders.move_file(runtime, grace, uuid, "x", path),
        lambda: folders.delete_files(runtime, grace, uuid, [path]),
        lambda: folders.begin_upload(runtime, grace, uuid, path, 1),
        lambda: folders.begin_download(runtime, grace, uuid, path),
        lambda: folders.open_archive(runtime, grace, uuid, path),
    ):
        with pytest.raises(BadRequest, match="folder path invalid"):
            attempt()


# -- uploads and downloads --------------------------------------------------------------------------------------------


def test_an_upload_goes_on_after_a_broken_connection(runtime: Runtime, grace: Access, folder: Folder) -> None:
    def broken() -> Iterator[bytes]:
        yield b"0123"
        raise BadRequest("body_incomplete")

    token = folders.begin_upload(runtime, grace, folder.uuid, "a/file", 10).token
    with pytest.raises(BadRequest, match="body_incomplete"):
        folders.append(runtime, token, 0, broken())
    with pytest.raises(Conflict) as raised:
        folders.append(runtime, token, 0, [b"0"])
    assert raised.value.parameters["offset"] == 4
    assert folders.upload_offset(runtime, token) == (4, 10)
    assert names(runtime, grace, folder) == []
    assert folders.append(runtime, token, 4, [b"45", b"6789"]) == 10
    assert content(runtime, grace, folder, "a/file") == b"0123456789"
    assert counted(folder) == (1, 10)
    assert folders.upload_offset(runtime, token) == (10, 10)
    with pytest.raises(Conflict, match="upload offset"):  # whoever missed the answer learns that all is there
        folders.append(runtime, token, 4, [b"456789"])


def test_an_upload_replaces_what_was_there(runtime: Runtime, grace: Access, folder: Folder) -> None:
    send(runtime, grace, folder, "file", b"former content")
    first = folders.begin_upload(runtime, grace, folder.uuid, "file", 1).token
    second = folders.begin_upload(runtime, grace, folder.uuid, "file", 2).token
    folders.append(runtime, second, 0, [b"22"])
    folders.append(runtime, first, 0, [b"1"])
    assert content(runtime, grace, folder, "file") == b"1"
    assert counted(folder) == (1, 1)
    with pytest.raises(Conflict, match="folder path directory"):
        folders.make_directory(runtime, grace, folder.uuid, "d") or folders.begin_upload(
            runtime, grace, folder.uuid, "d", 1
        )
    with pytest.raises(Conflict, match="no directory"):
        folders.begin_upload(runtime, grace, folder.uuid, "file/x", 1)


def test_an_empty_file_is_there_at_once(runtime: Runtime, grace: Access, folder: Folder) -> None:
    ticket = folders.begin_upload(runtime, grace, folder.uuid, "empty", 0)
    assert content(runtime, grace, folder, "empty") == b""
    assert folders.upload_offset(runtime, ticket.token) == (0, 0)


def test_more_than_was_announced_is_refused(runtime: Runtime, grace: Access, folder: Folder) -> None:
    token = folders.begin_upload(runtime, grace, folder.uuid, "file", 3).token
    with pytest.raises(BadRequest, match="too long"):
        folders.append(runtime, token, 0, [b"0123"])
    assert folders.upload_offset(runtime, token) == (3, 3)
    assert folders.append(runtime, token, 3, []) == 3
    assert content(runtime, grace, folder, "file") == b"012"


def test_an_upload_can_be_given_up(runtime: Runtime, grace: Access, folder: Folder) -> None:
    token = folders.begin_upload(runtime, grace, folder.uuid, "file", 3).token
    folders.append(runtime, token, 0, [b"01"])
    folders.withdraw_upload(runtime, token)
    with pytest.raises(NotFound, match="upload missing"):
        folders.append(runtime, token, 2, [b"2"])
    assert list(storage_of(runtime, "files").uploads()) == []


def test_a_token_ends_with_what_its_holder_may_do(runtime: Runtime, grace: Access, folder: Folder) -> None:
    send(runtime, grace, folder, "file", b"1")
    alan = invited(runtime, folder, "rw")
    upload = folders.begin_upload(runtime, alan, folder.uuid, "mine", 3).token
    download = folders.begin_download(runtime, alan, folder.uuid, "file")
    folders.append(runtime, upload, 0, [b"1"])
    for wrong in ("", "x.y.z", upload[:-2], download):
        with pytest.raises(Unauthorized):
            folders.append(runtime, wrong, 1, [b"2"])
    with pytest.raises(Unauthorized):
        folders.open_download(runtime, upload)
    folders.unshare(grace, folder.uuid, ["alan"])
    for attempt in (
        lambda: folders.append(runtime, upload, 1, [b"2"]),
        lambda: folders.upload_offset(runtime, upload),
        lambda: folders.open_download(runtime, download),
    ):
        with pytest.raises(NotFound, match="folder missing"):
            attempt()


def test_a_token_ends_in_time(runtime: Runtime, grace: Access, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    send(runtime, grace, folder, "file", b"1")
    upload = folders.begin_upload(runtime, grace, folder.uuid, "late", 3)
    folders.append(runtime, upload.token, 0, [b"1"])
    download = folders.begin_download(runtime, grace, folder.uuid, "file")
    real = runtime.clock.now
    monkeypatch.setattr(type(runtime.clock), "now", lambda _: real() - 200_000)
    old = folders.begin_download(runtime, grace, folder.uuid, "file")
    monkeypatch.undo()
    with pytest.raises(Unauthorized, match="expired"):
        folders.open_download(runtime, old)
    folders.open_download(runtime, download).close()
    FolderUpload.update(ends_at=0).execute()
    upkeep.clean_up(runtime)
    with pytest.raises(NotFound, match="upload missing"):
        folders.append(runtime, upload.token, 1, [b"2"])
    assert list(storage_of(runtime, "files").uploads()) == []


def test_a_download_is_read_from_any_place(runtime: Runtime, grace: Access, folder: Folder) -> None:
    send(runtime, grace, folder, "a/file", b"0123456789")
    with folders.open_download(runtime, folders.begin_download(runtime, grace, folder.uuid, "a/file")) as file:
        assert (file.name, file.size) == ("file", 10)
        assert b"".join(file.read(4, 8)) == b"4567"
    for path, problem in (("a", "directory"), ("b", "missing"), ("a/file/x", "no directory")):
        with pytest.raises(ClientError, match=problem):
            folders.begin_download(runtime, grace, folder.uuid, path)


def test_a_directory_is_sent_as_an_archive(runtime: Runtime, grace: Access, folder: Folder, tmp_path: Path) -> None:
    long = "x" * 200
    send(runtime, grace, folder, "a/ü/one", b"1" * 1000)
    send(runtime, grace, folder, f"a/{long}/two", b"2" * 512)
    send(runtime, grace, folder, "outside", b"3")
    folders.make_directory(runtime, grace, folder.uuid, "a/empty")
    (place_of(runtime, folder) / "a" / "link").symlink_to("/etc/passwd")
    token = folders.begin_download(runtime, grace, folder.uuid, "a", archive=True)
    with folders.open_download(runtime, token) as found:
        assert found.name == "a.tar"
        data = b"".join(found.read(0, found.size))
    assert len(data) == found.size
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        members = opened.getnames()
        opened.extractall(tmp_path / "out", filter="data")
    assert sorted(members) == sorted(["a/empty", "a/ü", "a/ü/one", f"a/{long}", f"a/{long}/two"])
    assert (tmp_path / "out" / "a" / long / "two").read_bytes() == b"2" * 512
    whole = folders.open_archive(runtime, grace, folder.uuid)
    assert whole.name == "texts.tar"
    send(runtime, grace, folder, "late", b"4")
    with pytest.raises(OSError, match="changed"):
        list(whole.parts())


# -- how much there may be --------------------------------------------------------------------------------------------


def test_bytes_count_for_the_owner_of_the_folder(runtime: Runtime, grace: Access, folder: Folder) -> None:
    def disk(kind: str, name: str) -> int:
        return held(runtime.all_models(), Holder(kind, name), DISK)  # type: ignore[arg-type]

    alan = invited(runtime, folder, "rw")
    send(runtime, alan, folder, "file", b"0123456789")
    token = folders.begin_upload(runtime, alan, folder.uuid, "more", 5).token
    assert (disk("user", "grace"), disk("project", "room"), disk("user", "alan")) == (15, 15, 0)
    folders.append(runtime, token, 0, [b"01234"])
    assert disk("user", "grace") == 15
    folders.delete_files(runtime, grace, folder.uuid, ["file"])
    assert disk("user", "grace") == 5
    folders.delete_folder(runtime, grace, folder.uuid)
    assert disk("user", "grace") == 0


def test_the_disk_quota_is_proven_before_and_after(runtime: Runtime, grace: Access, folder: Folder) -> None:
    chief = of(runtime, CHIEF)
    quotas.set_quota(runtime, chief, Holder("user", "grace"), DISK, 10)
    with pytest.raises(InsufficientStorage, match="quota space exhausted"):
        folders.begin_upload(runtime, grace, folder.uuid, "big", 11)
    token = folders.begin_upload(runtime, grace, folder.uuid, "fits", 10).token
    with pytest.raises(InsufficientStorage):
        folders.begin_upload(runtime, grace, folder.uuid, "more", 1)
    quotas.set_quota(runtime, chief, Holder("user", "grace"), DISK, 5)
    with pytest.raises(InsufficientStorage):
        folders.append(runtime, token, 0, [b"0123456789"])
    assert names(runtime, grace, folder) == []
    quotas.set_quota(runtime, chief, Holder("user", "grace"), DISK, 10)
    assert folders.append(runtime, token, 10, []) == 10
    assert content(runtime, grace, folder, "fits") == b"0123456789"


def test_a_folder_has_a_quota_of_its_own(runtime: Runtime, grace: Access) -> None:
    folder = folders.create_folder(runtime, grace, "small", quota=10)
    send(runtime, grace, folder, "file", b"01234")
    waiting = folders.begin_upload(runtime, grace, folder.uuid, "more", 5).token
    with pytest.raises(InsufficientStorage, match="folder quota exhausted"):
        folders.begin_upload(runtime, grace, folder.uuid, "too much", 1)
    folders.append(runtime, waiting, 0, [b"01234"])
    assert counted(folder) == (2, 10)


def test_a_full_disk_takes_nothing(
    runtime: Runtime, grace: Access, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = storage_of(runtime, "files")
    monkeypatch.setattr(type(storage), "available", lambda _: 10)
    folders.begin_upload(runtime, grace, folder.uuid, "first", 6)
    with pytest.raises(InsufficientStorage, match="storage full"):
        folders.begin_upload(runtime, grace, folder.uuid, "second", 6)
    send(runtime, grace, folder, "third", b"0123")


def test_only_so_many_uploads_are_open(
    runtime: Runtime, grace: Access, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runtime.settings._resolved, "folders.open_uploads", 2)
    for number in range(2):
        folders.begin_upload(runtime, grace, folder.uuid, str(number), 1)
    with pytest.raises(Conflict, match="uploads exhausted"):
        folders.begin_upload(runtime, grace, folder.uuid, "more", 1)


# -- copies -----------------------------------------------------------------------------------------------------------


def test_a_folder_is_copied(runtime: Runtime, grace: Access, folder: Folder) -> None:
    send(runtime, grace, folder, "a/file", b"content")
    made = folders.clone_folder(runtime, grace, folder.uuid, "copy", permission="ro")
    assert made.task is None
    assert counted(made.folder) == (1, 7)
    folders.delete_folder(runtime, grace, folder.uuid)
    assert content(runtime, grace, made.folder, "a/file") == b"content"


def test_others_copy_only_what_may_be_copied(runtime: Runtime, grace: Access, folder: Folder) -> None:
    alan = invited(runtime, folder, "ro")
    with pytest.raises(Forbidden, match="not cloneable"):
        folders.clone_folder(runtime, alan, folder.uuid, "mine")
    folders.set_options(grace, folder.uuid, cloneable=True)
    assert folders.clone_folder(runtime, alan, folder.uuid, "mine").folder.owner_id == "alan"


def test_a_copy_that_does_not_fit_is_refused(runtime: Runtime, grace: Access, folder: Folder) -> None:
    send(runtime, grace, folder, "file", b"012345")
    quotas.set_quota(runtime, of(runtime, CHIEF), Holder("user", "grace"), DISK, 10)
    with pytest.raises(InsufficientStorage):
        folders.clone_folder(runtime, grace, folder.uuid, "copy")
    assert [one.name for one in folders.list_folders(grace)] == ["texts"]


# -- after something went wrong ---------------------------------------------------------------------------------------


def test_a_start_removes_what_crashes_have_left(runtime: Runtime, grace: Access, folder: Folder) -> None:
    send(runtime, grace, folder, "file", b"content")
    token = folders.begin_upload(runtime, grace, folder.uuid, "more", 5).token
    folders.append(runtime, token, 0, [b"01"])
    storage = storage_of(runtime, "files")
    storage.append("forgotten", 0, [b"1"], 2)
    gone = folders.create_folder(runtime, grace, "gone")
    send(runtime, grace, gone, "file", b"content")
    with atomic():
        Folder.update(status=DELETED).where(Folder.uuid == gone.uuid).execute()
    for name in ("empty", "precious"):
        storage.create(name)
    (runtime.settings.data_dir / "folders" / "content" / "precious" / "file").write_bytes(b"1")
    upkeep.recover(runtime)
    assert set(storage.folders()) == {folder.uuid, "precious"}
    assert folders.append(runtime, token, 2, [b"234"]) == 5
    [check] = upkeep.check(runtime)
    assert [finding.where for finding in check.run()] == ["folder precious in the storage files"]


def test_the_doctor_sees_a_lost_directory(runtime: Runtime, grace: Access, folder: Folder) -> None:
    [check] = upkeep.check(runtime)
    assert list(check.run()) == []
    storage_of(runtime, "files").remove(folder.uuid)
    assert [finding.where for finding in check.run()] == [f"folder {folder.uuid}"]
    folders.delete_folder(runtime, grace, folder.uuid)
    assert list(check.run()) == []


def test_what_others_write_is_counted(runtime: Runtime, grace: Access, folder: Folder) -> None:
    (place_of(runtime, folder) / "written").write_bytes(b"0123")
    upkeep.clean_up(runtime)
    assert counted(folder) == (1, 4)
    stale = Folder.get(Folder.uuid == folder.uuid)
    send(runtime, grace, folder, "file", b"1")
    assert not folders.measure(runtime, stale)
    assert counted(folder) == (2, 5)
