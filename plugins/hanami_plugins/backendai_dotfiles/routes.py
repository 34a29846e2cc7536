"""Routes of dotfiles: the same five for users, groups and the domain."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Empty, Handler, Route, RouteGroup
from hanami_plugins.api_backendai import DEFAULT, group_of, owner_access, require_domain, route
from hanami_plugins.backendai_dotfiles import service
from hanami_plugins.backendai_dotfiles.models import LONGEST_PATH
from hanami_plugins.backendai_dotfiles.owners import DotfileOwner, of_installation, of_project, of_user
from hanami_plugins.backendai_dotfiles.sentences import SENTENCES

R = TypeVar("R", bound=msgspec.Struct)
GROUP = RouteGroup("backendai_dotfiles", "Store small files that sessions begin with.", 940)
EXAMPLE_KEY = "AKIAIOSFODNN7EXAMPLE"

Path = Annotated[str, Meta(min_length=1, max_length=LONGEST_PATH, examples=[".aws/config"])]
AnyPath = Annotated[str, Meta(max_length=LONGEST_PATH, examples=[".aws/config"])]
Data = Annotated[str, Meta(max_length=service.MOST_BYTES, examples=["[default]\nregion = eu-central-1\n"])]
Permission = Annotated[str, Meta(pattern="^[0-7]{3}$", min_length=3, max_length=3, examples=["644"])]
AnyPermission = Annotated[str, Meta(examples=["644"])]
AccessKey = Annotated[str, Meta(max_length=64, examples=[EXAMPLE_KEY])]
GroupName = Annotated[str, Meta(max_length=254, examples=[DEFAULT])]
Domain = Annotated[str, Meta(max_length=254, examples=[DEFAULT])]


class UserFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A dotfile of a user.

    Attributes:
        path: path of the file, relative to the home directory of a session.
        data: content of the file.
        permission: permissions of the file, three octal digits.
        owner_access_key: access key of the user, for admins only; you if missing.
    """

    path: Path
    data: Data
    permission: Permission
    owner_access_key: AccessKey | None = None


