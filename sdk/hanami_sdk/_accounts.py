"""The part of `Client` about users, projects and logs."""

from __future__ import annotations

import base64
from typing import Any

from hanami_sdk._html import ShownList
from hanami_sdk._http import API, item, rows
from hanami_sdk._models import Membership, Project, Quota, User, build, memberships
from hanami_sdk._session import Session
from hanami_sdk.hanami_exceptions import UnauthorizedException

_HTTP_TYPES = {"DELETE": 1, "GET": 2, "POST": 4, "PUT": 5}
"""Methods as `GET auth` counts them."""


class AccountMethods(Session):
    """Users, projects and memberships; mostly for administrators only."""

    def create_user(self, user_id: str, name: str, passphrase: str, *, is_admin: bool = False) -> User:
        """Create a user.

        Args:
            user_id: id, such as `ada` or an e-mail address.
            name: name, such as `my run #1`, at most 254 bytes.
            passphrase: secret of the login, at least 8 bytes.
            is_admin: whether the user administers the whole server.

        Raises:
            ConflictException: the id is taken.
            UnauthorizedException: only an administrator may do this.
        """
        secret = base64.b64encode(passphrase.encode()).decode()
        body = {"id": user_id, "name": name, "passphrase": secret, "is_admin": is_admin}
        return User.from_json(self.post("/user", body))

    def users(self) -> list[User]:
        """Return all users."""
        return ShownList(User.from_json(row) for row in rows(self.get("/user/all")))

    def user(self, user_id: str) -> User:
        """Return a user.

        Raises:
            NotFoundException: there is no such user.
        """
        return User.from_json(self.get("/user", id=user_id))

    def delete_user(self, user_id: str) -> None:
        """Delete a user.

        Raises:
            NotFoundException: there is no such user.
            ConflictException: users cannot delete themselves.
        """
        self.delete("/user", id=user_id)

    def change_passphrase(self, passphrase: str, user_id: str | None = None) -> None:
        """Change a passphrase; all other logins of the user become invalid immediately.

        Args:
            passphrase: new secret, at least 8 bytes.
            user_id: id of another user, for administrators only; None means the logged-in user.

        Raises:
            NotFoundException: there is no such user.
            UnauthorizedException: only an administrator may change the passphrase of others.
        """
        secret = base64.b64encode(passphrase.encode()).decode()
        if user_id is None:
            self._change_own_passphrase(passphrase, secret)
        else:
            self.put("/user/passphrase", {"id": user_id, "passphrase": secret})

    def _change_own_passphrase(self, passphrase: str, secret: str) -> None:
        with self._lock:  # no other thread may log in with the old one meanwhile
            current = base64.b64encode(self._passphrase.encode()).decode()
            answer = self.put("/user/passphrase", {"passphrase": secret, "current_passphrase": current})
            self._passphrase = passphrase
            self._accept(answer)

    def create_project(self, project_id: str, name: str) -> Project:
        """Create a project.

        Args:
            project_id: id, 4 to 254 letters, digits and `_`.
            name: name, such as `my run #1`, at most 254 bytes.

        Raises:
            ConflictException: the id is taken.
            UnauthorizedException: only an administrator may do this.
        """
        return build(Project, self.post("/project", {"id": project_id, "name": name}))

    def projects(self) -> list[Project]:
        """Return all projects."""
        return ShownList(build(Project, row) for row in rows(self.get("/project/all")))

    def project(self, project_id: str) -> Project:
        """Return a project.

        Raises:
            NotFoundException: there is no such project.
        """
        return build(Project, self.get("/project", id=project_id))

    def delete_project(self, project_id: str) -> None:
        """Delete a project.

        Raises:
            NotFoundException: there is no such project.
        """
        self.delete("/project", id=project_id)

    def quotas(self, user_id: str | None = None, project_id: str | None = None) -> list[Quota]:
        """Return usage and limits; without an id, those of the logged-in user and of the project.

        Args:
            user_id: id of a user, for administrators only.
            project_id: id of a project, for administrators only.

        Raises:
            UnauthorizedException: only an administrator may see those of others.
            NotFoundException: there is no such user or project.
        """
        return _quotas(self.get("/quota", **_holder(user_id, project_id)))

    def set_quota(
        self, resource: str, limit: int, *, user_id: str | None = None, project_id: str | None = None
    ) -> list[Quota]:
        """Set a limit of a user or of a project, and return all limits; existing data stays.

        Args:
            resource: what is limited, such as `disk` (in bytes) or `clusters`.
            limit: the maximum; -1 for no limit.
            user_id: id of a user.
            project_id: id of a project.

        Raises:
            UnauthorizedException: only an administrator may do this.
            BadRequestException: there is no such resource, or no id is given.
        """
        body = {**_holder(user_id, project_id), "resource": resource, "limit": limit}
        return _quotas(self.put("/quota", body))

    def reset_quotas(
        self, resource: str | None = None, *, user_id: str | None = None, project_id: str | None = None
    ) -> None:
        """Restore the server's default limits for a user or a project.

        Args:
            resource: what is limited; None means all.
            user_id: id of a user.
            project_id: id of a project.

        Raises:
            UnauthorizedException: only an administrator may do this.
            BadRequestException: no id is given.
        """
        query = {} if resource is None else {"resource": resource}
        self.delete("/quota", **query, **_holder(user_id, project_id))

    def add_to_project(
        self, user_id: str, project_id: str, role: str = "member", *, is_project_admin: bool = False
    ) -> User:
        """Assign a user to a project.

        Args:
            user_id: id of the user.
            project_id: id of the project.
            role: role of the policy of the server, such as `member` or `admin`.
            is_project_admin: whether the user sees the resources of all users of the project.

        Raises:
            NotFoundException: there is no such user or project.
            ConflictException: the user is already in the project.
        """
        body = {"id": user_id, "project_id": project_id, "role": role, "is_project_admin": is_project_admin}
        return User.from_json(self.post("/user/project", body))

    def remove_from_project(self, user_id: str, project_id: str) -> User:
        """Remove a user from a project.

        Raises:
            NotFoundException: there is no such user, or the user is not in the project.
        """
        return User.from_json(self.delete("/user/project", project_id=project_id, id=user_id))

    def memberships(self, user_id: str | None = None) -> tuple[Membership, ...]:
        """Return the projects of a user.

        Args:
            user_id: id of a user, for administrators only; None means the logged-in user.
        """
        query = {} if user_id is None else {"user_id": user_id}
        return memberships(item(self.get("/user/project", **query), "projects"))

    def whoami(self) -> User:
        """Return the logged-in user with their projects; `creator_id` is for administrators only."""
        return build(User, {**self.identity(), "projects": self.memberships()})

    def context(self) -> dict[str, Any]:
        """Return `id`, `name`, `is_admin`, `project_id`, `role` and `is_project_admin` of the calls."""
        return dict(self.get("/auth"))

    def may_call(self, method: str, path: str) -> bool:
        """Return whether the policy allows a call for the user's role in this project.

        Calls that only administrators of the server may make are checked by the call itself.

        Args:
            method: `GET`, `POST`, `PUT` or `DELETE`.
            path: path as for `get`, such as `/cluster/all`.

        Raises:
            ValueError: the method is not one of these.
            UnauthorizedException: the login fails.
        """
        if method not in _HTTP_TYPES:
            raise ValueError(f"the method must be one of {', '.join(_HTTP_TYPES)}, not '{method}'")
        query = {"endpoint": f"{API}{path}".lstrip("/"), "http_type": _HTTP_TYPES[method]}
        self.context()  # shows that the token is good, and logs in if it is not
        try:
            self._send("GET", "/auth", self._fresh_token(), query=query)
        except UnauthorizedException:
            return False
        return True

    def audit_log(self, page: int = 0, user_id: str | None = None) -> list[dict[str, Any]]:
        """Return up to 100 calls that changed something.

        Args:
            page: which hundred, counted from 0.
            user_id: id of a user, for administrators only; None means the logged-in user.

        Returns:
            One dictionary for each call, by the names that the server gives.
        """
        query = {} if user_id is None else {"user_id": user_id}
        return list(rows(self.get("/audit_log", **query, page=page)))

    def error_log(self, page: int = 0, user_id: str | None = None) -> list[dict[str, Any]]:
        """Return up to 100 errors of the server; arguments and result as for `audit_log`, for administrators only."""
        query = {} if user_id is None else {"user_id": user_id}
        return list(rows(self.get("/error_log", **query, page=page)))


def _quotas(answer: object) -> list[Quota]:
    return ShownList(build(Quota, one) for one in item(answer, "quotas"))


def _holder(user_id: str | None, project_id: str | None) -> dict[str, str]:
    given = {"user_id": user_id, "project_id": project_id}
    return {name: value for name, value in given.items() if value is not None}
