"""Fields and answers that several routes of v0.4 share. Lists begin with the identifier and have no moments."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.http import Listing, rows_like
from hanami_core.ids import EXAMPLE_UUID, AnyName, AnyProject, AnyUser, AnyUuid, Uuid
from hanami_core.storage.database import OwnedRecord

__all__ = ["OWNED_HEADER", "ControlByUuid", "NamedUuid", "OnlyUuid", "Owned", "OwnedRow", "owned"]

OWNED_HEADER = ("uuid", "project_id", "owner_id", "visibility", "name")


class ControlByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """Something by its UUID.

    Attributes:
        uuid: its UUID.
    """

    uuid: Uuid


class OnlyUuid(msgspec.Struct):
    """The UUID of something.

    Attributes:
        uuid: its UUID.
    """

    uuid: AnyUuid


class NamedUuid(msgspec.Struct):
    """Name and UUID of something.

    Attributes:
        name: its name.
        uuid: its UUID.
    """

    name: AnyName
    uuid: AnyUuid


class Owned(msgspec.Struct):
    """What all resources have.

    Attributes:
        name: name that its owner gave it.
        owner_id: id of the user who created it.
        project_id: id of the project that it belongs to.
        uuid: UUID that identifies it in all calls.
        visibility: who can see it: `private`, `shared` or `public`.
    """

    name: AnyName
    owner_id: AnyUser
    project_id: AnyProject
    uuid: AnyUuid
    visibility: Annotated[str, Meta(examples=["private"])]


OwnedRow = rows_like(
    Listing, uuid=EXAMPLE_UUID, project_id="flower_shop", owner_id="katherine", visibility="private", name="digits"
)


def owned(row: OwnedRecord) -> dict[str, object]:
    """Return what all resources have of a row."""
    return {name: getattr(row, name) for name in Owned.__struct_fields__}
