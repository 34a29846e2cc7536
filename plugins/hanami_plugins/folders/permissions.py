"""Who sees which folders, who manages them, and who may do what with the files in them.

=====================  =============================================  =====================  ========================
actor                  sees                                           manages                may, with the files
=====================  =============================================  =====================  ========================
global admin           everything                                     everything             everything
project admin          all folders of the current project, and own    the same               everything
owner                  own folders, in every project                  the same               everything
member of the project  the folders that belong to the project         nothing                what the folder says
invited user           the folders of accepted invitations            nothing                what the invitation says
=====================  =============================================  =====================  ========================

To manage means to rename, to share, and to change options. What is shared with a member of the project by name takes
the place of what the folder says.
"""

from __future__ import annotations

from typing import Any, cast

import peewee

from hanami_core.access import Access, Actor, Rule, Verb
from hanami_core.errors import Forbidden, NotFound
from hanami_plugins.folders.models import (
    PERMISSIONS,
    PROJECT,
    READY,
    USER,
    Folder,
    FolderPermission,
    Permission,
)

__all__ = [
    "MISSING",
    "existing",
    "may_manage",
    "meant_for",
    "permission_of",
    "require",
    "require_manager",
    "rules",
]

MISSING = "folder_missing"


def rules(actor: Actor, verb: Verb) -> list[Rule]:
    """Return what an actor may do with rows of `Folder`, besides what holds for all resources."""
    here = Folder.project_id == actor.project_id
    project, own = Folder.ownership == PROJECT, (Folder.ownership == USER) & (Folder.owner_id == actor.user_id)
    found = [Rule(True, "own folder", own), Rule(False, "not ready", Folder.state != READY)]
    if verb == "write":
        managers = actor.is_admin or actor.is_project_admin
        return found if managers else [*found, Rule(False, "folder of the project", project)]
    shared = Folder.uuid.in_(_shared_with(actor)) & ((Folder.ownership == USER) | here)
    return [*found, Rule(True, "folder of the project", project & here), Rule(True, "shared by invitation", shared)]


def meant_for(actor: Actor) -> peewee.Expression:
    """Return the condition that a folder is an actor's own, that of the project, or was shared with the actor."""
    own = (Folder.ownership == USER) & (Folder.owner_id == actor.user_id)
    project = (Folder.ownership == PROJECT) & (Folder.project_id == actor.project_id)
    condition: peewee.Expression = own | project | Folder.uuid.in_(_shared_with(actor))
    return condition


def _shared_with(actor: Actor) -> Any:
    return FolderPermission.select(FolderPermission.folder).where(FolderPermission.user_id == actor.user_id)


def may_manage(access: Access, folder: Folder) -> bool:
    """Tell whether the actor may manage a folder."""
    return bool(access.visible(Folder, "write").where(Folder.uuid == folder.uuid).exists())


def permission_of(access: Access, folder: Folder) -> Permission:
    """Return what the actor may do with the files of a folder that the actor sees."""
    if may_manage(access, folder):
        return "wd"
    mine = (FolderPermission.folder == folder.uuid) & (FolderPermission.user_id == access.actor.user_id)
    row = FolderPermission.select(FolderPermission.permission).where(mine).tuples().first()
    found = row[0] if row is not None else folder.permission if folder.ownership == PROJECT else "ro"
    return cast(Permission, found)


def require(access: Access, uuid: str, needed: Permission) -> Folder:
    """Return a folder with whose files the actor may do something.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if the actor may do less.
    """
    folder = access.get(Folder, uuid, MISSING, "read")
    held = permission_of(access, folder)
    if PERMISSIONS.index(held) < PERMISSIONS.index(needed):
        raise Forbidden("folder_permission", uuid=folder.uuid, held=held, needed=needed)
    return folder


def require_manager(access: Access, uuid: str) -> Folder:
    """Return a folder that the actor may manage.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if the actor sees it only.
    """
    folder = access.get(Folder, uuid, MISSING, "read")
    if not may_manage(access, folder):
        raise Forbidden("folder_not_managed", uuid=folder.uuid)
    return folder


def existing(uuid: str) -> Folder:
    """Return a folder without asking who wants it.

    Raises:
        NotFound: if there is none, or it is not complete.
    """
    folder: Folder | None = Folder.get_or_none(active(uuid))
    if folder is None:
        raise NotFound(MISSING, uuid=uuid)
    return folder


def active(folder: str) -> peewee.Expression:
    """Return the condition that a folder is still there, for writes."""
    condition: peewee.Expression = (Folder.uuid == folder) & (Folder.status == "active") & (Folder.state == READY)
    return condition
