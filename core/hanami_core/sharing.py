"""Who may read a row besides its owner. What the words mean is for rules to decide (see `hanami_core.access`)."""

from __future__ import annotations

from typing import Literal, TypeVar

from hanami_core.access import Access
from hanami_core.errors import NotFound
from hanami_core.storage.database import ACTIVE, OwnedRecord, compare_and_set

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
    still = (model.sequence == row.sequence) & (model.status == ACTIVE)
    if not compare_and_set(model, still, visibility=visibility):
        raise NotFound(missing, uuid=uuid)
    row.visibility = visibility
    return row
