"""What can be done with folders as a whole, for routes of any Api and for other plugins. Knows no HTTP.

What can be done with the files in them stands in `contents` and `transfers`, sharing them in `sharing`, copying them in
`cloning`.
"""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import NamedTuple

import peewee

from hanami_core.access import Access
from hanami_core.admission import Claim
from hanami_core.errors import BadRequest, Conflict, Forbidden, HanamiError, NotFound
from hanami_core.ids import new_uuid
from hanami_core.runtime import Runtime
from hanami_core.storage.database import after_commit, atomic, compare_and_set
from hanami_plugins.folders.models import (
    PROJECT,
    READY,
    USER,
    Folder,
    FolderInvitation,
    FolderPermission,
    FolderUpload,
    Ownership,
    Permission,
    UsageMode,
)
from hanami_plugins.folders.opening import named, storage_of
from hanami_plugins.folders.permissions import (
    MISSING,
    active,
    may_manage,
    meant_for,
    permission_of,
    require,
    require_manager,
)

__all__ = [
    "NAME_PATTERN",
    "RESERVED",
    "FolderAccess",
    "add_row",
    "check_name",
    "create_folder",
    "delete_folder",
    "find_folder",
    "get_folder",
    "list_folders",
    "rename_folder",
    "set_options",
    "what_may_be_done",
]

NAME_PATTERN = r"^\.?[a-zA-Z0-9]([a-zA-Z0-9_.\-]*[a-zA-Z0-9])?$"
MAX_NAME = 64
RESERVED = frozenset(
    (
        *("bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin"),
        *("srv", "sys", "tmp", "usr", "var", "work", "invitations"),
        *(".bash_profile", ".bashrc", ".cache", ".config", ".jupyter", ".local", ".profile", ".terminfo", ".zshrc"),
    )
)
"""Names of what a working directory has already, so that no folder hides it, and words of paths of Apis."""

log = logging.getLogger("hanami.folders")


class FolderAccess(NamedTuple):
    """What the actor may do with a folder: the files in it, and the folder itself; `is_owner` if it is the actor's."""

    permission: Permission
    may_manage: bool
    is_owner: bool


def create_folder(
    runtime: Runtime,
    access: Access,
    name: str,
    *,
    ownership: Ownership = USER,
    storage: str = "",
    usage_mode: UsageMode = "general",
    permission: Permission = "rw",
    quota: int | None = None,
    cloneable: bool = False,
) -> Folder:
    """Create an empty folder.

    Args:
        runtime: the process' runtime.
        access: what the actor may do.
        name: what it is called; unique among the actor's, or among those of the project.
        ownership: whether it belongs to the actor, or to the project that the actor works in.
        storage: name of its storage, the default one if empty.
        usage_mode: what it is for.
        permission: what members of the project may do with the files of a folder of the project.
        quota: most bytes in it, None for any number.
        cloneable: whether others who see it may copy it.

    Raises:
        BadRequest: if the name breaks a rule, or there is no such storage.
        Forbidden: if it is to belong to the project, and the actor is not an admin of that.
        Conflict: if the name is taken.
        VisibleError: if a plugin says that the actor has too many folders.
    """
    check_name(name)
    options = {"usage_mode": usage_mode, "permission": permission, "quota": quota, "cloneable": cloneable}
    with atomic():
        folder = add_row(runtime, access, name, ownership, named(runtime, storage), state=READY, **options)
        # Within the transaction: a crash leaves an empty directory without a row, never a row without a directory.
        storage_of(runtime, folder.storage).create(folder.uuid)
    return folder


def check_name(name: str) -> None:
    """Refuse a name that no folder can have.

    Raises:
        BadRequest: it tells the rule.
    """
    if len(name) > MAX_NAME or not re.fullmatch(NAME_PATTERN, name):
        raise BadRequest("folder_name_invalid", name=name[:MAX_NAME], limit=MAX_NAME)
    if name.lower() in RESERVED:
        raise BadRequest("folder_name_reserved", name=name)


def add_row(
    runtime: Runtime, access: Access, name: str, ownership: Ownership, storage: str, **options: object
) -> Folder:
    """Add the row of a new folder of the actor, in the caller's transaction. Raises what `create_folder` raises."""
    actor = access.actor
    if ownership == PROJECT and not (actor.is_admin or actor.is_project_admin):
        raise Forbidden("folder_of_project", project=actor.project_id)
    runtime.admit(Claim.of(actor, Folder.resource))
    owned = {"owner_id": actor.user_id, "project_id": actor.project_id, "ownership": ownership}
    try:
        with atomic():
            return Folder.create(uuid=new_uuid(), name=name, storage=storage, **owned, **options)
    except peewee.IntegrityError as error:
        raise Conflict("folder_exists", name=name) from error


