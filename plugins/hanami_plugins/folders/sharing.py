"""Who else may use a folder: invitations to folders of users, and permissions in folders of projects."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import peewee

from hanami_core.access import Access
from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic, compare_and_set, exclusive, hold
from hanami_plugins.folders.models import (
    ACCEPTED,
    CANCELLED,
    PENDING,
    PROJECT,
    REJECTED,
    USER,
    Folder,
    FolderInvitation,
    FolderPermission,
    Permission,
)
from hanami_plugins.folders.permissions import MISSING, active, require_manager

__all__ = [
    "accept_invitation",
    "close_invitation",
    "forget_user",
    "invite",
    "leave_folder",
    "list_invitations",
    "list_permissions",
    "share",
    "unshare",
]

INVITATION_MISSING = "folder_invitation_missing"


def invite(
    runtime: Runtime, access: Access, uuid: str, users: Sequence[str], permission: Permission
) -> list[FolderInvitation]:
    """Invite users to a folder of the actor, and return the new invitations.

    Those who do not exist, have been invited or have the folder already get none.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if the actor does not manage it.
        BadRequest: if it belongs to a project, or its name begins with a dot, so that it is for its owner only.
    """
    folder = _managed(access, uuid, USER)
    if folder.name.startswith("."):
        raise BadRequest("folder_hidden", name=folder.name)
    found = []
    with exclusive(f"folders.sharing/{folder.uuid}"):
        _hold(folder)
        for user in _existing(runtime, users, folder.owner_id):
            taken = _pending(folder, user).exists() or _permission(folder.uuid, user).exists()
            if not taken:
                names = {"inviter_id": access.actor.user_id, "invitee_id": user}
                found.append(FolderInvitation.create(folder=folder.uuid, permission=permission, **names))
    return found


def _managed(access: Access, uuid: str, ownership: str) -> Folder:
    folder = require_manager(access, uuid)
    if folder.ownership != ownership:
        raise BadRequest("folder_of_other_kind", uuid=folder.uuid, wanted=ownership)
    return folder


def _hold(folder: Folder) -> None:
    if not hold(Folder, active(folder.uuid)):
        raise NotFound(MISSING, uuid=folder.uuid)


def _existing(runtime: Runtime, users: Iterable[str], owner: str) -> list[str]:
    """Return those who exist, each once, without the owner."""
    provider = runtime.identity
    wanted = dict.fromkeys(user for user in users if user != owner)
    return [user for user in wanted if provider is not None and provider.find(user) is not None]


def _pending(folder: Folder, user: str) -> peewee.ModelSelect[FolderInvitation]:
    mine = (FolderInvitation.folder == folder.uuid) & (FolderInvitation.invitee_id == user)
    return FolderInvitation.select().where(mine & (FolderInvitation.state == PENDING))


def _permission(folder: str, user: str) -> peewee.ModelSelect[FolderPermission]:
    mine = (FolderPermission.folder == folder) & (FolderPermission.user_id == user)
    return FolderPermission.select().where(mine)


def list_invitations(access: Access, *, sent: bool = False) -> list[tuple[FolderInvitation, Folder]]:
    """Return the open invitations that the actor got, or has sent, with their folders, oldest first."""
    who = FolderInvitation.inviter_id if sent else FolderInvitation.invitee_id
    mine = (who == access.actor.user_id) & (FolderInvitation.state == PENDING)
    rows = list(FolderInvitation.select().where(mine).order_by(FolderInvitation.sequence))
    folders = {one.uuid: one for one in Folder.active().where(Folder.uuid.in_([row.folder for row in rows]))}
    return [(row, folders[row.folder]) for row in rows if row.folder in folders]


def accept_invitation(access: Access, uuid: str) -> Folder:
    """Accept an invitation that the actor got, and return the folder.

    Raises:
        NotFound: if the actor has got no such invitation, or it is not open any more.
        Conflict: if the actor calls another folder by the name.
    """
    actor = access.actor
    with exclusive(f"folders.accepting/{actor.user_id}"):
        invitation = _open_invitation(uuid, FolderInvitation.invitee_id == actor.user_id)
        folder = Folder.get_or_none(active(invitation.folder))
        if folder is None or not hold(Folder, active(invitation.folder)):
            raise NotFound(INVITATION_MISSING, uuid=uuid)
        if _calls(actor.user_id, folder.name):
            raise Conflict("folder_exists", name=folder.name)
        _close(invitation, ACCEPTED)
        _permit(folder.uuid, actor.user_id, invitation.permission)
    found: Folder = folder
    return found


def _calls(user: str, name: str) -> bool:
    """Tell whether a user owns, or has accepted, a folder of a name."""
    accepted = FolderPermission.select(FolderPermission.folder).where(FolderPermission.user_id == user)
    own = (Folder.ownership == USER) & (Folder.owner_id == user)
    return bool(Folder.active().where((Folder.name == name) & (own | Folder.uuid.in_(accepted))).exists())


def _open_invitation(uuid: str, mine: object) -> FolderInvitation:
    still = (FolderInvitation.uuid == uuid.lower()) & (FolderInvitation.state == PENDING)
    found: FolderInvitation | None = FolderInvitation.get_or_none(still & mine)
    if found is None:
        raise NotFound(INVITATION_MISSING, uuid=uuid)
    return found


def _close(invitation: FolderInvitation, state: str) -> None:
    still = (FolderInvitation.sequence == invitation.sequence) & (FolderInvitation.state == PENDING)
    if not compare_and_set(FolderInvitation, still, state=state, modified_at=time.time()):
        raise NotFound(INVITATION_MISSING, uuid=invitation.uuid)


def _permit(folder: str, user: str, permission: str) -> None:
    row = {"folder": folder, "user_id": user, "permission": permission}
    target = [FolderPermission.folder, FolderPermission.user_id]
    changed = {FolderPermission.permission: permission}
    FolderPermission.insert(**row).on_conflict(conflict_target=target, update=changed).execute()


def close_invitation(access: Access, uuid: str) -> None:
    """Reject an invitation that the actor got, or cancel one that the actor has sent.

    Raises:
        NotFound: if there is no such open invitation.
    """
    user = access.actor.user_id
    mine = (FolderInvitation.invitee_id == user) | (FolderInvitation.inviter_id == user)
    with atomic():
        invitation = _open_invitation(uuid, mine)
        _close(invitation, REJECTED if invitation.invitee_id == user else CANCELLED)


def share(runtime: Runtime, access: Access, uuid: str, users: Sequence[str], permission: Permission) -> list[str]:
    """Give members of the project a permission of their own in a folder of the project; return who got it.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if the actor does not manage it.
        BadRequest: if it belongs to a user.
    """
    folder = _managed(access, uuid, PROJECT)
    members = [user for user in _existing(runtime, users, "") if _is_member(runtime, user, folder.project_id)]
    with exclusive(f"folders.sharing/{folder.uuid}"):
        _hold(folder)
        for user in members:
            _permit(folder.uuid, user, permission)
    return members


def _is_member(runtime: Runtime, user: str, project: str) -> bool:
    provider = runtime.identity
    account = None if provider is None else provider.find(user)
    if provider is None or account is None:
        return False
    return any(one.project_id == project for one in provider.memberships(account))


def unshare(access: Access, uuid: str, users: Sequence[str]) -> list[str]:
    """Take from users what they were permitted in a folder that the actor manages; return who lost it.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if the actor does not manage it.
    """
    folder = require_manager(access, uuid)
    with atomic():
        return [user for user in dict.fromkeys(users) if _revoke(folder.uuid, user)]


def _revoke(folder: str, user: str) -> bool:
    mine = (FolderPermission.folder == folder) & (FolderPermission.user_id == user)
    return bool(FolderPermission.delete().where(mine).execute())


def list_permissions(access: Access, uuid: str) -> list[FolderPermission]:
    """Return the permissions that users have got by name in a folder that the actor manages, oldest first.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if the actor does not manage it.
    """
    folder = require_manager(access, uuid)
    rows = FolderPermission.select().where(FolderPermission.folder == folder.uuid)
    return list(rows.order_by(FolderPermission.sequence))


def leave_folder(access: Access, uuid: str) -> None:
    """Give up what the actor was permitted by name in a folder.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Conflict: if it is the actor's own, or the actor has it as a member of the project.
    """
    folder = access.get(Folder, uuid, MISSING, "read")
    if not _revoke(folder.uuid, access.actor.user_id):
        raise Conflict("folder_not_shared", uuid=folder.uuid)


def forget_user(user: str) -> None:
    """Remove the permissions and invitations of a user who does not exist any more."""
    mine = (FolderInvitation.invitee_id == user) | (FolderInvitation.inviter_id == user)
    FolderInvitation.delete().where(mine).execute()
    FolderPermission.delete().where(FolderPermission.user_id == user).execute()
