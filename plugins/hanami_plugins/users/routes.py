"""Native routes of users; all are for admins."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import MOST_ROWS, Call, Empty, Listing, Paging, Route, RouteGroup, listing, rows_like
from hanami_core.ids import USER_ID_PATTERN, Name, UserId
from hanami_plugins.users import service
from hanami_plugins.users.accounts import all_memberships
from hanami_plugins.users.models import User
from hanami_plugins.users.native import SecretFields, UserAnswer, membership_answers, user_answer

PREFIX = "/user"
GROUP = RouteGroup("users", "Create and delete the people and programs that may log in.", 710)
LIST_HEADER = ("created_at", "id", "name", "creator_id", "projects", "is_admin")
ID, PROJECTS = LIST_HEADER.index("id"), LIST_HEADER.index("projects")
ROLES = ("admin",)


class CreateUser(SecretFields, forbid_unknown_fields=True, kw_only=True):
    """A new user; needs either `passphrase` or `password`.

    Attributes:
        id: id of the user, for logging in.
        name: name of the user.
        is_admin: whether the user is a global admin, who may do everything.
    """

    id: UserId
    name: Annotated[Name, Meta(examples=["Katherine Johnson"])]
    is_admin: bool = False


class ById(msgspec.Struct, forbid_unknown_fields=True):
    """A user.

    Attributes:
        id: id of the user.
    """

    id: Annotated[str, Meta(pattern=USER_ID_PATTERN, min_length=2, max_length=256, examples=["katherine"])]


UserRow = rows_like(
    Listing,
    created_at="2026-03-14 09:26:53",
    id="katherine",
    name="Katherine Johnson",
    creator_id="asdf",
    projects=[{"is_project_admin": False, "project_id": "flower_shop", "role": "member"}],
    is_admin=False,
)


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("POST", PREFIX, "users.create", CreateUser, UserAnswer, create, ROLES, keyed=True, example=("password",)),
        Route("GET", PREFIX, "users.get", ById, UserAnswer, get, ROLES),
        Route("DELETE", PREFIX, "users.delete", ById, Empty, delete, ROLES),
        Route("GET", f"{PREFIX}/all", "users.list", Paging, UserRow, list_all, ROLES),
    )


def create(call: Call, request: CreateUser) -> UserAnswer:
    """Create a user."""
    secret = request.secret()
    user = service.create_user(call.runtime, call.access, request.id, request.name, secret, is_admin=request.is_admin)
    return user_answer(user)


def get(call: Call, request: ById) -> UserAnswer:
    """Return a user."""
    return user_answer(service.get_user(call.access, request.id))


def delete(call: Call, request: ById) -> Empty:
    """Delete a user; you cannot delete yourself."""
    service.delete_user(call.runtime, call.access, request.id)
    return Empty()


def list_all(call: Call, request: Paging) -> Listing:
    """List all users."""
    answer = listing(LIST_HEADER, service.list_users(call.access), request, _row)
    rows = answer.body
    # A list of all users is longer than a query can name.
    found = all_memberships([row[ID] for row in rows] if len(rows) <= MOST_ROWS else None)
    for row in rows:
        row[PROJECTS] = membership_answers(found.get(row[ID], []))
    return answer


def _row(user: User) -> list[Any]:
    return [Moment(user.created_at), *(getattr(user, name, None) for name in LIST_HEADER[1:])]
