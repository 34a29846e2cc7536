"""The part of `Client` about sharing and copying folders."""

from __future__ import annotations

from hanami_sdk._endpoint import Endpoint
from hanami_sdk._folder_models import Folder, FolderInvitation, FolderLike, FolderPermission, InvitationLike
from hanami_sdk._folders import FolderMethods
from hanami_sdk._html import ShownList
from hanami_sdk._http import item, rows
from hanami_sdk._models import build
from hanami_sdk._work import wait_for_work
from hanami_sdk.names import uuid_of

CLONE_PATH, INVITATION_PATH, PERMISSION_PATH = "/folder/clone", "/folder/invitation", "/folder/permission"


def clone(endpoint: Endpoint, uuid: str, name: str, storage: str, usage_mode: str, permission: str) -> str:
    """Copy a folder, wait until that is done, and return the UUID of the copy."""
    body = {"uuid": uuid, "name": name, "storage": storage, "usage_mode": usage_mode, "permission": permission}
    answer = endpoint.post(CLONE_PATH, body)
    wait_for_work(endpoint, CLONE_PATH, answer, f"the copy of folder {uuid}")
    return str(item(answer, "uuid"))


class FolderSharingMethods(FolderMethods):
    """Share folders with other users, and copy them."""

    def invite_to_folder(self, folder: FolderLike, user_id: str, permission: str = "ro") -> FolderInvitation:
        """Invite a user to a folder of one's own.

        Args:
            folder: folder, UUID or name.
            user_id: id of the user.
            permission: what the user will be permitted: `ro` to read, `rw` to write, `wd` to delete.

        Raises:
            BadRequestException: it belongs to the project, or its name begins with a dot.
            ConflictException: there is no such user, or the user is invited already or has the folder already.
            NotFoundException: there is no such folder for this user.
            UnauthorizedException: the user does not manage it.
        """
        body = {"uuid": self._uuid("folder", folder), "user_id": user_id, "permission": permission}
        return build(FolderInvitation, self.post(INVITATION_PATH, body))

    def folder_invitations(self, *, sent: bool = False) -> list[FolderInvitation]:
        """Return the open invitations that the user got.

        Args:
            sent: return those that the user has sent instead.
        """
        answer = self.get(INVITATION_PATH, **({"sent": "true"} if sent else {}))
        return ShownList(build(FolderInvitation, row) for row in rows(answer))

    def accept_invitation(self, invitation: InvitationLike) -> Folder:
        """Accept an invitation and return the folder.

        Args:
            invitation: invitation or UUID.

        Raises:
            ConflictException: the user calls another folder by the name.
            NotFoundException: the user has no such open invitation.
        """
        return build(Folder, self.put(INVITATION_PATH, {"uuid": uuid_of(invitation)}))

    def decline_invitation(self, invitation: InvitationLike) -> None:
        """Decline an invitation that the user got, or cancel one that the user has sent.

        Args:
            invitation: invitation or UUID.

        Raises:
            NotFoundException: there is no such open invitation.
        """
        self.delete(INVITATION_PATH, uuid=uuid_of(invitation))

    def share_folder(self, folder: FolderLike, user_id: str, permission: str) -> None:
        """Give a member of the project a permission of their own in a folder of the project.

        Args:
            folder: folder, UUID or name.
            user_id: id of the user.
            permission: `ro` to read, `rw` to write, `wd` to delete.

        Raises:
            BadRequestException: it belongs to a user.
            ConflictException: there is no such user in the project.
            NotFoundException: there is no such folder for this user.
            UnauthorizedException: the user does not manage it.
        """
        body = {"uuid": self._uuid("folder", folder), "user_id": user_id, "permission": permission}
        self.put(PERMISSION_PATH, body)

    def unshare_folder(self, folder: FolderLike, user_id: str) -> None:
        """Take from a user what the user was permitted in a folder.

        Args:
            folder: folder, UUID or name.
            user_id: id of the user.

        Raises:
            NotFoundException: there is no such folder for this user, or it is not shared with that one.
            UnauthorizedException: the user does not manage it.
        """
        self.delete(PERMISSION_PATH, uuid=self._uuid("folder", folder), user_id=user_id)

    def folder_permissions(self, folder: FolderLike) -> list[FolderPermission]:
        """Return whom a folder is shared with.

        Args:
            folder: folder, UUID or name.

        Raises:
            NotFoundException: there is no such folder for this user.
            UnauthorizedException: the user does not manage it.
        """
        answer = self.get(PERMISSION_PATH, uuid=self._uuid("folder", folder))
        return ShownList(build(FolderPermission, row) for row in rows(answer))

    def leave_folder(self, folder: FolderLike) -> None:
        """Give up a folder that is shared with the user.

        Args:
            folder: folder, UUID or name.

        Raises:
            ConflictException: it is the user's own, or the user has it as a member of the project.
            NotFoundException: there is no such folder for this user.
        """
        self.put("/folder/leave", {"uuid": self._uuid("folder", folder)})

    def clone_folder(
        self,
        folder: FolderLike,
        name: str,
        *,
        storage: str = "",
        usage_mode: str = "general",
        permission: str = "rw",
    ) -> Folder:
        """Copy a folder to a new one of one's own, and wait until that is done.

        Args:
            folder: folder, UUID or name.
            name: name of the copy.
            storage: storage of the server that it lies in; the default one if empty.
            usage_mode: what it is for: `general`, `model` or `data`.
            permission: as for `create_folder`.

        Raises:
            BadRequestException: the name breaks a rule, there is no such storage, or the copying failed.
            ConflictException: the name is taken, or a quota is exhausted.
            NotFoundException: there is no such folder for this user.
            UnauthorizedException: it may not be copied.
        """
        uuid = self._uuid("folder", folder)
        return self.folder(clone(self, uuid, name, storage, usage_mode, permission))
