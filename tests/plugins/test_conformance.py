"""Our own plugins pass the suites that are shipped for those of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.settings import Settings
from hanami_core.storage.blob_stores import BlobBackend
from hanami_core.storage.contract import DatabaseBackend, StorageContext
from hanami_core.testing.blob_stores import BlobStoreConformance
from hanami_core.testing.databases import DatabaseConformance
from hanami_core.testing.hosts import host_context
from hanami_core.testing.networks import NetworkConformance
from hanami_core.testing.storage import storage_context
from hanami_plugins import host_numba
from hanami_plugins.blobs_files import FileBackend
from hanami_plugins.database_sqlite import SqliteBackend


class TestFileBlobStore(BlobStoreConformance):
    @pytest.fixture
    def backend(self) -> BlobBackend:
        return FileBackend()


class TestSqlite(DatabaseConformance):
    @pytest.fixture
    def backend(self) -> DatabaseBackend:
        return SqliteBackend()

    @pytest.fixture
    def context(self, tmp_path: Path) -> StorageContext:
        return storage_context(tmp_path, {"database_sqlite.timeout": 15.0})


@pytest.fixture(scope="module")
def numba_host(tmp_path_factory: pytest.TempPathFactory) -> ComputeHost:
    settings = Settings(Path("/nowhere"), {}, {"host_numba.hosts": 1, "host_numba.threads": 2}, {})
    host = next(iter(host_numba.hanami_compute_hosts(settings)))
    host.start(host_context(tmp_path_factory.mktemp("cache")))
    return host


class TestSectionGrowthOnNumba(NetworkConformance):
    @pytest.fixture
    def host(self, numba_host: ComputeHost) -> ComputeHost:
        return numba_host

    @pytest.fixture
    def rules(self) -> NetworkRules:
        return next(iter(host_numba.hanami_network_rules()))
