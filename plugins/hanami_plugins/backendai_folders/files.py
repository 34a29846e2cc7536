"""Routes of the files in folders, but for their contents."""

from __future__ import annotations

import stat
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call, Empty, Route
from hanami_plugins import folders
from hanami_plugins.backendai_folders.answers import ByFolder, InFolder, named
from hanami_plugins.backendai_folders.problems import renamed
from hanami_plugins.backendai_folders.routes import FOLDER, GROUP, folder_route
from hanami_plugins.folders import FolderEntry

__all__ = ["routes"]

KINDS = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK, "other": 0}
EXAMPLE_FILE = {
    "name": "bigresult.txt",
    "type": "FILE",
    "size": 5,
    "mode": "-rw-------",
    "created": "2026-03-14T09:26:53+00:00",
    "modified": "2026-03-14T09:26:53+00:00",
}

FileName = Annotated[str, Meta(max_length=8192, examples=["bigresult.txt"])]
Paths = Annotated[list[InFolder], Meta(max_length=1000, examples=[["bigresult.txt"]])]


class MakeDirectory(ByFolder, forbid_unknown_fields=True):
    """A new directory of a folder.

    Attributes:
        path: its path in the folder.
        parents: whether directories around it are created as well.
        exist_ok: whether it may be there already.
    """

    path: InFolder
    parents: bool = True
    exist_ok: bool = False


class RenameFile(ByFolder, forbid_unknown_fields=True):
    """A new name of a file or a directory.

    Attributes:
        target_path: its path in the folder.
        new_name: the name that it gets where it is.
    """

    target_path: InFolder
    new_name: FileName


class MoveFile(ByFolder, forbid_unknown_fields=True):
    """A new place of a file or a directory.

    Attributes:
        src: its path in the folder.
        dst: the path that it gets, or a directory that it is moved into.
    """

    src: InFolder
    dst: InFolder


class DeleteFiles(ByFolder, forbid_unknown_fields=True):
    """Files and directories of a folder.

    Attributes:
        files: their paths in the folder.
        recursive: whether directories are deleted with everything in them, instead of being refused.
    """

    files: Paths
    recursive: bool = False


class ListFiles(ByFolder, forbid_unknown_fields=True):
    """A directory of a folder.

    Attributes:
        path: its path in the folder.
    """

    path: Annotated[str, Meta(max_length=8192, examples=["."])] = "."


class FileList(msgspec.Struct):
    """What lies in a directory.

    Attributes:
        items: an object for each file and directory, by name.
        files: the same as a text in JSON, with other names of the fields; times are seconds since 1970.
    """

    items: Annotated[list[dict[str, Any]], Meta(examples=[[EXAMPLE_FILE]])]
    files: Annotated[str, Meta(examples=["[]"])]


def routes() -> list[Route]:
    """Return the routes."""
    one, renames, moves = folder_route, renamed(path="target_path"), renamed(path="src")
    return GROUP.of(
        one("POST", f"{FOLDER}/mkdir", "mkdir", MakeDirectory, None, make_directory, status=201),
        one("POST", f"{FOLDER}/rename-file", "rename_file", RenameFile, Empty, rename_file, problems=renames),
        one("POST", f"{FOLDER}/move-file", "move_file", MoveFile, Empty, move_file, problems=moves),
        one("DELETE", f"{FOLDER}/delete-files", "delete_files", DeleteFiles, Empty, delete_files),
        one("GET", f"{FOLDER}/files", "files", ListFiles, FileList, list_files),
    )


def make_directory(call: Call, request: MakeDirectory) -> None:
    """Create a directory."""
    options = {"parents": request.parents, "exist_ok": request.exist_ok}
    folders.make_directory(call.runtime, call.access, named(call, request.name), request.path, **options)


def rename_file(call: Call, request: RenameFile) -> Empty:
    """Give a file or a directory another name where it is."""
    folder = named(call, request.name)
    folders.rename_file(call.runtime, call.access, folder, request.target_path, request.new_name)
    return Empty()


def move_file(call: Call, request: MoveFile) -> Empty:
    """Move a file or a directory to another path, or into a directory."""
    folders.move_file(call.runtime, call.access, named(call, request.name), request.src, request.dst)
    return Empty()


def delete_files(call: Call, request: DeleteFiles) -> Empty:
    """Delete files and directories."""
    folder = named(call, request.name)
    folders.delete_files(call.runtime, call.access, folder, request.files, recursive=request.recursive)
    return Empty()


def list_files(call: Call, request: ListFiles) -> FileList:
    """List a directory."""
    found = folders.list_files(call.runtime, call.access, named(call, request.name), request.path)
    listed = [_listed(one) for one in found]
    return FileList([_item(one) for one in found], msgspec.json.encode(listed).decode())


def _item(one: FolderEntry) -> dict[str, Any]:
    return {
        "name": one.name,
        "type": {"directory": "DIRECTORY", "link": "SYMLINK"}.get(one.kind, "FILE"),
        "size": one.size,
        "mode": _mode(one),
        "created": Moment(one.created),
        "modified": Moment(one.modified),
    }


def _listed(one: FolderEntry) -> dict[str, Any]:
    times = {"ctime": one.created, "atime": one.modified, "mtime": one.modified}
    return {"filename": one.name, "size": one.size, "mode": _mode(one)} | times


def _mode(one: FolderEntry) -> str:
    return stat.filemode(KINDS[one.kind] | one.mode)