def get_folder(access: Access, uuid: str) -> Folder:
    """Return a folder; `used` and `files` tell how much it holds.

    Raises:
        NotFound: if there is none that the actor sees.
    """
    return access.get(Folder, uuid, MISSING, "read")


def find_folder(access: Access, name: str) -> Folder:
    """Return the folder that an actor calls by a name: an own one, else one of the project, else a shared one.

    For an admin it can also be the only one of that name among those of other projects. What belongs to another user
    and is not shared has no name for anybody, so that no admin hits it unawares.

    Raises:
        NotFound: if there is no such folder that the actor sees.
    """
    actor = access.actor
    named = access.visible(Folder, "read").where(Folder.name == name)
    found = list(named.where(meant_for(actor)))
    own = [one for one in found if one.ownership == USER and one.owner_id == actor.user_id]
    project = [one for one in found if one.ownership == PROJECT and one.project_id == actor.project_id]
    for folder in (*own, *project, *found):
        return folder
    elsewhere = list(named.where(Folder.ownership == PROJECT))
    if len(elsewhere) == 1:
        return elsewhere[0]
    raise NotFound("folder_name_missing", name=name)


def list_folders(access: Access, *, as_admin: bool = True) -> peewee.ModelSelect[Folder]:
    """Select the folders that the actor sees, oldest first; unless `as_admin`, without those that only admins see."""
    visible = access.visible(Folder, "read")
    return visible if as_admin else visible.where(meant_for(access.actor))


def what_may_be_done(access: Access, folder: Folder) -> FolderAccess:
    """Return what the actor may do with a folder that the actor sees."""
    own = folder.ownership == USER and folder.owner_id == access.actor.user_id
    return FolderAccess(permission_of(access, folder), may_manage(access, folder), own)


def rename_folder(access: Access, uuid: str, name: str) -> Folder:
    """Give a folder another name.

    Raises:
        BadRequest: if the name breaks a rule.
        NotFound: if there is none that the actor sees.
        Forbidden: if the actor does not manage it.
        Conflict: if the name is taken.
    """
    check_name(name)
    with atomic():
        folder = require_manager(access, uuid)
        try:
            with atomic():
                renamed = compare_and_set(Folder, active(folder.uuid), name=name)
        except peewee.IntegrityError as error:
            raise Conflict("folder_exists", name=name) from error
        if not renamed:
            raise NotFound(MISSING, uuid=uuid)
    folder.name = name
    return folder


def set_options(
    access: Access, uuid: str, *, permission: Permission | None = None, cloneable: bool | None = None
) -> Folder:
    """Change what members of the project may do, or whether the folder may be copied; what is None stays as it is.

    Raises:
        NotFound: if there is none that the actor sees.
        Forbidden: if the actor does not manage it.
    """
    options = {"permission": permission, "cloneable": cloneable}
    changes = {key: value for key, value in options.items() if value is not None}
    with atomic():
        folder = require_manager(access, uuid)
        if changes and not compare_and_set(Folder, active(folder.uuid), **changes):
            raise NotFound(MISSING, uuid=uuid)
    for key, value in changes.items():
        setattr(folder, key, value)
    return folder


def delete_folder(runtime: Runtime, access: Access, uuid: str) -> None:
    """Delete a folder with everything in it, and what is on its way there.

    Raises:
        NotFound: if there is none that the actor sees.
        Forbidden: if the actor may not delete in it.
    """
    with atomic():
        folder = require(access, uuid, "wd")
        if not folder.mark_deleted():
            raise NotFound(MISSING, uuid=uuid)
        forget_folder(runtime, folder)


def forget_folder(runtime: Runtime, folder: Folder) -> None:
    """Remove what belongs to a folder that the caller's transaction has deleted; the files go after the commit."""
    uploads = [row.uuid for row in FolderUpload.active().where(FolderUpload.folder == folder.uuid)]
    for model in (FolderPermission, FolderInvitation, FolderUpload):
        model.delete().where(model.folder == folder.uuid).execute()
    after_commit(partial(_remove, runtime, str(folder.storage), str(folder.uuid), uploads))


def _remove(runtime: Runtime, storage: str, folder: str, uploads: list[str]) -> None:
    try:
        place = storage_of(runtime, storage)
        for upload in uploads:
            place.discard(upload)
        place.remove(folder)
    except (HanamiError, OSError) as error:
        # Nobody waits for it; it is tried again later, because its row tells that it was deleted.
        log.warning("folder not removed", extra={"folder": folder, "reason": str(error)})
