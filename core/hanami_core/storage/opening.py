"""Opens the storage of a process: the database and the blob store that the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from hanami_core.errors import HanamiError, StartupError
from hanami_core.storage.blob_stores import BlobBackend, BlobStores
from hanami_core.storage.blobs import Blobs
from hanami_core.storage.contract import Database, DatabaseBackend, StorageContext
from hanami_core.storage.reserve import Reserve

__all__ = ["open_blobs", "open_database"]


def open_database(backends: Mapping[str, DatabaseBackend], context: StorageContext, hint: str = "") -> Database:
    """Return the database that ``storage.database`` names; `hint` follows a complaint that nobody brings it.

    Raises:
        StartupError: if there is none of that name, or it cannot be opened.
    """
    backend = backends[_chosen(backends, context, "storage.database", "database", hint)]
    try:
        database = backend.open(context)
    except HanamiError:
        raise
    except (Exception, SystemExit) as error:
        raise StartupError(f"database '{backend.name}': {type(error).__name__}: {error}") from error
    if not isinstance(database, Database):
        raise StartupError(f"database '{backend.name}': the backend returned {type(database).__name__}, no Database")
    return database


def open_blobs(backends: Mapping[str, BlobBackend], context: StorageContext, hint: str = "") -> Blobs:
    """Return the blobs, of which new ones go to the store that ``storage.blobs`` names.

    Raises:
        StartupError: if there is none of that name, or it cannot be opened.
    """
    stores = BlobStores(backends, _chosen(backends, context, "storage.blobs", "blob store", hint), context)
    return Blobs(stores, Reserve(context.settings).size // 2)


def _chosen(backends: Mapping[str, object], context: StorageContext, setting: str, what: str, hint: str) -> str:
    name = str(context.settings[setting])
    if name not in backends:
        known = ", ".join(sorted(backends)) or "none"
        raise StartupError(f"{setting} is '{name}', but no plugin brings a {what} of that name; known: {known}{hint}")
    return name
