"""Our own plugins pass the suites that are shipped for those of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.http import Api
from hanami_core.settings import Settings
from hanami_core.storage.blob_stores import BlobBackend
from hanami_core.storage.contract import DatabaseBackend, StorageContext
from hanami_core.testing.apis import ApiConformance
from hanami_core.testing.authenticators import AuthenticatorConformance
from hanami_core.testing.blob_stores import BlobStoreConformance
from hanami_core.testing.databases import DatabaseConformance
from hanami_core.testing.hosts import host_context
from hanami_core.testing.networks import NetworkConformance
from hanami_core.testing.probes import probe_point
from hanami_core.testing.requests import ClientRequest, Credential, header
from hanami_core.testing.storage import storage_context
from hanami_plugins import host_numba
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.auth_jwt.tokens import Tokens
from hanami_plugins.blobs_files import FileBackend
from hanami_plugins.database_sqlite import SqliteBackend
from tests.kernels import KERNELS


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
def numba_host() -> ComputeHost:
    settings = Settings(Path("/nowhere"), {}, {"host_numba.hosts": 1, "host_numba.threads": 2}, {})
    host = next(iter(host_numba.hanami_compute_hosts(settings)))
    host.start(host_context(KERNELS))
    return host


class TestSectionGrowthOnNumba(NetworkConformance):
    @pytest.fixture
    def host(self, numba_host: ComputeHost) -> ComputeHost:
        return numba_host

    @pytest.fixture
    def rules(self) -> NetworkRules:
        return next(iter(host_numba.hanami_network_rules()))


TOKEN = "x-auth-token"


class TestTokens(AuthenticatorConformance):
    scheme = "token"

    @pytest.fixture
    def credential(self, app: NativeApp) -> Credential:
        return header(TOKEN, app.token)

    @pytest.fixture
    def invalid(self, app: NativeApp) -> Mapping[str, Credential]:
        key, clock = (app.runtime.settings.data_dir / "token.key").read_bytes(), app.runtime.clock
        claims = Tokens(key, 3600, clock).read(app.token)
        head, body, signature = app.token.split(".")
        texts = {
            "malformed": "no token",
            "foreign": Tokens(bytes(len(key)), 3600, clock).issue(claims),
            "expired": Tokens(key, -3600, clock).issue(claims),
            "tampered": f"{head}.{body[:-4]}AAAA.{signature}",
            "unsigned": f"{head}.{body}.",
        }
        return {kind: header(TOKEN, text) for kind, text in texts.items()}


class TestNativeApi(ApiConformance):
    name = "native"
    statuses: ClassVar = {403: 401, 405: 400, 412: 409, 413: 400, 415: 400, 422: 400, 429: 401, 507: 500}
    codes: ClassVar = {
        "quota_exhausted": 409,
        "quota_space_exhausted": 409,
        "storage_reserved": 503,
        "folder_quota_exhausted": 409,
        "folder_storage_full": 503,
    }
    document = "/openapi.json"

    @pytest.fixture
    def credential(self, app: NativeApp) -> Credential:
        return header(TOKEN, app.token)

    def first_message(self, request: ClientRequest, target: str, resource: str) -> bytes:
        return msgspec.json.encode({"token": request.headers.get(TOKEN, ""), "target": target, "uuid": resource})


class TestPlainApi(ApiConformance):
    """What an Api is that changes nothing."""

    name = "plain"
    plugins = (probe_point("plain", apis=[Api("plain", "/plain/v1", ("token",))]),)
    document = "/openapi.json?api=plain"

    @pytest.fixture
    def credential(self, app: NativeApp) -> Credential:
        return header(TOKEN, app.token)


class TestHiddenApi(TestPlainApi):
    name = "hidden"
    plugins = (probe_point("hidden", apis=[Api("hidden", "/hidden", ("token",), hides_unknown=True)]),)
    document = "/openapi.json?api=hidden"


class TestAnonymousApi(ApiConformance):
    name = "anonymous"
    plugins = (probe_point("anonymous", apis=[Api("anonymous", "/anonymous")]),)
