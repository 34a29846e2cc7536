"""The route that says who may read a row besides its owner; plugins with such rows add it to their own routes.

What the words mean is for rules to decide (see `hanami_core.access`).
"""

from __future__ import annotations

from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call, Listing, Route, rows_like
from hanami_core.ids import EXAMPLE_UUID, AnyName, AnyProject, AnyUser, Uuid
from hanami_core.sharing import Visibility
from hanami_core.sharing import set_visibility as change
from hanami_core.storage.database import OwnedRecord


class SetVisibility(msgspec.Struct, forbid_unknown_fields=True):
    """A new visibility. Who may change or delete the row stays the same.

    Attributes:
        uuid: UUID of what is shared.
        visibility: `private` for the owner and admins, `shared` for the whole project, `public` for everybody.
    """

    uuid: Uuid
    visibility: Annotated[str, Meta(pattern="^(private|shared|public)$", examples=["shared"])]


class OwnedAnswer(msgspec.Struct):
    """What all rows with an owner have.

    Attributes:
        created_at: when it was created, in UTC.
        name: name that its owner gave it.
        owner_id: id of the user who created it.
        project_id: id of the project that it belongs to.
        uuid: UUID that identifies it in all calls.
        visibility: who can see it: `private`, `shared` or `public`.
    """

    created_at: Moment
    name: AnyName
    owner_id: AnyUser
    project_id: AnyProject
    uuid: Uuid
    visibility: Annotated[str, Meta(examples=["private"])]


OwnedRow = rows_like(
    Listing,
    created_at="2026-03-14 09:26:53",
    uuid=EXAMPLE_UUID,
    project_id="flower_shop",
    owner_id="katherine",
    visibility="private",
    name="digits",
)
"""A list of rows with an owner, for documents."""


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
        """Set who else may read it."""
        visibility = cast(Visibility, request.visibility)
        return owned_answer(change(call.access, model, request.uuid, visibility, missing))

    return Route("PUT", f"{prefix}/visibility", f"{resource}.share", SetVisibility, OwnedAnswer, set_visibility)
