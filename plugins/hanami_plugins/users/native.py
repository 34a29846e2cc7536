"""What routes of the native API share about users: secrets as its clients send them, and users as it shows them.

Plugins whose native routes have the same fields or answers use these shapes, too. Services must not.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import BadRequest
from hanami_core.identity import ProjectMembership
from hanami_plugins.users.accounts import SECRET_BYTES, memberships, octets
from hanami_plugins.users.models import Membership, User

__all__ = ["ChangedSecretFields", "MembershipAnswer", "SecretFields", "UserAnswer", "membership_answers", "user_answer"]

SHORTEST, LONGEST = SECRET_BYTES

BASE64_PATTERN = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
Base64Secret = Annotated[str, Meta(pattern=BASE64_PATTERN, min_length=SHORTEST, max_length=LONGEST)]
PlainSecret = Annotated[str, Meta(min_length=SHORTEST, max_length=LONGEST)]


class SecretFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Exactly one of `passphrase`, in base64, and `password`, in plain text; both give the same secret."""

    passphrase: Base64Secret = ""
    password: PlainSecret = ""

    def __repr__(self) -> str:
        """Show no field, because a representation may end up in a log."""
        return f"{type(self).__name__}(...)"

    def secret(self) -> bytes:
        """Return the secret's bytes, whichever field they came in."""
        return _one_of(self.passphrase, self.password)


class ChangedSecretFields(SecretFields, forbid_unknown_fields=True, kw_only=True):
    """A new secret, and the current one in either spelling."""

    current_passphrase: Base64Secret = ""
    current_password: PlainSecret = ""

    def current_secret(self) -> bytes:
        """Return the bytes of the current secret, whichever field they came in."""
        return _one_of(self.current_passphrase, self.current_password, "current_")


def _one_of(passphrase: str, password: str, prefix: str = "") -> bytes:
    encoded, plain = f"{prefix}passphrase", f"{prefix}password"
    if passphrase and password:
        raise BadRequest("fields_exclusive", first=encoded, second=plain)
    if password:
        return octets(password)
    if not passphrase:
        raise BadRequest("field_missing", field=encoded)
    secret = base64.b64decode(passphrase)
    # The limits of the field count base64 letters, eight of which can stand for a six byte secret.
    if len(secret) < SHORTEST:
        raise BadRequest("field_too_short", field=encoded, limit=SHORTEST)
    return secret


class MembershipAnswer(msgspec.Struct):
    """A user's place in a project."""

    is_project_admin: bool
    project_id: str
    role: str


class UserAnswer(msgspec.Struct):
    """A user, as clients see it."""

    created_at: Moment
    creator_id: str
    id: str
    is_admin: bool
    name: str
    projects: list[MembershipAnswer]


def membership_answers(found: Iterable[Membership | ProjectMembership]) -> list[MembershipAnswer]:
    """Return memberships as clients see them."""
    return [MembershipAnswer(m.is_project_admin, m.project_id, m.role) for m in found]


def user_answer(user: User) -> UserAnswer:
    """Return a user as clients see it."""
    projects = membership_answers(memberships(user.id))
    return UserAnswer(Moment(user.created_at), user.creator_id, user.id, user.is_admin, user.name, projects)
