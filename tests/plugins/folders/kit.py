"""What tests of folders are made with: actors without logins, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable

from hanami_core.access import Access, Action, Actor
from hanami_core.runtime import Runtime
from hanami_plugins import folders
from hanami_plugins.folders import Folder

__all__ = ["ALAN", "BOSS", "CHIEF", "EVE", "GRACE", "content", "invited", "of", "send"]

GRACE = Actor("grace", "Grace", "room", "member")
ALAN = Actor("alan", "Alan", "room", "member")
BOSS = Actor("boss", "Boss", "room", "member", is_project_admin=True)
EVE = Actor("eve", "Eve", "attic", "member")
CHIEF = Actor("asdf", "Chief", "admin", "admin", is_admin=True, is_project_admin=True)


def of(runtime: Runtime, actor: Actor) -> Access:
    return Access(actor, Action("panel.show", "GET", "", "read", ()), runtime.plugins.access_rules)


def send(runtime: Runtime, access: Access, folder: Folder, path: str, *pieces: bytes) -> None:
    """Send a whole file, each piece on its own."""
    token = folders.begin_upload(runtime, access, folder.uuid, path, sum(map(len, pieces))).token
    offset = 0
    for piece in pieces:
        offset = folders.append(runtime, token, offset, [piece] if piece else [])


def content(runtime: Runtime, access: Access, folder: Folder, path: str) -> bytes:
    with folders.open_file(runtime, access, folder.uuid, path) as file:
        return joined(file.read(0, file.size))


def joined(pieces: Iterable[bytes]) -> bytes:
    return b"".join(pieces)


def invited(runtime: Runtime, folder: Folder, permission: str) -> Access:
    """Invite Alan to a folder of Grace, and return what he may do once he has accepted."""
    folders.invite(runtime, of(runtime, GRACE), folder.uuid, ["alan"], permission)
    access = of(runtime, ALAN)
    [(invitation, _)] = folders.list_invitations(access)
    folders.accept_invitation(access, invitation.uuid)
    return access
