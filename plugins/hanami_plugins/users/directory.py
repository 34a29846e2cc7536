"""The identity provider of the house: users with passphrases in the database, and the limit of failed logins."""

from __future__ import annotations

import logging

from hanami_core.errors import TooManyRequests, Unauthorized, Unavailable
from hanami_core.identity import Account, ProjectMembership
from hanami_plugins.users import accounts
from hanami_plugins.users.models import User
from hanami_plugins.users.throttle import Attempt, Throttle

__all__ = ["UserDirectory"]

log = logging.getLogger("hanami.auth")


class UserDirectory:
    """Knows the users of the database; implements `hanami_core.identity.IdentityProvider`."""

    def __init__(self, throttle: Throttle) -> None:
        """Limit failed logins by `throttle`."""
        self._throttle = throttle

    def has_admin(self) -> bool:
        """Tell whether there is a global admin."""
        return accounts.has_admin()

    def create_admin(self, id: str, name: str, secret: str) -> None:
        """Create the first admin if there is none."""
        accounts.create_first_admin(id, name, secret)

    def find(self, user_id: str) -> Account | None:
        """Return a user."""
        return accounts.find_account(user_id)

    def verify(self, user_id: str, secret: str | bytes, address: str) -> Account:
        """Return the user whose secret is right."""
        # The same for users that do not exist, so that nobody learns which ones do.
        attempt = self._throttle.take(user_id, address)
        user = None if attempt.wait else self._verified(attempt, user_id, secret)
        if user is None:
            log.warning("login failed", extra={"user_id": user_id, "address": address, "wait": attempt.wait})
            if attempt.wait:
                raise TooManyRequests("logins_exhausted", retry_after=attempt.wait)
            raise Unauthorized("login_denied")
        self._throttle.give_back(attempt)
        return _account(user)

    def _verified(self, attempt: Attempt, user_id: str, secret: str | bytes) -> User | None:
        try:
            return accounts.verify(user_id, secret)
        except Unavailable:
            self._throttle.give_back(attempt)
            raise

    def memberships(self, account: Account) -> list[ProjectMembership]:
        """Return where a user can work, the default first."""
        return accounts.effective_memberships(account.id, is_admin=account.is_admin)


def _account(user: User) -> Account:
    return Account(user.id, user.name, user.is_admin, user.login_mark, str(user.sequence))
