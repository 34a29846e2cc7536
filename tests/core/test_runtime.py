"""The storage of a process, when only a part of it can be opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import peewee
import pytest

from hanami_core import hookimpl
from hanami_core.errors import HanamiError, StartupError
from hanami_core.plugin_host import EntryPoint
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.storage.contract import Database, StorageContext
from hanami_plugins.blobs_files import FileBackend
from hanami_plugins.database_sqlite import SqliteBackend
from tests.plugins import data


class Watched(SqliteBackend):
    """The database, which notes what is closed."""

    name = "watched"

    def __init__(self, closed: list[str]) -> None:
        self._closed = closed

    def open(self, context: StorageContext) -> Database:
        return noting(super().open(context), "database", self._closed)


class WatchedFiles(FileBackend):
    """The store, which notes that it is closed, or cannot be opened."""

    name = "watched"

    def __init__(self, closed: list[str], fails: bool) -> None:
        self._closed, self._fails = closed, fails

    def open(self, context: StorageContext) -> Any:
        if self._fails:
            raise OSError("no route to the bucket")
        return noting(super().open(context), "blobs", self._closed)


def noting(opened: Any, name: str, closed: list[str]) -> Any:
    close = opened.close

    def note() -> None:
        closed.append(name)
        close()

    opened.close = note
    return opened


def plugin(closed: list[str], fails: bool, models: Callable[[], Iterable[type[peewee.Model]]]) -> EntryPoint:
    module = ModuleType("watched")
    for hook, function in {
        "hanami_databases": lambda: [Watched(closed)],
        "hanami_blob_stores": lambda: [WatchedFiles(closed, fails)],
        "hanami_models": models,
    }.items():
        setattr(module, hook, hookimpl(function))
    return EntryPoint("watched", "mine", "0", lambda: module)


def nothing() -> Iterable[type[peewee.Model]]:
    return []


def broken() -> Iterable[type[peewee.Model]]:
    raise ValueError("no tables")


@pytest.mark.parametrize(
    ("fails", "models", "closed"), [(True, nothing, ["database"]), (False, broken, ["blobs", "database"])]
)
def test_storage_that_opens_in_part_is_closed_again(
    tmp_path: Path, fails: bool, models: Any, closed: list[str]
) -> None:
    noted: list[str] = []
    host = data.host(plugin(noted, fails, models))
    settings = {"storage.database": "watched", "storage.blobs": "watched"}
    with pytest.raises((StartupError, HanamiError)):
        Runtime.open(tmp_path, Role.MIGRATE, settings, {}, host)
    assert noted == closed
