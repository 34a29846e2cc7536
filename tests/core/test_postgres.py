"""The contract of databases, kept by a server that is no SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_core.storage.contract import DatabaseBackend, StorageContext
from hanami_core.testing.databases import DatabaseConformance
from hanami_core.testing.storage import storage_context
from tests.postgres import PostgresBackend, PostgresServer, postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


class TestPostgres(DatabaseConformance):
    @pytest.fixture
    def backend(self) -> DatabaseBackend:
        return PostgresBackend()

    @pytest.fixture
    def context(self, tmp_path: Path, server: PostgresServer) -> StorageContext:
        return storage_context(tmp_path, server.new_database())
