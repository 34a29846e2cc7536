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
from hanami_core.ids import AnyName, AnyProject, AnyUser
from hanami_plugins.users.accounts import SECRET_BYTES, memberships, octets
from hanami_plugins.users.models import Membership, User

__all__ = ["ChangedSecretFields", "MembershipAnswer", "SecretFields", "UserAnswer", "membership_answers", "user_answer"]

SHORTEST, LONGEST = SECRET_BYTES

BASE64_PATTERN = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
SECRET = "correct horse battery"  # noqa: S105 - an example
Base64Secret = Annotated[
    str,
    Meta(
        pattern=BASE64_PATTERN,
        min_length=SHORTEST,
        max_length=LONGEST,
        examples=[base64.b64encode(SECRET.encode()).decode()],
    ),
]
PlainSecret = Annotated[str, Meta(min_length=SHORTEST, max_length=LONGEST, examples=[SECRET])]


class SecretFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Exactly one of `passphrase` and `password`; both are the same secret.

    Attributes:
        passphrase: the passphrase in base64; at least 8 bytes before the encoding.
        password: the passphrase as plain text, at least 8 bytes.
    """

    passphrase: Base64Secret = ""
    password: PlainSecret = ""

    def __repr__(self) -> str:
        """Show no field, because a representation may end up in a log."""
        return f"{type(self).__name__}(...)"

    def secret(self) -> bytes:
        """Return the secret's bytes, whichever field they came in."""
        return _one_of(self.passphrase, self.password)


class ChangedSecretFields(SecretFields, forbid_unknown_fields=True, kw_only=True):
    """A new passphrase, and the current one in either spelling.

    Attributes:
        passphrase: the new passphrase in base64; at least 8 bytes before the encoding.
        password: the new passphrase as plain text, at least 8 bytes.
        current_passphrase: the current passphrase in base64.
        current_password: the current passphrase as plain text.
    """

    current_passphrase: Annotated[Base64Secret, Meta(examples=["c3RhcGxlIGJhdHRlcnk="])] = ""
    current_password: Annotated[PlainSecret, Meta(examples=["staple battery"])] = ""

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
    """A membership in a project.

    Attributes:
        is_project_admin: whether the user manages the members of the project.
        project_id: id of the project.
        role: role of the user in the project.
    """

    is_project_admin: Annotated[bool, Meta(examples=[False])]
    project_id: AnyProject
    role: Annotated[str, Meta(examples=["member"])]


class UserAnswer(msgspec.Struct):
    """A user.

    Attributes:
        created_at: when the user was created, in UTC.
        creator_id: id of the user who created this one.
        id: id of the user.
        is_admin: whether the user is a global admin.
        name: name of the user.
        projects: projects that the user works in.
    """

    created_at: Moment
    creator_id: Annotated[AnyUser, Meta(examples=["asdf"])]
    id: AnyUser
    is_admin: Annotated[bool, Meta(examples=[False])]
    name: Annotated[AnyName, Meta(examples=["Katherine Johnson"])]
    projects: list[MembershipAnswer]


def membership_answers(found: Iterable[Membership | ProjectMembership]) -> list[MembershipAnswer]:
    """Return memberships as clients see them."""
    return [MembershipAnswer(m.is_project_admin, m.project_id, m.role) for m in found]


def user_answer(user: User) -> UserAnswer:
    """Return a user as clients see it."""
    projects = membership_answers(memberships(user.id))
    return UserAnswer(Moment(user.created_at), user.creator_id, user.id, user.is_admin, user.name, projects)
