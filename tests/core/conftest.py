"""A real database and blob store for tests of the core."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.storage.blob_stores import BlobStores
from hanami_core.storage.blobs import Blobs
from hanami_core.storage.contract import StorageContext
from hanami_core.testing.storage import bound_to, make_core_tables, storage_context
from hanami_plugins.blobs_files import FileBackend
from hanami_plugins.database_sqlite import SqliteBackend
from tests.core.queue_kit import Bench

SETTINGS = {"database_sqlite.timeout": 5.0}


@pytest.fixture
def context(tmp_path: Path) -> StorageContext:
    """What storage in a fresh data directory is opened with."""
    return storage_context(tmp_path, SETTINGS)


@pytest.fixture(scope="session")
def core_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a database that has the tables of the core and nothing else."""
    directory = tmp_path_factory.mktemp("core")
    with bound_to(SqliteBackend().open(storage_context(directory, SETTINGS))):
        make_core_tables()
    return directory


@pytest.fixture
def blobs(context: StorageContext, core_tables: Path) -> Iterator[Blobs]:
    """Blobs in a fresh data directory, and the tables of the core."""
    shutil.copytree(core_tables, context.data_dir, dirs_exist_ok=True)
    with bound_to(SqliteBackend().open(context)):
        yield Blobs(BlobStores({"files": FileBackend()}, "files", context))


@pytest.fixture
def bench(blobs: Blobs) -> Bench:
    """A queue."""
    return Bench(blobs)
