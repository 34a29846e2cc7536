"""Rows of users and memberships, and secrets against them.

Trusts whoever calls it: who may do what is decided in `hanami_plugins.users.service`. Knows neither HTTP nor tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec
import peewee
from msgspec import Meta

from hanami_core.access import Actor, owner_at_work
from hanami_core.errors import BadRequest, Conflict, NotFound, Unavailable
from hanami_core.http.fields import convert
from hanami_core.identity import Account, ProjectMembership
from hanami_core.ids import Name, UserId
from hanami_core.storage.database import ACTIVE, OwnedRecord, atomic, compare_and_set, exclusive, hold
from hanami_core.storage.prepared import Prepared
from hanami_plugins.users.models import Membership, User, login_mark, user_uuid
from hanami_plugins.users.passphrases import passphrases

__all__ = [
    "ADMIN_PROJECT",
    "SECRET_BYTES",
    "add_user",
    "all_memberships",
    "create_first_admin",
    "effective_memberships",
    "find_account",
    "find_user",
    "has_admin",
    "memberships",
    "octets",
    "remove_user",
    "replace_passphrase",
    "require_user",
    "verify",
]

FIRST_CREATOR = "HANAMI_INIT"
ADMIN_PROJECT = "admin"
"""Project that every global admin works in by default. It is not a row, and no row can have its identifier."""
SECRET_BYTES = (8, 4096)
"""Shortest and longest passphrase."""

_ACTIVE = Prepared(lambda user_id: User.active().where(User.id == user_id))
_ACCOUNT = Prepared(
    lambda user_id: User.active(User.id, User.name, User.is_admin, User.sequence, User.token_epoch).where(
        User.id == user_id
    )
)
_MEMBERSHIPS = Prepared(
    lambda user_id: (
        Membership.select(Membership.project_id, Membership.role, Membership.is_project_admin, Membership.uuid)
        .where(Membership.user_id == user_id)
        .order_by(Membership.sequence)
    )
)


class FirstAdmin(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of the first admin."""

    id: UserId
    name: Name
    passphrase: Annotated[str, Meta(min_length=SECRET_BYTES[0], max_length=SECRET_BYTES[1])]


def find_user(user_id: str) -> User | None:
    """Return an active user."""
    return _ACTIVE.first(user_id)


def find_account(user_id: str) -> Account | None:
    """Return an active user as the identity provider knows it."""
    for id, name, is_admin, sequence, epoch in _ACCOUNT.tuples(user_id):
        return Account(id, name, is_admin, login_mark(sequence, epoch), str(sequence))
    return None


def add_user(
    id: str,
    name: str,
    passphrase: str | bytes,
    *,
    is_admin: bool,
    creator_id: str,
    left: Callable[[str], int] = lambda _: 0,
) -> User:
    """Create a user.

    `left` counts what a former user of an identifier has left behind, which the new one would get.

    Raises:
        BadRequest: if the passphrase is too short or too long.
        Conflict: if an active user has the identifier, or a deleted one has left something.
        Unavailable: if too many hashes are made already.
    """
    if find_user(id) is not None:
        raise _exists(id)
    digest = _hash(passphrase)
    try:
        with atomic():
            names = {"id": id, "uuid": user_uuid(id), "name": name}
            user = User.create(**names, passphrase_hash=digest, is_admin=is_admin, creator_id=creator_id)
            # Last, because until then the former user could still be about to add something.
            count = left(id)
            if count:
                raise Conflict("user_left_resources", id=id, count=count)
            return user
    except peewee.IntegrityError as error:
        raise _exists(id) from error


def has_admin() -> bool:
    """Tell whether an active user is a global admin."""
    return User.active().where(User.is_admin).exists()


def create_first_admin(id: str, name: str, passphrase: str) -> None:
    """Create an admin if there is none.

    Raises:
        BadRequest: naming the field and the rule that it breaks.
        Conflict: if a user without admin rights has the identifier.
    """
    if has_admin():
        return
    fields = convert(FirstAdmin, {"id": id, "name": name, "passphrase": passphrase})
    with exclusive("users.first_admin"):
        if not has_admin():
            add_user(fields.id, fields.name, fields.passphrase, is_admin=True, creator_id=FIRST_CREATOR)


def remove_user(user: User) -> None:
    """Delete a user and its memberships; its logins end at once.

    Raises:
        NotFound: if somebody else has deleted it meanwhile.
        Conflict: if there would be no admin any more.
    """
    with exclusive("users.admins"):
        # First, because the identifier may belong to another user by now.
        if not user.mark_deleted():
            raise NotFound("user_missing", id=user.id)
        if user.is_admin and not has_admin():
            raise Conflict("last_admin", id=user.id)
        Membership.delete().where(Membership.user_id == user.id).execute()


