"""Datasets from files in folders, and tables of datasets as files in folders."""

from __future__ import annotations

import csv
import io
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.access import Access
from hanami_core.plugin_host import PluginHost, PluginState, installed_plugins
from hanami_core.queue import Task
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins import folders
from hanami_plugins.datasets import Dataset
from hanami_plugins.datasets_folders import exporting
from hanami_plugins.folders import Folder, FolderUpload, writing
from hanami_plugins.folders.files import FilesStorage
from hanami_plugins.folders.opening import storage_of
from hanami_plugins.uploads import Upload
from tests.plugins.folders.kit import ALAN, content, invited, of, send
from tests.server.harness import until
from tests.whole import Whole

CSV = b"first,b\n1,2.5\n3,4\n5,6\n"
ROWS = [[1.0], [3.0], [5.0]]


@pytest.fixture
def grace_token(whole: Whole) -> Iterator[str]:
    yield whole.login("grace")
    for model in (Dataset, Upload, Task):
        model.delete().execute()


@pytest.fixture
def filled(runtime: Runtime, grace: Access, folder: Folder) -> Folder:
    send(runtime, grace, folder, "irises/train.csv", CSV)
    return folder


def ask(whole: Whole, token: str, folder: str, **fields: Any) -> Any:
    asked = {"name": "irises", "format": "csv", "folder_uuid": folder, "files": {"input": "irises/train.csv"}} | fields
    return whole.call("POST", "dataset/import", token, **asked)


def export(whole: Whole, token: str, uuid: str, folder: str, path: str = "out/irises.csv", **fields: Any) -> Any:
    return whole.call("POST", "dataset/export", token, uuid=uuid, folder_uuid=folder, path=path, **fields)


def made(whole: Whole, token: str, folder: Folder) -> str:
    return str(ask(whole, token, folder.uuid).json["uuid"])


def nothing_left(runtime: Runtime) -> bool:
    none = not any(model.active().exists() for model in (Dataset, Upload, FolderUpload))
    return none and not list(storage_of(runtime, "files").uploads())


# -- datasets from files -----------------------------------------------------------------------------------------------


def test_a_dataset_is_made_of_a_file_in_a_folder(whole: Whole, grace_token: str, filled: Folder) -> None:
    answer = ask(whole, grace_token, filled.uuid)
    assert (answer.status_code, answer.json["name"], "state" in answer.json) == (200, "irises", False), answer.text
    uuid = answer.json["uuid"]
    found = whole.call("GET", "dataset/content", grace_token, uuid=uuid, column_name="first", number_of_rows=3)
    assert found.json["data"] == ROWS
    until(lambda: not Upload.active().exists())
    assert whole.call("GET", "dataset/progress", grace_token, uuid=uuid).json["complete"]
    assert not whole.worker.count


def test_each_part_of_a_format_comes_from_a_file(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, folder: Folder
) -> None:
    images = struct.pack(">4I", 0x803, 2, 1, 3) + bytes(range(6))
    send(runtime, grace, folder, "images", images)
    send(runtime, grace, folder, "labels", struct.pack(">2I", 0x801, 2) + bytes((3, 9)))
    files = {"input": "images", "label": "./labels"}
    answer = ask(whole, grace_token, folder.uuid, format="mnist", files=files)
    assert answer.status_code == 200, answer.text
    wanted = {"uuid": answer.json["uuid"], "column_name": "picture", "number_of_rows": 2}
    assert whole.call("GET", "dataset/content", grace_token, **wanted).json["data"] == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"format": "tiff"}, 400, "Format 'tiff' is unknown, known are: csv, mnist"),
        ({"format": "mnist"}, 400, "A data-set of format 'mnist' has the files: input, label"),
        ({"files": {"input": "missing"}}, 404, "'missing' not found in the folder"),
        ({"files": {"input": "irises"}}, 409, "'irises' is a directory"),
        ({"files": {"input": "../x"}}, 400, "'../x' cannot be a path in a folder: it must not contain '..'"),
        ({"files": {"input": "empty"}}, 400, "Given item 'files.input': 'empty' is an empty file"),
        ({"files": {"input": "bad"}}, 400, "input, line 2, column 1 ('first'): 'x' is not a number"),
        ({"files": {}}, 400, "files"),
        ({"folder_uuid": "11111111-1111-1111-1111-111111111111"}, 404, "Folder with UUID"),
    ],
)
def test_what_cannot_become_a_dataset_leaves_nothing(
    whole: Whole,
    runtime: Runtime,
    grace: Access,
    grace_token: str,
    filled: Folder,
    fields: dict[str, Any],
    status: int,
    text: str,
) -> None:
    send(runtime, grace, filled, "empty")
    send(runtime, grace, filled, "bad", b"first\nx\n")
    answer = ask(whole, grace_token, filled.uuid, **fields)
    assert answer.status_code == status, answer.text
    assert text in answer.text
    assert nothing_left(runtime)


