"""What can be done with users. Knows neither HTTP nor tokens."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import peewee

from hanami_core.errors import Conflict, NotFound
from hanami_core.http.validation import validate
from hanami_core.ids import Name, UserId
from hanami_core.runtime import Runtime
from hanami_core.storage.database import OwnedRecord, Prepared, atomic
from hanami_plugins.users.models import Membership, User
from hanami_plugins.users.passphrases import passphrases
from hanami_plugins.users.secret import PlainSecret, secret_bytes

MISSING = "User with id '{}' not found"
FIRST_CREATOR = "HANAMI_INIT"

_ACTIVE = Prepared(lambda user_id: User.active().where(User.id == user_id))
_PLACES = Prepared(
    lambda user_id: Membership.select().where(Membership.user_id == user_id).order_by(Membership.sequence)
)


class MembershipAnswer(msgspec.Struct):
    """A user's place in a project, as clients see it."""

    is_project_admin: bool
    project_id: str
    role: str


class UserAnswer(msgspec.Struct):
    """A user, as clients see it."""

    created_at: str
    creator_id: str
    id: str
    is_admin: bool
    name: str
    projects: list[MembershipAnswer]


class FirstAdmin(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of the first admin."""

    id: UserId
    name: Name
    passphrase: PlainSecret


def create_user(id: str, name: str, passphrase: str | bytes, *, is_admin: bool, creator_id: str) -> User:
    """Create a user.

    Raises:
        Conflict: if an active user has the identifier.
    """
    if find_user(id) is not None:
        raise _exists(id)
    digest = passphrases.hash(_octets(passphrase))
    try:
        with atomic():
            return User.create(id=id, name=name, passphrase_hash=digest, is_admin=is_admin, creator_id=creator_id)
    except peewee.IntegrityError as error:
        raise _exists(id) from error


def create_first_admin(id: str, name: str, passphrase: str) -> bool:
    """Create an admin if there is none and tell that there is one now.

    Raises:
        BadRequest: naming the field and the rule that it breaks.
        Conflict: if a user without admin rights has the identifier.
    """
    if has_admin():
        return True
    fields = validate(FirstAdmin, {"id": id, "name": name, "passphrase": passphrase})
    with atomic():
        if not has_admin():
            create_user(fields.id, fields.name, fields.passphrase, is_admin=True, creator_id=FIRST_CREATOR)
    return True


def has_admin() -> bool:
    """Tell whether an active user is a global admin."""
    return User.active().where(User.is_admin).exists()


def find_user(user_id: str) -> User | None:
    """Return an active user."""
    return _ACTIVE.first(user_id)


def verify(user_id: str, secret: str | bytes) -> User | None:
    """Return the user if the secret is right. Takes as long for a user that does not exist."""
    user, octets = find_user(user_id), _octets(secret)
    if not passphrases.matches(user.passphrase_hash if user else None, octets) or user is None:
        return None
    if passphrases.outdated(user.passphrase_hash):
        _rehash(user, octets)
    return user


def set_passphrase(user: User, secret: str | bytes) -> None:
    """Change a passphrase; logins with the old one end at once."""
    digest = passphrases.hash(_octets(secret))
    change = User.update(passphrase_hash=digest, token_epoch=User.token_epoch + 1)
    change.where(User.sequence == user.sequence).execute()


def delete_user(user: User) -> None:
    """Delete a user and its memberships; its logins end at once.

    Raises:
        NotFound: if somebody else has deleted it meanwhile.
    """
    with atomic():
        # First, because the identifier may belong to another user by now.
        if not user.mark_deleted():
            raise NotFound(MISSING.format(user.id))
        Membership.delete().where(Membership.user_id == user.id).execute()


def memberships(user_id: str) -> list[Membership]:
    """Return the places of a user in projects, oldest first."""
    return _PLACES.all(user_id)


def membership_answers(found: Iterable[Membership]) -> list[MembershipAnswer]:
    """Return memberships as clients see them."""
    return [MembershipAnswer(m.is_project_admin, m.project_id, m.role) for m in found]


def user_answer(user: User) -> UserAnswer:
    """Return a user as clients see it."""
    projects = membership_answers(memberships(user.id))
    return UserAnswer(user.created_at, user.creator_id, user.id, user.is_admin, user.name, projects)


def count_owned(runtime: Runtime, column: str, value: str) -> int:
    """Return how many resources of all plugins have `value` in ``owner_id`` or ``project_id``."""
    models = [model for found in runtime.plugins.models().values() for model in found]
    owned = [model for model in models if issubclass(model, OwnedRecord)]
    return sum(model.active().where(getattr(model, column) == value).count() for model in owned)


def _rehash(user: User, secret: bytes) -> None:
    # The condition keeps a passphrase that was changed in the meantime.
    unchanged = (User.sequence == user.sequence) & (User.passphrase_hash == user.passphrase_hash)
    User.update(passphrase_hash=passphrases.hash(secret)).where(unchanged).execute()


def _octets(secret: str | bytes) -> bytes:
    return secret_bytes(secret) if isinstance(secret, str) else secret


def _exists(user_id: str) -> Conflict:
    return Conflict(f"User with id '{user_id}' already exist.")
