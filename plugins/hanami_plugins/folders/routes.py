"""Native routes of folders and of the files in them."""

from __future__ import annotations

from typing import cast

from hanami_core.clock import Moment
from hanami_core.http import Call, Download, Empty, Listing, Paging, Route, RouteGroup, listing, rows_like
from hanami_core.ids import EXAMPLE_UUID
from hanami_plugins.folders import contents, downloads, service, sharing_routes, uploads
from hanami_plugins.folders.bodies import (
    AnnounceFile,
    CreateFolder,
    DeleteFile,
    DirectoryOf,
    FolderAnswer,
    FolderByUuid,
    FolderOptions,
    NewDirectory,
    NewFolderName,
    NewName,
    NewPath,
    PathInFolder,
    UploadPiece,
    UploadState,
    UploadToken,
    WantedUpload,
    folder_answer,
)
from hanami_plugins.folders.models import Ownership, Permission, UsageMode

PREFIX = "/folder"
GROUP = RouteGroup("folders", "Keep files of any kind, for yourself or for a project.", 750)
LIST_HEADER = (
    *("created_at", "uuid", "project_id", "owner_id", "name", "ownership", "usage_mode", "storage"),
    *("used", "files"),
)
FILE_HEADER = ("name", "kind", "size", "modified_at")
LARGEST_PIECE = 1 << 40

FolderRow = rows_like(
    Listing,
    created_at="2026-03-14 09:26:53",
    uuid=EXAMPLE_UUID,
    project_id="flower_shop",
    owner_id="katherine",
    name="texts",
    ownership="user",
    usage_mode="general",
    storage="files",
    used=167_518,
    files=1,
)
FileRow = rows_like(Listing, name="alice.txt", kind="file", size=167_518, modified_at="2026-03-14 09:26:53")


def routes() -> list[Route]:
    """Return all routes."""
    upload = f"{PREFIX}/upload"
    return GROUP.of(
        Route("POST", PREFIX, "folders.create", CreateFolder, FolderAnswer, create, keyed=True),
        Route("GET", PREFIX, "folders.get", FolderByUuid, FolderAnswer, get),
        Route("DELETE", PREFIX, "folders.delete", FolderByUuid, Empty, delete),
        Route("GET", f"{PREFIX}/all", "folders.list", Paging, FolderRow, list_all),
        Route("PUT", f"{PREFIX}/name", "folders.rename", NewFolderName, FolderAnswer, rename),
        Route("PUT", f"{PREFIX}/options", "folders.set_options", FolderOptions, FolderAnswer, set_options),
        Route("GET", f"{PREFIX}/files", "folders.files", DirectoryOf, FileRow, list_files),
        Route("GET", f"{PREFIX}/file", "folders.download", PathInFolder, Download, download),
        Route("DELETE", f"{PREFIX}/file", "folders.delete_file", DeleteFile, Empty, delete_file),
        Route("PUT", f"{PREFIX}/file/name", "folders.rename_file", NewName, Empty, rename_file),
        Route("PUT", f"{PREFIX}/file/path", "folders.move_file", NewPath, Empty, move_file),
        Route("POST", f"{PREFIX}/directory", "folders.make_directory", NewDirectory, Empty, make_directory, keyed=True),
        Route("POST", upload, "folders.announce", AnnounceFile, UploadToken, announce),
        Route("GET", upload, "folders.progress", WantedUpload, UploadState, progress),
        Route(
            "PUT",
            upload,
            "folders.upload",
            UploadPiece,
            UploadState,
            receive,
            max_body=LARGEST_PIECE,
            raw_body=True,
        ),
        *sharing_routes.routes(PREFIX),
    )


def create(call: Call, request: CreateFolder) -> dict[str, object]:
    """Create an empty folder."""
    folder = service.create_folder(
        call.runtime,
        call.access,
        request.name,
        ownership=cast(Ownership, request.ownership),
        storage=request.storage,
        usage_mode=cast(UsageMode, request.usage_mode),
        permission=cast(Permission, request.permission),
        quota=request.quota,
        cloneable=request.cloneable,
    )
    return folder_answer(call, folder)


def get(call: Call, request: FolderByUuid) -> dict[str, object]:
    """Return a folder."""
    return folder_answer(call, service.get_folder(call.access, request.uuid))


def delete(call: Call, request: FolderByUuid) -> Empty:
    """Delete a folder with all files in it."""
    service.delete_folder(call.runtime, call.access, request.uuid)
    return Empty()


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible folders."""
    return listing(LIST_HEADER, service.list_folders(call.access), request)


def rename(call: Call, request: NewFolderName) -> dict[str, object]:
    """Give a folder another name."""
    return folder_answer(call, service.rename_folder(call.access, request.uuid, request.name))


def set_options(call: Call, request: FolderOptions) -> dict[str, object]:
    """Change what others may do with a folder."""
    permission = cast(Permission | None, request.permission)
    folder = service.set_options(call.access, request.uuid, permission=permission, cloneable=request.cloneable)
    return folder_answer(call, folder)


def list_files(call: Call, request: DirectoryOf) -> Listing:
    """List a directory of a folder: files, directories, and what else lies there."""
    found = contents.list_files(call.runtime, call.access, request.uuid, request.path)
    return Listing(list(FILE_HEADER), [[one.name, one.kind, one.size, Moment(one.modified)] for one in found])


def download(call: Call, request: PathInFolder) -> Download:
    """Return a file of a folder.

    A client whose connection broke off asks for the rest with `Range` and `If-Range`: `ETag` names the content.
    """
    file = downloads.open_file(call.runtime, call.access, request.uuid, request.path)
    return Download(file.size, file.tag, file.read, name=file.name, done=file.close)


def delete_file(call: Call, request: DeleteFile) -> Empty:
    """Delete a file or a directory of a folder."""
    contents.delete_files(call.runtime, call.access, request.uuid, [request.path], recursive=request.recursive)
    return Empty()


def rename_file(call: Call, request: NewName) -> Empty:
    """Give a file or directory of a folder another name."""
    contents.rename_file(call.runtime, call.access, request.uuid, request.path, request.name)
    return Empty()


def move_file(call: Call, request: NewPath) -> Empty:
    """Move a file or directory of a folder to another path, or into a directory."""
    contents.move_file(call.runtime, call.access, request.uuid, request.path, request.target_path)
    return Empty()


def make_directory(call: Call, request: NewDirectory) -> Empty:
    """Create a directory in a folder."""
    where = request.uuid, request.path
    contents.make_directory(call.runtime, call.access, *where, parents=request.parents, exist_ok=request.exist_ok)
    return Empty()


def announce(call: Call, request: AnnounceFile) -> UploadToken:
    """Announce the upload of a file, which is then sent in one piece or in several."""
    ticket = uploads.begin_upload(call.runtime, call.access, request.uuid, request.path, request.size)
    return UploadToken(ticket.token, ticket.seconds)


def progress(call: Call, request: WantedUpload) -> UploadState:
    """Tell how much of a file has arrived."""
    return UploadState(*uploads.upload_offset(call.runtime, request.token))


def receive(call: Call, request: UploadPiece) -> UploadState:
    """Take a piece of a file, which is the body of the request; with the last one, the file is in the folder.

    If the connection breaks off, what has arrived is kept.
    """
    offset = uploads.append(call.runtime, request.token, request.offset, call.body)
    return UploadState(offset, uploads.upload_offset(call.runtime, request.token)[1])