def test_a_file_that_is_too_big_is_refused_before_it_is_read(
    whole: Whole, runtime: Runtime, grace_token: str, filled: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runtime.settings._resolved, "datasets.max_upload", len(CSV) - 1)
    answer = ask(whole, grace_token, filled.uuid)
    said = f"Given item 'files.input': 'irises/train.csv' has {len(CSV)} bytes, at most {len(CSV) - 1} are allowed"
    assert (answer.status_code, answer.text) == (400, said)
    assert nothing_left(runtime)


def test_who_may_read_a_folder_makes_datasets_of_its_files(
    whole: Whole, runtime: Runtime, grace_token: str, filled: Folder
) -> None:
    alan, eve = whole.login("alan"), whole.login("eve")
    assert ask(whole, alan, filled.uuid).status_code == ask(whole, eve, filled.uuid).status_code == 404
    invited(runtime, filled, "ro")
    assert ask(whole, alan, filled.uuid).status_code == 200
    assert ask(whole, eve, filled.uuid).status_code == 404


def test_files_count_for_the_disk_quota(whole: Whole, runtime: Runtime, grace_token: str, filled: Folder) -> None:
    assert whole.call("PUT", "quota", user_id="grace", resource="disk", limit=len(CSV) + 10).status_code == 200
    refused = ask(whole, grace_token, filled.uuid)
    assert refused.status_code == 409
    assert "on the disk" in refused.text
    assert nothing_left(runtime)


def test_a_name_that_has_to_be_unique(whole: Whole, grace_token: str, filled: Folder) -> None:
    assert ask(whole, grace_token, filled.uuid, unique=True).status_code == 200
    refused = ask(whole, grace_token, filled.uuid, unique=True)
    assert (refused.status_code, refused.text) == (409, "Data-set with name 'irises' already exist.")


