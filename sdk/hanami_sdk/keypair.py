"""Key pairs: access keys and secret keys that sign the requests of programs.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

from hanami_sdk import _calls

__all__ = [
    "activate_keypair",
    "create_keypair",
    "deactivate_keypair",
    "delete_keypair",
    "get_keypair",
    "list_keypairs",
]


def create_keypair(
    token: str,
    address: str,
    description: str | None = None,
    user_id: str | None = None,
    project_id: str | None = None,
    verify_connection: bool = True,
) -> bytes:
    """Create a key pair; the answer is the only one that contains its secret key.

    Args:
        token: token.
        address: address of the server.
        description: what the pair is for, at most 254 bytes.
        user_id: id of another user, for administrators only; None means the owner of the token.
        project_id: id of the project that its requests work in; None means the user's default project.
        verify_connection: check the certificate.

    Returns:
        What `get_keypair` returns, and `secret_key`.

    Raises:
        UnauthorizedException: only an administrator may do this for others.
        NotFoundException: there is no such user, or the user is not a member of the project.
        ConflictException: the user has as many pairs as the server allows.
    """
    given = {"description": description, "user_id": user_id, "project_id": project_id}
    body = {name: value for name, value in given.items() if value is not None}
    return _calls.post(token, address, "/keypair", verify_connection, **body)


def get_keypair(token: str, address: str, access_key: str, verify_connection: bool = True) -> bytes:
    """Return a key pair.

    Args:
        token: token.
        address: address of the server.
        access_key: access key of the pair.
        verify_connection: check the certificate.

    Returns:
        `{"access_key", "created_at", "description", "is_active", "last_used_at", "owner_id", "project_id"}`

    Raises:
        NotFoundException: there is no such pair.
    """
    return _calls.get(token, address, "/keypair", verify_connection, access_key=access_key)


def list_keypairs(token: str, address: str, verify_connection: bool = True) -> bytes:
    """List the key pairs of the owner of the token; an administrator gets those of all users.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"header", "body"}` with the columns created_at, access_key, owner_id, project_id, is_active, last_used_at,
        description.
    """
    return _calls.get(token, address, "/keypair/all", verify_connection)


def delete_keypair(token: str, address: str, access_key: str, verify_connection: bool = True) -> bytes:
    """Delete a key pair for good.

    Args:
        token: token.
        address: address of the server.
        access_key: access key of the pair.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such pair.
    """
    return _calls.delete(token, address, "/keypair", verify_connection, access_key=access_key)


def activate_keypair(token: str, address: str, access_key: str, verify_connection: bool = True) -> bytes:
    """Let a key pair be used again.

    Args:
        token: token.
        address: address of the server.
        access_key: access key of the pair.
        verify_connection: check the certificate.

    Returns:
        The pair, as `get_keypair` does.

    Raises:
        NotFoundException: there is no such pair.
    """
    return _set_active(token, address, access_key, verify_connection, True)


def deactivate_keypair(token: str, address: str, access_key: str, verify_connection: bool = True) -> bytes:
    """Let a key pair identify nobody from the next request on, until it is activated.

    Args:
        token: token.
        address: address of the server.
        access_key: access key of the pair.
        verify_connection: check the certificate.

    Returns:
        The pair, as `get_keypair` does.

    Raises:
        NotFoundException: there is no such pair.
    """
    return _set_active(token, address, access_key, verify_connection, False)


def _set_active(token: str, address: str, access_key: str, verify: bool, is_active: bool) -> bytes:
    return _calls.put(token, address, "/keypair/active", verify, access_key=access_key, is_active=is_active)
