"""Tables of folders, of who else may use them, and of files that are on their way into them."""

from __future__ import annotations

import time
from typing import Any, Literal

import peewee

from hanami_core.ids import new_uuid
from hanami_core.storage.database import ACTIVE, BaseModel, OwnedRecord

__all__ = [
    "ACCEPTED",
    "CANCELLED",
    "COMPLETE",
    "CREATING",
    "OPEN",
    "PENDING",
    "PERMISSIONS",
    "PROJECT",
    "READY",
    "REJECTED",
    "USAGE_MODES",
    "USER",
    "Folder",
    "FolderInvitation",
    "FolderPermission",
    "FolderUpload",
    "Ownership",
    "Permission",
    "UsageMode",
]

Ownership = Literal["user", "group"]
Permission = Literal["ro", "rw", "wd"]
UsageMode = Literal["general", "model", "data"]

USER: Ownership = "user"
PROJECT: Ownership = "group"
PERMISSIONS: tuple[Permission, ...] = ("ro", "rw", "wd")
"""What somebody may do with the files of a folder, each including the one before: read, write, delete."""
USAGE_MODES: tuple[UsageMode, ...] = ("general", "model", "data")

CREATING, READY = "creating", "ready"
OPEN, COMPLETE = "open", "complete"
PENDING, ACCEPTED, REJECTED, CANCELLED = "pending", "accepted", "rejected", "cancelled"


class Folder(OwnedRecord):
    """A directory of files in the storage `storage`, where it has the uuid as its name.

    `ownership` says whom it belongs to: `user`, in all projects, or `group`, the project in which it was created. The
    owner is then whoever created it. In any case, `used` bytes in `files` files count for the owner and the project.
    `permission` is what the members of the project may do with the files of a folder of the project. A folder may hold
    `quota` bytes, NULL for any number. `state` is `creating` while a copy is being made, by the task `cloning`.
    """

    resource = "folders"
    ownership = peewee.CharField(10)
    usage_mode = peewee.CharField(10)
    permission = peewee.CharField(2)
    storage = peewee.CharField(64)
    quota = peewee.BigIntegerField(null=True)
    cloneable = peewee.BooleanField(default=False)
    last_used = peewee.DoubleField(null=True)
    used = peewee.BigIntegerField(default=0)
    files = peewee.BigIntegerField(default=0)
    state = peewee.CharField(10, default=READY)
    cloning = peewee.CharField(36, null=True)

    @classmethod
    def bytes_query(cls, mine: peewee.Expression) -> peewee.ModelSelect[Any]:
        """Return the size of all files."""
        return cls.active().where(mine).order_by().select(peewee.fn.SUM(cls.used))


Folder.add_index(
    Folder.owner_id, Folder.name, unique=True, where=(Folder.status == ACTIVE) & (Folder.ownership == USER)
)
Folder.add_index(
    Folder.project_id, Folder.name, unique=True, where=(Folder.status == ACTIVE) & (Folder.ownership == PROJECT)
)


class FolderPermission(BaseModel):
    """What a user may do with the files of somebody else's folder."""

    sequence = peewee.AutoField()
    folder = peewee.CharField(36)
    user_id = peewee.CharField(256, index=True)
    permission = peewee.CharField(2)

    class Meta:
        """One for each user."""

        indexes = ((("folder", "user_id"), True),)


class FolderInvitation(BaseModel):
    """The offer of a permission; `state` goes from `pending` to `accepted`, `rejected` or `cancelled`."""

    sequence = peewee.AutoField()
    uuid = peewee.CharField(36, unique=True, default=new_uuid)
    folder = peewee.CharField(36, index=True)
    inviter_id = peewee.CharField(256, index=True)
    invitee_id = peewee.CharField(256, index=True)
    permission = peewee.CharField(2)
    state = peewee.CharField(10, default=PENDING)
    created_at = peewee.DoubleField(default=time.time)
    modified_at = peewee.DoubleField(default=time.time)


FolderInvitation.add_index(
    FolderInvitation.folder, FolderInvitation.invitee_id, unique=True, where=FolderInvitation.state == PENDING
)


class FolderUpload(OwnedRecord):
    """A file of `size` bytes that `sender_id` sends to `path` in a folder, whose owner and project the bytes count for.

    A complete one is kept as a deleted row with the state `complete`, so that whoever missed the answer can be told.
    """

    folder = peewee.CharField(36, index=True)
    storage = peewee.CharField(64)
    path = peewee.TextField()
    size = peewee.BigIntegerField()
    sender_id = peewee.CharField(256, index=True)
    ends_at = peewee.DoubleField()
    state = peewee.CharField(10, default=OPEN)

    @classmethod
    def bytes_query(cls, mine: peewee.Expression) -> peewee.ModelSelect[Any]:
        """Return what the files take when they have arrived."""
        return cls.active().where(mine).order_by().select(peewee.fn.SUM(cls.size))
