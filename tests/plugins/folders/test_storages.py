"""Storages of other plugins: chosen by name, copied between, and missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core import hookimpl
from hanami_core.errors import Unavailable
from hanami_core.plugin_host import EntryPoint
from hanami_core.storage.contract import StorageContext
from hanami_core.storage.reserve import Reserve
from hanami_plugins import folders
from hanami_plugins.folders import Folder, FolderBackend, FolderStorage, upkeep
from hanami_plugins.folders.files import FilesStorage
from tests.plugins.folders.kit import GRACE, content, of, send
from tests.whole import Whole


class ColdBackend:
    """Files in another directory."""

    name = "cold"
    capabilities = ("slow",)

    def open(self, context: StorageContext) -> FolderStorage:
        return FilesStorage(context.data_dir / "cold", Reserve(context.settings))


@hookimpl
def folders_storages() -> list[FolderBackend]:
    """Add ``cold``."""
    return [ColdBackend()]


requires = ("folders",)


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    mine = EntryPoint("cold", "third", "1", lambda: sys.modules[__name__])
    settings = {"folders.storage": "cold"}
    with Whole(tmp_path_factory.mktemp("cold"), mine, **settings) as whole:
        whole.member("grace", "room")
        yield whole


def test_a_storage_of_another_plugin_is_the_default_one(cold: Whole) -> None:
    grace = of(cold.runtime, GRACE)
    assert folders.list_storages(cold.runtime, grace) == [("cold", True, ("slow",)), ("files", False, ())]
    made = folders.create_folder(cold.runtime, grace, "default")
    send(cold.runtime, grace, made, "file", b"content")
    assert made.storage == "cold"
    assert (cold.runtime.settings.data_dir / "cold" / "content" / made.uuid / "file").read_bytes() == b"content"


def test_a_folder_is_copied_to_another_storage(cold: Whole) -> None:
    grace = of(cold.runtime, GRACE)
    source = folders.create_folder(cold.runtime, grace, "source")
    send(cold.runtime, grace, source, "a/b/file", b"content")
    folders.make_directory(cold.runtime, grace, source.uuid, "empty")
    copy = folders.clone_folder(cold.runtime, grace, source.uuid, "copy", storage="files").folder
    assert (copy.storage, copy.files, copy.used) == ("files", 1, 7)
    assert content(cold.runtime, grace, copy, "a/b/file") == b"content"
    assert folders.list_files(cold.runtime, grace, copy.uuid, "empty") == []


def test_folders_of_a_storage_that_is_gone_stay(cold: Whole) -> None:
    grace = of(cold.runtime, GRACE)
    made = folders.create_folder(cold.runtime, grace, "stranded")
    Folder.update(storage="sunk").where(Folder.uuid == made.uuid).execute()
    with pytest.raises(Unavailable, match="folder storage missing"):
        folders.list_files(cold.runtime, grace, made.uuid)
    upkeep.recover(cold.runtime)
    upkeep.clean_up(cold.runtime)
    [check] = upkeep.check(cold.runtime)
    assert "storage of folders sunk" in [finding.where for finding in check.run()]
    folders.delete_folder(cold.runtime, grace, made.uuid)
    assert "stranded" not in [one.name for one in folders.list_folders(grace)]


def test_a_default_that_nobody_brings_takes_folders_away_and_nothing_else(tmp_path: Path) -> None:
    with Whole(tmp_path, **{"folders.storage": "cloud"}) as whole:
        assert not whole.runtime.plugins.plugins["folders"].works
        assert (
            "no plugin brings a storage of that name; known: files" in whole.runtime.plugins.plugins["folders"].reason
        )
        assert whole.call("GET", "dataset/all").status_code == 200
