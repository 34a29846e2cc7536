"""Quotas: how much users and projects have and may have.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

from hanami_sdk import _calls

__all__ = ["get_quotas", "reset_quotas", "set_quota"]


def get_quotas(
    token: str,
    address: str,
    user_id: str | None = None,
    project_id: str | None = None,
    verify_connection: bool = True,
) -> bytes:
    """Return how much somebody has and may have; without an id, the owner of the token and the project of it.

    Args:
        token: token.
        address: address of the server.
        user_id: id of a user, for administrators only.
        project_id: id of a project, for administrators only.
        verify_connection: check the certificate.

    Returns:
        `{"quotas": [{"kind", "id", "resource", "used", "limit", "is_default"}]}`; a limit of -1 means no limit.

    Raises:
        UnauthorizedException: only an administrator may see those of others.
        NotFoundException: there is no such user or project.
    """
    return _calls.get(token, address, "/quota", verify_connection, **_holder(user_id, project_id))


def set_quota(
    token: str,
    address: str,
    resource: str,
    limit: int,
    user_id: str | None = None,
    project_id: str | None = None,
    verify_connection: bool = True,
) -> bytes:
    """Set a limit of a user or of a project; existing data stays.

    Args:
        token: token of an administrator.
        address: address of the server.
        resource: what is limited, such as `disk` (in bytes) or `clusters`.
        limit: the maximum; -1 for no limit.
        user_id: id of a user.
        project_id: id of a project.
        verify_connection: check the certificate.

    Returns:
        What `get_quotas` returns for that user or project.

    Raises:
        UnauthorizedException: only an administrator may do this.
        BadRequestException: there is no such resource, or no id is given.
    """
    holder = _holder(user_id, project_id)
    return _calls.put(token, address, "/quota", verify_connection, **holder, resource=resource, limit=limit)


def reset_quotas(
    token: str,
    address: str,
    resource: str | None = None,
    user_id: str | None = None,
    project_id: str | None = None,
    verify_connection: bool = True,
) -> bytes:
    """Restore the server's default limits for a user or a project.

    Args:
        token: token of an administrator.
        address: address of the server.
        resource: what is limited; None means all.
        user_id: id of a user.
        project_id: id of a project.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        UnauthorizedException: only an administrator may do this.
        BadRequestException: no id is given.
    """
    query = _holder(user_id, project_id) | ({} if resource is None else {"resource": resource})
    return _calls.delete(token, address, "/quota", verify_connection, **query)


def _holder(user_id: str | None, project_id: str | None) -> dict[str, str]:
    given = {"user_id": user_id, "project_id": project_id}
    return {name: value for name, value in given.items() if value is not None}
