"""The route that says who may read a row besides its owner; plugins with such rows add it to their own routes.

What the words mean is for rules to decide (see `hanami_core.access`).
"""

from __future__ import annotations

from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call, Route
from hanami_core.ids import Uuid
from hanami_core.sharing import Visibility
from hanami_core.sharing import set_visibility as change
from hanami_core.storage.database import OwnedRecord


class SetVisibility(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of a change of visibility.

    `private` rows are read by their owner and by admins, `shared` ones by all in their project, `public` ones by
    everybody. Who may change or delete them stays the same.
    """

    uuid: Uuid
    visibility: Annotated[str, Meta(pattern="^(private|shared|public)$")]


class OwnedAnswer(msgspec.Struct):
    """What all rows with an owner have."""

    created_at: Moment
    name: str
    owner_id: str
    project_id: str
    uuid: str
    visibility: str


def owned_answer(row: OwnedRecord) -> dict[str, Any]:
    """Return a row as an `OwnedAnswer`."""
    return {name: getattr(row, name) for name in OwnedAnswer.__struct_fields__} | {"created_at": Moment(row.created_at)}


def visibility_route(prefix: str, resource: str, model: type[OwnedRecord], missing: str) -> Route:
    """Return the route ``PUT <prefix>/visibility``.

    Args:
        prefix: path of the noun.
        resource: what policies call it, such as ``datasets``.
        model: rows that have a name, too.
        missing: code of the error for a row that is not there.
    """

    def set_visibility(call: Call, request: SetVisibility) -> dict[str, Any]:
        """Say who may read it besides its owner."""
        visibility = cast(Visibility, request.visibility)
        return owned_answer(change(call.access, model, request.uuid, visibility, missing))

    return Route("PUT", f"{prefix}/visibility", f"{resource}.share", SetVisibility, OwnedAnswer, set_visibility)
