"""Who somebody is: schemes that recognise credentials, and the provider that knows the users.

An *authenticator* owns one scheme: it looks at a whole request, or at the handshake of a websocket, and says whom its
credential stands for. Schemes are bound to Apis by `hanami_core.http.Api.schemes`, so a credential opens only the Apis
that name its scheme. The *identity provider* knows which users there are, proves their secrets and tells where they
work; every scheme that lets people log in with a secret asks it, so that none goes round the limits of logins.

What a scheme keeps beside a credential, or writes into it, is a `Principal`: it names a user and a membership and
grants nothing by itself. The provider is asked for both each time, so that the credential ends with either of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from hanami_core.access import Actor
from hanami_core.errors import Unauthorized

if TYPE_CHECKING:
    import falcon

__all__ = ["Account", "Authenticator", "IdentityProvider", "Principal", "ProjectMembership", "membership_of"]


@runtime_checkable
class Authenticator(Protocol):
    """One scheme by which callers identify themselves."""

    @property
    def name(self) -> str:
        """Name of the scheme, as Apis refer to it."""

    def identify(self, request: falcon.Request) -> Actor | None:
        """Return the actor that the credential of a request or a handshake identifies, or None without a credential.

        Raises:
            Unauthorized: if there is a credential of this scheme and it is invalid.
        """


@dataclass(frozen=True)
class Account:
    """A user.

    `mark` changes with the secret, and differs for a later user with the same id; logins are bound to it. `uid` differs
    for a later user as well and stays when the secret changes; empty if the provider has none.
    """

    id: str
    name: str
    is_admin: bool
    mark: str
    uid: str = ""

    @property
    def lasting_mark(self) -> str:
        """What credentials are bound to that outlive a change of the secret, where the provider allows that."""
        return self.uid or self.mark


@dataclass(frozen=True)
class ProjectMembership:
    """A project in which a user can work. `uuid` distinguishes it from an earlier membership in the same project."""

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
        """Return the user if the secret is correct; `address` is where the attempt comes from, empty if unknown.

        Raises:
            Unauthorized: if the user or the secret is wrong; both take equally long.
            TooManyRequests: if there were too many attempts.
            Unavailable: if too many logins arrive at the same time.
        """

    def memberships(self, account: Account) -> Sequence[ProjectMembership]:
        """Return the memberships of a user, the default one first."""


@dataclass(frozen=True)
class Principal:
    """Whom a credential was issued for: a user, and a membership by project and uuid (`place`).

    `mark` is that of the account, which changes with the user's secret. With a `uid`, the `lasting_mark` of the
    account, the credential is bound to that instead and outlives a change of the secret.
    """

    user_id: str
    mark: str
    project_id: str
    place: str
    uid: str = ""

    @classmethod
    def of(cls, account: Account, membership: ProjectMembership) -> Self:
        """Return the principal of an account in one of its projects."""
        return cls(account.id, account.mark, membership.project_id, membership.uuid)

    def actor(
        self,
        provider: IdentityProvider | None,
        scheme: str,
        attributes: Mapping[str, str] | None = None,
        *,
        any_secret: bool = False,
    ) -> Actor:
        """Return the user as an actor; for `Authenticator.identify`.

        With `any_secret`, the secret may have changed since then: work that was begun with the old secret continues.

        Raises:
            Unauthorized: if user, secret or membership are no longer those that the credential was issued for.
        """
        account = None if provider is None else provider.find(self.user_id)
        if provider is None or account is None or not self._stands_for(account, any_secret):
            raise Unauthorized("credential_invalid")
        found = provider.memberships(account)
        here = next((one for one in found if (one.project_id, one.uuid) == (self.project_id, self.place)), None)
        if here is None:
            raise Unauthorized("credential_invalid")
        return Actor(
            account.id,
            account.name,
            here.project_id,
            here.role,
            account.is_admin,
            here.is_project_admin,
            scheme=scheme,
            attributes=attributes or {},
            principal=replace(self, mark=account.mark) if self.uid else self,
        )

    def _stands_for(self, account: Account, any_secret: bool) -> bool:
        if self.uid:
            return account.lasting_mark == self.uid
        return any_secret or account.mark == self.mark


def membership_of(provider: IdentityProvider, account: Account, project_id: str | None = None) -> ProjectMembership:
    """Return the membership of an account in a project, its default one if none is named.

    Raises:
        Unauthorized: if there is none.
    """
    found = provider.memberships(account)
    membership = next((one for one in found if project_id in (None, one.project_id)), None)
    if membership is None and project_id is None:
        raise Unauthorized("no_project_assigned", user=account.id)
    if membership is None:
        raise Unauthorized("project_not_assigned", user=account.id, project=project_id)
    return membership
