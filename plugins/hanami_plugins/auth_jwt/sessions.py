"""From a secret to a token, and from a token to an actor. Both ask the database, every time."""

from __future__ import annotations

import logging

from hanami_core.access import Actor
from hanami_core.errors import Unauthorized
from hanami_core.stash import StashKey
from hanami_plugins.auth_jwt.throttle import Throttle
from hanami_plugins.auth_jwt.tokens import Claims, Tokens, refusal
from hanami_plugins.projects import TokenAnswer, context, contexts
from hanami_plugins.users import Membership, User, find_user, set_passphrase, verify

DENIED = "ACCESS DENIED!\nUser or passphrase is incorrect."
TOO_MANY = "ACCESS DENIED!\nToo many failed logins, try again in {} seconds."

log = logging.getLogger("hanami.auth")


class Sessions:
    """Logins of one process."""

    def __init__(self, tokens: Tokens, throttle: Throttle) -> None:
        """Use the given tokens and limit of attempts."""
        self._tokens, self._throttle = tokens, throttle

    def login(self, user_id: str, secret: bytes, address: str) -> TokenAnswer:
        """Return a token for the user's default project; `address` is where the attempt comes from.

        Raises:
            Unauthorized: if the user or the secret is wrong, was tried too often, or the user has no project.
        """
        user = self._verified(user_id, secret, address)
        place = next(iter(contexts(user)), None)
        if place is None:
            raise Unauthorized(f"User with id '{user_id}' has no project assigned.")
        return self._answer(user, place)

    def switch(self, user_id: str, project_id: str) -> TokenAnswer:
        """Return a token for another project of a user.

        Raises:
            Unauthorized: if the user has no place in it.
        """
        user = find_user(user_id)
        if user is None:
            raise Unauthorized(DENIED)
        place = next((place for place in contexts(user) if place.project_id == project_id), None)
        if place is None:
            raise Unauthorized(f"User with id '{user_id}' is not assigned to the project with id '{project_id}'.")
        return self._answer(user, place)

    def change_passphrase(self, actor: Actor, current: bytes, new: bytes, address: str) -> TokenAnswer:
        """Change the passphrase of a user who knows the current one; all tokens end, but for the one returned.

        Raises:
            Unauthorized: if the current passphrase is wrong or was tried too often.
        """
        set_passphrase(self._verified(actor.user_id, current, address), new)
        return self.switch(actor.user_id, actor.project_id)

    def actor(self, token: str) -> Actor:
        """Return whom a token stands for.

        Raises:
            Unauthorized: if the token is wrong, or what it was issued for is gone.
        """
        claims = self._tokens.read(token)
        user = find_user(claims.sub)
        if user is None or user.login_mark != claims.mark:
            raise refusal()
        place = context(user, claims.project_id, claims.place)
        if place is None:
            raise refusal()
        return Actor(user.id, user.name, place.project_id, place.role, user.is_admin, place.is_project_admin)

    def _verified(self, user_id: str, secret: bytes, address: str) -> User:
        # The same for users that do not exist, so that nobody learns which ones do.
        attempt = self._throttle.take(user_id, address)
        user = None if attempt.wait else verify(user_id, secret)
        if user is None:
            log.warning("login failed", extra={"user_id": user_id, "address": address, "wait": attempt.wait})
            raise Unauthorized(TOO_MANY.format(attempt.wait) if attempt.wait else DENIED)
        self._throttle.give_back(attempt)
        return user

    def _answer(self, user: User, place: Membership) -> TokenAnswer:
        token = self._tokens.issue(Claims(user.id, user.login_mark, place.project_id, place.uuid))
        return TokenAnswer(user.id, user.is_admin, user.name, token)


SESSIONS: StashKey[Sessions] = StashKey("auth_jwt.sessions")
