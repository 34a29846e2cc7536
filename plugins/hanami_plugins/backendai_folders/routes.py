"""Routes of folders as a whole."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import Forbidden
from hanami_core.http import Call, Handler, Route, RouteGroup
from hanami_plugins import folders
from hanami_plugins.api_backendai import DEFAULT, access_in_group, route
from hanami_plugins.backendai_folders.answers import (
    AnyPermission,
    ByFolder,
    FolderId,
    FolderName,
    Host,
    NewFolder,
    common,
    created,
    named,
    seen,
    size_of,
    uuid_of,
)
from hanami_plugins.backendai_folders.problems import PROBLEMS, renamed
from hanami_plugins.backendai_folders.sentences import SENTENCES
from hanami_plugins.folders import Folder

__all__ = ["FOLDER", "FOLDERS", "GROUP", "folder_route", "routes"]

R = TypeVar("R", bound=msgspec.Struct)
GROUP = RouteGroup("backendai_folders", "Keep files in virtual folders.", 960)
FOLDERS = "/folders"
FOLDER = f"{FOLDERS}/{{name}}"

UsageMode = Annotated[str, Meta(pattern="^(general|model|data)$", examples=["general"])]
Quota = Annotated[str | int, Meta(examples=["10g"])]
Count = Annotated[int, Meta(examples=[3])]


class CreateVirtualFolder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new folder.

    Attributes:
        name: letters, digits and `_ . -`, at most 64; it may begin with a dot.
        host: storage that it lies in; the default one if null.
        unmanaged_path: not possible here.
        group: id or UUID of the project that it belongs to; it is your own if null.
        usage_mode: what it is for: `general`, `model` or `data`.
        permission: what members of the group may do with the files of a group folder: `ro` to read, `rw` to write,
            `wd` to delete.
        quota: most bytes in it, with the binary units `k`, `m`, `g`, `t`; `0` for any number.
        cloneable: whether others who see it may clone it.
    """

    name: FolderName
    host: Host | None = None
    unmanaged_path: Annotated[str, Meta(max_length=4096, examples=["/mnt/data"])] | None = None
    group: Annotated[str, Meta(max_length=254, examples=[DEFAULT])] | None = None
    usage_mode: UsageMode = "general"
    permission: AnyPermission = "rw"
    quota: Quota = "0"
    cloneable: bool = False


class ListFolders(msgspec.Struct, forbid_unknown_fields=True):
    """Which folders.

    Attributes:
        all: whether admins get those of everybody as well.
    """

    all: Annotated[bool, Meta(examples=[False])] = False


class DeleteById(msgspec.Struct, forbid_unknown_fields=True):
    """A folder.

    Attributes:
        id: UUID of the folder.
    """

    id: FolderId


class RenameFolder(ByFolder, forbid_unknown_fields=True):
    """A new name of a folder.

    Attributes:
        new_name: the name that it gets.
    """

    new_name: FolderName


class UpdateOptions(ByFolder, forbid_unknown_fields=True, kw_only=True):
    """What of a folder is to change.

    Attributes:
        cloneable: whether others who see it may clone it; it stays as it is if null.
        permission: what members of the group may do with the files of a group folder; it stays as it is if null.
    """

    cloneable: Annotated[bool | None, Meta(examples=[True])] = None
    permission: AnyPermission | None = None


class CloneByName(ByFolder, forbid_unknown_fields=True, kw_only=True):
    """A clone of a folder.

    Attributes:
        target_name: name of the clone.
        target_host: storage that it lies in; the default one if null.
        usage_mode: what the clone is for: `general`, `model` or `data`.
        permission: innate permission of the clone: `ro`, `rw` or `wd`.
    """

    target_name: FolderName
    target_host: Host | None = None
    usage_mode: UsageMode = "general"
    permission: AnyPermission = "rw"


class ListedFolder(NewFolder, kw_only=True):
    """A folder in a list.

    Attributes:
        is_owner: whether you manage it.
        type: `user` or `group`.
        created_at: when it was created, in UTC.
        last_used: when its files were changed last, in UTC.
        user_email: id of its user.
        group_name: id of its group, null for the folder of a user.
        max_files: always 0: their number has no limit.
    """

    is_owner: Annotated[bool, Meta(examples=[True])]
    type: Annotated[str, Meta(examples=["user"])]
    created_at: Moment
    last_used: Moment
    user_email: Annotated[str, Meta(examples=["katherine"])]
    group_name: Annotated[str | None, Meta(examples=[None])]
    max_files: Annotated[int, Meta(examples=[0])] = 0


