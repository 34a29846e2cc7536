"""Native routes of folders and of the files in them."""

from __future__ import annotations

from typing import Annotated, cast

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call, Download, Empty, Listing, Paging, Route, RouteGroup, listing, rows_like
from hanami_core.ids import EXAMPLE_UUID, AnyProject, AnyUser, Uuid
from hanami_plugins.folders import contents, downloads, service, uploads
from hanami_plugins.folders.models import Folder, Ownership, Permission, UsageMode

PREFIX = "/folder"
GROUP = RouteGroup("folders", "Keep files of any kind, for yourself or for a project.", 750)
LIST_HEADER = (
    *("created_at", "uuid", "project_id", "owner_id", "name", "ownership", "usage_mode", "storage"),
    *("used", "files"),
)
FILE_HEADER = ("name", "kind", "size", "modified_at")
LARGEST_PIECE = 1 << 40

FolderName = Annotated[
    str, Meta(pattern=service.NAME_PATTERN, min_length=1, max_length=service.MAX_NAME, examples=["texts"])
]
InFolder = Annotated[str, Meta(min_length=1, max_length=4096, examples=["books/alice.txt"])]
Directory = Annotated[str, Meta(max_length=4096, examples=["books"])]
Size = Annotated[int, Meta(ge=0, le=1 << 62, examples=[167_518])]
TOKEN_PATTERN = r"^[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+$"  # noqa: S105 - a pattern
EXAMPLE_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJvcCI6InVwbG9hZCJ9.c2lnbmF0dXJl"  # noqa: S105 - an example
Ticket = Annotated[str, Meta(pattern=TOKEN_PATTERN, min_length=5, max_length=16_384, examples=[EXAMPLE_TOKEN])]


class CreateFolder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new folder.

    Attributes:
        name: letters, digits and `_ . -`, at most 64; it may begin with a dot. Unique among your folders, or among
            those of the project.
        ownership: `user` for a folder of your own, `group` for one of the project, which only its admins create.
        storage: storage of the server that it lies in; the default one if empty.
        usage_mode: what it is for: `general`, `model` or `data`.
        permission: what members of the project may do with files of a folder of the project: `ro` to read, `rw` to
            write, `wd` to delete.
        quota: most bytes in the folder; null for any number.
        cloneable: whether others who see it may copy it.
    """

    name: FolderName
    ownership: Annotated[str, Meta(pattern="^(user|group)$", examples=["user"])] = "user"
    storage: Annotated[str, Meta(max_length=64, examples=["files"])] = ""
    usage_mode: Annotated[str, Meta(pattern="^(general|model|data)$", examples=["data"])] = "general"
    permission: Annotated[str, Meta(pattern="^(ro|rw|wd)$", examples=["rw"])] = "rw"
    quota: Size | None = None
    cloneable: bool = False


class FolderByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """A folder.

    Attributes:
        uuid: UUID of the folder.
    """

    uuid: Uuid


class DirectoryOf(FolderByUuid, forbid_unknown_fields=True, kw_only=True):
    """A directory of a folder.

    Attributes:
        path: its path in the folder; the folder itself if empty.
    """

    path: Directory = ""


class PathInFolder(FolderByUuid, forbid_unknown_fields=True):
    """A file of a folder.

    Attributes:
        path: its path in the folder.
    """

    path: InFolder


class DeleteFile(PathInFolder, forbid_unknown_fields=True, kw_only=True):
    """A file or a directory of a folder.

    Attributes:
        recursive: whether a directory is deleted with everything in it, instead of being refused.
    """

    recursive: bool = False


class AnnounceFile(PathInFolder, forbid_unknown_fields=True):
    """A file that will be uploaded.

    Attributes:
        size: its size in bytes.
    """

    size: Size


class WantedUpload(msgspec.Struct, forbid_unknown_fields=True):
    """An upload.

    Attributes:
        token: token of the upload.
    """

    token: Ticket


class UploadPiece(WantedUpload, forbid_unknown_fields=True):
    """A piece of a file, which is the body of the request.

    Attributes:
        offset: number of bytes that have arrived before.
    """

    offset: Size


class FolderAnswer(msgspec.Struct):
    """A folder.

    Attributes:
        cloneable: whether others who see it may copy it.
        created_at: when it was created, in UTC.
        files: number of files in it.
        last_used: when its files were changed last, in UTC.
        name: name of the folder.
        owner_id: id of the user who created it.
        ownership: `user` or `group`.
        permission: what you may do with its files: `ro`, `rw` or `wd`.
        project_id: id of the project that it was created in.
        quota: most bytes in it; null for any number.
        storage: storage that it lies in.
        usage_mode: `general`, `model` or `data`.
        used: bytes of all files in it.
        uuid: UUID of the folder.
    """

    cloneable: bool
    created_at: Moment
    files: Annotated[int, Meta(examples=[1])]
    last_used: Moment
    name: Annotated[str, Meta(examples=["texts"])]
    owner_id: AnyUser
    ownership: Annotated[str, Meta(examples=["user"])]
    permission: Annotated[str, Meta(examples=["wd"])]
    project_id: AnyProject
    quota: Annotated[int | None, Meta(examples=[None])]
    storage: Annotated[str, Meta(examples=["files"])]
    usage_mode: Annotated[str, Meta(examples=["general"])]
    used: Annotated[int, Meta(examples=[167_518])]
    uuid: Uuid


class UploadToken(msgspec.Struct):
    """An upload that has begun.

    Attributes:
        token: stands for the upload in the calls that follow.
        seconds: time within which the file must arrive.
    """

    token: Annotated[str, Meta(examples=[EXAMPLE_TOKEN])]
    seconds: Annotated[int, Meta(examples=[86_400])]


class UploadState(msgspec.Struct):
    """How far an upload is.

    Attributes:
        offset: number of bytes that have arrived; an interrupted upload continues from there.
        size: size of the file in bytes; the file is in the folder when all have arrived.
    """

    offset: Annotated[int, Meta(examples=[65_536])]
    size: Annotated[int, Meta(examples=[167_518])]


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
        Route("GET", f"{PREFIX}/files", "folders.files", DirectoryOf, FileRow, list_files),
        Route("GET", f"{PREFIX}/file", "folders.download", PathInFolder, Download, download),
        Route("DELETE", f"{PREFIX}/file", "folders.delete_file", DeleteFile, Empty, delete_file),
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
    return _answer(call, folder)


def get(call: Call, request: FolderByUuid) -> dict[str, object]:
    """Return a folder."""
    return _answer(call, service.get_folder(call.access, request.uuid))


def _answer(call: Call, folder: Folder) -> dict[str, object]:
    moments = {"created_at": Moment(folder.created_at), "last_used": Moment(folder.last_used)}
    permission = service.what_may_be_done(call.access, folder).permission
    plain = {name: getattr(folder, name) for name in FolderAnswer.__struct_fields__}
    return plain | moments | {"permission": permission}


def delete(call: Call, request: FolderByUuid) -> Empty:
    """Delete a folder with all files in it."""
    service.delete_folder(call.runtime, call.access, request.uuid)
    return Empty()


def list_all(call: Call, request: Paging) -> Listing:
    """List the visible folders."""
    return listing(LIST_HEADER, service.list_folders(call.access), request)


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
