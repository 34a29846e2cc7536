"""From a secret to a token, and from a token to an actor. Both ask the identity provider, every time."""

from __future__ import annotations

from hanami_core.access import Actor
from hanami_core.errors import Unauthorized
from hanami_core.identity import Account, IdentityProvider, ProjectMembership
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_plugins.auth_jwt.tokens import Claims, Tokens, refusal
from hanami_plugins.projects import TokenAnswer
from hanami_plugins.users import find_user, set_passphrase

__all__ = ["SESSIONS", "Sessions"]


class Sessions:
    """Logins of one process."""

    def __init__(self, tokens: Tokens, runtime: Runtime) -> None:
        """Use the given tokens and the identity provider of a runtime."""
        self._tokens, self._runtime = tokens, runtime

    @property
    def _identity(self) -> IdentityProvider:
        provider = self._runtime.identity
        if provider is None:
            raise Unauthorized("login_denied")
        return provider

    def login(self, user_id: str, secret: bytes, address: str) -> TokenAnswer:
        """Return a token for the user's default project; `address` is where the attempt comes from.

        Raises:
            Unauthorized: if the user or the secret is wrong, or the user has no project.
            TooManyRequests: if it was tried too often.
        """
        account = self._identity.verify(user_id, secret, address)
        membership = next(iter(self._identity.memberships(account)), None)
        if membership is None:
            raise Unauthorized("no_project_assigned", user=user_id)
        return self._answer(account, membership)

    def switch(self, user_id: str, project_id: str) -> TokenAnswer:
        """Return a token for another project of a user.

        Raises:
            Unauthorized: if the user is not a member of it.
        """
        account = self._identity.find(user_id)
        if account is None:
            raise Unauthorized("login_denied")
        found = self._identity.memberships(account)
        membership = next((one for one in found if one.project_id == project_id), None)
        if membership is None:
            raise Unauthorized("project_not_assigned", user=user_id, project=project_id)
        return self._answer(account, membership)

    def change_passphrase(self, actor: Actor, current: bytes, new: bytes, address: str) -> TokenAnswer:
        """Change the passphrase of a user who knows the current one; all tokens end, but for the one returned.

        Raises:
            Unauthorized: if the current passphrase is wrong.
            TooManyRequests: if it was tried too often.
        """
        self._identity.verify(actor.user_id, current, address)
        user = find_user(actor.user_id)
        if user is None:
            raise Unauthorized("login_denied")
        set_passphrase(user, new)
        return self.switch(actor.user_id, actor.project_id)

    def actor(self, token: str) -> Actor:
        """Return whom a token stands for.

        Raises:
            Unauthorized: if the token is wrong, or what it was issued for is gone.
        """
        claims = self._tokens.read(token)
        account = self._identity.find(claims.sub)
        if account is None or account.mark != claims.mark:
            raise refusal()
        wanted = claims.project_id, claims.place
        found = self._identity.memberships(account)
        membership = next((one for one in found if (one.project_id, one.uuid) == wanted), None)
        if membership is None:
            raise refusal()
        return _actor(account, membership)

    def _answer(self, account: Account, membership: ProjectMembership) -> TokenAnswer:
        claims = Claims(account.id, account.mark, membership.project_id, membership.uuid)
        return TokenAnswer(account.id, account.is_admin, account.name, self._tokens.issue(claims))


def _actor(account: Account, membership: ProjectMembership) -> Actor:
    return Actor(
        account.id,
        account.name,
        membership.project_id,
        membership.role,
        account.is_admin,
        membership.is_project_admin,
        scheme="token",
    )


SESSIONS: StashKey[Sessions] = StashKey("auth_jwt.sessions")
