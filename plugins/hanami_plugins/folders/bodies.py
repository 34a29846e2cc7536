"""What the native routes of folders take and answer."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call
from hanami_core.ids import EXAMPLE_UUID, AnyProject, AnyUser, UserId, Uuid
from hanami_core.queue import FINISHED
from hanami_plugins.folders import service
from hanami_plugins.folders.models import Folder

FolderName = Annotated[
    str, Meta(pattern=service.NAME_PATTERN, min_length=1, max_length=service.MAX_NAME, examples=["texts"])
]
InFolder = Annotated[str, Meta(min_length=1, max_length=4096, examples=["books/alice.txt"])]
FileName = Annotated[str, Meta(min_length=1, max_length=255, examples=["alice.txt"])]
Permitted = Annotated[str, Meta(pattern="^(ro|rw|wd)$", examples=["rw"])]
Usage = Annotated[str, Meta(pattern="^(general|model|data)$", examples=["data"])]
StorageName = Annotated[str, Meta(max_length=64, examples=["files"])]
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
    storage: StorageName = ""
    usage_mode: Usage = "general"
    permission: Permitted = "rw"
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


def folder_answer(call: Call, folder: Folder) -> dict[str, object]:
    """Return a folder as a `FolderAnswer`."""
    moments = {"created_at": Moment(folder.created_at), "last_used": Moment(folder.last_used)}
    permission = service.what_may_be_done(call.access, folder).permission
    plain = {name: getattr(folder, name) for name in FolderAnswer.__struct_fields__}
    return plain | moments | {"permission": permission}


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


class NewName(PathInFolder, forbid_unknown_fields=True):
    """A new name of a file or directory, where it is.

    Attributes:
        name: a single name.
    """

    name: FileName


class NewPath(PathInFolder, forbid_unknown_fields=True):
    """Another place of a file or directory.

    Attributes:
        target_path: its new path in the folder, or that of a directory that it is moved into.
    """

    target_path: Directory


class NewDirectory(PathInFolder, forbid_unknown_fields=True, kw_only=True):
    """A new directory of a folder.

    Attributes:
        parents: whether the directories around it are created as well.
        exist_ok: whether it may exist already.
    """

    parents: bool = True
    exist_ok: bool = False


class NewFolderName(FolderByUuid, forbid_unknown_fields=True):
    """A new name of a folder.

    Attributes:
        name: name, see `POST folder`.
    """

    name: FolderName


class FolderOptions(FolderByUuid, forbid_unknown_fields=True, kw_only=True):
    """Options of a folder; those that are null stay as they are.

    Attributes:
        permission: what members of the project may do with files of a folder of the project: `ro`, `rw` or `wd`.
        cloneable: whether others who see it may copy it.
    """

    permission: Permitted | None = None
    cloneable: Annotated[bool | None, Meta(examples=[True])] = None


class SharedWith(FolderByUuid, forbid_unknown_fields=True):
    """A user whom a folder is shared with.

    Attributes:
        user_id: id of the user.
    """

    user_id: UserId


class ShareFolder(SharedWith, forbid_unknown_fields=True):
    """A user, and what the user is to be permitted in a folder.

    Attributes:
        permission: `ro` to read, `rw` to write, `wd` to delete.
    """

    permission: Permitted


class InvitationByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """An invitation.

    Attributes:
        uuid: UUID of the invitation.
    """

    uuid: Uuid


class Invitations(msgspec.Struct, forbid_unknown_fields=True):
    """Which invitations.

    Attributes:
        sent: whether those that you have sent are listed, instead of those that you got.
    """

    sent: bool = False


class InvitationAnswer(msgspec.Struct):
    """An invitation to a folder.

    Attributes:
        created_at: when it was sent, in UTC.
        folder_uuid: UUID of the folder.
        invitee_id: id of the user who is invited.
        inviter_id: id of the user who has sent it.
        permission: what the user will be permitted: `ro`, `rw` or `wd`.
        uuid: UUID of the invitation.
    """

    created_at: Moment
    folder_uuid: Uuid
    invitee_id: AnyUser
    inviter_id: AnyUser
    permission: Annotated[str, Meta(examples=["ro"])]
    uuid: Uuid


class PermissionAnswer(msgspec.Struct):
    """What a user is permitted in a folder.

    Attributes:
        permission: `ro`, `rw` or `wd`.
        user_id: id of the user.
        uuid: UUID of the folder.
    """

    permission: Annotated[str, Meta(examples=["ro"])]
    user_id: AnyUser
    uuid: Uuid


class CloneFolder(FolderByUuid, forbid_unknown_fields=True, kw_only=True):
    """A copy of a folder, which will belong to you.

    Attributes:
        name: name of the copy, see `POST folder`.
        storage: storage of the server that it lies in; the default one if empty.
        usage_mode: what it is for: `general`, `model` or `data`.
        permission: as for `POST folder`.
    """

    name: FolderName
    storage: StorageName = ""
    usage_mode: Usage = "general"
    permission: Permitted = "rw"


class CloneByTask(msgspec.Struct, forbid_unknown_fields=True):
    """A copy that was begun.

    Attributes:
        task_uuid: UUID of the task that makes it.
    """

    task_uuid: Uuid


class CloneAnswer(msgspec.Struct, kw_only=True):
    """A copy of a folder.

    Attributes:
        uuid: UUID of the copy.
        task_uuid: UUID of the task that makes it.
        state: state of the task: `queued`, `active`, `finished`, `failed` or `aborted`; the copy can be used when it is
            `finished`.
        error: why it was not made; missing otherwise.
    """

    uuid: Uuid
    task_uuid: Annotated[str, Meta(examples=[EXAMPLE_UUID])]
    state: Annotated[str, Meta(examples=[FINISHED])]
    error: Annotated[str | msgspec.UnsetType, Meta(examples=["the folder was deleted"])] = msgspec.UNSET
