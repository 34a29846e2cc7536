"""A real database and blob store for tests of the core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.runtime import CORE_MODELS
from hanami_core.settings import Settings
from hanami_core.storage import database
from hanami_core.storage.blobs import Blobs
from hanami_plugins.blobs_files import FileBlobStore
from hanami_plugins.database_sqlite import hanami_database


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[Blobs]:
    """Blobs in a fresh data directory, and the tables of the core."""
    db = hanami_database(Settings(tmp_path, {}, {"database_sqlite.timeout": 5.0}, {}), read_only=False)
    database.proxy.initialize(db)
    database.migrate(Path(database.__file__).parent / "migrations", "core", CORE_MODELS)
    yield Blobs(FileBlobStore(tmp_path))
    db.close()
