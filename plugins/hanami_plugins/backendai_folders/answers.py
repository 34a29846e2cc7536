"""Folders as clients of Backend.AI know them, and the fields that requests have in common."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import BadRequest
from hanami_core.http import Call
from hanami_core.ids import EXAMPLE_UUID
from hanami_plugins import folders
from hanami_plugins.api_backendai import group_uuid, user_uuid
from hanami_plugins.folders import Folder

__all__ = [
    "EXAMPLE_ID",
    "MEBIBYTE",
    "AnyId",
    "AnyPermission",
    "ByFolder",
    "FolderId",
    "FolderName",
    "Host",
    "InFolder",
    "NewFolder",
    "Users",
    "common",
    "created",
    "hex_of",
    "mebibytes",
    "named",
    "seen",
    "size_of",
    "uuid_of",
]

MEBIBYTE = 1 << 20
LARGEST = (1 << 62) - 1
EXAMPLE_ID = uuid.UUID(EXAMPLE_UUID).hex
_SIZE = re.compile(r"(\d{1,19}(?:\.\d{0,6})?)([kmgtpe]?)(?:i?b)?", re.IGNORECASE)
_UNITS = ["", "k", "m", "g", "t", "p", "e"]

FolderName = Annotated[str, Meta(max_length=1024, examples=["mydata1"])]
FolderId = Annotated[str, Meta(max_length=64, examples=[EXAMPLE_ID])]
Host = Annotated[str, Meta(max_length=64, examples=["files"])]
InFolder = Annotated[str, Meta(max_length=8192, examples=["results/bigresult.txt"])]
AnyPermission = Annotated[str, Meta(pattern="^(ro|rw|wd)$", examples=["rw"])]
AnyId = Annotated[str, Meta(examples=[EXAMPLE_ID])]
Users = Annotated[list[str], Meta(max_length=1000, examples=[["dorothy"]])]


class ByFolder(msgspec.Struct, forbid_unknown_fields=True):
    """A folder.

    Attributes:
        name: name of the folder.
    """

    name: FolderName


class NewFolder(msgspec.Struct, kw_only=True):
    """A folder that was just created.

    Attributes:
        id: UUID of the folder, without dashes.
        name: name of the folder.
        host: storage that it lies in.
        usage_mode: `general`, `model` or `data`.
        permission: what members of the group may do with the files of a group folder: `ro`, `rw` or `wd`.
        max_size: most MiB in it, null for any number.
        creator: id of the user who created it.
        ownership_type: `user` or `group`.
        user: UUID of its user, null for a group folder.
        group: UUID of its group, null for the folder of a user.
        cloneable: whether others who see it may clone it.
        bgtask_id: of a clone that is still being made, UUID of the task that makes it; null otherwise.
    """

    id: AnyId
    name: FolderName
    host: Host
    usage_mode: Annotated[str, Meta(examples=["general"])]
    permission: AnyPermission
    max_size: Annotated[int | None, Meta(examples=[None])]
    creator: Annotated[str, Meta(examples=["katherine"])]
    ownership_type: Annotated[str, Meta(examples=["user"])]
    user: Annotated[str | None, Meta(examples=[EXAMPLE_ID])]
    group: Annotated[str | None, Meta(examples=[None])]
    cloneable: Annotated[bool, Meta(examples=[False])]
    bgtask_id: Annotated[str | None, Meta(examples=[None])] = None


def created(folder: Folder, task: str | None = None) -> NewFolder:
    """Return a new folder."""
    return NewFolder(**common(folder), permission=folder.permission, bgtask_id=task)


def common(folder: Folder) -> dict[str, Any]:
    """Return the fields that all answers about a folder have, whoever asks."""
    own = folder.ownership == "user"
    return {
        "id": hex_of(folder.uuid),
        "name": folder.name,
        "host": folder.storage,
        "usage_mode": folder.usage_mode,
        "max_size": mebibytes(folder.quota),
        "creator": folder.owner_id,
        "ownership_type": folder.ownership,
        "user": user_uuid(folder.owner_id) if own else None,
        "group": None if own else group_uuid(folder.project_id),
        "cloneable": folder.cloneable,
    }


def seen(call: Call, folder: Folder) -> dict[str, Any]:
    """Return the fields that differ with whoever asks, and those that change with use."""
    may = folders.what_may_be_done(call.access, folder)
    return {
        "permission": may.permission,
        "is_owner": may.is_owner or (folder.ownership == "group" and may.may_manage),
        "type": folder.ownership,
        "created_at": Moment(folder.created_at),
        "last_used": Moment(folder.last_used),
    }


def named(call: Call, name: str) -> str:
    """Return the UUID of the folder that the caller calls by a name.

    Raises:
        NotFound: if the caller sees none of that name.
    """
    return str(folders.find_folder(call.access, name).uuid)


def hex_of(value: str) -> str:
    """Return a UUID as clients write it, without dashes."""
    return uuid.UUID(value).hex


def uuid_of(value: str) -> str:
    """Return a UUID as the server writes it; what is none stays as it is, and names nothing."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return value


def mebibytes(size: int | None) -> int | None:
    """Return a number of bytes in MiB, not less than it is."""
    return None if size is None else -(-size // MEBIBYTE)


def size_of(text: str) -> int | None:
    """Return a size such as ``10g`` in bytes; units are powers of 1024, and zero is None: as much as there is.

    Raises:
        BadRequest: if it is none, or not one that a disk could have.
    """
    found = _SIZE.fullmatch(text.strip())
    size = -1 if found is None else int(float(found[1]) * 1024 ** _UNITS.index(found[2].lower()))
    if not 0 <= size <= LARGEST:
        raise BadRequest("field_invalid", field="quota", reason="it must be a number of bytes, such as 10g")
    return size or None
