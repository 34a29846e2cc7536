"""What a server tells of folders, as objects. It knows no call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hanami_sdk._html import Shown


@dataclass(frozen=True, slots=True)
class Folder(Shown):
    """A folder of files.

    Attributes:
        uuid: UUID.
        name: name, unique among the folders of a user or of a project.
        ownership: `user` or `group`, which is a folder of the project.
        usage_mode: what it is for: `general`, `model` or `data`.
        storage: storage of the server that it lies in.
        used: bytes of all files in it.
        files: number of files in it.
        owner_id: id of the user who created it.
        project_id: id of the project that it was created in.
        created_at: when it was created, in UTC.
        permission: what you may do with its files: `ro`, `rw` or `wd`; empty in lists.
        quota: most bytes in it, None for any number; None in lists.
        cloneable: whether others who see it may copy it; False in lists.
        last_used: when its files were changed last, in UTC; empty in lists.
    """

    uuid: str
    name: str
    ownership: str
    usage_mode: str
    storage: str
    used: int
    files: int
    owner_id: str = ""
    project_id: str = ""
    created_at: str = ""
    permission: str = ""
    quota: int | None = None
    cloneable: bool = False
    last_used: str = ""


@dataclass(frozen=True, slots=True)
class FolderEntry(Shown):
    """Something in a folder.

    Attributes:
        name: its name.
        kind: `file`, `directory`, `link` or `other`.
        size: bytes of a file.
        modified_at: when it was changed last, in UTC.
    """

    name: str
    kind: str
    size: int
    modified_at: str


@dataclass(frozen=True, slots=True)
class FolderInvitation(Shown):
    """The offer to use a folder of somebody else.

    Attributes:
        uuid: UUID.
        folder_uuid: UUID of the folder.
        inviter_id: id of the user who has sent it.
        invitee_id: id of the user who is invited.
        permission: what the user will be permitted: `ro`, `rw` or `wd`.
        created_at: when it was sent, in UTC.
        folder_name: name of the folder; only in lists.
    """

    uuid: str
    folder_uuid: str
    inviter_id: str
    invitee_id: str
    permission: str
    created_at: str = ""
    folder_name: str = ""


@dataclass(frozen=True, slots=True)
class FolderPermission(Shown):
    """What somebody may do with the files of a folder that is shared with them.

    Attributes:
        user_id: id of the user.
        permission: `ro` to read, `rw` to write, `wd` to delete.
    """

    user_id: str
    permission: str


InvitationLike: TypeAlias = FolderInvitation | str
"""An object or its UUID."""

FolderLike: TypeAlias = Folder | str
"""An object, its UUID or its name."""
