"""What SQLite does besides what every database must do: looking leaves no trace, and damage is told."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import peewee
import pytest

from hanami_core.storage.contract import StorageContext
from hanami_core.storage.database import SectionLock
from hanami_core.testing.storage import bound_to, make_core_tables, storage_context
from hanami_plugins.database_sqlite import FILE_NAME, SqliteBackend


@pytest.fixture
def context(tmp_path: Path) -> StorageContext:
    """A database that a server has left, with the tables of core."""
    context = storage_context(tmp_path, {"database_sqlite.timeout": 5.0})
    with bound_to(SqliteBackend().open(context)):
        make_core_tables()
        SectionLock.create(name="some", entered=7)
    return context


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_looking_leaves_no_trace(context: StorageContext) -> None:
    before = tree(context.data_dir)
    assert set(before) == {FILE_NAME}
    with bound_to(SqliteBackend().open(replace(context, read_only=True))) as database:
        assert SectionLock.get().entered == 7
        assert database.check() == []
    assert tree(context.data_dir) == before


def test_looking_leaves_the_log_of_a_server_alone(context: StorageContext) -> None:
    with bound_to(SqliteBackend().open(context)) as server:
        SectionLock.update(entered=8).execute()
        before = set(tree(context.data_dir))
        with bound_to(SqliteBackend().open(replace(context, read_only=True))):
            assert SectionLock.get().entered == 8
        assert set(tree(context.data_dir)) == before
        SectionLock.update(entered=9).execute()
        assert server.check() == []


def test_there_is_nothing_to_look_at_without_a_file(tmp_path: Path) -> None:
    context = replace(storage_context(tmp_path, {"database_sqlite.timeout": 5.0}), read_only=True)
    with bound_to(SqliteBackend().open(context)), pytest.raises(peewee.OperationalError):
        SectionLock.get()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_written_to_can_be_looked_at(
    context: StorageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with bound_to(SqliteBackend().open(replace(context, read_only=True))):
        assert SectionLock.get().entered == 7
        assert set(tree(context.data_dir)) == {FILE_NAME}


def test_damage_is_told(context: StorageContext) -> None:
    file = context.data_dir / FILE_NAME
    content = bytearray(file.read_bytes())
    content[4096 : 4096 + 2048] = bytes(2048)
    file.write_bytes(content)
    with bound_to(SqliteBackend().open(replace(context, read_only=True))) as database:
        assert database.check() != []
