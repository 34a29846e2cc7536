"""What can be done with key pairs, for routes of any Api and for other plugins. Knows no HTTP.

Users manage their own pairs, global admins those of all. Whoever calls passes an `Access`, which decides.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

import peewee

from hanami_core.access import Access
from hanami_core.errors import Conflict, NotFound, Unauthorized
from hanami_core.events import ProjectDeleted, UserDeleted
from hanami_core.identity import Account, ProjectMembership, membership_of
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, compare_and_set, exclusive, hold
from hanami_plugins.keypairs.credentials import SECRETS
from hanami_plugins.keypairs.models import KeyPair
from hanami_plugins.users import Membership, User, find_user

__all__ = [
    "NewKeyPair",
    "activate_keypair",
    "create_keypair",
    "deactivate_keypair",
    "delete_keypair",
    "forget_project",
    "forget_user",
    "get_keypair",
    "list_keypairs",
]

MISSING = "keypair_missing"
PREFIX = "AKIA"
ACCESS_KEY_BYTES = 10
"""Random bytes of an access key: 16 characters in base32."""
SECRET_KEY_BYTES = 30
"""Random bytes of a secret key: 40 characters in the URL-safe form of base64."""


@dataclass(frozen=True)
class NewKeyPair:
    """A pair that was just made, and its secret key, which nobody is told again."""

    pair: KeyPair
    secret_key: str = field(repr=False)


def create_keypair(
    runtime: Runtime,
    access: Access,
    *,
    user_id: str | None = None,
    project_id: str | None = None,
    description: str = "",
) -> NewKeyPair:
    """Create a pair for a user, by default the actor; its requests work in a project, by default the user's.

    Raises:
        Forbidden: if it is for somebody else and the actor is not an admin.
        NotFound: if there is no such user, or the user is not a member of the project.
        Conflict: if the user has as many pairs as a user may have, or works in no project.
    """
    owner_id = user_id or access.actor.user_id
    if owner_id != access.actor.user_id:
        access.require_admin()
    account = None if runtime.identity is None else runtime.identity.find(owner_id)
    if account is None:
        raise NotFound("user_missing", id=owner_id)
    membership = _membership(runtime, account, project_id)
    access_key = PREFIX + base64.b32encode(secrets.token_bytes(ACCESS_KEY_BYTES)).decode()
    secret_key = secrets.token_urlsafe(SECRET_KEY_BYTES)
    with exclusive(f"keypairs/{owner_id}"):
        _require_room(runtime, owner_id)
        _hold(owner_id, membership)
        pair = KeyPair.create(
            access_key=access_key,
            sealed=runtime.stash[SECRETS].sealed(access_key, secret_key),
            owner_id=owner_id,
            owner_uid=account.lasting_mark,
            project_id=membership.project_id,
            place=membership.uuid,
            description=description,
        )
    return NewKeyPair(pair, secret_key)


def _membership(runtime: Runtime, account: Account, project_id: str | None) -> ProjectMembership:
    assert runtime.identity is not None, "it has found the account"
    try:
        return membership_of(runtime.identity, account, project_id)
    except Unauthorized as error:
        kind = Conflict if project_id is None else NotFound
        raise kind(error.code, **error.parameters) from error


def _require_room(runtime: Runtime, owner_id: str) -> None:
    count, limit = KeyPair.active().where(KeyPair.owner_id == owner_id).count(), runtime.settings["keypairs.limit"]
    if count >= limit:
        raise Conflict("keypairs_exhausted", user=owner_id, limit=limit)


def _hold(user_id: str, membership: ProjectMembership) -> None:
    """Keep user and membership until the transaction ends; those of another directory are none of ours."""
    user = find_user(user_id)
    if user is None:
        return
    if not hold(User, (User.sequence == user.sequence) & (User.status == ACTIVE)):
        raise NotFound("user_missing", id=user_id)
    if membership.uuid and not hold(Membership, Membership.uuid == membership.uuid):
        raise NotFound("project_not_assigned", user=user_id, project=membership.project_id)


def list_keypairs(access: Access) -> peewee.ModelSelect[KeyPair]:
    """Select the pairs that the actor may see, oldest first."""
    return access.visible(KeyPair, "read")


def get_keypair(access: Access, access_key: str) -> KeyPair:
    """Return a pair.

    Raises:
        NotFound: if there is none that the actor may see.
    """
    return access.get(KeyPair, access_key, MISSING, "read")


def activate_keypair(access: Access, access_key: str) -> KeyPair:
    """Let a pair be used again, and return it.

    Raises:
        NotFound: if there is none that the actor may change.
    """
    return _set_active(access, access_key, True)


def deactivate_keypair(access: Access, access_key: str) -> KeyPair:
    """Let a pair identify nobody from the next request on, until it is activated, and return it.

    Raises:
        NotFound: if there is none that the actor may change.
    """
    return _set_active(access, access_key, False)


def _set_active(access: Access, access_key: str, is_active: bool) -> KeyPair:
    pair = access.get(KeyPair, access_key, MISSING, "write")
    if not compare_and_set(KeyPair, _this(pair), is_active=is_active):
        raise NotFound(MISSING, access_key=access_key)
    pair.is_active = is_active
    return pair


def delete_keypair(access: Access, access_key: str) -> None:
    """Delete a pair for good.

    Raises:
        NotFound: if there is none that the actor may delete, or somebody else has deleted it meanwhile.
    """
    pair = access.get(KeyPair, access_key, MISSING, "write")
    if not KeyPair.delete().where(_this(pair)).execute():
        raise NotFound(MISSING, access_key=access_key)


def _this(pair: KeyPair) -> peewee.Expression:
    """Return the condition for a pair as it was read: the sequence of one that is gone may be given again."""
    condition: peewee.Expression = (KeyPair.access_key == pair.access_key) & (KeyPair.status == ACTIVE)
    return condition


def forget_user(runtime: Runtime, event: UserDeleted) -> int:
    """Remove the pairs of a user who was deleted, but not those of a later user with that id; return how many."""
    theirs = KeyPair.owner_id == event.user_id
    later = None if runtime.identity is None else runtime.identity.find(event.user_id)
    if later is not None:
        theirs &= KeyPair.owner_uid != later.lasting_mark
    return int(KeyPair.delete().where(theirs).execute())


def forget_project(event: ProjectDeleted) -> int:
    """Remove the pairs whose requests worked in a project that was deleted, and return how many they were."""
    gone = KeyPair.place.not_in(Membership.select(Membership.uuid))
    return int(KeyPair.delete().where((KeyPair.project_id == event.project_id) & gone).execute())
