"""Routes of invitations to folders of users, and of permissions in group folders."""

from __future__ import annotations

from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call, Empty, Route
from hanami_plugins import folders
from hanami_plugins.backendai_folders.answers import (
    EXAMPLE_ID,
    AnyPermission,
    ByFolder,
    FolderId,
    Users,
    hex_of,
    named,
    uuid_of,
)
from hanami_plugins.backendai_folders.routes import FOLDER, FOLDERS, GROUP, folder_route
from hanami_plugins.folders import Folder, FolderInvitation

__all__ = ["routes"]

INVITATIONS = f"{FOLDERS}/invitations"
EXAMPLE_INVITATION = {
    "id": EXAMPLE_ID,
    "inviter": "katherine",
    "invitee": "dorothy",
    "perm": "rw",
    "state": "pending",
    "created_at": "2026-03-14T09:26:53+00:00",
    "modified_at": "2026-03-14T09:26:53+00:00",
    "vfolder_id": EXAMPLE_ID,
    "vfolder_name": "mydata1",
}


class InviteToFolder(ByFolder, forbid_unknown_fields=True):
    """An invitation.

    Attributes:
        user_ids: ids of the users whom it is for.
        perm: what they will be able to do with the files: `ro` to read, `rw` to write, `wd` to delete.
    """

    user_ids: Users
    perm: AnyPermission = "rw"


class Invited(msgspec.Struct):
    """Whom an invitation was sent to.

    Attributes:
        invited_ids: ids of the users; without those who do not exist, have been invited or have the folder already.
    """

    invited_ids: Users


class PendingInvitations(msgspec.Struct):
    """Invitations.

    Attributes:
        invitations: an object for each.
    """

    invitations: Annotated[list[dict[str, Any]], Meta(examples=[[EXAMPLE_INVITATION]])]


class ByInvitation(msgspec.Struct, forbid_unknown_fields=True):
    """An invitation.

    Attributes:
        inv_id: UUID of the invitation.
    """

    inv_id: FolderId


class ShareByName(ByFolder, forbid_unknown_fields=True):
    """A permission in a group folder that some members get.

    Attributes:
        emails: ids of the members.
        permission: what they can do with the files: `ro` to read, `rw` to write, `wd` to delete.
    """

    emails: Users
    permission: AnyPermission = "rw"


class UnshareFolder(ByFolder, forbid_unknown_fields=True):
    """Users whose permission ends.

    Attributes:
        emails: ids of the users.
    """

    emails: Users


class Shared(msgspec.Struct):
    """Who got a permission.

    Attributes:
        shared_emails: ids of the users.
    """

    shared_emails: Users


class Unshared(msgspec.Struct):
    """Who lost a permission.

    Attributes:
        unshared_emails: ids of the users.
    """

    unshared_emails: Users


class Left(msgspec.Struct):
    """What leaving a folder answers.

    Attributes:
        msg: a sentence for people.
    """

    msg: Annotated[str, Meta(examples=["left the shared virtual folder"])] = "left the shared virtual folder"


def routes() -> list[Route]:
    """Return the routes."""
    one = folder_route
    return GROUP.of(
        one("POST", f"{FOLDER}/invite", "invite", InviteToFolder, Invited, invite, status=201),
        one("GET", f"{INVITATIONS}/list", "invitations", Empty, PendingInvitations, list_invitations),
        one("POST", f"{INVITATIONS}/accept", "accept", ByInvitation, Empty, accept),
        one("DELETE", f"{INVITATIONS}/delete", "decline", ByInvitation, Empty, decline),
        one("POST", f"{FOLDER}/share", "share", ShareByName, Shared, share, status=201),
        one("DELETE", f"{FOLDER}/unshare", "unshare", UnshareFolder, Unshared, unshare),
        one("POST", f"{FOLDER}/leave", "leave", ByFolder, Left, leave),
    )


def invite(call: Call, request: InviteToFolder) -> Invited:
    """Invite users to a folder of your own."""
    permission = cast(folders.Permission, request.perm)
    found = folders.invite(call.runtime, call.access, named(call, request.name), request.user_ids, permission)
    return Invited([one.invitee_id for one in found])


def list_invitations(call: Call, request: Empty) -> PendingInvitations:
    """List the invitations that you have got and not yet answered."""
    return PendingInvitations([_shown(*one) for one in folders.list_invitations(call.access)])


def _shown(one: FolderInvitation, folder: Folder) -> dict[str, Any]:
    return {
        "id": hex_of(one.uuid),
        "inviter": one.inviter_id,
        "invitee": one.invitee_id,
        "perm": one.permission,
        "state": one.state,
        "created_at": Moment(one.created_at),
        "modified_at": Moment(one.modified_at),
        "vfolder_id": hex_of(folder.uuid),
        "vfolder_name": folder.name,
    }


def accept(call: Call, request: ByInvitation) -> Empty:
    """Accept an invitation that you have got."""
    folders.accept_invitation(call.access, uuid_of(request.inv_id))
    return Empty()


def decline(call: Call, request: ByInvitation) -> Empty:
    """Reject an invitation that you have got, or cancel one that you have sent."""
    folders.close_invitation(call.access, uuid_of(request.inv_id))
    return Empty()


def share(call: Call, request: ShareByName) -> Shared:
    """Give members a permission of their own in a group folder."""
    permission = cast(folders.Permission, request.permission)
    users = folders.share(call.runtime, call.access, named(call, request.name), request.emails, permission)
    return Shared(users)


def unshare(call: Call, request: UnshareFolder) -> Unshared:
    """Take from users what they were permitted by name."""
    return Unshared(folders.unshare(call.access, named(call, request.name), request.emails))


def leave(call: Call, request: ByFolder) -> Left:
    """Give up a folder that was shared with you."""
    folders.leave_folder(call.access, named(call, request.name))
    return Left()
