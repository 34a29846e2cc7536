"""Fields and answers that several routes of v0.4 share. Lists begin with the identifier and have no moments."""

from __future__ import annotations

from typing import Any

import msgspec

from hanami_core.ids import Uuid
from hanami_core.storage.database import OwnedRecord

__all__ = ["OWNED_HEADER", "ByUuid", "NamedUuid", "OnlyUuid", "Owned", "owned"]

OWNED_HEADER = ("uuid", "project_id", "owner_id", "visibility", "name")


class ByUuid(msgspec.Struct, forbid_unknown_fields=True):
    """Something by its uuid."""

    uuid: Uuid


class OnlyUuid(msgspec.Struct):
    """The uuid of something."""

    uuid: str


class NamedUuid(msgspec.Struct):
    """Name and uuid of something."""

    name: str
    uuid: str


class Owned(msgspec.Struct):
    """What all resources have."""

    name: str
    owner_id: str
    project_id: str
    uuid: str
    visibility: str


def owned(row: OwnedRecord) -> dict[str, Any]:
    """Return what all resources have of a row."""
    return {name: getattr(row, name) for name in Owned.__struct_fields__}