class UserFiles(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which dotfiles of a user.

    Attributes:
        path: path of one file; all files if missing.
        owner_access_key: access key of the user, for admins only; you if missing.
        onwer_access_key: the same, as released clients misspell it.
    """

    path: AnyPath = ""
    owner_access_key: AccessKey | None = None
    onwer_access_key: AccessKey | None = None


class ByUserPath(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A dotfile of a user.

    Attributes:
        path: path of the file.
        owner_access_key: access key of the user, for admins only; you if missing.
    """

    path: Path
    owner_access_key: AccessKey | None = None


class GroupFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A dotfile of a group.

    Attributes:
        group: id or UUID of the project, `default` for the one that you work in.
        domain: name of the domain, `default`.
        path: path of the file, relative to the home directory of a session.
        data: content of the file.
        permission: permissions of the file, three octal digits.
    """

    group: GroupName
    path: Path
    data: Data
    permission: Permission
    domain: Domain = DEFAULT


class GroupFiles(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which dotfiles of a group.

    Attributes:
        group: id or UUID of the project, `default` for the one that you work in.
        domain: name of the domain, `default`.
        path: path of one file; all files if missing.
    """

    group: GroupName
    domain: Domain = DEFAULT
    path: AnyPath = ""


class ByGroupPath(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A dotfile of a group.

    Attributes:
        group: id or UUID of the project, `default` for the one that you work in.
        domain: name of the domain, `default`.
        path: path of the file.
    """

    group: GroupName
    path: Path
    domain: Domain = DEFAULT


class DomainFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A dotfile of the domain.

    Attributes:
        domain: name of the domain, `default`.
        path: path of the file, relative to the home directory of a session.
        data: content of the file.
        permission: permissions of the file, three octal digits.
    """

    domain: Domain
    path: Path
    data: Data
    permission: Permission


class DomainFiles(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which dotfiles of the domain.

    Attributes:
        domain: name of the domain, `default`.
        path: path of one file; all files if missing.
    """

    domain: Domain
    path: AnyPath = ""


class ByDomainPath(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A dotfile of the domain.

    Attributes:
        domain: name of the domain, `default`.
        path: path of the file.
    """

    domain: Domain
    path: Path


class ListedDotfile(msgspec.Struct):
    """A dotfile in a list.

    Attributes:
        path: path of the file.
        permission: permissions of the file.
        data: content of the file.
    """

    path: AnyPath
    permission: AnyPermission
    data: Data


class DotfileContent(msgspec.Struct):
    """A dotfile.

    Attributes:
        path: path of the file.
        perm: permissions of the file.
        data: content of the file.
    """

    path: AnyPath
    perm: AnyPermission
    data: Data


class Deleted(msgspec.Struct):
    """What a delete answers.

    Attributes:
        success: true.
    """

    success: Annotated[bool, Meta(examples=[True])] = True


Written = UserFile | GroupFile | DomainFile
Asked = UserFiles | GroupFiles | DomainFiles
Named = ByUserPath | ByGroupPath | ByDomainPath


def routes() -> list[Route]:
    """Return the routes."""
    return GROUP.of(
        *_routes("/user-config/dotfiles", "backendai_dotfiles", UserFile, UserFiles, ByUserPath),
        *_routes("/group-config/dotfiles", "backendai_group_dotfiles", GroupFile, GroupFiles, ByGroupPath),
        *_routes("/domain-config/dotfiles", "backendai_domain_dotfiles", DomainFile, DomainFiles, ByDomainPath),
    )


def _routes(path: str, noun: str, file: type[Written], files: type[Asked], by_path: type[Named]) -> list[Route]:
    def one(method: str, verb: str, request: type[R], response: object, handler: Handler[R]) -> Route[R]:
        return route(method, path, f"{noun}.{verb}", request, response, handler, errors=SENTENCES)

    return [
        one("POST", "create", file, Empty, create),
        one("PATCH", "update", file, Empty, update),
        one("GET", "get", files, list[ListedDotfile] | DotfileContent, get),
        one("DELETE", "delete", by_path, Deleted, delete),
    ]


def create(call: Call, request: Written) -> Empty:
    """Add a dotfile; group admins add those of a group, and admins those of the domain."""
    service.create_dotfile(_writable(call, request), request.path, request.data, request.permission)
    return Empty()


def update(call: Call, request: Written) -> Empty:
    """Replace the content and the permissions of a dotfile."""
    service.update_dotfile(_writable(call, request), request.path, request.data, request.permission)
    return Empty()


def get(call: Call, request: Asked) -> list[ListedDotfile] | DotfileContent:
    """List dotfiles with their contents, or return the one at a path."""
    owner, _ = _owner(call, request)
    if request.path:
        found = service.get_dotfile(owner, request.path)
        return DotfileContent(found.path, found.permission, found.data)
    return [ListedDotfile(one.path, one.permission, one.data) for one in service.list_dotfiles(owner)]


def delete(call: Call, request: Named) -> Deleted:
    """Delete a dotfile."""
    service.delete_dotfile(_writable(call, request), request.path)
    return Deleted()


def _writable(call: Call, request: Written | Named) -> DotfileOwner:
    owner, may_write = _owner(call, request)
    if not may_write:
        call.access.require_admin("group_admins_only" if owner.id else "admins_only")
    return owner


def _owner(call: Call, request: Written | Asked | Named) -> tuple[DotfileOwner, bool]:
    """Return whose dotfiles a call is about, and whether the caller may change them."""
    if isinstance(request, UserFile | UserFiles | ByUserPath):
        key = request.owner_access_key or getattr(request, "onwer_access_key", None)
        return of_user(call.runtime, owner_access(call, key).actor.user_id), True
    require_domain(request.domain)
    if isinstance(request, DomainFile | DomainFiles | ByDomainPath):
        return of_installation(), call.actor.is_admin
    membership = group_of(call.runtime, call.access, request.group)
    return of_project(membership.project_id), membership.is_project_admin
