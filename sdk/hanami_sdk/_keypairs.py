"""The part of `Client` about key pairs."""

from __future__ import annotations

from hanami_sdk._html import ShownList
from hanami_sdk._http import rows
from hanami_sdk._models import KeyPair, build
from hanami_sdk._session import Session


class KeyPairMethods(Session):
    """Key pairs of the logged-in user; those of others for administrators only."""

    def create_keypair(
        self, description: str | None = None, *, user_id: str | None = None, project_id: str | None = None
    ) -> KeyPair:
        """Create a key pair; the result is the only one that has a `secret_key`.

        Args:
            description: what the pair is for, at most 254 bytes.
            user_id: id of another user, for administrators only; None means the logged-in user.
            project_id: id of the project that its requests work in; None means the user's default project.

        Raises:
            UnauthorizedException: only an administrator may do this for others.
            NotFoundException: there is no such user, or the user is not a member of the project.
            ConflictException: the user has as many pairs as the server allows.
        """
        given = {"description": description, "user_id": user_id, "project_id": project_id}
        body = {name: value for name, value in given.items() if value is not None}
        return build(KeyPair, self.post("/keypair", body))

    def keypairs(self) -> list[KeyPair]:
        """Return the key pairs of the logged-in user; for administrators, those of all users."""
        return ShownList(build(KeyPair, row) for row in rows(self.get("/keypair/all")))

    def keypair(self, access_key: str) -> KeyPair:
        """Return a key pair.

        Raises:
            NotFoundException: there is no such pair.
        """
        return build(KeyPair, self.get("/keypair", access_key=access_key))

    def delete_keypair(self, access_key: str) -> None:
        """Delete a key pair for good.

        Raises:
            NotFoundException: there is no such pair.
        """
        self.delete("/keypair", access_key=access_key)

    def activate_keypair(self, access_key: str) -> KeyPair:
        """Let a key pair be used again, and return it.

        Raises:
            NotFoundException: there is no such pair.
        """
        return self._set_active(access_key, True)

    def deactivate_keypair(self, access_key: str) -> KeyPair:
        """Let a key pair identify nobody from the next request on, until it is activated, and return it.

        Raises:
            NotFoundException: there is no such pair.
        """
        return self._set_active(access_key, False)

    def _set_active(self, access_key: str, is_active: bool) -> KeyPair:
        body = {"access_key": access_key, "is_active": is_active}
        return build(KeyPair, self.put("/keypair/active", body))
