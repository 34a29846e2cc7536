"""What can be done with users, for routes of any Api and for other plugins. Knows neither HTTP nor tokens.

Users belong to global admins, whatever else is configured. Whoever calls passes an `Access`, which decides; only
`find_user`, `memberships` and `count_owned` ask nobody, for plugins that decide themselves. Secrets are verified by the
identity provider, ``runtime.identity.verify``, because it limits how often that fails.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import peewee

from hanami_core.access import Access, Actor
from hanami_core.errors import Conflict, NotFound, Unauthorized
from hanami_core.events import UserDeleted
from hanami_core.queue import OPEN, Task
from hanami_core.runtime import Runtime
from hanami_core.storage.database import OwnedRecord
from hanami_plugins.users import accounts
from hanami_plugins.users.models import User

__all__ = [
    "change_passphrase",
    "count_owned",
    "create_user",
    "delete_user",
    "get_user",
    "list_users",
    "set_passphrase",
]


def create_user(
    runtime: Runtime, access: Access, id: str, name: str, secret: str | bytes, *, is_admin: bool = False
) -> User:
    """Create a user.

    Raises:
        Forbidden: if the actor is not an admin.
        BadRequest: if the secret is too short or too long.
        Conflict: if an active user has the identifier, or a deleted one who still owns something.
    """
    access.require_admin()
    left = partial(count_owned, runtime, "owner_id")
    return accounts.add_user(id, name, secret, is_admin=is_admin, creator_id=access.actor.user_id, left=left)


def get_user(access: Access, id: str) -> User:
    """Return a user.

    Raises:
        NotFound: if there is none that the actor may see.
    """
    return access.get(User, id, "user_missing", "read")


def list_users(access: Access) -> peewee.ModelSelect[User]:
    """Select the users that the actor may see, oldest first."""
    return access.visible(User, "read")


def delete_user(runtime: Runtime, access: Access, id: str) -> None:
    """Delete a user and its memberships; its logins end at once.

    Raises:
        Conflict: if it is the actor, or the last admin.
        NotFound: if there is none that the actor may delete.
    """
    if id == access.actor.user_id:
        raise Conflict("user_is_oneself", id=id)
    accounts.remove_user(access.get(User, id, "user_missing", "write"))
    runtime.emit(UserDeleted(actor=access.actor, user_id=id))


def set_passphrase(access: Access, id: str, secret: str | bytes) -> User:
    """Change a user's passphrase as an admin; all logins of that user end.

    Raises:
        Forbidden: if the actor is not an admin.
        NotFound: if there is no such user.
        BadRequest: if the secret is too short or too long.
    """
    access.require_admin("passphrase_of_others")
    user = access.get(User, id, "user_missing", "write")
    accounts.replace_passphrase(user, secret)
    return user


def change_passphrase(runtime: Runtime, actor: Actor, current: str | bytes, new: str | bytes, address: str) -> None:
    """Change the actor's own passphrase; all logins of that user end.

    Raises:
        Unauthorized: if the current passphrase is wrong.
        TooManyRequests: if it was tried too often.
        Unavailable: if too many others try at the same time.
        BadRequest: if the new one is too short or too long.
    """
    user = None
    if runtime.identity is not None:
        verified = runtime.identity.verify(actor.user_id, current, address)
        user = accounts.find_user(actor.user_id)
    if user is None:
        raise Unauthorized("login_denied")
    try:
        accounts.replace_passphrase(user, new, mark=verified.mark)
    except NotFound as error:
        raise Unauthorized("login_denied") from error


def count_owned(runtime: Runtime, column: Literal["owner_id", "project_id"], value: str) -> int:
    """Return how many resources of all plugins a user or a project has, and open tasks, which may add some."""
    owned = [model for model in runtime.models.values() if issubclass(model, OwnedRecord)]
    found = sum(model.active().where(getattr(model, column) == value).count() for model in owned)
    return found + Task.select().where((getattr(Task, column) == value) & Task.state.in_(OPEN)).count()
