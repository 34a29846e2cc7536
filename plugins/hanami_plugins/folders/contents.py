"""What can be done with the files of a folder where they lie, for routes of any Api and for other plugins."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hanami_core.access import Access
from hanami_core.runtime import Runtime
from hanami_core.storage.database import compare_and_set
from hanami_plugins.folders.models import Folder
from hanami_plugins.folders.opening import explained, storage_of
from hanami_plugins.folders.paths import FolderPath, parse_name, parse_path
from hanami_plugins.folders.permissions import active, require
from hanami_plugins.folders.storages import FolderEntry, FolderUsage

__all__ = ["count", "delete_files", "list_files", "make_directory", "move_file", "printable", "rename_file"]


def list_files(runtime: Runtime, access: Access, uuid: str, path: str = ".") -> list[FolderEntry]:
    """Return what lies in a directory of a folder, by name.

    A name that is not valid UTF-8 is shown with the codes of its bytes instead, and cannot be named by clients.

    Raises:
        NotFound: if there is no such folder that the actor sees, or no such directory.
        BadRequest: if the path breaks a rule.
        Conflict: if it is no directory.
    """
    folder, where = require(access, uuid, "ro"), parse_path(path, root=True)
    with explained(where):
        entries = storage_of(runtime, folder.storage).entries(folder.uuid, where)
    return [entry._replace(name=printable(entry.name)) for entry in entries]


def printable(name: str) -> str:
    """Return a name of a file as valid Unicode."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def make_directory(
    runtime: Runtime, access: Access, uuid: str, path: str, *, parents: bool = True, exist_ok: bool = False
) -> None:
    """Create a directory, with `parents` also those around it.

    Raises:
        NotFound: if there is no such folder that the actor sees, or the directory around it is missing.
        Forbidden: if the actor may not write.
        BadRequest: if the path breaks a rule.
        Conflict: if something has the path; with `exist_ok`, only if that is no directory.
    """
    folder, where = require(access, uuid, "rw"), parse_path(path)
    with explained(where):
        storage = storage_of(runtime, folder.storage)
        storage.make_directory(folder.uuid, where, parents=parents, exist_ok=exist_ok)
    count(folder.uuid)


def rename_file(runtime: Runtime, access: Access, uuid: str, path: str, name: str) -> None:
    """Give a file or directory another name where it is.

    Raises:
        NotFound: if there is no such folder that the actor sees, or nothing at the path.
        Forbidden: if the actor may not write.
        BadRequest: if the path or the name breaks a rule.
        Conflict: if the name is taken.
    """
    source = parse_path(path)
    _move(runtime, access, uuid, source, FolderPath((*source[:-1], parse_name(name))))


def move_file(runtime: Runtime, access: Access, uuid: str, source: str, target: str) -> None:
    """Move a file or directory to another path, or into the directory there. Raises what `rename_file` raises."""
    folder, old, new = require(access, uuid, "rw"), parse_path(source), parse_path(target, root=True)
    storage = storage_of(runtime, folder.storage)
    try:
        into = storage.stat(folder.uuid, new).kind == "directory"
    except (FileNotFoundError, NotADirectoryError):
        into = False
    _move(runtime, access, uuid, old, FolderPath((*new, old[-1])) if into else new)


def _move(runtime: Runtime, access: Access, uuid: str, source: FolderPath, target: FolderPath) -> None:
    folder = require(access, uuid, "rw")
    with explained(source, target):
        storage_of(runtime, folder.storage).rename(folder.uuid, source, target)
    count(folder.uuid)


def delete_files(
    runtime: Runtime, access: Access, uuid: str, paths: Sequence[str], *, recursive: bool = False
) -> FolderUsage:
    """Delete files, with `recursive` also directories, and return what that was. Nothing is deleted if a path is wrong.

    Raises:
        NotFound: if there is no such folder that the actor sees, or nothing at a path; those before it are deleted.
        Forbidden: if the actor may not delete.
        BadRequest: if a path breaks a rule.
        Conflict: if one is a directory, unless `recursive`.
    """
    folder, wanted = require(access, uuid, "wd"), [parse_path(path) for path in paths]
    storage = storage_of(runtime, folder.storage)
    for path in wanted:
        with explained(path):
            if storage.stat(folder.uuid, path).kind == "directory" and not recursive:
                raise IsADirectoryError(path[-1])
    freed = FolderUsage()
    for path in wanted:
        with explained(path):
            gone = storage.delete(folder.uuid, path, recursive=recursive)
        count(folder.uuid, -gone.files, -gone.size)
        freed = freed.plus(*gone)
    return freed


def count(folder: str, files: int = 0, size: int = 0) -> None:
    """Note that a folder was used, and that it holds so many files and bytes more or less."""
    changes = {"files": Folder.files + files, "used": Folder.used + size, "last_used": time.time()}
    compare_and_set(Folder, active(folder), **changes)
