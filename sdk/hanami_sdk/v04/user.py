"""Users and their project memberships; mostly for administrators only."""

from __future__ import annotations

from hanami_sdk import _calls, user
from hanami_sdk.v04._generation import in_v04, shared

__all__ = [
    "add_project_to_user",
    "add_roject_to_user",
    "create_user",
    "delete_user",
    "get_user",
    "list_projects_of_user",
    "list_users",
    "remove_project_fromUser",
    "remove_project_from_user",
    "switch_project",
]


@in_v04
def create_user(
    token: str,
    address: str,
    user_id: str,
    user_name: str,
    passwort: str,
    is_admin: bool,
    verify_connection: bool = True,
) -> bytes:
    """Create a user.

    Args:
        token: token of an administrator.
        address: address of the server.
        user_id: id, such as `ada` or an e-mail address.
        user_name: name, such as `my run #1`, at most 254 bytes.
        passwort: secret of the login, at least 8 bytes.
        is_admin: whether the user administers the whole server.
        verify_connection: check the certificate.

    Returns:
        `{"creator_id", "id", "is_admin", "name", "projects"}`

    Raises:
        ConflictException: the id is taken.
    """
    body = {"id": user_id, "name": user_name, "password": passwort, "is_admin": is_admin}
    return _calls.post(token, address, "/user", verify_connection, **body)


get_user = shared(user.get_user)
list_users = shared(user.list_users)
delete_user = shared(user.delete_user)
add_project_to_user = add_roject_to_user = shared(user.add_project_to_user)
remove_project_from_user = shared(user.remove_project_from_user)
remove_project_fromUser = remove_project_from_user  # noqa: N816 - the name in the released SDKs
list_projects_of_user = shared(user.list_projects_of_user)
switch_project = shared(user.switch_project)
