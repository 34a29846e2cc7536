"""The storages of a process, gathered from the plugins that bring them, and what their errors mean to clients."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import NamedTuple

from hanami_core.access import Access
from hanami_core.errors import BadRequest, Conflict, NotFound, StartupError
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.contract import StorageContext
from hanami_plugins.folders.paths import FolderPath, path_text
from hanami_plugins.folders.storages import FolderBackend, FolderStorage, FolderStorages, NotAFile

__all__ = ["SETTING", "STORAGES", "StorageInfo", "explained", "gather", "list_storages", "named", "storage_of"]

SETTING = "folders.storage"
STORAGES: StashKey[FolderStorages] = StashKey("folders.storages")


class StorageInfo(NamedTuple):
    """A storage as somebody who creates a folder sees it."""

    name: str
    is_default: bool
    capabilities: tuple[str, ...]


def gather(runtime: Runtime) -> FolderStorages:
    """Return the storages that all plugins bring.

    Raises:
        StartupError: if two have the same name, or none has that in the setting.
    """
    backends: dict[str, FolderBackend] = {}
    for plugin, backend in _brought(runtime):
        if not isinstance(backend, FolderBackend):
            raise StartupError(f"{plugin}: folders_storages returned {type(backend).__name__}, no FolderBackend")
        if backend.name in backends:
            raise StartupError(f"{plugin}: another plugin brings a storage of folders '{backend.name}'")
        backends[backend.name] = backend
    chosen = runtime.settings[SETTING]
    if chosen not in backends:
        known = ", ".join(sorted(backends)) or "none"
        raise StartupError(f"{SETTING} is '{chosen}', but no plugin brings a storage of that name; known: {known}")
    context = StorageContext(runtime.settings, runtime.clock, read_only=not runtime.role.writes)
    return FolderStorages(backends, context)


def _brought(runtime: Runtime) -> Iterator[tuple[str, object]]:
    """Return what plugins bring, with their names."""
    for found in runtime.plugins.extension("folders_storages", settings=runtime.settings):
        yield from ((found.plugin.name, one) for one in found.item)


def list_storages(runtime: Runtime, access: Access) -> list[StorageInfo]:
    """Return the storages that the actor may create folders in, by name."""
    default = runtime.settings[SETTING]
    found = runtime.stash[STORAGES].backends.values()
    return [StorageInfo(one.name, one.name == default, one.capabilities) for one in found]


def named(runtime: Runtime, name: str) -> str:
    """Return the name of the storage that a client has named, or of the default one.

    Raises:
        BadRequest: if there is none of that name.
    """
    known = runtime.stash[STORAGES].backends
    if name and name not in known:
        raise BadRequest("folder_storage_unknown", storage=name, known=", ".join(known))
    return name or str(runtime.settings[SETTING])


def storage_of(runtime: Runtime, name: str) -> FolderStorage:
    """Return a storage.

    Raises:
        Unavailable: if no plugin brings it any more.
    """
    return runtime.stash[STORAGES][name]


@contextlib.contextmanager
def explained(*paths: FolderPath) -> Iterator[None]:
    """Turn what a storage raises about paths into errors for clients; what is wrong with the storage itself stays."""
    path = " and ".join(f"'{path_text(one)}'" for one in paths)
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound("folder_path_missing", path=path) from error
    except FileExistsError as error:
        raise Conflict("folder_path_exists", path=path) from error
    except NotADirectoryError as error:
        raise Conflict("folder_path_no_directory", path=path) from error
    except IsADirectoryError as error:
        raise Conflict("folder_path_directory", path=path) from error
    except NotAFile as error:
        raise Conflict("folder_path_special", path=path) from error
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise Conflict("folder_path_inside_itself", path=path) from error
        if error.errno == errno.ENAMETOOLONG:
            raise BadRequest("folder_path_invalid", path=path, reason="it is too long for the storage") from error
        raise