# -- secrets -----------------------------------------------------------------------------------------------------------


def verify(user_id: str, secret: str | bytes) -> User | None:
    """Return the user if the secret is right. Takes as long for a user that does not exist, and limits no attempts.

    Raises:
        Unavailable: if too many hashes are made already.
    """
    user, given = find_user(user_id), octets(secret)
    if not passphrases.matches(user.passphrase_hash if user else None, given) or user is None:
        return None
    if passphrases.outdated(user.passphrase_hash):
        _rehash(user, given)
    return user


def replace_passphrase(user: User, secret: str | bytes, *, mark: str = "") -> None:
    """Change a passphrase; logins with the old one end at once.

    With the `login_mark` that the user had when the current passphrase was given, it must still be that one.

    Raises:
        BadRequest: if it is too short or too long.
        Unavailable: if too many hashes are made already.
        NotFound: if the user was deleted, or got another passphrase, meanwhile.
    """
    digest = _hash(secret)
    unchanged = (User.sequence == user.sequence) & (User.status == ACTIVE)
    if mark:
        unchanged &= User.token_epoch == user.token_epoch
    fits = mark in ("", user.login_mark)
    values = {"passphrase_hash": digest, "token_epoch": User.token_epoch + 1}
    if not (fits and compare_and_set(User, unchanged, **values)):
        raise NotFound("user_missing", id=user.id)


def require_user(record: OwnedRecord) -> None:
    """Let nothing be added for a user who was deleted; users that other directories know are none of ours.

    Raises:
        Conflict: if the owner of a new resource was deleted.
    """
    mine, owner = User.id == record.owner_id, owner_at_work(record)
    row = User.active(User.sequence).where(mine).first()
    same = row is not None and (owner is None or is_same_user(owner, row.sequence))
    stays = same and hold(User, (User.sequence == row.sequence) & (User.status == ACTIVE))
    if not stays and User.select().where(mine).exists():
        raise Conflict("user_deleted", id=record.owner_id)


def is_same_user(actor: Actor, sequence: int) -> bool:
    """Tell whether an actor whose mark is one of ours is the user of a row, and not a former one of that name."""
    mark = "" if actor.principal is None else actor.principal.mark
    return not _MARK.fullmatch(mark) or mark.startswith(login_mark(sequence, 0).removesuffix("0"))


_MARK = re.compile(r"\d+\.\d+")


def octets(secret: str | bytes) -> bytes:
    """Return the bytes of a secret, which texts are in UTF-8."""
    return secret.encode(errors="surrogatepass") if isinstance(secret, str) else secret


def _hash(secret: str | bytes) -> str:
    given, (minimum, maximum) = octets(secret), SECRET_BYTES
    if not minimum <= len(given) <= maximum:
        raise BadRequest("passphrase_length", minimum=minimum, maximum=maximum)
    return passphrases.hash(given)


def _rehash(user: User, secret: bytes) -> None:
    try:
        digest = passphrases.hash(secret)
    except Unavailable:
        return  # the next login does it
    # The condition keeps a passphrase that was changed in the meantime.
    unchanged = (User.sequence == user.sequence) & (User.passphrase_hash == user.passphrase_hash)
    User.update(passphrase_hash=digest).where(unchanged).execute()


# -- memberships -------------------------------------------------------------------------------------------------------


def memberships(user_id: str) -> list[Membership]:
    """Return the memberships of a user in projects, oldest first."""
    return _MEMBERSHIPS.all(user_id)


def all_memberships(user_ids: Iterable[str] | None = None) -> dict[str, list[Membership]]:
    """Return the memberships of several users, or of all, by user."""
    query = Membership.select().order_by(Membership.sequence)
    if user_ids is not None:
        query = query.where(Membership.user_id.in_(list(user_ids)))
    found: dict[str, list[Membership]] = {}
    for row in query:
        found.setdefault(row.user_id, []).append(row)
    return found


def effective_memberships(user_id: str, *, is_admin: bool) -> list[ProjectMembership]:
    """Return where somebody can work who is a global admin or not, the default first.

    A global admin's default is a project that is not stored.
    """
    stored = [ProjectMembership(*row) for row in _MEMBERSHIPS.tuples(user_id)]
    own = ProjectMembership(ADMIN_PROJECT, ADMIN_PROJECT, is_project_admin=True, uuid="")
    return [own, *stored] if is_admin else stored


def _exists(user_id: str) -> Conflict:
    return Conflict("user_exists", id=user_id)
