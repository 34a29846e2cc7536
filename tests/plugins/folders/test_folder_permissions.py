"""Who may do what with a folder, and how others are let in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hanami_core.access import Access, Actor
from hanami_core.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
)
from hanami_core.runtime import Runtime
from hanami_plugins import folders, users
from hanami_plugins.folders import Folder, FolderInvitation, FolderPermission
from tests.plugins.folders.kit import ALAN, BOSS, CHIEF, EVE, GRACE, invited, of, send
from tests.whole import Whole

# -- who may do what --------------------------------------------------------------------------------------------------


def every_call(runtime: Runtime, access: Access, uuid: str) -> dict[str, Callable[[], object]]:
    """Everything that can be done with a folder, by the permission that it takes."""
    return {
        "ro list": lambda: folders.list_files(runtime, access, uuid),
        "ro read": lambda: folders.open_file(runtime, access, uuid, "file").close(),
        "ro token": lambda: folders.begin_download(runtime, access, uuid, "file"),
        "ro archive": lambda: folders.open_archive(runtime, access, uuid),
        "rw mkdir": lambda: folders.make_directory(runtime, access, uuid, "new", exist_ok=True),
        "rw upload": lambda: folders.begin_upload(runtime, access, uuid, "empty", 0),
        "rw rename": lambda: folders.rename_file(runtime, access, uuid, "empty", "renamed"),
        "rw move": lambda: folders.move_file(runtime, access, uuid, "renamed", "new"),
        "wd delete": lambda: folders.delete_files(runtime, access, uuid, ["new"], recursive=True),
        "manage options": lambda: folders.set_options(access, uuid, cloneable=True),
        "manage name": lambda: folders.rename_folder(access, uuid, "renamed"),
        "manage permissions": lambda: folders.list_permissions(access, uuid),
        "manage unshare": lambda: folders.unshare(access, uuid, ["nobody"]),
        "manage invite": lambda: invite_or_share(runtime, access, uuid),
        "wd remove": lambda: folders.delete_folder(runtime, access, uuid),
    }


def invite_or_share(runtime: Runtime, access: Access, uuid: str) -> None:
    folder = Folder.get(Folder.uuid == uuid)
    (folders.invite if folder.ownership == "user" else folders.share)(runtime, access, uuid, ["alan"], "ro")


def may(runtime: Runtime, access: Access, uuid: str) -> set[str]:
    """Try everything, and return the permissions whose calls all went well."""
    failed, done = set(), set()
    for name, call in every_call(runtime, access, uuid).items():
        kind = name.split()[0]
        try:
            call()
            done.add(kind)
        except Forbidden:
            failed.add(kind)
    assert not failed & done
    return done


ALL = {"ro", "rw", "wd", "manage"}


@pytest.mark.parametrize(("permission", "allowed"), [("ro", {"ro"}), ("rw", {"ro", "rw"}), ("wd", {"ro", "rw", "wd"})])
def test_who_was_invited_may_do_what_the_invitation_says(
    runtime: Runtime, grace: Access, folder: Folder, permission: str, allowed: set[str]
) -> None:
    send(runtime, grace, folder, "file", b"1")
    access = invited(runtime, folder, permission)
    assert folders.what_may_be_done(access, folder) == (permission, False, False)
    assert may(runtime, access, folder.uuid) == allowed


@pytest.mark.parametrize(("actor", "allowed"), [(GRACE, ALL), (BOSS, ALL), (CHIEF, ALL)])
def test_owners_and_admins_may_do_everything(
    runtime: Runtime, grace: Access, folder: Folder, actor: Actor, allowed: set[str]
) -> None:
    send(runtime, grace, folder, "file", b"1")
    assert may(runtime, of(runtime, actor), folder.uuid) == allowed


@pytest.mark.parametrize("permission", ["ro", "rw", "wd"])
def test_members_may_do_what_a_folder_of_the_project_says(runtime: Runtime, permission: str) -> None:
    boss = of(runtime, BOSS)
    folder = folders.create_folder(runtime, boss, "ours", ownership="group", permission=permission)
    send(runtime, boss, folder, "file", b"1")
    expected = {"ro", "rw", "wd"} if permission == "wd" else {"ro", "rw"} if permission == "rw" else {"ro"}
    assert may(runtime, of(runtime, GRACE), folder.uuid) == expected


def test_a_permission_by_name_takes_the_place_of_what_the_project_has(runtime: Runtime) -> None:
    boss, alan = of(runtime, BOSS), of(runtime, ALAN)
    folder = folders.create_folder(runtime, boss, "ours", ownership="group", permission="rw")
    assert folders.share(runtime, boss, folder.uuid, ["alan", "eve", "nobody"], "ro") == ["alan"]
    assert folders.what_may_be_done(alan, folder).permission == "ro"
    assert [one.user_id for one in folders.list_permissions(boss, folder.uuid)] == ["alan"]
    assert folders.unshare(boss, folder.uuid, ["alan", "eve"]) == ["alan"]
    assert folders.what_may_be_done(alan, folder).permission == "rw"


def test_only_admins_of_a_project_make_folders_for_it(runtime: Runtime, grace: Access) -> None:
    with pytest.raises(Forbidden, match="folder of project"):
        folders.create_folder(runtime, grace, "ours", ownership="group")


@pytest.mark.parametrize("actor", [ALAN, EVE])
def test_strangers_find_nothing(runtime: Runtime, grace: Access, folder: Folder, actor: Actor) -> None:
    send(runtime, grace, folder, "file", b"1")
    access = of(runtime, actor)
    for call in every_call(runtime, access, folder.uuid).values():
        with pytest.raises(NotFound, match="folder missing"):
            call()
    assert list(folders.list_folders(access)) == []


def test_a_folder_of_a_project_is_not_seen_outside(runtime: Runtime) -> None:
    folder = folders.create_folder(runtime, of(runtime, BOSS), "ours", ownership="group")
    with pytest.raises(NotFound):
        folders.get_folder(of(runtime, EVE), folder.uuid)


# -- invitations ------------------------------------------------------------------------------------------------------


def test_an_invitation_is_for_the_invitee_alone(runtime: Runtime, grace: Access, folder: Folder) -> None:
    [invitation] = folders.invite(runtime, grace, folder.uuid, ["alan", "alan", "grace", "nobody"], "rw")
    assert folders.invite(runtime, grace, folder.uuid, ["alan"], "wd") == []
    for actor in (GRACE, EVE, BOSS, CHIEF):
        with pytest.raises(NotFound, match="invitation"):
            folders.accept_invitation(of(runtime, actor), invitation.uuid)
    with pytest.raises(NotFound, match="invitation"):
        folders.close_invitation(of(runtime, EVE), invitation.uuid)
    alan = of(runtime, ALAN)
    assert [(one.uuid, what.name) for one, what in folders.list_invitations(alan)] == [(invitation.uuid, "texts")]
    assert [one.uuid for one, _ in folders.list_invitations(grace, sent=True)] == [invitation.uuid]
    assert folders.accept_invitation(alan, invitation.uuid) == folder
    assert folders.find_folder(alan, "texts") == folder
    assert folders.list_invitations(alan) == []
    with pytest.raises(NotFound):
        folders.accept_invitation(alan, invitation.uuid)
    folders.leave_folder(alan, folder.uuid)
    with pytest.raises(NotFound):
        folders.get_folder(alan, folder.uuid)
    with pytest.raises(Conflict, match="not shared"):
        folders.leave_folder(grace, folder.uuid)


@pytest.mark.parametrize(("actor", "state"), [(ALAN, "rejected"), (GRACE, "cancelled")])
def test_an_invitation_is_rejected_or_cancelled(
    runtime: Runtime, grace: Access, folder: Folder, actor: Actor, state: str
) -> None:
    [invitation] = folders.invite(runtime, grace, folder.uuid, ["alan"], "rw")
    folders.close_invitation(of(runtime, actor), invitation.uuid)
    assert FolderInvitation.get().state == state
    with pytest.raises(NotFound):
        folders.accept_invitation(of(runtime, ALAN), invitation.uuid)
    assert len(folders.invite(runtime, grace, folder.uuid, ["alan"], "ro")) == 1


def test_two_folders_of_a_name_are_not_taken(runtime: Runtime, grace: Access, folder: Folder) -> None:
    alan = of(runtime, ALAN)
    folders.create_folder(runtime, alan, "texts")
    [invitation] = folders.invite(runtime, grace, folder.uuid, ["alan"], "rw")
    with pytest.raises(Conflict, match="folder exists"):
        folders.accept_invitation(alan, invitation.uuid)


def test_what_is_hidden_or_belongs_to_a_project_takes_no_invitations(runtime: Runtime, grace: Access) -> None:
    hidden = folders.create_folder(runtime, grace, ".ssh")
    with pytest.raises(BadRequest, match="hidden"):
        folders.invite(runtime, grace, hidden.uuid, ["alan"], "ro")
    boss = of(runtime, BOSS)
    ours = folders.create_folder(runtime, boss, "ours", ownership="group")
    with pytest.raises(BadRequest, match="other kind"):
        folders.invite(runtime, boss, ours.uuid, ["alan"], "ro")


def test_a_deleted_user_or_folder_leaves_no_permissions(whole: Whole, grace: Access, folder: Folder) -> None:
    runtime = whole.runtime
    whole.member("ada", "room")
    [invitation] = folders.invite(runtime, grace, folder.uuid, ["ada", "alan"], "wd")[:1]
    folders.accept_invitation(of(runtime, Actor("ada", "Ada", "room", "member")), invitation.uuid)
    users.delete_user(runtime, of(runtime, CHIEF), "ada")
    assert FolderPermission.select().count() == 0
    folders.unshare(grace, folder.uuid, ["alan"])
    folders.close_invitation(grace, FolderInvitation.get().uuid)
    folders.invite(runtime, grace, folder.uuid, ["boss"], "ro")
    folders.delete_folder(runtime, grace, folder.uuid)
    assert FolderInvitation.select().count() == 0