class FolderInfo(NewFolder, kw_only=True):
    """A folder.

    Attributes:
        is_owner: whether you manage it.
        type: `user` or `group`.
        created_at: when it was created, in UTC.
        created: the same.
        last_used: when its files were changed last, in UTC.
        num_files: number of files in it.
        numFiles: the same.
        used_bytes: bytes of all files in it.
    """

    is_owner: Annotated[bool, Meta(examples=[True])]
    type: Annotated[str, Meta(examples=["user"])]
    created_at: Moment
    created: Moment
    last_used: Moment
    num_files: Count
    numFiles: Count  # noqa: N815 - as released clients read it
    used_bytes: Annotated[int, Meta(examples=[167_518])]


def folder_route(
    method: str,
    path: str,
    verb: str,
    request: type[R],
    response: object,
    handler: Handler[R],
    *roles: str,
    **more: Any,
) -> Route[R]:
    """Return a route about folders, for everybody or for `roles`."""
    more = {"errors": SENTENCES, "problems": PROBLEMS} | more
    return route(
        method,
        path,
        f"backendai_folders.{verb}",
        request,
        response,
        handler,
        roles or ("admin", "member"),
        **more,
    )


def routes() -> list[Route]:
    """Return the routes."""
    one, new_name, target = folder_route, renamed(name="new_name"), renamed(name="target_name", host="target_host")
    return GROUP.of(
        one("POST", FOLDERS, "create", CreateVirtualFolder, NewFolder, create, status=201),
        one("GET", FOLDERS, "list", ListFolders, list[ListedFolder], list_all),
        one("DELETE", FOLDERS, "delete_by_id", DeleteById, None, delete_by_id, "admin"),
        one("GET", FOLDER, "get", ByFolder, FolderInfo, get),
        one("DELETE", FOLDER, "delete", ByFolder, None, delete),
        one("POST", f"{FOLDER}/rename", "rename", RenameFolder, None, rename, status=201, problems=new_name),
        one("POST", f"{FOLDER}/update-options", "options", UpdateOptions, None, update_options, status=201),
        one("POST", f"{FOLDER}/clone", "clone", CloneByName, NewFolder, clone, status=201, problems=target),
    )


def create(call: Call, request: CreateVirtualFolder) -> NewFolder:
    """Create an empty folder; those of a group are created by its admins."""
    if request.unmanaged_path:
        raise Forbidden("folder_path_of_host")
    folder = folders.create_folder(
        call.runtime,
        call.access if request.group is None else access_in_group(call, request.group),
        request.name,
        ownership="user" if request.group is None else "group",
        storage=request.host or "",
        usage_mode=cast(folders.UsageMode, request.usage_mode),
        permission=cast(folders.Permission, request.permission),
        quota=size_of(str(request.quota)),
        cloneable=request.cloneable,
    )
    return created(folder)


def list_all(call: Call, request: ListFolders) -> list[ListedFolder]:
    """List your folders, those of your group, and those that others share with you."""
    return [_listed(call, one) for one in folders.list_folders(call.access, as_admin=request.all)]


def _listed(call: Call, folder: Folder) -> ListedFolder:
    group = folder.project_id if folder.ownership == "group" else None
    facts = common(folder) | seen(call, folder)
    return ListedFolder(**facts, user_email=folder.owner_id, group_name=group)


def delete_by_id(call: Call, request: DeleteById) -> None:
    """Delete anybody's folder with everything in it."""
    call.access.require_admin()
    folders.delete_folder(call.runtime, call.access, uuid_of(request.id))


def get(call: Call, request: ByFolder) -> FolderInfo:
    """Tell what a folder is and how much it holds."""
    folder = folders.find_folder(call.access, request.name)
    return FolderInfo(
        **common(folder),
        **seen(call, folder),
        created=Moment(folder.created_at),
        num_files=folder.files,
        numFiles=folder.files,
        used_bytes=folder.used,
    )


def delete(call: Call, request: ByFolder) -> None:
    """Delete a folder with everything in it."""
    folders.delete_folder(call.runtime, call.access, named(call, request.name))


def rename(call: Call, request: RenameFolder) -> None:
    """Give a folder another name."""
    folders.rename_folder(call.access, named(call, request.name), request.new_name)


def update_options(call: Call, request: UpdateOptions) -> None:
    """Change what members of the group may do, or whether a folder may be cloned."""
    permission = cast("folders.Permission | None", request.permission)
    folders.set_options(call.access, named(call, request.name), permission=permission, cloneable=request.cloneable)


def clone(call: Call, request: CloneByName) -> NewFolder:
    """Copy a folder to a new one of your own; one that takes long goes on as a task."""
    made = folders.clone_folder(
        call.runtime,
        call.access,
        named(call, request.name),
        request.target_name,
        storage=request.target_host or "",
        usage_mode=cast(folders.UsageMode, request.usage_mode),
        permission=cast(folders.Permission, request.permission),
    )
    return created(made.folder, made.task)
