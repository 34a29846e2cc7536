"""A database that is not SQLite, for tests: what a plugin for PostgreSQL would bring, and a server of its own.

It proves that the contract of databases can be kept by a server that reads what is committed. ``tox -e postgres`` runs
the tests that need it; without the programs of PostgreSQL and psycopg they are skipped.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import peewee
import pytest

from hanami_core import hookimpl
from hanami_core.settings import Setting
from hanami_core.storage.contract import Database, StorageContext
from hanami_core.storage.texts import KeepsTexts

TRUSTED = "-c fsync=off -c listen_addresses='' -c unix_socket_directories={} -c max_connections=60"


class PostgresDriver(KeepsTexts, peewee.PostgresqlDatabase):
    """PostgreSQL whose statements are not written anew each time."""


class PostgresDatabase(Database):
    """PostgreSQL at its default isolation; sections are locks that end with the transaction."""

    def relaxed(self) -> AbstractContextManager[object]:
        """Commit without waiting for the disk."""
        return contextlib.nullcontext() if self.driver.in_transaction() else self._asynchronous()

    @contextlib.contextmanager
    def _asynchronous(self) -> Iterator[None]:
        self.driver.execute_sql("SET synchronous_commit TO off")
        try:
            yield
        finally:
            self.driver.execute_sql("SET synchronous_commit TO on")


class PostgresBackend:
    """Opens the database that the settings name."""

    name = "postgres"

    def open(self, context: StorageContext) -> Database:
        settings = context.settings
        options = "-c default_transaction_read_only=on" if context.read_only else ""
        driver = PostgresDriver(
            settings["database_postgres.name"],
            host=settings["database_postgres.host"],
            user="postgres",
            options=options,
            prefer_psycopg3=True,
        )
        return PostgresDatabase(driver)


class PostgresServer:
    """A server in a folder of its own, reached through a socket there."""

    def __init__(self) -> None:
        # Sockets have short names, and the server runs as a user who may not look into pytest's folders.
        self.folder = Path(tempfile.mkdtemp(prefix="hanami-pg-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._numbers = itertools.count()
        self._run("initdb", "--no-sync", "--auth=trust", "--username=postgres", f"--pgdata={self.folder / 'data'}")
        options = TRUSTED.format(self.folder)
        log = self.folder / "log"
        self._run("pg_ctl", "start", "-w", f"--pgdata={self.folder / 'data'}", f"--log={log}", "-o", options)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [program, *arguments], user=self._user, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, timeout=60
        )

    def new_database(self) -> dict[str, str]:
        """Return the settings of an empty database."""
        name = f"hanami{next(self._numbers)}"
        self._run("createdb", "--host", str(self.folder), "--username=postgres", name)
        return {"database_postgres.name": name, "database_postgres.host": str(self.folder)}

    def stop(self) -> None:
        """End it, whoever is connected, and remove what it has written."""
        self._run("pg_ctl", "stop", "-m", "immediate", f"--pgdata={self.folder / 'data'}")
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server, or skip the test."""
    pytest.importorskip("psycopg")
    missing = [name for name in ("initdb", "pg_ctl", "createdb") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no PostgreSQL here: {', '.join(missing)} is missing")
    server = PostgresServer()
    try:
        yield server
    finally:
        server.stop()


def plugin() -> ModuleType:
    """Return the plugin that brings it."""
    module = ModuleType("database_postgres")
    settings = [Setting(f"database_postgres.{key}", str, "", key) for key in ("name", "host")]
    vars(module)["hanami_settings"] = hookimpl(lambda: settings, specname="hanami_settings")
    vars(module)["hanami_databases"] = hookimpl(lambda: [PostgresBackend()], specname="hanami_databases")
    return module
