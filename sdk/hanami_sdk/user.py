"""Users and their project memberships; mostly for administrators only.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

import base64

from hanami_sdk import _calls

__all__ = [
    "add_project_to_user",
    "add_roject_to_user",
    "change_passphrase",
    "create_user",
    "delete_user",
    "get_user",
    "list_projects_of_user",
    "list_users",
    "remove_project_fromUser",
    "remove_project_from_user",
    "switch_project",
]


@_calls.renamed(passwort="passphrase")
def create_user(
    token: str,
    address: str,
    user_id: str,
    user_name: str,
    passphrase: str,
    is_admin: bool,
    verify_connection: bool = True,
) -> bytes:
    """Create a user.

    Args:
        token: token of an administrator.
        address: address of the server.
        user_id: id, such as `ada` or an e-mail address.
        user_name: name, such as `my run #1`, at most 254 bytes.
        passphrase: secret of the login, at least 8 bytes; older releases call it `passwort`, which is also accepted as
            a keyword.
        is_admin: whether the user administers the whole server.
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "creator_id", "id", "is_admin", "name", "projects"}`

    Raises:
        ConflictException: the id is taken.
    """
    secret = base64.b64encode(passphrase.encode()).decode()
    return _calls.post(
        token, address, "/user", verify_connection, id=user_id, name=user_name, passphrase=secret, is_admin=is_admin
    )


def change_passphrase(
    token: str,
    address: str,
    passphrase: str,
    current_passphrase: str | None = None,
    user_id: str | None = None,
    verify_connection: bool = True,
) -> bytes:
    """Change a passphrase; all tokens of the user become invalid.

    Args:
        token: token.
        address: address of the server.
        passphrase: new secret, at least 8 bytes.
        current_passphrase: current secret; only the owner of the token needs it.
        user_id: id of another user, for administrators only; None means the owner of the token.
        verify_connection: check the certificate.

    Returns:
        `{"id", "token"}`; the owner of the token gets a new one; for others it is empty.

    Raises:
        NotFoundException: there is no such user.
        UnauthorizedException: the current passphrase is wrong, or only an administrator may do this.
    """
    secrets = {"passphrase": passphrase, "current_passphrase": current_passphrase}
    body = {name: base64.b64encode(text.encode()).decode() for name, text in secrets.items() if text is not None}
    body |= {} if user_id is None else {"id": user_id}
    return _calls.put(token, address, "/user/passphrase", verify_connection, **body)


def get_user(token: str, address: str, user_id: str, verify_connection: bool = True) -> bytes:
    """Return a user.

    Args:
        token: token of an administrator.
        address: address of the server.
        user_id: id of the user.
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "creator_id", "id", "is_admin", "name", "projects"}`

    Raises:
        NotFoundException: there is no such user.
    """
    return _calls.get(token, address, "/user", verify_connection, id=user_id)


def list_users(token: str, address: str, verify_connection: bool = True) -> bytes:
    """List all users.

    Args:
        token: token of an administrator.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"header", "body"}` with the columns created_at, id, name, creator_id, projects, is_admin.
    """
    return _calls.get(token, address, "/user/all", verify_connection)


def delete_user(token: str, address: str, user_id: str, verify_connection: bool = True) -> bytes:
    """Delete a user.

    Args:
        token: token of an administrator.
        address: address of the server.
        user_id: id of the user.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such user.
        ConflictException: users cannot delete themselves.
    """
    return _calls.delete(token, address, "/user", verify_connection, id=user_id)


def add_project_to_user(
    token: str,
    address: str,
    user_id: str,
    project_id: str,
    role: str,
    is_project_admin: bool,
    verify_connection: bool = True,
) -> bytes:
    """Assign a user to a project.

    Args:
        token: token of an administrator.
        address: address of the server.
        user_id: id of the user.
        project_id: id of the project.
        role: role of the policy of the server, such as `member` or `admin`.
        is_project_admin: whether the user sees the resources of all users of the project.
        verify_connection: check the certificate.

    Returns:
        The user, as `get_user` does.

    Raises:
        NotFoundException: there is no such user or project.
        ConflictException: the user is already in the project.
    """
    body = {"id": user_id, "project_id": project_id, "role": role, "is_project_admin": is_project_admin}
    return _calls.post(token, address, "/user/project", verify_connection, **body)


add_roject_to_user = add_project_to_user  # the name in the released SDKs


def remove_project_from_user(
    token: str, address: str, user_id: str, project_id: str, verify_connection: bool = True
) -> bytes:
    """Remove a user from a project.

    Args:
        token: token of an administrator.
        address: address of the server.
        user_id: id of the user.
        project_id: id of the project.
        verify_connection: check the certificate.

    Returns:
        The user, as `get_user` does.

    Raises:
        NotFoundException: there is no such user, or the user is not in the project.
    """
    return _calls.delete(token, address, "/user/project", verify_connection, project_id=project_id, id=user_id)


remove_project_fromUser = remove_project_from_user  # noqa: N816 - the name in the released SDKs


def list_projects_of_user(
    token: str, address: str, verify_connection: bool = True, *, user_id: str | None = None
) -> bytes:
    """List the projects of a user.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.
        user_id: id of a user, for administrators only; None means the owner of the token.

    Returns:
        `{"projects": [{"is_project_admin", "project_id", "role"}, …]}`

    Raises:
        NotFoundException: there is no such user.
        UnauthorizedException: only an administrator may see those of other users.
    """
    query = {} if user_id is None else {"user_id": user_id}
    return _calls.get(token, address, "/user/project", verify_connection, **query)


def switch_project(token: str, address: str, project_id: str, verify_connection: bool = True) -> bytes:
    """Get a token for another project; `hanami_token.renew_token` returns the token alone.

    Args:
        token: token that has not expired; it stays as it is.
        address: address of the server.
        project_id: id of a project of the user; an administrator may also give `admin`.
        verify_connection: check the certificate.

    Returns:
        `{"id", "is_admin", "name", "token"}` with the new token.

    Raises:
        UnauthorizedException: the user is not assigned to the project.
    """
    return _calls.put(token, address, "/token", verify_connection, project_id=project_id)
