"""A real database and blob store for tests of the core."""

from __future__ import annotations

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


@pytest.fixture
def context(tmp_path: Path) -> StorageContext:
    """What storage in a fresh data directory is opened with."""
    return storage_context(tmp_path, {"database_sqlite.timeout": 5.0})


@pytest.fixture
def blobs(context: StorageContext) -> Iterator[Blobs]:
    """Blobs in a fresh data directory, and the tables of the core."""
    with bound_to(SqliteBackend().open(context)):
        make_core_tables()
        yield Blobs(BlobStores({"files": FileBackend()}, "files", context))


@pytest.fixture
def bench(blobs: Blobs) -> Bench:
    """A queue."""
    return Bench(blobs)
