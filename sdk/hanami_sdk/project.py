"""Projects; for administrators only.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.
"""

from __future__ import annotations

from hanami_sdk import _calls

__all__ = ["create_project", "delete_project", "get_project", "list_projects"]


def create_project(
    token: str, address: str, project_id: str, project_name: str, verify_connection: bool = True
) -> bytes:
    """Create a project.

    Args:
        token: token of an administrator.
        address: address of the server.
        project_id: id, 4 to 254 letters, digits and `_`.
        project_name: name, such as `my run #1`, at most 254 bytes.
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "creator_id", "id", "name"}`

    Raises:
        ConflictException: the id is taken.
    """
    return _calls.post(token, address, "/project", verify_connection, id=project_id, name=project_name)


def get_project(token: str, address: str, project_id: str, verify_connection: bool = True) -> bytes:
    """Return a project.

    Args:
        token: token of an administrator.
        address: address of the server.
        project_id: id of the project.
        verify_connection: check the certificate.

    Returns:
        `{"created_at", "creator_id", "id", "name"}`

    Raises:
        NotFoundException: there is no such project.
    """
    return _calls.get(token, address, "/project", verify_connection, id=project_id)


def list_projects(token: str, address: str, verify_connection: bool = True) -> bytes:
    """List all projects.

    Args:
        token: token of an administrator.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"header", "body"}` with the columns created_at, id, name, creator_id.
    """
    return _calls.get(token, address, "/project/all", verify_connection)


def delete_project(token: str, address: str, project_id: str, verify_connection: bool = True) -> bytes:
    """Delete a project.

    Args:
        token: token of an administrator.
        address: address of the server.
        project_id: id of the project.
        verify_connection: check the certificate.

    Returns:
        `{}`

    Raises:
        NotFoundException: there is no such project.
    """
    return _calls.delete(token, address, "/project", verify_connection, id=project_id)
