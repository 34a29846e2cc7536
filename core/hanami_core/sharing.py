"""Who may read a row besides its owner. What the words mean is for rules to decide (see `hanami_core.access`)."""

from __future__ import annotations

from typing import Literal, TypeVar

from hanami_core.access import Access
from hanami_core.storage.database import OwnedRecord, atomic

__all__ = ["Visibility", "set_visibility"]

R = TypeVar("R", bound=OwnedRecord)

Visibility = Literal["private", "shared", "public"]


def set_visibility(access: Access, model: type[R], uuid: str, visibility: Visibility, missing: str) -> R:
    """Say who may read a row besides its owner, and return it.

    Args:
        access: what the actor may do.
        model: kind of the row.
        uuid: the row.
        visibility: `private` rows are read by their owner and by admins, `shared` ones by all in their project,
            `public` ones by everybody.
        missing: code of the error if there is no such row that the actor may change.

    Raises:
        NotFound: with the code `missing`.
    """
    row = access.get(model, uuid, missing, "write")
    with atomic():
        row.visibility = visibility
        row.save(only=["visibility"])
    return row
