"""The contract of databases, kept by a server that is not SQLite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hanami_core.plugin_host import EntryPoint
from hanami_core.storage.contract import DatabaseBackend, StorageContext
from hanami_core.testing.databases import DatabaseConformance
from hanami_core.testing.storage import storage_context
from tests.faults.kit import keyed
from tests.postgres import PostgresBackend, PostgresServer, plugin, postgres_server
from tests.whole import Whole


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


def test_the_application_runs_on_it(tmp_path: Path, server: PostgresServer) -> None:
    """All plugins migrate their tables, and what clients see is what they see on SQLite."""
    settings = {name.replace(".", "__"): value for name, value in server.new_database().items()}
    postgres = EntryPoint("database_postgres", "somebody-else", "1", plugin)
    for start in range(2):
        with Whole(tmp_path / "data", postgres, storage__database="postgres", **settings) as whole:
            assert not (tmp_path / "data" / "hanami.db").exists()
            assert [p.reason for p in whole.runtime.plugins.plugins.values() if not p.works] == []
            if not start:
                token = whole.member("mia_", "digits")
                for name in ("first", "second"):
                    created = whole.call("POST", "cluster", name=name, as_token=token)
                    assert created.status_code == 200, created.text
                assert whole.call("POST", "cluster", name="first", as_token=token).status_code == 409
            listed = whole.call("GET", "cluster/all", limit=1).json
            assert [row[-1] for row in listed["body"]] == ["first"]
            following = whole.call("GET", "cluster/all", limit=1, after=listed["next"]).json
            assert [row[-1] for row in following["body"]] == ["second"]
            uuid = following["body"][0][1]
            assert whole.call("GET", "cluster", uuid=uuid).json["created_at"] == following["body"][0][0]
            assert whole.call("GET", "task/all", cluster_uuid=uuid).json["body"] == []
            assert len(whole.call("GET", "audit_log", page=0).json["body"]) == 3
            assert whole.call("GET", "user", id="mia_").json["projects"][0]["project_id"] == "digits"
            whole.runtime.migrate()


def test_calls_with_a_key_are_carried_out_once_on_it(tmp_path: Path, server: PostgresServer) -> None:
    """Of those at the same time, one creates; the others wait for it and get its answer."""
    settings = {name.replace(".", "__"): value for name, value in server.new_database().items()}
    postgres = EntryPoint("database_postgres", "somebody-else", "1", plugin)
    with Whole(tmp_path / "data", postgres, storage__database="postgres", **settings) as whole:
        together = threading.Barrier(8)

        def send(_: int) -> Any:
            together.wait(10.0)
            try:
                return keyed(whole, "key", "POST", "cluster", name="reader")
            finally:
                whole.runtime.database.disconnect()

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(send, range(8)))
        assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
        assert sorted(answer.headers["idempotency-replayed"] for answer in answers) == ["false"] + ["true"] * 7
        refused = keyed(whole, "another", "POST", "cluster", name="reader")
        assert refused.status_code == 409
        whole.call("DELETE", "cluster", uuid=answers[0].json["uuid"])
        assert keyed(whole, "another", "POST", "cluster", name="reader").status_code == 200
