"""REST routes of users; all are for admins."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import Conflict
from hanami_core.http import MOST_ROWS, Call, Empty, Listing, Paging, Route, listing
from hanami_core.ids import USER_ID_PATTERN, Name, UserId
from hanami_plugins.users import service
from hanami_plugins.users.models import Membership, User
from hanami_plugins.users.secret import SecretFields
from hanami_plugins.users.service import MISSING, UserAnswer

PREFIX = "/user"
LIST_HEADER = ("created_at", "id", "name", "creator_id", "projects", "is_admin")
ID, PROJECTS = LIST_HEADER.index("id"), LIST_HEADER.index("projects")
ROLES = ("admin",)


class CreateUser(SecretFields, forbid_unknown_fields=True, kw_only=True):
    """Fields of a new user."""

    id: UserId
    name: Name
    is_admin: bool = False


class ById(msgspec.Struct, forbid_unknown_fields=True):
    """A user by its identifier."""

    id: Annotated[str, Meta(pattern=USER_ID_PATTERN, min_length=4, max_length=256)]


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("POST", PREFIX, "users.create", CreateUser, UserAnswer, create, ROLES),
        Route("GET", PREFIX, "users.get", ById, UserAnswer, get, ROLES),
        Route("DELETE", PREFIX, "users.delete", ById, Empty, delete, ROLES),
        Route("GET", f"{PREFIX}/all", "users.list", Paging, Listing, list_all, ROLES),
    ]


def create(call: Call, request: CreateUser) -> UserAnswer:
    """Create a user."""
    secret = request.secret()
    left = service.count_owned(call.runtime, "owner_id", request.id)
    # Whoever gets the identifier of a deleted user would get what that user left behind.
    if left and service.find_user(request.id) is None:
        raise Conflict(f"A deleted user with id '{request.id}' still owns {left} resources, delete them first.")
    user = service.create_user(
        request.id, request.name, secret, is_admin=request.is_admin, creator_id=call.actor.user_id
    )
    return service.user_answer(user)


def get(call: Call, request: ById) -> UserAnswer:
    """Return a user."""
    return service.user_answer(call.get(User, request.id, MISSING.format(request.id)))


def delete(call: Call, request: ById) -> dict[str, Any]:
    """Delete a user; nobody can delete himself."""
    if request.id == call.actor.user_id:
        raise Conflict(f"User with id '{request.id}' tries to delete himself, which is not allowed.")
    service.delete_user(call.get(User, request.id, MISSING.format(request.id)))
    return {}


def list_all(call: Call, request: Paging) -> Listing:
    """List all users."""
    answer = listing(LIST_HEADER, call.access.visible(User), request, _row)
    _fill_projects(answer.body)
    return answer


def _row(user: User) -> list[Any]:
    return [Moment(user.created_at), *(getattr(user, name, None) for name in LIST_HEADER[1:])]


def _fill_projects(rows: list[list[Any]]) -> None:
    found = Membership.select().order_by(Membership.sequence)
    if len(rows) <= MOST_ROWS:
        found = found.where(Membership.user_id.in_([row[ID] for row in rows]))
    places: dict[str, list[Membership]] = {}
    for place in found:
        places.setdefault(place.user_id, []).append(place)
    for row in rows:
        row[PROJECTS] = service.membership_answers(places.get(row[ID], []))
