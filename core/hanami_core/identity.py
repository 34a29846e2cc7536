"""Who somebody is: schemes that recognise credentials, and the provider that knows the users.

An *authenticator* owns one scheme: it looks at a whole request, or at the handshake of a websocket, and says whom its
credential stands for. Schemes are bound to Apis by `hanami_core.http.Api.schemes`, so a credential opens only the Apis
that name its scheme. The *identity provider* knows which users there are, proves their secrets and tells where they
work; every scheme that lets people log in with a secret asks it, so that none goes round the limits of logins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hanami_core.access import Actor

if TYPE_CHECKING:
    import falcon

__all__ = ["Account", "Authenticator", "IdentityProvider", "ProjectMembership"]


@runtime_checkable
class Authenticator(Protocol):
    """One scheme by which callers identify themselves."""

    @property
    def name(self) -> str:
        """Name of the scheme, as Apis refer to it."""

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return whom the credential of a request or of a handshake stands for, or None if it carries none.

        Raises:
            Unauthorized: if there is a credential of this scheme, and it is not valid.
        """


@dataclass(frozen=True)
class Account:
    """A user. `mark` changes with the secret and with a later user of the same id; logins are bound to it."""

    id: str
    name: str
    is_admin: bool
    mark: str


@dataclass(frozen=True)
class ProjectMembership:
    """Where a user can work. `uuid` tells it from an earlier membership in the same project."""

    project_id: str
    role: str
    is_project_admin: bool
    uuid: str


@runtime_checkable
class IdentityProvider(Protocol):
    """Knows the users of an installation."""

    def has_admin(self) -> bool:
        """Tell whether there is a global admin."""

    def create_admin(self, id: str, name: str, secret: str) -> None:
        """Create the first admin if there is none.

        Raises:
            BadRequest: naming the field and the rule that it breaks.
            Conflict: if the id belongs to a user without admin rights.
        """

    def find(self, user_id: str) -> Account | None:
        """Return a user."""

    def verify(self, user_id: str, secret: str | bytes, address: str) -> Account:
        """Return the user whose secret is right; `address` is where the attempt comes from, empty if unknown.

        Raises:
            Unauthorized: if the user or the secret is wrong, which takes equally long to find out.
            TooManyRequests: if it was tried too often.
        """

    def memberships(self, account: Account) -> Sequence[ProjectMembership]:
        """Return where a user can work, the default one first."""
