"""Native routes for sharing and copying folders."""

from __future__ import annotations

from typing import cast

from hanami_core.clock import Moment
from hanami_core.errors import Conflict, NotFound
from hanami_core.http import Call, Empty, Listing, Route, rows_like
from hanami_core.ids import EXAMPLE_UUID
from hanami_plugins.folders import cloning, sharing
from hanami_plugins.folders.bodies import (
    CloneAnswer,
    CloneByTask,
    CloneFolder,
    FolderAnswer,
    FolderByUuid,
    InvitationAnswer,
    InvitationByUuid,
    Invitations,
    PermissionAnswer,
    SharedWith,
    ShareFolder,
    folder_answer,
)
from hanami_plugins.folders.models import FolderInvitation, Permission, UsageMode

INVITATION_HEADER = (
    *("created_at", "uuid", "folder_uuid", "folder_name", "inviter_id", "invitee_id"),
    "permission",
)
PERMISSION_HEADER = ("user_id", "permission")

InvitationRow = rows_like(
    Listing,
    created_at="2026-03-14 09:26:53",
    uuid=EXAMPLE_UUID,
    folder_uuid=EXAMPLE_UUID,
    folder_name="texts",
    inviter_id="katherine",
    invitee_id="dorothy",
    permission="ro",
)
PermissionRow = rows_like(Listing, user_id="dorothy", permission="ro")


def routes(prefix: str) -> list[Route]:
    """Return the routes below the path of folders."""
    invitation, permission, clone = (f"{prefix}/{name}" for name in ("invitation", "permission", "clone"))
    return [
        Route("POST", invitation, "folders.invite", ShareFolder, InvitationAnswer, invite, keyed=True),
        Route("PUT", invitation, "folders.accept", InvitationByUuid, FolderAnswer, accept),
        Route("DELETE", invitation, "folders.decline", InvitationByUuid, Empty, decline),
        Route("GET", invitation, "folders.invitations", Invitations, InvitationRow, list_invitations),
        Route("PUT", permission, "folders.share", ShareFolder, PermissionAnswer, share),
        Route("DELETE", permission, "folders.unshare", SharedWith, Empty, unshare),
        Route("GET", permission, "folders.permissions", FolderByUuid, PermissionRow, list_permissions),
        Route("PUT", f"{prefix}/leave", "folders.leave", FolderByUuid, Empty, leave),
        Route("POST", clone, "folders.clone", CloneFolder, CloneAnswer, clone_folder, keyed=True),
        Route("GET", clone, "folders.clone_progress", CloneByTask, CloneAnswer, get_clone),
    ]


def invite(call: Call, request: ShareFolder) -> dict[str, object]:
    """Invite a user to a folder of yours."""
    permission = cast(Permission, request.permission)
    found = sharing.invite(call.runtime, call.access, request.uuid, [request.user_id], permission)
    if not found:
        raise Conflict("folder_user_not_invited", user=request.user_id)
    return _invitation(found[0])


def _invitation(row: FolderInvitation) -> dict[str, object]:
    plain = {name: getattr(row, name) for name in ("uuid", "inviter_id", "invitee_id", "permission")}
    return plain | {"created_at": Moment(row.created_at), "folder_uuid": row.folder}


def accept(call: Call, request: InvitationByUuid) -> dict[str, object]:
    """Accept an invitation to a folder."""
    return folder_answer(call, sharing.accept_invitation(call.access, request.uuid))


def decline(call: Call, request: InvitationByUuid) -> Empty:
    """Decline an invitation that you got, or cancel one that you have sent."""
    sharing.close_invitation(call.access, request.uuid)
    return Empty()


def list_invitations(call: Call, request: Invitations) -> Listing:
    """List the open invitations that you got, or that you have sent."""
    found = sharing.list_invitations(call.access, sent=request.sent)
    rows = (_invitation(row) | {"folder_name": folder.name} for row, folder in found)
    return Listing(list(INVITATION_HEADER), [[row[name] for name in INVITATION_HEADER] for row in rows])


def share(call: Call, request: ShareFolder) -> PermissionAnswer:
    """Give a member of the project a permission of their own in a folder of the project."""
    permission = cast(Permission, request.permission)
    if not sharing.share(call.runtime, call.access, request.uuid, [request.user_id], permission):
        raise Conflict("folder_user_no_member", user=request.user_id)
    return PermissionAnswer(request.permission, request.user_id, request.uuid.lower())


def unshare(call: Call, request: SharedWith) -> Empty:
    """Take from a user what the user was permitted in a folder that you manage."""
    if not sharing.unshare(call.access, request.uuid, [request.user_id]):
        raise NotFound("folder_user_without_permission", uuid=request.uuid, user=request.user_id)
    return Empty()


def list_permissions(call: Call, request: FolderByUuid) -> Listing:
    """List whom a folder that you manage is shared with."""
    found = sharing.list_permissions(call.access, request.uuid)
    return Listing(list(PERMISSION_HEADER), [[row.user_id, row.permission] for row in found])


def leave(call: Call, request: FolderByUuid) -> Empty:
    """Give up a folder that is shared with you."""
    sharing.leave_folder(call.access, request.uuid)
    return Empty()


def clone_folder(call: Call, request: CloneFolder) -> dict[str, object]:
    """Copy a folder to a new one of yours, which appears when it is complete."""
    copy = cloning.clone_folder(
        call.runtime,
        call.access,
        request.uuid,
        request.name,
        storage=request.storage,
        usage_mode=cast(UsageMode, request.usage_mode),
        permission=cast(Permission, request.permission),
    )
    return _clone(cloning.get_clone(call.access, copy.made_by))


def get_clone(call: Call, request: CloneByTask) -> dict[str, object]:
    """Tell what has become of a copy that you have begun."""
    return _clone(cloning.get_clone(call.access, request.task_uuid))


def _clone(found: cloning.CloneProgress) -> dict[str, object]:
    answer: dict[str, object] = {"uuid": found.folder, "task_uuid": found.task, "state": found.state}
    return answer if found.error is None else answer | {"error": found.error}
