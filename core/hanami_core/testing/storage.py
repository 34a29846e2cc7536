"""What tests of storage have in common: contexts to open backends with, and the database of the process for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import hanami_core
from hanami_core.clock import SystemClock
from hanami_core.runtime import CORE_MODELS
from hanami_core.settings import CORE_SETTINGS, Settings, Value
from hanami_core.storage import database, migrations
from hanami_core.storage.contract import Database, StorageContext

__all__ = ["bound_to", "make_core_tables", "storage_context"]


def storage_context(data_dir: Path, settings: Mapping[str, Value] | None = None) -> StorageContext:
    """Return a context with the defaults of core's settings, and the given values of others."""
    values = {spec.name: spec.default for spec in CORE_SETTINGS} | dict(settings or {})
    return StorageContext(Settings(data_dir, {}, values, {}), SystemClock())


@contextlib.contextmanager
def bound_to(opened: Database) -> Iterator[Database]:
    """Make a database the one of this process until the end of the block, then close it and go back to the former."""
    former = database.unbind()
    database.bind(opened)
    try:
        yield opened
    finally:
        opened.close()
        database.unbind()
        if former is not None:
            database.bind(former)


def make_core_tables() -> None:
    """Make the tables of core in the database of the process."""
    migrations.migrate(Path(hanami_core.__file__).parent / "migrations", "core", CORE_MODELS)