class Held:
    """Keeps a method from going on until it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        self.begun, self.go_on, self.error = threading.Event(), threading.Event(), None
        self._real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, **more: self._held(*args, **more))

    def _held(self, *args: Any, **more: Any) -> Any:
        self.begun.set()
        assert self.go_on.wait(20)
        return self._real(*args, **more)


@pytest.fixture
def hasty(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runtime.settings._resolved, "datasets.wait", 0.0)


@pytest.mark.usefixtures("hasty")
def test_a_long_import_is_told_of_by_progress(
    whole: Whole, grace_token: str, filled: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, folders, "open_stored")
    answer = ask(whole, grace_token, filled.uuid)
    assert (answer.status_code, answer.json["state"]) == (200, "decoding")
    assert held.begun.wait(20)
    uuid = answer.json["uuid"]
    waiting = whole.call("GET", "dataset/progress", grace_token, uuid=uuid).json
    assert (waiting["state"], waiting["complete"], list(waiting["received"].values())) == ("decoding", False, [0])
    held.go_on.set()
    until(lambda: Dataset.get(Dataset.uuid == uuid).state == "ready")


@pytest.mark.usefixtures("hasty")
def test_a_file_that_goes_meanwhile_is_told_of_by_progress(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, folders, "open_stored")
    uuid = ask(whole, grace_token, filled.uuid).json["uuid"]
    assert held.begun.wait(20)
    folders.delete_files(runtime, grace, filled.uuid, ["irises/train.csv"])
    held.go_on.set()
    until(lambda: Dataset.get(Dataset.uuid == uuid).state != "decoding")
    found = whole.call("GET", "dataset/progress", grace_token, uuid=uuid).json
    assert "irises/train.csv" in found["error"]
    assert whole.call("DELETE", "dataset", grace_token, uuid=uuid).status_code == 200
    assert nothing_left(runtime)


def test_a_file_that_changes_meanwhile_is_refused(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, folders, "open_stored")
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask(whole, grace_token, filled.uuid)))
    thread.start()
    assert held.begun.wait(20)
    send(runtime, grace, filled, "irises/train.csv", CSV + b"7,8\n")
    held.go_on.set()
    thread.join(20)
    said = "'irises/train.csv' was changed while it was read"
    assert [(one.status_code, one.text) for one in answers] == [(400, said)]
    assert nothing_left(runtime)


@pytest.mark.usefixtures("hasty")
def test_a_dataset_that_is_deleted_meanwhile_needs_no_files(
    whole: Whole, runtime: Runtime, grace_token: str, filled: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, folders, "open_stored")
    uuid = ask(whole, grace_token, filled.uuid).json["uuid"]
    assert held.begun.wait(20)
    assert whole.call("DELETE", "dataset", grace_token, uuid=uuid).status_code == 200
    held.go_on.set()
    until(lambda: not Task.active().where(Task.state.in_(("queued", "active"))).exists())
    assert nothing_left(runtime)


# -- tables as files ---------------------------------------------------------------------------------------------------


def test_a_table_is_written_to_a_folder(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder
) -> None:
    uuid = made(whole, grace_token, filled)
    answer = export(whole, grace_token, uuid, filled.uuid)
    assert answer.status_code == 200, answer.text
    task = answer.json["task_uuid"]
    wanted = {"uuid": uuid, "folder_uuid": filled.uuid, "path": "out/irises.csv", "format": "csv"}
    assert answer.json == wanted | {"task_uuid": task, "state": "finished"}
    assert whole.call("GET", "dataset/export", grace_token, task_uuid=task).json == answer.json
    written = content(runtime, grace, filled, "out/irises.csv")
    rows = list(csv.reader(io.StringIO(written.decode())))
    assert rows[0] == ["first", "b"]
    assert [float(row[0]) for row in rows[1:]] == [1, 3, 5]
    row = Folder.get(Folder.uuid == filled.uuid)
    assert (row.files, row.used) == (2, len(CSV) + len(written))
    assert written == whole.call("GET", "dataset/file", grace_token, uuid=uuid).content


@pytest.mark.parametrize("form", ["npy", "npz", "parquet"])
def test_every_export_can_be_written(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder, form: str
) -> None:
    uuid = made(whole, grace_token, filled)
    assert export(whole, grace_token, uuid, filled.uuid, "x", format=form).status_code == 200
    same = whole.call("GET", "dataset/file", grace_token, uuid=uuid, format=form).content
    assert content(runtime, grace, filled, "x") == same
    if form == "npy":
        assert np.load(io.BytesIO(same))[:, 0].tolist() == [1, 3, 5]


def test_a_file_of_that_path_is_replaced_at_once(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder
) -> None:
    uuid = made(whole, grace_token, filled)
    send(runtime, grace, filled, "out/irises.csv", b"old")
    assert export(whole, grace_token, uuid, filled.uuid).status_code == 200
    row = Folder.get(Folder.uuid == filled.uuid)
    assert (row.files, row.used) == (2, len(CSV) + len(content(runtime, grace, filled, "out/irises.csv")))


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"format": "tiff"}, 400, "tiff"),
        ({"path": "/x"}, 400, "'/x' cannot be a path in a folder: it must be relative to the folder"),
        ({"path": "irises"}, 409, "'irises' is a directory"),
        ({"path": "irises/train.csv/x"}, 409, "a part of it is not a directory"),
        ({"uuid": "11111111-1111-1111-1111-111111111111"}, 404, "Data-set with uuid"),
        ({"folder": "11111111-1111-1111-1111-111111111111"}, 404, "Folder with UUID"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(
    whole: Whole, grace_token: str, filled: Folder, fields: dict[str, Any], status: int, text: str
) -> None:
    uuid = made(whole, grace_token, filled)
    asked = {"uuid": uuid, "folder": filled.uuid} | fields
    answer = export(whole, grace_token, **asked)
    assert answer.status_code == status, answer.text
    assert text in answer.text
    assert not Task.active().where(Task.kind == exporting.KIND.name).exists()


def test_a_dataset_without_a_table_is_not_written(whole: Whole, grace_token: str, filled: Folder) -> None:
    uuid = whole.call("POST", "dataset/upload/csv", grace_token, name="x", input_data_size=5).json["uuid"]
    assert export(whole, grace_token, uuid, filled.uuid).status_code == 409


def test_who_may_write_to_a_folder_has_tables_written_there(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder
) -> None:
    alan = whole.login("alan")
    own = folders.create_folder(runtime, of(runtime, ALAN), "own")
    uuid = made(whole, grace_token, filled)
    assert export(whole, alan, uuid, own.uuid).status_code == 404
    assert whole.call("PUT", "dataset/visibility", grace_token, uuid=uuid, visibility="shared").status_code == 200
    assert export(whole, alan, uuid, filled.uuid).status_code == 404
    invited(runtime, filled, "ro")
    refused = export(whole, alan, uuid, filled.uuid)
    assert (refused.status_code, refused.text) == (
        401,
        "You have the permission 'ro' in this folder, this needs 'rw'",
    )
    assert export(whole, alan, uuid, own.uuid).status_code == 200
    folders.unshare(grace, filled.uuid, ["alan"])
    invited(runtime, filled, "rw")
    done = export(whole, alan, uuid, filled.uuid)
    assert done.status_code == 200
    task = done.json["task_uuid"]
    assert whole.call("GET", "dataset/export", grace_token, task_uuid=task).status_code == 404
    assert whole.call("GET", "dataset/export", alan, task_uuid=task).json["state"] == "finished"


def test_a_table_that_does_not_fit_into_the_folder_leaves_nothing(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder
) -> None:
    uuid = made(whole, grace_token, filled)
    small = folders.create_folder(runtime, grace, "small", quota=10)
    answer = export(whole, grace_token, uuid, small.uuid)
    assert (answer.status_code, answer.text.startswith("The folder has 0")) == (409, True), answer.text
    assert folders.list_files(runtime, grace, small.uuid) == []
    assert not FolderUpload.active().exists()
    task = Task.get(Task.kind == exporting.KIND.name).uuid
    told = whole.call("GET", "dataset/export", grace_token, task_uuid=task).json
    assert (told["state"], told["error"]) == ("failed", answer.text)


def test_files_of_tables_count_for_the_disk_quota(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder
) -> None:
    uuid = made(whole, grace_token, filled)
    until(lambda: not whole.worker.count)
    used = whole.call("GET", "quota", user_id="grace").json["quotas"][0]["used"]
    assert whole.call("PUT", "quota", user_id="grace", resource="disk", limit=used + 5).status_code == 200
    answer = export(whole, grace_token, uuid, filled.uuid)
    assert (answer.status_code, "on the disk" in answer.text) == (409, True), answer.text
    assert not FolderUpload.active().exists()


class Killed(BaseException):
    """Stands for the end of a process: nothing that would be done on the way out is done."""


def test_work_that_was_cut_off_begins_anew(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = made(whole, grace_token, filled)
    work = exporting.ExportTable(uuid, "csv", filled.uuid, "cut.csv")
    real, killed = FilesStorage.append, []

    def cut(self: FilesStorage, upload: str, offset: int, pieces: Any, size: int) -> int:
        if killed:
            return real(self, upload, offset, pieces, size)
        killed.append(upload)
        real(self, upload, offset, [next(iter(pieces))[:3]], size)
        raise Killed

    monkeypatch.setattr(FilesStorage, "append", cut)
    with monkeypatch.context() as context:
        context.setattr(writing, "drop", lambda *_: False)
        with pytest.raises(Killed):
            folders.put_file(runtime, filled.uuid, work.path, 9, iter([b"123456789"]), sender_id="grace", uuid="w")
    assert FolderUpload.active().count() == 1
    assert storage_of(runtime, "files").received("w") == 3
    folders.put_file(runtime, filled.uuid, work.path, 9, iter([b"123456789"]), sender_id="grace", uuid="w")
    assert content(runtime, grace, filled, "cut.csv") == b"123456789"
    assert not FolderUpload.active().exists()
    # A process may end between the last byte and the end of its task: what is there is not written once more.
    folders.put_file(runtime, filled.uuid, work.path, 9, iter([b"987654321"]), sender_id="grace", uuid="w")
    assert content(runtime, grace, filled, "cut.csv") == b"123456789"


def test_a_file_of_another_size_than_told_leaves_nothing(runtime: Runtime, grace: Access, folder: Folder) -> None:
    for size in (8, 10):
        with pytest.raises(ValueError, match="bytes"):
            folders.put_file(runtime, folder.uuid, "x", size, iter([b"123456789"]), sender_id="grace", uuid="w")
        assert nothing_left(runtime)
        assert folders.list_files(runtime, grace, folder.uuid) == []


@pytest.mark.usefixtures("hasty")
def test_an_export_that_is_stopped_leaves_nothing(
    whole: Whole, runtime: Runtime, grace: Access, grace_token: str, filled: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = made(whole, grace_token, filled)
    until(lambda: Dataset.get(Dataset.uuid == uuid).state == "ready")
    held = Held(monkeypatch, FilesStorage, "append")
    begun = export(whole, grace_token, uuid, filled.uuid).json
    assert begun["state"] in ("queued", "active")
    assert held.begun.wait(20)
    with atomic():
        runtime.queue.abort("exports:grace", [begun["task_uuid"]])
    held.go_on.set()
    until(lambda: not whole.worker.count)
    assert not FolderUpload.active().exists()
    assert [one.name for one in folders.list_files(runtime, grace, filled.uuid)] == ["irises"]
    told = whole.call("GET", "dataset/export", grace_token, task_uuid=begun["task_uuid"]).json
    assert (told["state"], told["error"]) == ("aborted", "The export was stopped")


@pytest.mark.parametrize("name", ["folders", "datasets_folders", "datasets"])
def test_either_works_without_the_other(tmp_path: Path, name: str) -> None:
    host = PluginHost(installed_plugins(), frozenset({name}))
    runtime = Runtime.open(tmp_path, Role.MIGRATE, environ={}, plugins=host)
    try:
        working = {"folders", "datasets"} - {name}
        assert {host.plugins[one].state for one in working} == {PluginState.ACTIVE}
        paths = {one.path for one in runtime.routes}
        assert {one for one in ("datasets", "folders") if f"/v1.0alpha/{one[:-1]}/all" in paths} == working
        assert not {"/v1.0alpha/dataset/import", "/v1.0alpha/dataset/export"} & paths
    finally:
        runtime.close()
