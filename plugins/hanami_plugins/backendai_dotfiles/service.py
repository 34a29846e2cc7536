"""What can be done with dotfiles, for routes and for whatever starts sessions. Knows no HTTP.

Whoever calls has decided that the caller may act for the `DotfileOwner`.
"""

from __future__ import annotations

import msgspec
import peewee

from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.storage.database import compare_and_set, exclusive
from hanami_plugins.backendai_dotfiles.models import Dotfile
from hanami_plugins.backendai_dotfiles.owners import DotfileOwner
from hanami_plugins.backendai_dotfiles.paths import are_in_conflict, expect_valid

__all__ = [
    "MOST_BYTES",
    "MOST_FILES",
    "create_dotfile",
    "delete_dotfile",
    "forget",
    "get_dotfile",
    "list_dotfiles",
    "list_effective",
    "update_dotfile",
]

MOST_BYTES = 1 << 16
"""Bytes that all dotfiles of one owner take, packed by MessagePack with their paths and permissions."""
MOST_FILES = 100
File = tuple[str, str, str]
"""Path, permission and content."""


def create_dotfile(owner: DotfileOwner, path: str, data: str, permission: str) -> Dotfile:
    """Add a dotfile.

    Raises:
        BadRequest: naming the field and the rule that it breaks.
        Conflict: if there is one at that path, or above or below it, or the owner has too much already.
        NotFound: if the owner was deleted.
    """
    _expect_content(path, data)
    with exclusive(_section(owner)):
        others = list(list_dotfiles(owner))
        if any(one.path == path for one in others):
            raise Conflict("dotfile_exists", path=path)
        for one in others:
            if are_in_conflict(one.path, path):
                raise Conflict("dotfile_in_the_way", path=path, other=one.path)
        if len(others) >= MOST_FILES:
            raise Conflict("dotfiles_exhausted", limit=MOST_FILES)
        _require_room([*map(_packed, others), (path, permission, data)])
        owner.hold()
        return Dotfile.create(
            kind=owner.kind,
            owner_id=owner.id,
            owner_mark=owner.mark,
            path=path,
            permission=permission,
            data=data,
        )


def update_dotfile(owner: DotfileOwner, path: str, data: str, permission: str) -> None:
    """Replace the content and the permission of a dotfile.

    Raises:
        BadRequest: naming the field and the rule that it breaks.
        Conflict: if the owner has too much then.
        NotFound: if there is no such dotfile.
    """
    _expect_content(path, data)
    with exclusive(_section(owner)):
        others = [one for one in list_dotfiles(owner) if one.path != path]
        _require_room([*map(_packed, others), (path, permission, data)])
        if not compare_and_set(Dotfile, _of(owner) & (Dotfile.path == path), data=data, permission=permission):
            raise NotFound("dotfile_missing", path=path)


def get_dotfile(owner: DotfileOwner, path: str) -> Dotfile:
    """Return a dotfile.

    Raises:
        NotFound: if there is none at that path.
    """
    found: Dotfile | None = list_dotfiles(owner).where(Dotfile.path == path).first()
    if found is None:
        raise NotFound("dotfile_missing", path=path)
    return found


def list_dotfiles(owner: DotfileOwner) -> peewee.ModelSelect[Dotfile]:
    """Select the dotfiles of an owner by path."""
    return Dotfile.select().where(_of(owner)).order_by(Dotfile.path)


def delete_dotfile(owner: DotfileOwner, path: str) -> None:
    """Delete a dotfile.

    Raises:
        NotFound: if there is none at that path.
    """
    if not Dotfile.delete().where(_of(owner) & (Dotfile.path == path)).execute():
        raise NotFound("dotfile_missing", path=path)


def list_effective(*owners: DotfileOwner) -> list[Dotfile]:
    """Return the dotfiles that a session gets, given their owners, the most important first.

    A file gives way to one of a more important owner at the same path, or above or below it.
    """
    chosen: list[Dotfile] = []
    for owner in owners:
        free = [one for one in list_dotfiles(owner) if not any(_meet(one.path, other.path) for other in chosen)]
        chosen += free
    return sorted(chosen, key=lambda one: str(one.path))


def forget(kind: str, owner_id: str, mark: str) -> None:
    """Remove the dotfiles of an owner that was deleted, but not those of a later one, which has a mark."""
    theirs = (Dotfile.kind == kind) & (Dotfile.owner_id == owner_id)
    Dotfile.delete().where(theirs & (Dotfile.owner_mark != mark)).execute()


def _of(owner: DotfileOwner) -> peewee.Expression:
    mine: peewee.Expression = (Dotfile.kind == owner.kind) & (Dotfile.owner_id == owner.id)
    return mine & (Dotfile.owner_mark == owner.mark)


def _meet(path: str, other: str) -> bool:
    return path == other or are_in_conflict(path, other)


def _section(owner: DotfileOwner) -> str:
    return f"backendai_dotfiles/{owner.kind}/{owner.mark}"


def _expect_content(path: str, data: str) -> None:
    expect_valid(path)
    if not data:
        raise BadRequest("field_invalid", field="data", reason="a dotfile must not be empty")
    if "\0" in data:
        raise BadRequest("field_invalid", field="data", reason="it must be text without NUL")


def _packed(one: Dotfile) -> File:
    return one.path, one.permission, one.data


def _require_room(files: list[File]) -> None:
    names = ("path", "perm", "data")
    size = len(msgspec.msgpack.encode([dict(zip(names, one, strict=True)) for one in files]))
    if size > MOST_BYTES:
        raise Conflict("dotfiles_too_large", size=size, limit=MOST_BYTES)
